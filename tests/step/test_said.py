"""What a step says, in errors and in its log, is recorded whatever it is."""

from __future__ import annotations

import logging
import sys

import pytest

from archivist.api import StepError, Unsupported
from archivist.model import MESSAGE_LENGTH, Status, shortened


def say(desk, monkeypatch, act):
    """Return the outcome of a photograph whose step acts so."""
    monkeypatch.setattr("borrowing_steps.enlarge", act)
    desk.steps = ("test.enlarge",)
    return desk.run().outcome


@pytest.mark.parametrize("kind", [ValueError, StepError, Unsupported])
def test_a_very_long_error_of_a_step_is_told_in_short_and_says_how_much_is_left_out(
    desk, monkeypatch, kind
):
    def fail(inputs, params, ctx):
        raise kind(f"too {'x' * 200_000} Cure: less")

    outcome = say(desk, monkeypatch, fail)
    (record,) = outcome.records
    for text in (outcome.message, record.reason):
        assert len(text) < 1.2 * MESSAGE_LENGTH
        assert "too xxx" in text
        assert "characters left out" in text
        assert text.count("Cure: less") == 1
    assert len("".join(record.log)) < 20_000


def test_a_shortened_text_counts_what_is_left_out():
    text = shortened("a" * 900 + "b" * 100 + "c" * 500, 600)
    assert text == f"{'a' * 400} ... 900 characters left out ... {'c' * 200}"
    assert shortened("a" * 600, 600) == "a" * 600


def test_a_wrong_call_of_the_log_costs_no_photograph_and_its_words_are_kept(
    desk, monkeypatch, caplog
):
    enlarge = sys.modules["borrowing_steps"].enlarge

    def log(inputs, params, ctx):
        ctx.log.info("%s of %s scratches", 1)  # noqa: PLE1206 - what is tried here
        return enlarge(inputs, params, ctx)

    caplog.set_level(logging.INFO)
    outcome = say(desk, monkeypatch, log)
    assert outcome.status is Status.DONE
    (line,) = outcome.records[0].log
    assert line.startswith("info: %s of %s scratches (cannot be filled in: ")
    assert "%s of %s scratches (cannot be filled in: " in caplog.text
