"""Enlarging pictures of any size in windows is enlarging the whole."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from PIL import Image

from archivist_reference_sr import inference, picture
from archivist_reference_sr.inference import enlarge
from archivist_reference_sr.network import TTSR
from archivist_reference_sr.picture import Pixels


def scene(*shape: int, seed: int = 0) -> Pixels:
    """Smooth random pixels (height, width, channels)."""
    noise = np.random.default_rng(seed).random(shape)
    for axis in (0, 1):
        noise = noise + np.roll(noise, 1, axis)
    return (noise / 4).astype(np.float32)


def whole(network: TTSR, pixels: Pixels, reference: Pixels) -> Pixels:
    """What the network gives for everything at once."""
    lr, ref = picture.to_network(pixels), picture.prepared(reference)
    with torch.no_grad():
        out = network(lr, picture.enlarged(lr), ref, picture.blurred(ref))
    return picture.from_network(out.picture[0], pixels.shape[2])


@pytest.mark.parametrize("size", [(15, 21), (1, 9), (40, 33)])
def test_a_picture_of_any_size_is_enlarged_four_times(network: TTSR, size: tuple[int, int]) -> None:
    pixels, reference = scene(*size, 3), scene(30, 45, 3, seed=1)

    found = enlarge(network, pixels, [reference])

    assert found.pixels.shape == (4 * size[0], 4 * size[1], 3)
    assert np.abs(found.pixels - whole(network, pixels, reference)).max() < 1e-5


def test_windows_give_the_picture_that_the_whole_gives(
    network: TTSR, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference, "EXTRACTED", 24)
    pixels, reference = scene(31, 237, 3), scene(50, 70, 3, seed=1)

    found = enlarge(network, pixels, [reference], tile=inference.SMALLEST_TILE)

    assert np.abs(found.pixels - whole(network, pixels, reference)).max() < 1e-5


def test_texture_comes_from_the_reference_that_holds_it(network: TTSR) -> None:
    detail = scene(64, 80, 3, seed=3)
    small = picture.from_network(picture.resized(picture.to_network(detail), 16, 20)[0], 3)
    others = [scene(40, 60, 3, seed=4), scene(52, 36, 1, seed=5)]

    found = enlarge(network, small, [others[0], detail, others[1]])

    inside = (slice(2, -2), slice(2, -2))
    assert (found.matches.source[inside] == 1).all()
    rows, columns = torch.meshgrid(torch.arange(16), torch.arange(20), indexing="ij")
    assert torch.equal(found.matches.row[inside].long(), rows[inside])
    assert torch.equal(found.matches.column[inside].long(), columns[inside])


def test_references_are_asked_for_one_at_a_time(network: TTSR) -> None:
    class Lazy(Sequence[Pixels]):
        asked: list[int] = []  # noqa: RUF012

        def __len__(self) -> int:
            return 3

        def __getitem__(self, number: int) -> Pixels:
            self.asked.append(number)
            return scene(20, 24, 3, seed=number)

    enlarge(network, scene(8, 8, 3), Lazy())

    assert Lazy.asked[:3] == [0, 1, 2]


def test_without_a_reference_nothing_is_borrowed(network: TTSR) -> None:
    found = enlarge(network, scene(9, 12, 3), [])

    assert found.pixels.shape == (36, 48, 3)
    assert (found.matches.source == -1).all()


def test_a_grey_picture_stays_grey(network: TTSR) -> None:
    grey = scene(9, 12, 1)

    found = enlarge(network, grey, [scene(16, 16, 1, seed=2)])
    colour = enlarge(network, np.repeat(grey, 3, 2), [scene(16, 16, 1, seed=2)])

    assert found.pixels.shape == (36, 48, 1)
    assert np.allclose(found.pixels[..., 0], colour.pixels.mean(2), atol=1e-6)


def test_a_reference_smaller_than_a_patch_is_refused(network: TTSR) -> None:
    with pytest.raises(ValueError, match="40 x 11 px is smaller than one patch"):
        enlarge(network, scene(9, 12, 3), [scene(11, 40, 3)])


def test_other_channels_are_refused(network: TTSR) -> None:
    with pytest.raises(ValueError, match="give \\(height, width, 1 or 3\\)"):
        enlarge(network, scene(9, 12, 4), [])


def test_a_tile_smaller_than_its_halo_is_refused(network: TTSR) -> None:
    with pytest.raises(ValueError, match="at least 96"):
        enlarge(network, scene(9, 12, 3), [], tile=64)


def test_work_can_be_stopped(network: TTSR) -> None:
    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        enlarge(network, scene(9, 12, 3), [], pause=stop)


def test_inputs_are_not_changed(network: TTSR) -> None:
    pixels, reference = scene(9, 12, 3), scene(16, 16, 3, seed=2)
    pixels.flags.writeable = reference.flags.writeable = False

    enlarge(network, pixels, [reference])


@pytest.mark.parametrize("size", [(12, 20), (48, 80)])
def test_sizes_change_as_in_pillow(size: tuple[int, int]) -> None:
    eight = np.random.default_rng(1).integers(60, 196, (24, 40, 3), np.uint8)
    planes = picture.to_network(eight.astype(np.float32) / 255)

    ours = picture.from_network(picture.resized(planes, *size)[0], 3)

    theirs = Image.fromarray(eight).resize(size[::-1], Image.Resampling.BICUBIC)
    assert np.abs(ours * 255 - np.asarray(theirs)).max() < 1.5  # it rounds twice
