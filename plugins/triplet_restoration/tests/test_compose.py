"""The result is a correction of the scan: what was not restored stays, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest

from archivist_triplet import compose
from archivist_triplet.inference import Restored
from archivist_triplet.params import RestoreParams


def colours(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.uniform(0.2, 0.8, (48, 64, 3)).astype(np.float32)


def hole() -> np.ndarray:
    mask = np.zeros((48, 64), np.bool_)
    mask[20:28, 30:40] = True
    return mask


def test_detail_that_the_networks_never_saw_stays() -> None:
    """A scan of 16 bits: its lower bits are in neither picture of the networks."""
    scan = colours()
    coarse = (np.rint(scan * 255) / 255).astype(np.float32)

    out = compose.whole(scan, Restored(coarse, coarse), hole() & False, params(grain=1.0))

    assert abs(out - scan).max() < 1e-6


def test_a_correction_is_added_to_the_scan() -> None:
    scan, coarse = colours(), colours(1)
    restored = Restored(coarse + np.float32(0.1), coarse)

    out = compose.whole(scan, restored, hole() & False, params(grain=1.0))

    assert abs(out - scan - 0.1).max() < 1e-5


def test_half_the_strength_is_half_the_correction() -> None:
    scan, restored = colours(), Restored(colours(1), colours(2))
    none = np.zeros((48, 64), np.bool_)

    full, half = (compose.whole(scan, restored, none, params(strength=s)) for s in (1.0, 0.5))

    assert abs((half - scan) * 2 - (full - scan)).max() < 1e-5


def test_under_the_mask_the_scan_has_no_say() -> None:
    scan, other = colours(), colours()
    other[hole()] = 0
    restored = Restored(colours(1), colours(2))

    plain = params(filled_grain=0.0)
    first, second = (compose.whole(s, restored, hole(), plain) for s in (scan, other))

    assert abs(first[hole()] - second[hole()]).max() < 1e-6
    assert abs(first[hole()] - restored.pixels[hole()]).max() < 1e-6


def test_a_picture_that_is_held_back_gets_no_damage_back() -> None:
    """The networks drown the shadows of a dark print; its scratch is white."""
    scan = np.repeat(0.25 + 0.2 * colours()[..., :1], 3, axis=2).astype(np.float32)
    before = scan.copy()
    scan[compose.widened(hole())] = 1
    dark = np.clip(3 * (before - 0.3), 0, 1).astype(np.float32)

    out = compose.whole(scan, Restored(dark, before), hole(), params())

    assert (out < 0.02).mean() < 0.02 < (dark < 0.02).mean()
    assert out[hole()].mean() < out[~compose.widened(hole(), 3)].mean() + 0.03


def test_masked_scope_leaves_every_other_pixel_bit_for_bit() -> None:
    scan = colours()

    out = compose.masked(scan, Restored(colours(1), colours(2)), hole(), params())

    assert np.array_equal(out[~hole()], scan[~hole()])
    assert not np.array_equal(out[hole()], scan[hole()])


def test_a_filling_meets_the_tone_of_the_scan_around_it() -> None:
    """The networks lighten the picture; a filling that stays alone must not be lighter."""
    flat = np.full((48, 64, 3), 0.3, np.float32)
    flat[..., 0] += 0.2 * np.linspace(0, 1, 64, dtype=np.float32)
    scan = flat.copy()
    scan[hole()] = 1

    out = compose.masked(scan, Restored(flat + np.float32(0.25), flat), hole(), params())

    assert abs(out[hole()] - flat[hole()]).max() < 0.02


def test_as_much_grain_stays_as_is_wanted() -> None:
    rng = np.random.default_rng(1)
    smooth = np.full((96, 96, 3), 0.5, np.float32) * np.float32([1, 0.4, 0.8])
    scan = smooth + rng.normal(0, 0.03, (96, 96, 1)).astype(np.float32)
    none = np.zeros((96, 96), np.bool_)

    spread = [
        float(
            compose.whole(scan, Restored(smooth, smooth), none, params(grain=g)).std(axis=(0, 1))[0]
        )
        for g in (0.0, 0.5, 1.0)
    ]

    assert spread[0] < 0.02 * spread[2]
    assert spread[1] == pytest.approx(spread[2] / 2, rel=0.05)


def test_soft_edges_of_damage_do_not_tint_the_filling() -> None:
    """The scan is bright for one pixel around the mask too, as damage fades out."""
    flat = np.full((48, 64, 3), 0.3, np.float32)
    flat[..., 0] += 0.2 * np.linspace(0, 1, 64, dtype=np.float32)
    scan = flat.copy()
    scan[compose.widened(hole())] = 0.8

    out = compose.masked(scan, Restored(flat, flat), hole(), params())

    assert abs(out[hole()] - flat[hole()]).max() < 0.02


def test_grey_stays_grey_whatever_the_networks_say() -> None:
    scan = np.repeat(colours()[..., :1], 3, axis=2)

    out = compose.whole(scan, Restored(colours(1), scan), hole(), params())

    assert np.ptp(out, axis=2).max() < 1e-6


def test_the_blue_of_a_cyanotype_is_no_fault() -> None:
    grey = np.linspace(0.2, 0.7, 48 * 64, dtype=np.float32).reshape(48, 64, 1)
    scan = grey * np.float32([0.75, 1.0, 1.2])

    out = compose.whole(scan, Restored(np.repeat(grey, 3, 2), scan), hole() & False, params())

    assert (out[..., 2] - out[..., 0]).mean() == pytest.approx(
        (scan[..., 2] - scan[..., 0]).mean(), abs=0.02
    )


def test_a_brown_print_becomes_neutral_unless_its_toning_is_kept() -> None:
    grey = np.linspace(0.2, 0.7, 48 * 64, dtype=np.float32).reshape(48, 64, 1)
    scan = grey * np.float32([1.07, 0.99, 0.8])
    restored = Restored(np.repeat(grey, 3, 2), scan)

    hues = [
        float(np.ptp(compose.whole(scan, restored, hole() & False, params(tone=t)), axis=2).mean())
        for t in ("restore", "keep_toning", "keep")
    ]

    assert hues[0] < 1e-6
    assert hues[1] > 0.05
    assert hues[2] > 0.05


def test_an_empty_mask_has_no_feather() -> None:
    assert not compose.feathered(np.zeros((5, 5), np.bool_)).any()
    assert (compose.feathered(hole())[hole()] == 1).all()


def params(**chosen: object) -> RestoreParams:
    return RestoreParams(**chosen)
