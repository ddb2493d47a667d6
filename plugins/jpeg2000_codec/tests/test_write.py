"""What is written comes back bit for bit, also by another reader."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image as PilImage

from archivist.api import Colour, Image
from archivist_jpeg2000.boxes import boxes
from archivist_jpeg2000.read import read
from archivist_jpeg2000.write import write_codestream, write_file


def image(samples: np.ndarray, icc: bytes | None = None) -> Image:
    top = np.iinfo(samples.dtype).max
    return Image(
        pixels=samples.astype(np.float32) / np.float32(top),
        colour=Colour.GREY if samples.shape[2] == 1 else Colour.RGB,
        depth=samples.dtype.itemsize * 8,
        icc=icc,
    )


@pytest.mark.parametrize("write", [write_file, write_codestream])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("size", [(1, 1), (1, 300), (3, 5), (4, 4), (77, 203)])
def test_every_value_comes_back(write, channels, kind, size):
    top = np.iinfo(kind).max + 1
    samples = np.random.default_rng(7).integers(0, top, (*size, channels)).astype(kind)
    given = image(samples)
    back = read(write(given))
    assert (back.colour, back.depth) == (given.colour, given.depth)
    assert np.array_equal(back.pixels, given.pixels)


@pytest.mark.parametrize("channels", [1, 3])
def test_another_reader_sees_the_same_picture(kit, channels):
    photo = kit.photo(channels=channels)
    with PilImage.open(BytesIO(write_file(image(photo)))) as seen:
        assert seen.format == "JPEG2000"
        assert seen.mode == ("L" if channels == 1 else "RGB")
        assert np.array_equal(np.asarray(seen).reshape(photo.shape), photo)


def brand(data: bytes) -> bytes:
    _, kind, *_ = boxes(data, 0, len(data))
    return data[kind.start : kind.start + 4]


def test_the_profile_is_written_byte_for_byte(kit, srgb):
    data = write_file(image(kit.photo(), srgb))
    assert read(data).icc == srgb
    assert brand(data) == b"jp2 "


def test_a_profile_with_tables_makes_a_jpx_file(kit, srgb):
    tables = srgb.replace(b"rXYZ", b"A2B0")
    data = write_file(image(kit.photo(), tables))
    assert read(data).icc == tables
    assert brand(data) == b"jpx "


def test_a_codestream_with_a_profile_is_refused(kit, srgb):
    with pytest.raises(ValueError, match="no place for a colour profile"):
        write_codestream(image(kit.photo(), srgb))


def test_values_between_two_samples_are_rounded_and_those_outside_clipped(kit):
    pixels = np.array([[[-0.2], [0.4999 / 255], [0.5001 / 255], [1.7]]], np.float32)
    back = read(write_file(Image(pixels=pixels, colour=Colour.GREY, depth=8)))
    assert kit.samples(back).ravel().tolist() == [0, 0, 1, 255]
