import time
from pathlib import Path

import numpy as np
import pytest

from archivist.model import Status, now
from archivist.step import bursts
from archivist.step.bursts import LIGHT, Bursts


@pytest.fixture
def publisher(desk, tmp_path):
    """A desk that publishes, with three small scans."""
    desk.steps = ("test.borrow",)
    for number in range(3):
        desk.add(f"{number}.png", np.full((20, 30), 80 + number, np.uint8))
    return desk


def outputs(desk) -> dict[str, bytes]:
    root = Path(desk.workshop.out)
    found = (path for path in root.rglob("*") if path.is_file() and ".archivist" not in path.parts)
    return {path.name: path.read_bytes() for path in found}


def carried(desk, names):
    with Bursts(desk.workshop, desk.here) as publishing:
        for name in names:
            yield from publishing.add(desk.draft(name), now(), time.perf_counter())
        yield from publishing.rest()


def test_files_come_back_in_their_order_with_their_outputs(publisher, monkeypatch):
    monkeypatch.setattr(bursts, "FILES", 2)
    ended = list(carried(publisher, ["2.png", "0.png", "1.png"]))
    paths = [outcome.publications[0].path for outcome, _, _ in ended]
    assert paths == ["2.png", "0.png", "1.png"]
    assert sorted(outputs(publisher)) == ["0.png", "1.png", "2.png"]


def test_the_time_of_publishing_is_shared_among_the_files_of_a_burst(publisher, monkeypatch):
    monkeypatch.setattr(bursts, "finish_files", lambda files, workshop: (time.sleep(0.3), files)[1])
    assert all(seconds >= 0.1 for _, _, seconds in carried(publisher, ["0.png", "1.png", "2.png"]))


def test_a_large_file_is_written_before_the_next_is_taken(publisher, monkeypatch):
    publisher.add("large.png", np.full((LIGHT // 256 + 1, 256), 90, np.uint8))
    staged = []
    real = bursts.stage_file
    monkeypatch.setattr(
        bursts,
        "stage_file",
        lambda draft, workshop, here: (
            staged.append(draft.opened.file.paths[0]),
            real(draft, workshop, here),
        )[1],
    )
    with Bursts(publisher.workshop, publisher.here) as publishing:
        for name in ("0.png", "large.png"):
            list(publishing.add(publisher.draft(name), now(), time.perf_counter()))
        assert staged == ["large.png"]
        list(publishing.rest())
    assert staged == ["large.png", "0.png"]


def interrupted(desk):
    with Bursts(desk.workshop, desk.here) as publishing:
        for name in ("0.png", "large.png"):
            list(publishing.add(desk.draft(name), now(), time.perf_counter()))
        raise KeyboardInterrupt


def test_an_error_between_two_files_leaves_nothing_half_written(publisher):
    publisher.add("large.png", np.full((LIGHT // 256 + 1, 256), 90, np.uint8))
    with pytest.raises(KeyboardInterrupt):
        interrupted(publisher)
    assert outputs(publisher) == {}


def test_an_error_in_a_burst_leaves_nothing_half_written(publisher, monkeypatch):
    real = bursts.stage_file

    def fail(draft, workshop, here):
        if draft.opened.file.paths[0] == "1.png":
            raise RuntimeError("a fault of ours")
        return real(draft, workshop, here)

    monkeypatch.setattr(bursts, "stage_file", fail)
    with pytest.raises(RuntimeError, match="a fault of ours"):
        list(carried(publisher, ["0.png", "1.png", "2.png"]))
    assert outputs(publisher) == {}


def test_a_file_that_cannot_be_published_fails_alone(publisher):
    (Path(publisher.workshop.out) / "1.png").mkdir(parents=True)
    ended = [outcome for outcome, _, _ in carried(publisher, ["0.png", "1.png", "2.png"])]
    assert [one.assets[0].status for one in ended] == [Status.DONE, Status.FAILED, Status.DONE]
