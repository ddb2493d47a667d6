"""What is read has the right pixels, colours, depth and profile."""

from __future__ import annotations

import struct

import imagecodecs
import numpy as np
import pytest

from archivist.api import Colour, ImageHeader
from archivist_jpeg2000.boxes import box
from archivist_jpeg2000.read import probe, read


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"tile_size": (50, 40)},
        {"quality_mode": "rates", "quality_layers": [40, 10, 1]},
        {"precinct_size": (64, 64), "codeblock_size": (16, 16), "progression": "RPCL"},
        {"num_resolutions": 1},
        {"mct": 0},
        {"plt": True},
        {"no_jp2": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("channels", [1, 3])
def test_lossless_files_of_another_writer_come_back_bit_for_bit(kit, options, channels):
    photo = kit.photo(channels=channels)
    if channels == 1:
        options = {name: value for name, value in options.items() if name != "mct"}
    image = read(kit.pillow(photo, **options))
    assert image.depth == 8
    assert image.colour is (Colour.GREY if channels == 1 else Colour.RGB)
    assert np.array_equal(kit.samples(image), photo)


def test_lossy_files_are_near(kit):
    photo = kit.photo()
    data = kit.pillow(photo, irreversible=True, quality_mode="dB", quality_layers=[45])
    away = np.abs(kit.samples(read(data)).astype(int) - photo)
    assert 0 < away.mean() < 3


@pytest.mark.parametrize("bits", [1, 2, 4, 7, 8, 9, 10, 12, 14, 15, 16])
def test_samples_of_any_precision_are_scaled_to_the_full_range(kit, bits):
    top = (1 << bits) - 1
    steps = np.linspace(0, top, 64 * 64).round().reshape(64, 64, 1)
    samples = steps.astype(np.uint8 if bits <= 8 else np.uint16)
    data = kit.stream(samples, bitspersample=bits)
    image = read(data)
    assert image.depth == (8 if bits <= 8 else 16)
    assert np.array_equal(image.pixels, samples.astype(np.float32) / np.float32(top))
    assert probe(data).depth == image.depth


@pytest.mark.parametrize("size", [(1, 1), (1, 33), (33, 1), (2, 2), (4, 4), (5, 3)])
@pytest.mark.parametrize("channels", [1, 3])
def test_tiny_pictures_come_back(kit, size, channels):
    photo = kit.photo(*size, channels)
    assert np.array_equal(kit.samples(read(kit.stream(photo))), photo)


def test_the_header_says_what_the_pixels_are(kit):
    photo = kit.photo(30, 40)
    expected = ImageHeader(width=40, height=30, colour=Colour.RGB, depth=8)
    assert probe(kit.pillow(photo)) == probe(kit.stream(photo)) == expected


# IEC 61966-2-1, amendment 1: what Y, Cb, Cr of 8 bits are in sRGB.
PRIMARIES = [
    ((255, 128, 128), (255, 255, 255)),
    ((0, 128, 128), (0, 0, 0)),
    ((76, 85, 255), (254, 0, 0)),
    ((150, 44, 21), (0, 255, 1)),
    ((29, 255, 107), (0, 0, 254)),
    ((128, 128, 128), (128, 128, 128)),
]


def test_sycc_becomes_srgb(kit):
    samples = np.array([[stored for stored, _ in PRIMARIES]], np.uint8)
    expected = np.array([[meant for _, meant in PRIMARIES]], np.uint8)
    image = read(kit.file(kit.stream(samples), samples, kit.colr(18)))
    assert image.colour is Colour.RGB
    assert np.abs(kit.samples(image).astype(int) - expected).max() <= 1


def test_the_same_numbers_are_other_colours_where_the_file_says_srgb(kit):
    samples = np.array([[stored for stored, _ in PRIMARIES]], np.uint8)
    image = read(kit.file(kit.stream(samples), samples, kit.colr(16)))
    assert np.array_equal(kit.samples(image), samples)


def test_grey_of_sycc_stays_grey_in_twelve_bits(kit):
    samples = np.empty((40, 50, 3), np.uint16)
    samples[..., 0] = np.linspace(0, 4095, 50).round()
    samples[..., 1:] = 2048
    stream = kit.stream(samples, bitspersample=12)
    image = read(kit.file(stream, samples, kit.colr(18)))
    assert image.depth == 16
    assert np.allclose(image.pixels, samples[..., :1] / 4095, atol=1e-6)


def test_channels_in_another_order_are_put_right(kit):
    photo = kit.photo()
    order = kit.cdef((0, 0, 3), (1, 0, 2), (2, 0, 1))
    data = kit.file(kit.stream(photo[..., ::-1]), photo, kit.colr(16), order)
    assert np.array_equal(kit.samples(read(data)), photo)


def test_a_channel_definition_in_the_usual_order_changes_nothing(kit):
    photo = kit.photo()
    order = kit.cdef((0, 0, 1), (1, 0, 2), (2, 0, 3))
    data = kit.file(kit.stream(photo), photo, kit.colr(16), order)
    assert np.array_equal(kit.samples(read(data)), photo)


@pytest.mark.parametrize("method", [2, 3])
def test_the_colour_profile_travels_byte_for_byte(kit, srgb, method):
    photo = kit.photo()
    image = read(kit.file(kit.stream(photo), photo, kit.profile(srgb, method)))
    assert image.icc == srgb
    assert np.array_equal(kit.samples(image), photo)


def test_a_named_colour_space_brings_no_profile(kit):
    assert read(kit.pillow(kit.photo())).icc is None


def test_of_two_colour_specifications_the_first_counts(kit, srgb):
    photo = kit.photo()
    data = kit.file(kit.stream(photo), photo, kit.profile(srgb), kit.colr(18))
    assert read(data).icc == srgb


def test_of_two_colour_specifications_the_one_with_precedence_counts(kit, srgb):
    photo = kit.photo()
    data = kit.file(kit.stream(photo), photo, kit.colr(18), kit.colr(16, 5), kit.profile(srgb))
    assert np.array_equal(kit.samples(read(data)), photo)


def test_a_specification_of_a_vendor_is_passed_over(kit):
    photo = kit.photo()
    vendor = box(b"colr", bytes((4, 9, 0)) + bytes(16))
    data = kit.file(kit.stream(photo), photo, vendor, kit.colr(16))
    assert np.array_equal(kit.samples(read(data)), photo)


def palette(entries: list[tuple[int, ...]], bits: list[int]) -> bytes:
    sizes = ["B" if depth <= 8 else "H" for depth in bits]
    rows = b"".join(struct.pack(">" + "".join(sizes), *entry) for entry in entries)
    depths = bytes(depth - 1 for depth in bits)
    return box(b"pclr", struct.pack(">HB", len(entries), len(bits)) + depths + rows)


def mapping(*columns: tuple[int, int, int]) -> bytes:
    return box(b"cmap", b"".join(struct.pack(">HBB", *column) for column in columns))


THREE = mapping((0, 1, 0), (0, 1, 1), (0, 1, 2))
RED_TO_GOLD = [(200, 10, 20), (1, 2, 3), (0, 255, 0), (250, 200, 90)]


def test_a_palette_becomes_its_colours(kit):
    indices = np.random.default_rng(1).integers(0, 4, (20, 30, 1)).astype(np.uint8)
    header = (palette(RED_TO_GOLD, [8, 8, 8]), THREE, kit.colr(16))
    data = kit.file(kit.stream(indices), indices, *header)
    image = read(data)
    assert probe(data).colour is image.colour is Colour.RGB
    assert np.array_equal(kit.samples(image), np.array(RED_TO_GOLD, np.uint8)[indices[..., 0]])


def test_a_palette_of_sixteen_bits_gives_sixteen_bits(kit):
    indices = np.array([[[0], [1]]], np.uint8)
    header = (palette([(0,), (40_000,)], [16]), mapping((0, 1, 0)), kit.colr(17))
    image = read(kit.file(kit.stream(indices), indices, *header))
    assert (image.depth, image.colour) == (16, Colour.GREY)
    assert kit.samples(image).ravel().tolist() == [0, 40_000]


def test_an_index_beyond_the_palette_is_damage(kit, refusal):
    indices = np.array([[[0], [4]]], np.uint8)
    header = (palette(RED_TO_GOLD, [8, 8, 8]), THREE, kit.colr(16))
    assert refusal(kit.file(kit.stream(indices), indices, *header)).code == "damaged"


@pytest.mark.parametrize("columns", [THREE[:-4], mapping((0, 1, 0), (0, 1, 1), (0, 1, 7)), b""])
def test_a_palette_for_nothing_is_damage(kit, refusal, columns):
    indices = np.zeros((2, 2, 1), np.uint8)
    header = (palette(RED_TO_GOLD, [8, 8, 8]), columns, kit.colr(16))
    assert refusal(kit.file(kit.stream(indices), indices, *header)).code in ("damaged", "truncated")


@pytest.mark.skipif(
    not hasattr(imagecodecs, "htj2k_encode") or not imagecodecs.HTJ2K.available,
    reason="this imagecodecs writes no high-throughput JPEG 2000",
)
@pytest.mark.parametrize("shift", [0, 8])
def test_high_throughput_files_come_back_bit_for_bit(kit, shift):
    photo = kit.photo().astype(np.uint16) << shift
    image = read(imagecodecs.htj2k_encode(photo))
    assert np.array_equal(kit.samples(image), photo)
