import struct
import zlib

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from archivist.api import Colour
from archivist.imaging.decode import decode
from archivist.imaging.probe import probe

BUDGET = 10_000_000


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def packed_png(width: int, height: int, depth: int, rows: bytes, extra: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + extra
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [None, 2, 3, 4])
def test_every_sample_of_8_and_16_bits_is_kept(dtype, channels, noise):
    pixels = noise(21, 34, channels, dtype)
    picture = decode(imagecodecs.png_encode(pixels), max_pixels=BUDGET)
    colours = 1 if channels in (None, 2) else 3
    samples = pixels.reshape(21, 34, -1)
    assert picture.pixels.dtype == dtype
    assert picture.depth == np.iinfo(dtype).bits
    assert np.array_equal(picture.pixels, samples[:, :, :colours])
    if channels in (2, 4):
        assert np.array_equal(picture.alpha, samples[:, :, -1])
    else:
        assert picture.alpha is None


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_few_bits_are_spread_over_8(bits):
    values = list(range(1 << bits)) * (8 // bits)
    rows = (
        b"\0"
        + np.packbits(
            [value >> bit & 1 for value in values for bit in reversed(range(bits))]
        ).tobytes()
    )
    picture = decode(packed_png(len(values), 1, bits, rows), max_pixels=BUDGET)
    full = (1 << bits) - 1
    assert picture.pixels[0, :, 0].tolist() == [value * 255 // full for value in values]
    assert picture.header.depth == bits
    assert picture.depth == 8


def test_a_palette_becomes_its_colours(smooth, saved):
    image = Image.fromarray(smooth()).convert("P")
    picture = decode(saved(image, "png"), max_pixels=BUDGET)
    assert picture.header.palette
    assert np.array_equal(picture.pixels, np.asarray(image.convert("RGB")))


def test_a_palette_of_greys_becomes_one_channel(noise, saved):
    image = Image.fromarray(noise(9, 9, None))
    image = image.convert("P")
    image.putpalette([value for grey in range(256) for value in (255 - grey,) * 3])
    picture = decode(saved(image, "png"), max_pixels=BUDGET)
    assert picture.colour is Colour.GREY
    assert np.array_equal(picture.pixels[:, :, 0], 255 - np.asarray(image))


def test_a_transparent_palette_entry_becomes_alpha(smooth, saved):
    image = Image.fromarray(smooth()).convert("P")
    data = saved(image, "png", transparency=7)
    picture = decode(data, max_pixels=BUDGET)
    assert picture.header.alpha
    assert np.array_equal(picture.alpha == 0, np.asarray(image) == 7)


def test_a_transparent_colour_becomes_alpha(smooth, saved):
    pixels = smooth()
    colour = tuple(int(value) for value in pixels[5, 5])
    picture = decode(saved(pixels, "png", transparency=colour), max_pixels=BUDGET)
    assert np.array_equal(picture.alpha == 0, (pixels == pixels[5, 5]).all(axis=2))
    assert np.array_equal(picture.pixels, pixels)


ADAM7 = [(0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2),
         (1, 2, 0, 1)]  # fmt: skip
"""First row, row step, first column, column step of the seven passes (PNG, section 8.2)."""


def test_an_interlaced_png_is_read(noise):
    pixels = noise(13, 21, None)
    passes = [pixels[y::dy, x::dx] for y, dy, x, dx in ADAM7]
    rows = b"".join(b"\0" + row.tobytes() for part in passes if part.size for row in part)
    header = struct.pack(">IIBBBBB", 21, 13, 8, 0, 0, 0, 1)
    data = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
    picture = decode(data, max_pixels=BUDGET)
    assert picture.header.layout == "interlaced"
    assert np.array_equal(picture.pixels[:, :, 0], pixels)


def test_resolution_comes_from_pixels_per_metre(smooth, saved):
    (header,) = probe(saved(smooth(), "png", dpi=(300, 300)), max_pixels=BUDGET)
    assert header.dpi == (300.0, 300.0)


def test_the_profile_and_the_exif_orientation_are_found(smooth, saved):
    exif = Image.Exif()
    exif[274] = 8
    data = saved(smooth(), "png", icc_profile=b"profile" * 99, exif=exif)
    picture = decode(data, max_pixels=BUDGET)
    assert picture.icc == b"profile" * 99
    assert picture.header.orientation == 8
    assert np.array_equal(picture.pixels, np.rot90(smooth(), 1))


@pytest.mark.parametrize("end", [0.5, 0.9])
def test_a_truncated_png_is_refused(end, noise, saved, refused):
    data = saved(noise(), "png")
    assert refused(data[: int(len(data) * end)]).code == "truncated"


def test_a_png_with_a_wrong_checksum_is_refused(noise, saved, refused):
    data = bytearray(saved(noise(), "png"))
    data[len(data) // 2] ^= 1
    error = refused(bytes(data))
    assert error.code == "damaged"
    assert "checksum" in str(error)


def test_a_png_with_too_few_rows_is_refused(refused):
    assert refused(packed_png(8, 8, 8, b"\0" * 40)).code == "damaged"


def test_a_huge_claim_with_few_bytes_is_refused_before_decoding(refused):
    data = packed_png(60_000, 60_000, 8, b"\0" * 1000)
    assert refused(data, max_pixels=10**10).code == "truncated"
    assert refused(data).code == "too-large"


def test_compressed_zeros_beyond_the_picture_are_not_unpacked():
    data = packed_png(2, 2, 8, b"\0" * 50_000_000)
    assert decode(data, max_pixels=BUDGET).pixels.shape == (2, 2, 1)


def test_a_broken_profile_is_no_reason_to_refuse_the_picture():
    data = packed_png(1, 1, 8, b"\0\x40", extra=chunk(b"iCCP", b"name\0\0not deflate"))
    picture = decode(data, max_pixels=BUDGET)
    assert picture.icc is None
    assert picture.pixels.item() == 0x40


def test_an_animated_png_is_refused_by_name(refused):
    error = refused(packed_png(1, 1, 8, b"\0\0", extra=chunk(b"acTL", b"\0" * 8)))
    assert error.code == "unsupported-layout"
