"""The step: lightness kept, colour from exemplars or not at all, and what is said of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from archivist.api import (
    Colour,
    Image,
    Probability,
    Reference,
    References,
    Scores,
    TransferMap,
    Value,
    Verdict,
)
from archivist.testing import FakeContext, run_step
from archivist_colorization.colorize import applies, at_depth, neutral_share, run
from archivist_colorization.lab import lab_of_rgb
from archivist_colorization.lightness import lightness_of
from archivist_colorization.networks import PaperNetworks
from archivist_colorization.params import ColorizeParams
from archivist_colorization.plugin import COLORIZE, PAPER
from archivist_torch.weights import save_weights

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
EVERYTHING = {"confidence": 0.0}


def photograph(height: int = 120, width: int = 160, seed: int = 1) -> Bytes:
    """Return a colour picture: two kinds of texture, one of them red, the other blue."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    left = x < width * 0.5
    stripes = np.sin(x / 2.3 + 0.4 * np.sin(y / 9)) * 18
    blots = cv2.resize(rng.normal(0, 22, (height // 8 + 1, width // 8 + 1)), (width, height))
    lab = np.zeros((height, width, 3), np.float32)
    lab[..., 0] = 52 + np.where(left, stripes, blots)
    lab[..., 1], lab[..., 2] = np.where(left, 38, -4), np.where(left, 24, -34)
    return np.rint(np.clip(cv2.cvtColor(lab, cv2.COLOR_Lab2RGB), 0, 1) * 255).astype(np.uint8)


def image(pixels: NDArray[np.unsignedinteger], icc: bytes | None = None) -> Image:
    whole = pixels[..., None] if pixels.ndim == 2 else pixels
    floats = whole.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)
    colour = Colour.GREY if pixels.ndim == 2 else Colour.RGB
    return Image(pixels=floats, colour=colour, depth=8 * pixels.dtype.itemsize, icc=icc)


def given(*pictures: Bytes, corner: tuple[int, int] = (0, 0)) -> References:
    found = tuple(
        Reference(
            asset=f"{number:064x}",
            region=(*corner, one.shape[1], one.shape[0]),
            score=0.8,
            reason="a test",
            read=lambda longest=0, one=one: image(one),
        )
        for number, one in enumerate(pictures)
    )
    return References(references=found, snapshot="s")


def coloured(shown: Image, params: object = None, **inputs: Value) -> Mapping[str, Value]:
    return run_step(COLORIZE, params, image=shown, **inputs)


def pixels_of(outputs: Mapping[str, Value]) -> NDArray[np.unsignedinteger]:
    made = outputs["image"]
    assert isinstance(made, Image)
    assert made.colour is Colour.RGB
    return at_depth(made)


def map_of(outputs: Mapping[str, Value]) -> TransferMap:
    found = outputs["exemplar_map"]
    assert isinstance(found, TransferMap)
    return found


def scores_of(outputs: Mapping[str, Value]) -> Mapping[str, float]:
    found = outputs["scores"]
    assert isinstance(found, Scores)
    return found.values


def ab_of(rgb: NDArray[np.unsignedinteger]) -> Floats:
    return lab_of_rgb(rgb.astype(np.float32) / np.float32(np.iinfo(rgb.dtype).max))[..., 1:]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_lightness_is_kept_bit_for_bit(dtype: type) -> None:
    rng = np.random.default_rng(2)
    light = rng.integers(0, np.iinfo(dtype).max, (90, 70), dtype, endpoint=True)

    out = coloured(image(light), EVERYTHING, exemplars=given(photograph()))

    assert np.array_equal(lightness_of(pixels_of(out)), light)
    assert ab_of(pixels_of(out)).any()


def test_the_exemplars_colour_arrives() -> None:
    true = photograph()

    out = coloured(image(lightness_of(true)), EVERYTHING, exemplars=given(true))

    made, wanted = ab_of(pixels_of(out)), ab_of(true)
    assert made[:, :70, 0].mean() > 0.5 * wanted[:, :70, 0].mean() > 10
    assert made[:, 90:, 1].mean() < 0.5 * wanted[:, 90:, 1].mean() < -10
    assert scores_of(out)["from_exemplars"] > 0.8


def test_the_map_tells_where_in_the_scan_colour_came_from() -> None:
    true = photograph()

    out = coloured(image(lightness_of(true)), EVERYTHING, exemplars=given(true, corner=(1000, 500)))

    found = map_of(out)
    lent = found.source == 0
    x, y = (found.position[..., axis][lent] for axis in (0, 1))
    here = (np.nonzero(lent)[1] + 0.5) * found.stride
    assert 1000 <= x.min() <= x.max() < 1160
    assert 500 <= y.min() <= y.max() < 620
    assert np.median(np.abs(x - 1000 - here)) < 2 * found.stride


def test_of_several_exemplars_each_place_takes_the_likest() -> None:
    true = photograph()
    left, right = true.copy(), true.copy()
    left[:, 80:] = right[:, :80] = (60, 140, 60)

    out = coloured(image(lightness_of(true)), EVERYTHING, exemplars=given(right, left))

    found = map_of(out)
    assert found.assets == (f"{0:064x}", f"{1:064x}")
    middle = found.source.shape[1] // 2
    assert (found.source[:, : middle - 1] == 1).mean() > 0.7
    assert (found.source[:, middle + 1 :] == 0).mean() > 0.7


def test_no_exemplars_is_the_same_as_an_empty_choice_and_as_a_weight_of_nothing() -> None:
    light = lightness_of(photograph())

    alone = coloured(image(light))
    others = [
        coloured(image(light), exemplars=given()),
        coloured(image(light), {"exemplars": 0.0}, exemplars=given(photograph())),
    ]

    assert (map_of(alone).source == -1).all()
    assert all(np.array_equal(pixels_of(alone), pixels_of(one)) for one in others)


def test_grey_and_toned_exemplars_are_refused(caplog: pytest.LogCaptureFixture) -> None:
    light = lightness_of(photograph())
    sepia = np.clip(light[..., None] * np.array([1.05, 0.97, 0.8]), 0, 255).astype(np.uint8)
    black_and_white = np.repeat(light[..., None], 3, axis=2)

    with caplog.at_level(logging.WARNING):
        out = coloured(image(light), exemplars=given(sepia, black_and_white, light))

    assert scores_of(out)["exemplars_refused"] == 3
    assert scores_of(out)["exemplars"] == 0
    assert caplog.text.count("no colour to give") == 3
    assert map_of(out).assets == ()


def test_below_the_limit_of_confidence_a_picture_stays_neutral() -> None:
    light = lightness_of(photograph())

    out = coloured(image(light), {"confidence": 1.0}, exemplars=given(photograph()))

    assert np.array_equal(pixels_of(out), np.repeat(light[..., None], 3, axis=2))
    assert (map_of(out).source == -1).all()
    assert scores_of(out)["neutral"] == 1


def test_without_automatic_colour_and_without_exemplars_nothing_is_coloured() -> None:
    light = lightness_of(photograph())

    out = run({"image": image(light)}, ColorizeParams(automatic=False), FakeContext(spec=COLORIZE))

    assert isinstance(out, Verdict)
    assert not out.needed
    assert "automatic colour is off" in out.reason


def test_saturation_scales_chroma() -> None:
    true = photograph()
    light, exemplars = lightness_of(true), given(true)

    made = [
        scores_of(coloured(image(light), EVERYTHING | {"saturation": s}, exemplars=exemplars))
        for s in (0.5, 1.0)
    ]

    assert made[0]["mean_chroma"] == pytest.approx(made[1]["mean_chroma"] / 2, rel=0.01)


def test_a_toned_print_is_reduced_to_its_lightness() -> None:
    light = lightness_of(photograph())
    sepia = np.clip(light[..., None] * np.array([1.05, 0.97, 0.8]), 0, 255).astype(np.uint8)

    out = coloured(image(sepia), {"confidence": 1.0})

    assert np.array_equal(lightness_of(pixels_of(out)), lightness_of(sepia))
    assert not np.ptp(pixels_of(out), axis=2).any()


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 2), (37, 53)])
def test_any_size_is_taken(size: tuple[int, int]) -> None:
    light = np.random.default_rng(3).integers(0, 256, size, np.uint8)

    out = coloured(image(light), exemplars=given(photograph()))

    confidence = out["confidence"]
    assert isinstance(confidence, Probability)
    assert confidence.pixels.shape == size
    assert np.array_equal(lightness_of(pixels_of(out)), light)


