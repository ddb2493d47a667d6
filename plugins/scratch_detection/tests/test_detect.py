"""Detection: tiles equal the whole, hands overrule the network, the shipped weights see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archivist.api import BadInput, Colour, Image, Mask
from archivist.testing import FakeContext, run_step
from archivist_scratch import detect
from archivist_scratch.params import DetectParams
from archivist_scratch.plugin import DETECT
from archivist_scratch.self_test import scratched


class FixedWeights(FakeContext):
    """A context whose weights are a given file, whatever is asked for."""

    file: Path

    def weights(self, name: str) -> Path:
        return self.file


def textured(height: int, width: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = 0.5 + 0.2 * np.sin(x / 19) * np.cos(y / 13)
    return (waves + rng.normal(0, 0.03, (height, width))).clip(0, 1).astype(np.float32)


def landscape(height: int = 256, width: int = 320) -> np.ndarray:
    """Return a soft scene: a bright sky over darker hills, with a little grain."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:height, :width]
    hills = height * 0.55 + 20 * np.sin(x / 60) + 8 * np.sin(x / 23)
    scene = 0.75 - 0.1 * y / height - 0.35 / (1 + np.exp((hills - y) / 3))
    return (scene + rng.normal(0, 0.008, scene.shape)).clip(0, 1).astype(np.float32)


def grey_image(pixels: np.ndarray, depth: int = 8) -> Image:
    return Image(pixels=pixels[..., None], colour=Colour.GREY, depth=depth)


def test_tiles_equal_the_whole(random_weights: Path) -> None:
    found = []
    for tile in (544, 2048):
        ctx = FixedWeights(spec=DETECT, tile=tile)
        ctx.file = random_weights
        found.append(detect.damage_probability(textured(300, 900), DetectParams(), ctx))

    assert found[0].std() > 0.01
    assert abs(found[0] - found[1]).max() <= 1 / 255


def test_a_clean_picture_has_an_empty_mask() -> None:
    out = run_step(DETECT, image=grey_image(landscape()))

    assert not out["mask"].pixels.any()
    assert out["scores"].values["damaged_share"] == 0


@pytest.mark.parametrize(("tone", "depth"), [(0.97, 8), (0.03, 16)])
def test_a_scratch_is_found_bright_or_dark(tone: float, depth: int) -> None:
    pixels = landscape()
    y, x = np.mgrid[: pixels.shape[0], : pixels.shape[1]]
    line = (abs(x - 100 - y / 3) < 1.2) & (y > 20) & (y < 230)
    pixels[line] = tone

    mask = run_step(DETECT, image=grey_image(pixels, depth))["mask"].pixels

    assert mask[line].mean() > 0.6
    assert mask.sum() < 5 * line.sum()


def test_colour_and_grey_copies_of_a_picture_give_the_same_mask() -> None:
    grey, _ = scratched()
    colour = Image(pixels=np.repeat(grey.pixels, 3, axis=2), colour=Colour.RGB)

    masks = [run_step(DETECT, image=image)["mask"].pixels for image in (grey, colour)]

    assert (masks[0] == masks[1]).mean() > 0.999


def test_a_mask_drawn_by_hand_is_respected() -> None:
    image, scratch = scratched()

    out = run_step(DETECT, image=image, user_mask=Mask(pixels=~scratch))

    assert np.array_equal(out["mask"].pixels, ~scratch)
    assert out["scores"].values["drawn_by_hand"] == 1


def test_a_drawn_mask_of_another_size_is_refused() -> None:
    image, _ = scratched()
    inputs = {"image": image, "user_mask": Mask(pixels=np.ones((2, 3), np.bool_))}

    with pytest.raises(BadInput, match="at full size"):
        detect.run(inputs, DetectParams(), FakeContext(spec=DETECT))


def test_the_papers_scheme_looks_at_a_short_side_of_256() -> None:
    seen: list[Any] = []

    def apply(grey: np.ndarray) -> np.ndarray:
        seen.append(grey.shape)
        return grey[..., None]

    assert detect.by_short_side(textured(600, 900), apply).shape == (600, 900, 1)
    assert seen == [(256, 384)]


def test_large_scans_are_seen_at_several_sizes() -> None:
    seen: list[Any] = []

    def apply(grey: np.ndarray) -> np.ndarray:
        seen.append(grey.shape)
        answers = np.zeros((*grey.shape, 2), np.float32)
        answers[..., 0], answers[..., 1] = 1 / len(seen), len(seen) / 4
        return answers

    best = detect.by_octaves(textured(64, 96), apply, 3, FakeContext(spec=DETECT))

    assert seen == [(64, 96), (32, 48), (16, 24)]
    assert (best == (1, 0.75)).all()
    assert [detect.octaves_for(side) for side in (2000, 2001, 4001)] == [1, 2, 3]


def test_the_mask_is_of_narrow_damage_and_the_probability_of_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = np.full((120, 160, 2), 0.01, np.float32)
    answers[20:100, 30:34] = 0.999
    answers[40:80, 108:112, 0] = 0.999  # the rim of a stain: damage, and nothing narrow
    monkeypatch.setattr(detect, "damage_probability", lambda *_: answers.copy())
    image = grey_image(textured(120, 160))
    masks = []
    for widest in (24.0, 0.0):
        params = DetectParams(conviction=0, plausibility=0, widest=widest)
        out = detect.run({"image": image}, params, FakeContext(spec=DETECT))
        masks.append(out["mask"].pixels)
        assert np.array_equal(out["probability"].pixels, answers[..., 0])

    assert masks[0][50, 31]
    assert not masks[0][60, 110]
    assert masks[1][50, 31]
    assert masks[1][60, 110]
