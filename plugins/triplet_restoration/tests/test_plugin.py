"""The plugin keeps the promises of the plugin surface."""

from __future__ import annotations

from archivist.testing import assert_step_conforms
from archivist_triplet.cost import restore_cost
from archivist_triplet.params import RestoreParams
from archivist_triplet.plugin import RESTORE, archivist_steps


def test_restoration_is_offered() -> None:
    assert [spec.id for spec in archivist_steps()] == ["triplet.restore"]


def test_restoration_conforms() -> None:
    assert_step_conforms(RESTORE)


def test_the_papers_networks_are_planned_as_dearer() -> None:
    compact, paper = (
        restore_cost(1000, 1000, RestoreParams(network=name)) for name in ("compact", "paper_hr")
    )

    assert paper.seconds_per_mp > 10 * compact.seconds_per_mp


def test_a_network_needs_its_own_weights_only() -> None:
    needed = {
        network: [w.name for w in RESTORE.required_weights(RestoreParams(network=network))]
        for network in ("compact", "paper_quality", "paper_scratch", "paper_hr")
    }

    assert needed == {
        "compact": ["triplet-compact"],
        "paper_quality": ["triplet-paper-quality"],
        "paper_scratch": ["triplet-paper-scratch"],
        "paper_hr": ["triplet-paper-hr"],
    }
