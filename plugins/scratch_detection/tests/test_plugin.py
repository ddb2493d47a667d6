"""The plugin keeps the promises of the plugin surface."""

from __future__ import annotations

from archivist.testing import assert_step_conforms
from archivist_scratch.cost import detect_cost
from archivist_scratch.params import DetectParams
from archivist_scratch.plugin import DETECT, REPAIR, archivist_steps


def test_both_steps_are_offered() -> None:
    assert [spec.id for spec in archivist_steps()] == ["scratch.detect", "scratch.repair"]


def test_detection_conforms() -> None:
    assert_step_conforms(DETECT)


def test_repair_conforms() -> None:
    assert_step_conforms(REPAIR)


def test_the_papers_network_is_planned_as_dearer() -> None:
    compact, paper = (
        detect_cost(1000, 1000, DetectParams(network=name)) for name in ("compact", "paper")
    )

    assert paper.seconds_per_mp > 10 * compact.seconds_per_mp


def test_the_papers_weights_are_needed_for_the_papers_network_only() -> None:
    needed = [
        [w.name for w in DETECT.required_weights(DetectParams(network=n))]
        for n in ("compact", "paper")
    ]

    assert needed == [["scratch-compact"], ["scratch-paper"]]
