"""Photographs in colour are told from grey ones and from prints of one tone."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from archivist.references.rules import Rules, refuse_tint
from archivist.references.tint import tint_of

SHAPE = (90, 120)
SEPIA = np.array([1.0, 0.86, 0.66], np.float32)
BLUE = np.array([0.62, 0.8, 1.0], np.float32)


def grey() -> NDArray[np.float32]:
    """Return (90, 120, 1): steps of lightness with some grain."""
    draw = np.random.default_rng(3)
    steps = np.kron(draw.uniform(0.1, 0.9, (9, 12)), np.ones((10, 10)))
    return (steps + draw.normal(0, 0.01, SHAPE)).clip(0, 1)[:, :, None].astype(np.float32)


def colourful() -> NDArray[np.float32]:
    """Return (90, 120, 3): fields of many colours."""
    fields = np.random.default_rng(4).uniform(0.1, 0.9, (9, 12, 3))
    return np.repeat(np.repeat(fields, 10, axis=0), 10, axis=1).astype(np.float32)


def rule(pixels: NDArray[np.float32]) -> str | None:
    refusal = refuse_tint("aa", tint_of(pixels), Rules())
    return refusal.rule if refusal else None


def test_many_colours_are_taken() -> None:
    assert rule(colourful()) is None


@pytest.mark.parametrize("channels", [1, 3])
def test_a_grey_picture_is_refused_whatever_its_channels(channels: int) -> None:
    assert rule(np.repeat(grey(), channels, axis=2)) == "grey"


@pytest.mark.parametrize("tone", [SEPIA, BLUE])
def test_a_print_of_one_tone_is_refused(tone: NDArray[np.float32]) -> None:
    assert rule(grey() * tone) == "toned"


def test_a_print_whose_lights_and_darks_are_toned_apart_is_refused() -> None:
    light = grey()
    assert rule(light * (light * SEPIA + (1 - light) * BLUE)) == "toned"


def test_a_print_with_a_browned_edge_is_refused() -> None:
    edge = np.linspace(0, 1, SHAPE[1], dtype=np.float32)[None, :, None] ** 4
    browned = SEPIA * np.array([0.97, 0.9, 0.8], np.float32)
    assert rule(grey() * (SEPIA * (1 - edge) + browned * edge)) == "toned"


def test_one_strong_hue_beside_grey_is_colour() -> None:
    pixels = np.repeat(grey(), 3, axis=2)
    pixels[:, 60:, :2] *= 0.3
    assert rule(pixels) is None


def test_the_reason_tells_what_was_measured() -> None:
    pixels = grey() * SEPIA
    refusal = refuse_tint("aa", tint_of(pixels), Rules())
    assert refusal is not None
    assert f"(spread {tint_of(pixels).spread:.1f}; 2 is needed)" in refusal.reason


def test_a_picture_of_one_pixel_can_be_measured() -> None:
    assert tint_of(np.full((1, 1, 3), 0.5, np.float32)).spread == 0
