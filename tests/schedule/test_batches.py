from __future__ import annotations

import itertools
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archivist.model import WorkUnit
from archivist.schedule.batches import FIRST_SECONDS, FIRST_UNITS, MOST_BYTES, Batcher


def _all(batcher: Batcher):
    return list(iter(batcher.take, None))


def _measured(batcher: Batcher, factor: float = 1.0) -> Batcher:
    batch = batcher.take()
    batcher.learn(batch, factor * sum(unit.seconds for unit in batch.units))
    return batcher


def test_units_are_grouped_up_to_the_target(make_units):
    batches = _measured(Batcher(make_units(1000, seconds=0.5), workers=1, target_seconds=5))
    assert len(batches.take().units) == 10


def test_before_anything_was_measured_batches_are_short(make_units):
    batch = Batcher(make_units(1000, seconds=0.3), workers=1).take()
    assert batch.seconds <= FIRST_SECONDS


def test_before_anything_was_measured_a_wrong_estimate_costs_few_units(make_units):
    batcher = Batcher(make_units(1000, seconds=1e-6), workers=1)
    assert len(batcher.take().units) == len(batcher.take().units) == FIRST_UNITS


def test_a_unit_that_is_longer_than_a_batch_travels_alone(make_unit):
    units = [make_unit("a", 0.1), make_unit("long", 60), make_unit("b", 0.1)]
    batches = _all(Batcher(iter(units), workers=1))
    assert ("long",) in [tuple(unit.uid for unit in batch.units) for batch in batches]


def test_a_batch_never_has_more_than_the_most_units(make_units):
    batches = _all(_measured(Batcher(make_units(500, seconds=0), workers=1, most_units=64)))
    assert max(len(batch.units) for batch in batches) == 64


def test_a_pickled_batch_stays_below_its_limit(make_unit):
    units = (make_unit(f"{number}" + "x" * 3000, 0.001) for number in range(200))
    batches = _measured(Batcher(units, workers=1))
    sizes = [len(pickle.dumps(batch.units)) for batch in _all(batches)]
    assert MOST_BYTES / 2 < max(sizes) <= MOST_BYTES


def test_a_batch_that_stays_in_the_process_has_no_limit_of_bytes(make_unit):
    units = (make_unit(f"{number}" + "x" * 3000, 0.001) for number in range(200))
    batches = _measured(Batcher(units, workers=1, most_bytes=None))
    assert max(len(pickle.dumps(batch.units)) for batch in _all(batches)) > MOST_BYTES


def test_units_of_different_memory_do_not_share_a_batch(make_unit):
    units = [make_unit(f"{number}", 0.01, 100 if number % 2 else 4000) for number in range(20)]
    for batch in _all(Batcher(iter(units), workers=1)):
        assert len({unit.ram_mib for unit in batch.units}) == 1


def test_a_batch_needs_the_memory_of_its_largest_unit(make_unit):
    units = [make_unit("a", 0.01, 600), make_unit("b", 0.01, 700), make_unit("c", 0.01, 650)]
    assert [batch.ram_mib for batch in _all(Batcher(iter(units), workers=1))] == [700]


def test_a_million_units_never_sit_in_memory(make_unit):
    pulled = itertools.count()
    batcher = Batcher((make_unit(f"{next(pulled)}") for _ in itertools.count()), workers=4)
    for _ in range(50):
        batcher.take()
        assert batcher.held <= batcher.ahead
    assert next(pulled) <= batcher.ahead + 50 * 64


@pytest.mark.parametrize("workers", [2, 8])
def test_a_small_archive_is_spread_over_all_workers(make_units, workers):
    batches = _all(Batcher(make_units(16, seconds=0.5), workers=workers))
    assert len(batches) >= workers


def test_the_last_batches_become_shorter_so_that_workers_end_together(make_units):
    batches = _all(_measured(Batcher(make_units(400, seconds=0.1), workers=4)))
    assert batches[-1].seconds < batches[0].seconds / 5


@pytest.mark.parametrize("factor", [0.1, 10.0])
def test_measured_times_correct_the_estimates(make_units, factor):
    plain = _measured(Batcher(make_units(1000, seconds=0.5), workers=1)).take()
    learnt = _measured(Batcher(make_units(1000, seconds=0.5), workers=1), factor).take()
    expected = min(64, max(1, int(len(plain.units) / factor)))
    assert len(learnt.units) == pytest.approx(expected, abs=1)


@given(
    needs=st.lists(st.tuples(st.floats(0, 20), st.floats(0, 9000)), max_size=150),
    workers=st.integers(1, 9),
)
def test_every_unit_is_in_exactly_one_batch(needs, workers):
    units = [
        WorkUnit(uid=str(number), files=(), seconds=seconds, ram_mib=ram)
        for number, (seconds, ram) in enumerate(needs)
    ]
    batches = _all(Batcher(iter(units), workers=workers))
    uids = [unit.uid for batch in batches for unit in batch.units]
    assert sorted(uids) == sorted(unit.uid for unit in units)