def test_an_all_black_picture_stays_black() -> None:
    out = coloured(image(np.zeros((40, 40), np.uint8)), EVERYTHING, exemplars=given(photograph()))

    assert not pixels_of(out).any()


def test_an_exemplar_of_one_pixel_does_no_harm() -> None:
    tiny = np.array([[[200, 40, 40]]], np.uint8)

    out = coloured(image(lightness_of(photograph())), exemplars=given(tiny))

    assert pixels_of(out).shape == (120, 160, 3)


# --- sequences ------------------------------------------------------------------------------


def test_the_frame_before_hands_its_colour_on() -> None:
    true = photograph()
    light = lightness_of(true)

    alone = coloured(image(light), {"automatic": False})
    after = coloured(image(light), {"automatic": False}, before=image(true))

    assert "image" not in alone
    assert ab_of(pixels_of(after))[:, :70, 0].mean() > 20
    assert scores_of(after)["carried"] > 0.7


def test_each_frame_is_coloured_by_itself_when_nothing_is_carried() -> None:
    true = photograph()
    light = lightness_of(true)

    alone = coloured(image(light))
    after = coloured(image(light), {"carry": 0.0}, before=image(true))

    assert np.array_equal(pixels_of(alone), pixels_of(after))


def test_a_frame_before_of_another_size_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    light = lightness_of(photograph())

    with caplog.at_level(logging.WARNING):
        out = coloured(image(light), before=image(photograph(60, 60)))

    assert "coloured by itself" in caplog.text
    assert np.array_equal(pixels_of(out), pixels_of(coloured(image(light))))


