"""Shapes of damage are coverages, follow their seed, and have the size that was asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from archivist_torch.damage_shapes import areas, paper, strokes
from archivist_torch.damage_shapes.overlays import lay, read_overlays
from archivist_torch.seeding import generator

SHAPE = (60, 80)
DRAWN = (
    strokes.crack,
    strokes.crease,
    strokes.long_scratch,
    strokes.scuff,
    strokes.hair,
    areas.dust,
    areas.stain,
    areas.flakes,
    areas.tear,
    areas.patch,
    paper.fold,
    paper.split,
    paper.craquelure,
    paper.rip,
    paper.loss,
)
Draw = Callable[[strokes.Shape, np.random.Generator], strokes.Alpha]


@pytest.mark.parametrize("kind", DRAWN, ids=lambda kind: kind.__name__)
def test_drawn_damage_is_a_coverage_and_follows_its_seed(kind: Draw) -> None:
    for seed in range(5):
        first, second = (kind(SHAPE, generator(seed)) for _ in range(2))
        assert first.shape == SHAPE
        assert first.dtype == np.float32
        assert first.min() >= 0
        assert first.max() <= 1
        assert np.array_equal(first, second)


@pytest.mark.parametrize("kind", DRAWN, ids=lambda kind: kind.__name__)
def test_damage_is_drawn_on_the_thinnest_pictures(kind: Draw) -> None:
    assert kind((3, 90), generator(1)).shape == (3, 90)


@pytest.mark.parametrize("kind", DRAWN, ids=lambda kind: kind.__name__)
def test_damage_is_seldom_nothing(kind: Draw) -> None:
    drawn = [kind((120, 120), generator("seldom", seed)).max() > 0.3 for seed in range(20)]

    assert sum(drawn) >= 9


def test_a_line_has_the_width_that_was_asked_for() -> None:
    points = np.array([[40.0, -10.0], [40.0, 70.0]])

    assert strokes.draw(SHAPE, [(points, 3.0)]).sum() / SHAPE[0] == pytest.approx(3, abs=0.8)


def test_dust_is_small() -> None:
    shares = [(areas.dust((200, 200), generator(seed)) > 0.5).mean() for seed in range(10)]

    assert max(shares) < 0.2


def test_a_tear_begins_at_an_edge_of_the_picture() -> None:
    for seed in range(10):
        alpha = paper.rip((100, 100), generator(seed))
        inner = alpha[4:-4, 4:-4].sum()
        assert alpha.sum() > inner or not alpha.any()


def test_overlays_are_laid_by_seed() -> None:
    overlay = np.zeros((40, 40), np.uint8)
    overlay[18:22] = 255
    first, second = (lay({"scratches": [overlay]}, SHAPE, generator(4)) for _ in range(2))

    assert np.array_equal(first, second)
    assert first.any()


def test_overlays_are_read_by_kind_as_their_alpha(tmp_path: Path) -> None:
    pixels = np.full((4, 5, 4), 255, np.uint8)
    pixels[..., 3] = 70
    (tmp_path / "hair").mkdir()
    for number in range(20):  # enough names for the training part
        cv2.imwrite(str(tmp_path / "hair" / f"{number}.png"), pixels)

    maps = read_overlays(tmp_path, "train")["hair"]

    assert (maps[0] == 70).all()
    assert maps[0].shape == (4, 5)
