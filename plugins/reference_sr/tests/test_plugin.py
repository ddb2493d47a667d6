"""The plugin keeps the promises of the plugin surface."""

from __future__ import annotations

from archivist.testing import assert_step_conforms
from archivist_reference_sr.cost import upscale_cost
from archivist_reference_sr.params import UpscaleParams
from archivist_reference_sr.plugin import UPSCALE, archivist_steps


def test_enlarging_is_offered() -> None:
    assert [spec.id for spec in archivist_steps()] == ["ttsr.upscale"]


def test_enlarging_conforms() -> None:
    assert_step_conforms(UPSCALE)


def test_results_count_as_conjectural() -> None:
    assert UPSCALE.conjectural


def test_the_chosen_scale_is_that_of_the_result() -> None:
    assert [UPSCALE.scale(UpscaleParams(scale=scale)) for scale in (4, 2)] == [4, 2]


def test_the_papers_network_is_planned_as_dearer() -> None:
    compact, paper = (
        upscale_cost(1000, 1000, UpscaleParams(network=name)) for name in ("compact", "paper")
    )

    assert paper.seconds_per_mp > 5 * compact.seconds_per_mp


def test_fast_matching_is_planned_as_cheaper() -> None:
    exact, fast = (
        upscale_cost(1000, 1000, UpscaleParams(matching=how)) for how in ("exact", "fast")
    )

    assert fast.seconds_per_mp < exact.seconds_per_mp


def test_a_network_needs_its_own_weights_only() -> None:
    needed = {
        network: [w.name for w in UPSCALE.required_weights(UpscaleParams(network=network))]
        for network in ("compact", "paper")
    }

    assert needed == {"compact": ["ttsr-compact"], "paper": ["ttsr-paper"]}


def test_less_time_is_planned_where_only_what_finds_a_reference_is_enlarged() -> None:
    all_of_it, some = (
        upscale_cost(1000, 1000, UpscaleParams(without_references=how))
        for how in ("enlarge", "skip")
    )
    assert some.seconds_per_mp < 0.5 * all_of_it.seconds_per_mp
    assert some.ram_mib_per_mp == all_of_it.ram_mib_per_mp
