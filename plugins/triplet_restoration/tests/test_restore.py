"""The step: which pictures it restores, where, and that odd input ends well."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from archivist.api import BadInput, Colour, Image, Mask, WeightsMissing
from archivist.testing import FakeContext, run_step
from archivist_triplet.condition import THRESHOLD, assess
from archivist_triplet.params import RestoreParams
from archivist_triplet.plugin import RESTORE
from archivist_triplet.restore import OF_TONE, applies


def scene(height: int = 120, width: int = 160) -> np.ndarray:
    """Return crisp shapes from black to white, as no old print shows them."""
    canvas = np.full((height, width), 235, np.uint8)
    rng = np.random.default_rng(5)
    for _ in range(60):
        place = tuple(int(v) for v in rng.integers(0, width, 2))
        cv2.circle(canvas, place, int(rng.integers(3, 14)), int(rng.integers(0, 256)), -1)
    return (canvas / 255).astype(np.float32)[..., None]


def grey(pixels: np.ndarray, depth: int = 8) -> Image:
    return Image(pixels=pixels.astype(np.float32), colour=Colour.GREY, depth=depth)


def colour(pixels: np.ndarray) -> Image:
    return Image(pixels=pixels.astype(np.float32), colour=Colour.RGB)


def patch(height: int = 120, width: int = 160) -> Mask:
    mask = np.zeros((height, width), np.bool_)
    mask[50:58, 40:90] = True
    return Mask(pixels=mask)


def context() -> FakeContext:
    return FakeContext(spec=RESTORE)


def test_a_faded_print_is_restored_and_told_why() -> None:
    faded = grey(0.35 + 0.25 * scene())

    verdict = applies({"image": faded}, RestoreParams(), context())

    assert verdict.needed
    assert "contrast" in verdict.reason


def test_a_restored_print_has_more_contrast() -> None:
    faded = grey(0.35 + 0.25 * scene())

    out = run_step(RESTORE, image=faded)["image"]

    assert out.pixels.std() > 1.3 * faded.pixels.std()


def test_with_nothing_degraded_only_masked_pixels_change() -> None:
    image, mask = grey(scene()), patch()

    out = run_step(RESTORE, {"scope": "masked"}, image=image, mask=mask)

    same = out["image"].pixels == image.pixels
    assert same[~mask.pixels].all()
    assert not same[mask.pixels].all()
    assert out["change"].pixels[~mask.pixels].max() == 0


def test_the_change_map_is_what_changed() -> None:
    image = grey(0.35 + 0.25 * scene())

    out = run_step(RESTORE, image=image, mask=patch())

    expected = abs(out["image"].pixels - image.pixels)[..., 0]
    assert abs(out["change"].pixels - expected).max() < 1e-6
    assert out["scores"].values["mean_change"] == pytest.approx(expected.mean(), abs=1e-5)


def test_grey_in_three_channels_stays_grey() -> None:
    image = colour(np.repeat(0.3 + 0.3 * scene(), 3, axis=2))

    out = run_step(RESTORE, {"scope": "whole"}, image=image)["image"]

    assert np.ptp(out.pixels, axis=2).max() < 1e-5


def test_16_bits_are_not_rounded_to_8() -> None:
    image = grey(0.3 + 0.3 * scene(), depth=16)

    out = run_step(RESTORE, {"scope": "whole", "strength": 0.5}, image=image)["image"]

    steps = out.pixels * 255
    assert (abs(steps - np.rint(steps)) > 0.01).mean() > 0.5
    assert out.depth == 16


def test_a_picture_with_noise_alone_keeps_its_tone() -> None:
    rng = np.random.default_rng(2)
    clean = np.repeat(scene(360, 480), 3, axis=2)
    noisy = colour(np.clip(clean + rng.normal(0, 0.06, clean.shape), 0, 1))
    condition = assess(noisy.pixels)

    out = run_step(RESTORE, image=noisy)

    assert condition.scores["noise"] >= THRESHOLD > max(condition.scores[n] for n in OF_TONE)
    assert out["scores"].values["tone_kept"] == 1
    assert abs(out["image"].pixels.mean() - noisy.pixels.mean()) < 0.01


def test_a_faded_print_does_not_keep_its_tone() -> None:
    out = run_step(RESTORE, image=grey(0.35 + 0.25 * scene()))

    assert out["scores"].values["tone_kept"] == 0


def test_the_grain_of_a_filling_follows_the_seed() -> None:
    rng = np.random.default_rng(2)
    noisy = grey(np.clip(0.5 + rng.normal(0, 0.06, (120, 160, 1)), 0, 1))
    first, again, other = (
        run_step(RESTORE, {"scope": "masked"}, seed=seed, image=noisy, mask=patch())
        for seed in (1, 1, 2)
    )

    assert np.array_equal(first["image"].pixels, again["image"].pixels)
    assert not np.array_equal(first["image"].pixels, other["image"].pixels)


def test_no_strength_is_no_change() -> None:
    image = grey(0.35 + 0.25 * scene())

    out = run_step(RESTORE, {"strength": 0.0}, image=image)["image"]

    assert np.array_equal(out.pixels, image.pixels)


def test_a_mask_of_another_size_is_refused_with_both_sizes() -> None:
    with pytest.raises(BadInput, match="is 160 x 90, the image 160 x 120"):
        run_step(RESTORE, image=grey(scene()), mask=patch(90, 160))


def test_a_wholly_masked_picture_is_restored_as_one_without_mask() -> None:
    image = grey(0.35 + 0.25 * scene())
    everything = Mask(pixels=np.ones((120, 160), np.bool_))

    masked, plain = (
        run_step(RESTORE, image=image, **m)["image"] for m in ({"mask": everything}, {})
    )

    assert np.array_equal(masked.pixels, plain.pixels)


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (200, 2), (33, 17)])
@pytest.mark.parametrize("channels", [1, 3])
def test_tiny_and_thin_pictures_pass(size: tuple[int, int], channels: int) -> None:
    rng = np.random.default_rng(1)
    pixels = rng.random((*size, channels), dtype=np.float32)
    image = grey(pixels) if channels == 1 else colour(pixels)

    out = run_step(RESTORE, {"scope": "whole"}, image=image)["image"]

    assert out.pixels.shape == pixels.shape
    assert np.isfinite(out.pixels).all()


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_pure_black_and_white_are_left_alone(value: float) -> None:
    image = grey(np.full((64, 64, 1), value))

    assert not applies({"image": image}, RestoreParams(), context()).needed


def test_damage_alone_is_reason_enough() -> None:
    verdict = applies(
        {"image": grey(np.full((120, 160, 1), 1.0)), "mask": patch()}, RestoreParams(), context()
    )

    assert verdict.needed
    assert "2.08% of the pixels are damaged" in verdict.reason


def test_the_papers_networks_ask_for_their_weights(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="triplet-paper-quality"):
        run_step(RESTORE, {"network": "paper_quality"}, image=grey(scene()), folders=[tmp_path])


def test_weights_that_do_not_fit_are_refused_by_name(tmp_path: Path) -> None:
    """The network of another size: what is wrong is named, and nothing random is used."""
    from archivist_torch.weights import WeightsMismatch, save_weights
    from archivist_triplet.compact import Triplet

    digest = save_weights(
        Triplet(latent=16, widths=(16, 16, 16)).state_dict(),
        tmp_path / "triplet-compact.safetensors",
    )
    weight = replace(RESTORE.weights[0], package=None, sha256=digest)
    spec = replace(RESTORE, weights=[weight])

    with pytest.raises(WeightsMismatch, match="vae_a"):
        run_step(spec, image=grey(0.4 + 0.2 * scene()), folders=[tmp_path])


def test_blur_alone_is_left_and_named() -> None:
    soft = colour(cv2.GaussianBlur(np.repeat(scene(360, 480), 3, axis=2), (0, 0), 2.0))

    verdict = applies({"image": soft}, RestoreParams(), context())
    out = run_step(RESTORE, image=soft, mask=patch(360, 480))["image"]

    assert verdict.scores["blur"] >= THRESHOLD
    assert not verdict.needed
    assert "does not mend (steepness of edges" in verdict.reason
    assert np.array_equal(out.pixels[100:], soft.pixels[100:])
