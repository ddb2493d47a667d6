from __future__ import annotations

import math

import pytest

from archivist.schedule.batches import Batch
from archivist.schedule.lanes import DEPTH, Lanes, WorkerFacts
from archivist.schedule.runner import Recycle, Requirement


@pytest.fixture
def make_lanes():
    def make(*workers: dict[str, float], budget: float = math.inf, **requirement: object) -> Lanes:
        lanes = Lanes(Requirement(**requirement), budget_mib=budget)
        lanes.update({f"w{n}": WorkerFacts(resources=facts) for n, facts in enumerate(workers)})
        return lanes

    return make


def _batch(ram: float = 0.0, vram: float = 0.0, suspect: bool = False) -> Batch:
    return Batch(units=(), seconds=1, ram_mib=ram, vram_mib=vram, suspect=suspect)


def _fly(lanes: Lanes, batch: Batch, **how: bool) -> str | None:
    lane = lanes.choose(batch, **how)
    if lane is not None:
        lane.flying.append(batch)
    return lane and lane.address


def test_batches_are_dealt_out_evenly_and_no_queue_is_longer_than_its_depth(make_lanes):
    lanes = make_lanes({}, {}, {})
    dealt = [_fly(lanes, _batch()) for _ in range(3 * DEPTH + 1)]
    assert sorted(dealt[:3]) == ["w0", "w1", "w2"]
    assert dealt[-1] is None
    assert None not in dealt[:-1]


def test_workers_together_never_hold_more_than_the_budget(make_lanes):
    lanes = make_lanes({}, {}, {}, budget=2500)
    assert [_fly(lanes, _batch(1000)) for _ in range(2)] == ["w0", "w1"]
    assert _fly(lanes, _batch(1000)) in ("w0", "w1")  # it waits behind one of them


def test_a_batch_that_fits_nowhere_beside_others_waits_for_them(make_lanes):
    lanes = make_lanes({}, {}, budget=2500)
    _fly(lanes, _batch(1000))
    assert lanes.choose(_batch(2000)).address == "w0"
    assert lanes.choose(_batch(2000, suspect=True)) is None


def test_a_batch_larger_than_everything_runs_when_nothing_else_does(make_lanes):
    lanes = make_lanes({}, {}, budget=2500)
    assert _fly(lanes, _batch(9000)) == "w0"
    assert _fly(lanes, _batch(10)) == "w0"  # behind it, not beside it


def test_a_large_batch_goes_to_the_worker_that_declares_enough_memory(make_lanes):
    lanes = make_lanes({"MEMORY": 1000}, {"MEMORY": 8000})
    assert [_fly(lanes, _batch(5000)) for _ in range(2)] == ["w1", "w1"]
    assert _fly(lanes, _batch(500)) == "w0"


def test_what_no_worker_declares_goes_to_the_largest_and_asks_for_what_it_has(make_lanes):
    lanes = make_lanes({"VRAM": 8000}, {"VRAM": 24000})
    lane = lanes.choose(_batch(vram=50000))
    assert lane.address == "w1"
    assert lanes.resources(_batch(vram=50000), lane) == {"VRAM": 24000}


def test_declared_costs_become_resources(make_lanes):
    lanes = make_lanes({"MEMORY": 4000, "GPU": 1}, vram_mib=1)
    lane = lanes.choose(_batch(700))
    assert lanes.resources(_batch(700), lane) == {"MEMORY": 700, "GPU": 1}


def test_what_a_worker_does_not_declare_is_not_asked_for(make_lanes):
    lanes = make_lanes({}, vram_mib=1)
    assert lanes.resources(_batch(700), lanes.choose(_batch(700))) == {}


def test_workers_without_a_gpu_are_no_use_to_work_that_needs_one(make_lanes):
    lanes = make_lanes({}, {"GPU": 1}, needs_gpu=True)
    assert [_fly(lanes, _batch()) for _ in range(DEPTH + 1)] == ["w1"] * DEPTH + [None]


def test_a_suspect_travels_alone(make_lanes):
    lanes = make_lanes({}, {})
    assert _fly(lanes, _batch()) == "w0"
    assert _fly(lanes, _batch(suspect=True)) == "w1"
    assert _fly(lanes, _batch(suspect=True)) is None
    assert [_fly(lanes, _batch()) for _ in range(DEPTH)] == ["w0"] * (DEPTH - 1) + [None]


def test_a_lane_is_kept_free_for_a_suspect_that_waits(make_lanes):
    lanes = make_lanes({}, {})
    _fly(lanes, _batch())
    _fly(lanes, _batch())
    _fly(lanes, _batch())
    assert _fly(lanes, _batch(), spare=True) is None  # w1 has the least


def test_one_worker_after_another_is_replaced_when_nothing_flies_to_it(make_lanes):
    lanes, recycle = make_lanes({}, {}), Recycle(units=10)
    first, second = lanes.choose(_batch()), None
    batch = _batch()
    first.flying.append(batch)
    second = lanes.choose(_batch())
    first.units = second.units = 10
    assert lanes.leaver(recycle) is None  # the first is due, but busy
    assert lanes.choose(_batch()) is second
    first.flying.remove(batch)
    assert lanes.leaver(recycle) is first
    lanes.drop(first)
    assert lanes.leaver(recycle) is second


def test_a_worker_that_holds_too_much_memory_is_due_only_after_it_has_settled(make_lanes):
    lane = make_lanes({}).choose(_batch())
    lane.rss_mib, lane.units = 5000, 10
    recycle = Recycle(units=0, rss_mib=4000, settle_units=50)
    assert not lane.due(recycle)
    lane.units = 50
    assert lane.due(recycle)


def test_a_worker_that_was_dropped_is_not_taken_up_again_while_it_ends(make_lanes):
    lanes = make_lanes({}, {})
    lanes.drop(lanes.choose(_batch()))
    lanes.update({"w0": WorkerFacts(), "w1": WorkerFacts()})
    assert len(lanes) == 1
    lanes.update({"w1": WorkerFacts()})
    lanes.update({"w0": WorkerFacts(), "w1": WorkerFacts()})
    assert len(lanes) == 2


def test_a_worker_that_was_away_for_a_moment_gets_work_again(make_lanes):
    lanes = make_lanes({})
    _fly(lanes, _batch())
    lanes.update({})
    assert len(lanes) == 0
    lanes.update({"w0": WorkerFacts()})
    assert len(lanes) == 1
    assert _fly(lanes, _batch()) == "w0"
