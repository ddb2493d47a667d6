"""Whole pictures of any size are restored; what cannot be is refused with the cure."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from archivist_triplet.paper.blocks import mirrored
from archivist_triplet.paper.restore import MODES, Mode, PaperTriplet, make_mapping


def network(mode: Mode = "scratch") -> PaperTriplet:
    torch.manual_seed(12)
    return PaperTriplet(mode, width=2).eval()


def picture(height: int, width: int) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.mark.parametrize("size", [(1, 1), (1, 90), (75, 2), (33, 40)])
@pytest.mark.parametrize("mode", MODES)
def test_any_size_comes_back_in_its_size(mode: Mode, size: tuple[int, int]) -> None:
    found = network(mode).restore(picture(*size))

    assert found.shape == (1, 3, *size)
    assert torch.isfinite(found).all()


@pytest.mark.parametrize("value", [-1.0, 1.0])
@pytest.mark.parametrize("mode", MODES)
def test_a_picture_of_one_value_gives_finite_pixels(mode: Mode, value: float) -> None:
    assert torch.isfinite(network(mode).restore(torch.full((1, 3, 40, 40), value))).all()


@pytest.mark.parametrize("mode", ["scratch", "hr"])
def test_a_wholly_damaged_picture_gives_finite_pixels(mode: Mode) -> None:
    found = network(mode).restore(picture(40, 40), torch.ones(1, 1, 40, 40))

    assert torch.isfinite(found).all()


@pytest.mark.parametrize("mode", ["scratch", "hr"])
def test_no_mask_is_an_empty_mask(mode: Mode) -> None:
    pixels, restoring = picture(40, 36), network(mode)

    empty = restoring.restore(pixels, torch.zeros(1, 1, 40, 36))

    assert torch.equal(restoring.restore(pixels), empty)


@pytest.mark.parametrize("mode", ["scratch", "hr"])
def test_what_lies_under_the_mask_does_not_matter(mode: Mode) -> None:
    pixels, damage = picture(64, 64), torch.zeros(1, 1, 64, 64)
    damage[:, :, 8:48, 8:40] = 1
    other = torch.where(damage > 0, -pixels, pixels)
    restoring = network(mode)

    assert torch.equal(restoring.restore(pixels, damage), restoring.restore(other, damage))


def test_hr_widens_the_mask_by_three_pixels() -> None:
    pixels, damage = picture(64, 64), torch.zeros(1, 1, 64, 64)
    damage[:, :, 20:40, 20:40] = 1
    other = pixels.clone()
    other[:, :, 17, 17:43] = 0

    restoring = network("hr")

    assert torch.equal(restoring.restore(pixels, damage), restoring.restore(other, damage))


def test_the_input_is_not_changed() -> None:
    pixels, damage = picture(48, 48), torch.zeros(1, 1, 48, 48)
    damage[:, :, :9] = 1
    before = pixels.clone(), damage.clone()

    network().restore(pixels, damage, whole_pixels=0)

    assert torch.equal(pixels, before[0])
    assert torch.equal(damage, before[1])


@pytest.mark.parametrize("whole_pixels", [0, 10_000])
@pytest.mark.parametrize("mode", MODES)
def test_a_cancelled_restoration_ends(mode: Mode, whole_pixels: int) -> None:
    def cancelled() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        network(mode).restore(picture(40, 40), whole_pixels=whole_pixels, pause=cancelled)


def test_a_mask_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="must be of the picture's size"):
        network().restore(picture(16, 16), torch.zeros(1, 1, 16, 15))


def test_a_mask_in_quality_mode_is_refused_with_the_cure() -> None:
    with pytest.raises(ValueError, match="use scratch or hr"):
        network("quality").restore(picture(16, 16), torch.zeros(1, 1, 16, 16))


@pytest.mark.parametrize("shape", [(1, 1, 16, 16), (3, 16, 16), (2, 3, 16, 16), (1, 3, 0, 4)])
def test_pixels_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="must be"):
        network().restore(torch.zeros(shape))


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="modes are quality, scratch, hr"):
        make_mapping("fast")


def test_sides_grow_by_reflection_again_and_again() -> None:
    x = torch.arange(3.0).view(1, 1, 1, 3)

    assert mirrored(x, 8)[0, 0, 0].tolist() == [0, 1, 2, 1, 0, 1, 2, 1]
    assert mirrored(x, 8).shape == (1, 1, 8, 8)