# --- which photographs ----------------------------------------------------------------------


def verdict(shown: Image, **params: object) -> object:
    return applies({"image": shown}, ColorizeParams(**params), FakeContext(spec=COLORIZE))


def test_grey_and_toned_photographs_are_coloured_and_colour_ones_are_not() -> None:
    true = photograph()
    light = lightness_of(true)
    sepia = np.clip(light[..., None] * np.array([1.05, 0.97, 0.8]), 0, 255).astype(np.uint8)

    found = [verdict(image(one)) for one in (light, sepia, true)]

    assert [one.needed for one in found] == [True, True, False]
    assert [one.reason.split(":")[0].split(" (")[0] for one in found] == [
        "a grey photograph",
        "a toned photograph",
        "a colour photograph",
    ]


def test_a_colour_photograph_is_coloured_anew_only_when_asked() -> None:
    assert verdict(image(photograph()), when="always").needed


def test_a_blank_picture_is_skipped() -> None:
    found = verdict(image(np.full((30, 30), 200, np.uint8)))

    assert not found.needed
    assert "nothing to colour" in found.reason


def test_the_passage_to_neutral_is_soft_and_ordered() -> None:
    share = neutral_share(np.linspace(0, 1, 101, dtype=np.float32), 0.4)

    assert share[0] == 1
    assert share[-1] == 0
    assert (np.diff(share) <= 0).all()
    assert ((share > 0.1) & (share < 0.9)).sum() > 8


# --- the paper's networks -------------------------------------------------------------------


@pytest.fixture
def paper(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    networks: PaperNetworks,
    narrow: Callable[[], PaperNetworks],
) -> Callable[..., Mapping[str, Value]]:
    """Run the step with the paper's networks, made narrow, as imported weights."""
    digest = save_weights(networks.state_dict(), tmp_path / "color-paper.safetensors")
    spec = replace(COLORIZE, weights=[replace(PAPER, sha256=digest)])
    monkeypatch.setattr("archivist_colorization.colorize.PaperNetworks", narrow)

    def run(**inputs: Value) -> Mapping[str, Value]:
        params = EVERYTHING | {"network": "paper"}
        return run_step(spec, params, folders=[tmp_path], **inputs)

    return run


def test_the_papers_networks_colour_by_exemplars(
    paper: Callable[..., Mapping[str, Value]],
) -> None:
    light = lightness_of(photograph())

    out = paper(image=image(light), exemplars=given(photograph(), photograph(seed=2)))

    assert np.array_equal(lightness_of(pixels_of(out)), light)
    assert set(np.unique(map_of(out).source)) <= {0, 1}


def test_the_papers_networks_take_the_frame_before(
    paper: Callable[..., Mapping[str, Value]],
) -> None:
    light = lightness_of(photograph())

    out = paper(image=image(light), exemplars=given(photograph()), before=image(photograph()))

    assert scores_of(out)["carried"] > 0.5


def test_without_exemplars_the_papers_networks_have_nothing_to_do(
    paper: Callable[..., Mapping[str, Value]],
) -> None:
    assert paper(image=image(lightness_of(photograph())), exemplars=given()) == {}
