"""The plugin keeps the promises of the plugin surface."""

from __future__ import annotations

from archivist.testing import assert_step_conforms
from archivist_colorization.cost import colorize_cost
from archivist_colorization.params import ColorizeParams
from archivist_colorization.plugin import COLORIZE, COMPACT, archivist_steps

MOST = 5_600_000
"""Bytes that the weights which are shipped may take: with those of all plugins 24 MiB at most."""


def test_colour_is_offered() -> None:
    assert [spec.id for spec in archivist_steps()] == ["color.colorize"]


def test_colouring_conforms() -> None:
    assert_step_conforms(COLORIZE)


def test_results_count_as_conjectural() -> None:
    assert COLORIZE.conjectural


def test_the_weights_are_small() -> None:
    assert COMPACT.size is not None
    assert COMPACT.size <= MOST


def test_a_network_needs_its_own_weights_only() -> None:
    needed = {
        network: [w.name for w in COLORIZE.required_weights(ColorizeParams(network=network))]
        for network in ("compact", "paper")
    }

    assert needed == {"compact": ["color-compact"], "paper": ["color-paper"]}


def test_the_papers_networks_are_planned_as_dearer() -> None:
    compact, paper = (
        colorize_cost(1000, 1000, ColorizeParams(network=name)) for name in ("compact", "paper")
    )

    assert paper.seconds > 5 * compact.seconds
    assert paper.ram_mib > compact.ram_mib


def test_a_larger_working_size_costs_more() -> None:
    usual, large = (colorize_cost(1000, 1000, ColorizeParams(working_size=n)) for n in (288, 576))

    assert large.seconds == 4 * usual.seconds
