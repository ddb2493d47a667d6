"""Units of one sequence go one after another, each with what the one before handed on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from archivist.model import Artifact, Handed, UnitOutcome, now
from archivist.schedule.batches import Batcher

MADE = Handed(
    ordinal=0,
    artifact=Artifact(port="image", kind="image", digest="d"),
    record="r",
    path="reel/f1.png",
    size=(8, 8),
)


@pytest.fixture
def span(make_unit):
    def make(number: int, sequence: str = "reel"):
        return replace(make_unit(f"{sequence} {number}"), sequence=sequence)

    return make


def ended(batch, *handed):
    outcomes = (
        UnitOutcome(unit=unit.uid, assets=(), started=now(), seconds=0.0, handed=handed)
        for unit in batch.units
    )
    return list(outcomes)


def names(batch) -> list[str]:
    return [unit.uid for unit in batch.units] if batch else []


def test_the_next_span_waits_for_the_one_before_and_gets_what_it_hands_on(span):
    batcher = Batcher(iter([span(1), span(2)]), workers=2)
    first = batcher.take()

    assert names(first) == ["reel 1"]
    assert batcher.take() is None
    assert batcher.more
    batcher.release(first, ended(first, MADE))
    second = batcher.take()
    assert names(second) == ["reel 2"]
    assert second.units[0].handed == (MADE,)


def test_a_span_that_is_pulled_late_gets_what_was_handed_on_too(span):
    spans = iter([span(1)])
    batcher = Batcher(spans, workers=1)
    first = batcher.take()
    batcher.release(first, ended(first, MADE))
    batcher._units, batcher._ended = iter([span(2)]), False

    assert batcher.take().units[0].handed == (MADE,)


def test_sequences_do_not_wait_for_each_other(span):
    batcher = Batcher(iter([span(1), span(2), span(1, "other")]), workers=2)

    assert names(batcher.take()) == ["reel 1", "other 1"]


def test_single_units_pass_a_sequence_that_waits(span, make_unit):
    batcher = Batcher(iter([span(1), span(2), make_unit("a")]), workers=2)

    assert names(batcher.take()) == ["reel 1", "a"]


def test_a_span_that_hands_on_nothing_lets_the_next_go(span):
    batcher = Batcher(iter([span(1), span(2)]), workers=1)
    first = batcher.take()
    batcher.release(first, [])

    assert names(batcher.take()) == ["reel 2"]
