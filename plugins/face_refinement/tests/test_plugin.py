"""The plugin keeps the promises of the plugin surface."""

from __future__ import annotations

import pytest

from archivist.api import StepSpec
from archivist.testing import FakeContext, assert_step_conforms
from archivist_faces import self_test
from archivist_faces.cost import detect_cost, refine_cost
from archivist_faces.params import DetectParams, RefineParams
from archivist_faces.plugin import COMPACT, DETECT, IDENTITY, REFINE, archivist_steps


def test_detection_and_refinement_are_offered() -> None:
    assert [spec.id for spec in archivist_steps()] == ["face.detect", "face.refine"]


@pytest.mark.parametrize("spec", [DETECT, REFINE], ids=lambda spec: spec.id)
def test_the_steps_conform(spec: StepSpec) -> None:
    assert_step_conforms(spec)


def test_only_refined_faces_count_as_conjectural() -> None:
    assert [spec.conjectural for spec in archivist_steps()] == [False, True]


def test_smaller_faces_are_planned_as_dearer() -> None:
    small, large = (detect_cost(1000, 1000, DetectParams(smallest=n)) for n in (16, 64))

    assert small.seconds_per_mp == pytest.approx(16 * large.seconds_per_mp)


def test_the_time_of_a_huge_scan_is_bounded() -> None:
    params = DetectParams()
    one, huge = (detect_cost(side, side, params) for side in (3200, 32000))

    assert huge.seconds_per_mp * 32000**2 == pytest.approx(one.seconds_per_mp * 3200**2)


def test_the_papers_network_is_planned_as_dearer() -> None:
    compact, paper = (
        refine_cost(1000, 1000, RefineParams(network=name)) for name in ("compact", "paper_256")
    )

    assert paper.seconds > 5 * compact.seconds


def test_a_network_needs_its_own_weights_and_the_guards() -> None:
    needed = {
        network: [w.name for w in REFINE.required_weights(RefineParams(network=network))]
        for network in ("compact", "paper_512")
    }

    assert needed == {
        "compact": ["faces-compact", "faces-identity"],
        "paper_512": ["faces-paper-512", "faces-identity"],
    }


def test_shipped_weights_stay_small() -> None:
    assert (COMPACT.size or 0) + (IDENTITY.size or 0) < 3_200_000


def test_the_self_tests_pass() -> None:
    self_test.detect(FakeContext(spec=DETECT))
    self_test.refine(FakeContext(spec=REFINE))
