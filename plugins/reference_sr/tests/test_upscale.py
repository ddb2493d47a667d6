"""The step: size, colour, the map of what was borrowed, and odd input."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from archivist.api import (
    Colour,
    Image,
    Reference,
    References,
    TransferMap,
    WeightsMissing,
)
from archivist.testing import run_step
from archivist_reference_sr.network import TTSR
from archivist_reference_sr.picture import Pixels
from archivist_reference_sr.plugin import PAPER, UPSCALE
from archivist_reference_sr.upscale import halved
from archivist_torch.weights import save_weights

TINY = {"features": 4, "blocks": (2, 2, 1, 1), "texture": (4, 6, 8)}
"""The size of the fixture ``network``."""


def scene(height: int, width: int, channels: int = 3, seed: int = 0) -> Pixels:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    waves = [
        np.sin(x / a + y / b + p)
        for a, b, p in rng.uniform(2, 15, (12, 3)) * rng.choice([-1, 1], (12, 3))
    ]
    grey = 0.5 + np.mean(waves, axis=0) * 0.7
    return np.clip(np.repeat(grey[..., None], channels, axis=2), 0, 1).astype(np.float32)


def image(pixels: Pixels, depth: int = 8) -> Image:
    colour = Colour.GREY if pixels.shape[2] == 1 else Colour.RGB
    return Image(pixels=pixels, colour=colour, depth=depth)


def small_of(pixels: Pixels) -> Pixels:
    return np.ascontiguousarray(halved(halved(pixels)))


def given(*pixels: Pixels, corner: tuple[int, int] = (0, 0)) -> References:
    found = tuple(
        Reference(
            asset=f"{number:064x}",
            region=(*corner, one.shape[1], one.shape[0]),
            score=0.8,
            reason="a test",
            read=lambda longest=0, one=one: image(one),
        )
        for number, one in enumerate(pixels)
    )
    return References(references=found, snapshot="s")


def map_of(outputs: object) -> TransferMap:
    found = outputs["transfer_map"]  # type: ignore[index]
    assert isinstance(found, TransferMap)
    return found


def test_a_picture_without_references_is_enlarged_and_borrows_nothing() -> None:
    out = run_step(UPSCALE, image=image(scene(24, 36)))

    assert out["image"].pixels.shape == (96, 144, 3)
    assert (map_of(out).source == -1).all()
    assert map_of(out).assets == ()


def test_no_references_is_the_same_as_an_empty_choice() -> None:
    shown = image(scene(24, 24))

    alone, empty = (
        run_step(UPSCALE, image=shown),
        run_step(UPSCALE, image=shown, references=given()),
    )

    assert np.array_equal(alone["image"].pixels, empty["image"].pixels)


def test_texture_comes_from_where_the_map_says() -> None:
    whole = scene(96, 128)

    found = map_of(run_step(UPSCALE, image=image(small_of(whole)), references=given(whole)))

    x = np.mgrid[:24, :32][1] * 4 + 1.5
    borrowed = found.source == 0
    assert borrowed.mean() > 0.7
    assert np.median(np.abs(found.position[..., 0] - x)[borrowed]) < 2


def test_positions_count_from_the_corner_of_the_scan() -> None:
    whole = scene(96, 128)
    shown = image(small_of(whole))

    near, far = (
        map_of(run_step(UPSCALE, image=shown, references=given(whole, corner=corner)))
        for corner in ((0, 0), (100, 50))
    )

    borrowed = near.source == 0
    assert (far.position[borrowed] - near.position[borrowed] == (100, 50)).all()


def test_a_reference_finer_than_the_result_is_read_reduced() -> None:
    whole = scene(96, 128)
    asked: list[int] = []

    def read(longest: int = 0) -> Image:
        asked.append(longest)
        return image(whole)

    fine = Reference(
        asset="f" * 64, region=(0, 0, 256, 192), score=1.0, reason="", read=read, scale=8.0
    )
    chosen = References(references=(fine,), snapshot="s")
    found = map_of(run_step(UPSCALE, image=image(small_of(whole)), references=chosen))

    x = np.mgrid[:24, :32][1] * 8 + 4
    assert set(asked) == {128}
    assert np.median(np.abs(found.position[..., 0] - x)[found.source == 0]) < 4


def test_twice_as_large_is_four_times_halved() -> None:
    shown = image(scene(20, 20))

    four, two = (run_step(UPSCALE, {"scale": scale}, image=shown)["image"] for scale in (4, 2))

    assert two.pixels.shape == (40, 40, 3)
    assert np.abs(two.pixels - halved(four.pixels)).max() < 1e-6


def test_the_map_of_a_doubled_picture_has_blocks_of_two_pixels() -> None:
    out = run_step(UPSCALE, {"scale": 2}, image=image(scene(20, 20)))

    assert map_of(out).stride == 2


def test_a_grey_picture_stays_grey_beside_a_colour_reference() -> None:
    out = run_step(UPSCALE, image=image(scene(16, 20, 1)), references=given(scene(64, 80)))

    assert out["image"].pixels.shape == (64, 80, 1)
    assert out["image"].colour is Colour.GREY


def test_depth_and_profile_are_kept() -> None:
    shown = Image(pixels=scene(12, 12), colour=Colour.RGB, depth=16, icc=b"profile")

    made = run_step(UPSCALE, image=shown)["image"]

    assert (made.depth, made.icc) == (16, b"profile")


def test_a_reference_smaller_than_a_patch_is_left_out_with_a_word(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tiny, good = scene(8, 60), scene(64, 64)

    found = map_of(run_step(UPSCALE, image=image(scene(16, 16)), references=given(tiny, good)))

    assert found.assets == (f"{1:064x}",)
    assert "less than one patch" in caplog.text


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (33, 2)])
def test_thin_pictures_are_enlarged(size: tuple[int, int]) -> None:
    out = run_step(UPSCALE, image=image(scene(*size)), references=given(scene(40, 40)))

    assert out["image"].pixels.shape == (4 * size[0], 4 * size[1], 3)


def test_the_papers_network_asks_for_its_weights(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="archivist weights import ttsr-paper"):
        run_step(UPSCALE, {"network": "paper"}, image=image(scene(8, 8)), folders=[tmp_path])


def test_the_papers_network_says_where_texture_came_from(
    network: TTSR, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = save_weights(network.state_dict(), tmp_path / "ttsr-paper.safetensors")
    spec = replace(UPSCALE, weights=[replace(PAPER, sha256=digest)])
    monkeypatch.setattr("archivist_reference_sr.upscale.TTSR", lambda: TTSR(**TINY))
    whole = scene(64, 80)

    out = run_step(
        spec,
        {"network": "paper"},
        image=image(small_of(whole)),
        references=given(whole),
        folders=[tmp_path],
    )

    assert out["image"].pixels.shape == whole.shape
    assert (map_of(out).source == 0).all()
    assert (map_of(out).position[..., 0] < 80).all()


@pytest.mark.parametrize("references", [{}, {"references": given()}])
def test_what_no_other_picture_shows_can_be_left_at_its_size(references) -> None:
    params = {"without_references": "skip"}

    assert run_step(UPSCALE, params, image=image(scene(32, 24)), **references) == {}


def test_what_another_picture_shows_is_enlarged_then_too() -> None:
    whole = scene(64, 80)
    params = {"without_references": "skip"}

    assert run_step(UPSCALE, params, image=image(small_of(whole)), references=given(whole))
