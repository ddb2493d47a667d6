"""Each kind of ageing of the whole picture does what its name says, within range."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from archivist_torch.ageing import PICTURE_KINDS, AgeingMaterial, detail, jpeg, texture, tone
from archivist_torch.ageing.kinds import OPERATIONS
from archivist_torch.seeding import generator


@pytest.fixture(scope="module")
def material() -> AgeingMaterial:
    return AgeingMaterial.procedural()


def pictures(height: int = 40, width: int = 56, count: int = 3) -> Tensor:
    """Return smooth colour pictures with some noise."""
    rng = generator("pictures")
    small = torch.from_numpy(rng.random((count, 3, 5, 7), np.float32))
    smooth = torch.nn.functional.interpolate(small, (height, width), mode="bilinear")
    return (smooth + 0.05 * torch.from_numpy(rng.random(smooth.shape, np.float32))).clamp(0, 1)


def aged(kind: str, strength: float, material: AgeingMaterial, clean: Tensor) -> Tensor:
    drawn = [OPERATIONS[kind].draw(generator(kind, row), strength) for row in range(len(clean))]
    return OPERATIONS[kind].apply(clean, tone.stack(drawn, clean.device), material)


def of(value: object, count: int = 3) -> Tensor:
    return torch.tensor([value] * count, dtype=torch.float32)


def flat(level: float, side: int = 64, count: int = 3) -> Tensor:
    return torch.full((count, 3, side, side), level)


@pytest.mark.parametrize("size", [(40, 56), (5, 1), (1, 1), (33, 17)])
@pytest.mark.parametrize("kind", PICTURE_KINDS)
def test_an_operation_keeps_shape_and_range(
    kind: str, size: tuple[int, int], material: AgeingMaterial
) -> None:
    for strength in (0.0, 0.5, 1.0):
        clean = pictures(*size)
        before = clean.clone()
        found = aged(kind, strength, material, clean)
        assert found.shape == clean.shape
        assert found.dtype is torch.float32
        assert found.min() >= 0
        assert found.max() <= 1
        assert torch.equal(clean, before)


@pytest.mark.parametrize("kind", PICTURE_KINDS)
def test_a_stronger_operation_changes_more(kind: str, material: AgeingMaterial) -> None:
    clean = pictures(count=40)
    weak, strong = (aged(kind, strength, material, clean) for strength in (0.1, 0.9))

    assert (strong - clean).square().mean() > (weak - clean).square().mean()


def test_toning_takes_colour_away_and_puts_the_tint_in_its_place() -> None:
    tints = torch.tensor([[[0.1, 0.0, -0.1], [0.06, 0.0, -0.06], [0.02, 0.0, -0.02]]])
    toned = tone.toning(flat(0.5), tints=tints, tint=of(0.3), amount=of(1.0))

    assert torch.allclose(toned[0, :, 0, 0], torch.tensor([0.56, 0.5, 0.44]), atol=1e-4)


def test_fading_raises_black_and_sinks_white() -> None:
    shades = torch.cat([flat(0.0), flat(1.0)])
    faded = tone.fading(
        shades, black=of([0.2] * 3, 6), white=of([0.8] * 3, 6), gamma=of([1.0] * 3, 6)
    )

    assert torch.allclose(faded[:3], flat(0.2))
    assert torch.allclose(faded[3:], flat(0.8))


def test_yellowing_takes_more_from_the_lights(material: AgeingMaterial) -> None:
    lost = [(flat(v) - aged("yellowing", 0.8, material, flat(v)))[:, 2] / v for v in (0.2, 0.9)]

    assert (lost[1] > lost[0]).all()


def test_an_even_field_of_no_strength_leaves_the_light_alone() -> None:
    clean = pictures()
    colours = {"light": of([0.9] * 3), "dark": of([0.1] * 3)}

    assert torch.equal(tone.uneven(clean, field=torch.zeros(3, 4, 4), **colours), clean)


def test_grain_is_strongest_in_the_mid_tones(material: AgeingMaterial) -> None:
    dark, middle = (aged("grain", 0.5, material, flat(v)).std() for v in (0.08, 0.5))

    assert middle > 1.5 * dark


def test_gaussian_noise_has_the_sigma_that_was_asked_for(material: AgeingMaterial) -> None:
    noisy = texture.noise(
        flat(0.5),
        tiles=material.white,
        place=of([[0.1, 0.2, 0.3], [0.5, 0.6, 0.7], [0.9, 0.1, 0.4]]),
        sigma=of(0.04),
        speckle=of(0.0),
        limits=of([99.0, 99.0]),
    )

    assert noisy.std().item() == pytest.approx(0.04, rel=0.1)


def test_salt_and_pepper_hit_the_share_beyond_their_limits(material: AgeingMaterial) -> None:
    noisy = texture.noise(
        flat(0.5, 128),
        tiles=material.white,
        place=of([[0.1, 0.2, 0.3]] * 3),
        sigma=of(0.0),
        speckle=of(0.0),
        limits=of([2.0, 99.0]),
    )

    assert (noisy == 0).float().mean().item() == pytest.approx(0.0228, abs=0.006)
    assert not (noisy == 1).any()


def test_a_window_wraps_around_its_tile() -> None:
    tiles = torch.arange(16, dtype=torch.int8).reshape(1, 4, 4)
    cut = texture.window(tiles, torch.tensor([[0.0, 0.5, 0.75]]), (4, 5)) * texture.UNIT

    assert cut[0, 0].tolist() == [11, 8, 9, 10, 11]
    assert cut[0, :, 0].tolist() == [11, 15, 3, 7]


def test_blur_leaves_an_even_picture_alone_and_smooths_an_edge(material: AgeingMaterial) -> None:
    assert torch.allclose(aged("blur", 0.9, material, flat(0.4)), flat(0.4), atol=1e-5)

    edge = flat(0.0)
    edge[..., 32:] = 1
    assert (aged("blur", 0.9, material, edge)[..., 31] > 0.1).all()


def test_a_picture_shrunk_by_one_comes_back_as_it_was() -> None:
    clean = pictures()

    same = detail.low_resolution(clean, factor=of(1.0), smooth=of(0.0))
    assert torch.allclose(same, clean, atol=1e-5)


@pytest.mark.parametrize("quality", [30, 60, 92])
def test_jpeg_is_close_to_what_a_jpeg_library_makes(quality: int) -> None:
    clean = (pictures(48, 64, 1) * 255).round() / 255
    found = jpeg.jpeg(clean, quality=of(float(quality), 1), halved=of(0.0, 1))

    settings = [
        cv2.IMWRITE_JPEG_QUALITY,
        quality,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]
    bgr = (clean[0].flip(0).permute(1, 2, 0).numpy() * 255).astype(np.uint8)
    data = cv2.imencode(".jpg", bgr, settings)[1]
    other = torch.from_numpy(cv2.imdecode(data, cv2.IMREAD_COLOR)).permute(2, 0, 1).flip(0) / 255
    assert (found[0] - other).abs().mean() < 1 / 255
    assert (found[0] - other).abs().mean() < 0.5 * (clean[0] - other).abs().mean()


def test_halved_colour_loses_colour_detail_and_no_lightness() -> None:
    clean = flat(0.5, 32, 1)
    clean[:, 0, :, ::2], clean[:, 2, :, ::2] = 0.62, 0.2
    whole, halved = (
        jpeg.jpeg(clean, quality=of(98.0, 1), halved=of(value, 1)) for value in (0.0, 1.0)
    )

    assert (halved - clean).abs().mean() > 3 * (whole - clean).abs().mean()
    assert (tone.grey(halved) - tone.grey(clean)).abs().mean() < 0.01
