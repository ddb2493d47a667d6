import io
from itertools import product

import numpy as np
import pytest
import tifffile
from PIL import Image

from archivist.api import Colour
from archivist.api.errors import SourceError
from archivist.imaging.decode import decode
from archivist.imaging.probe import probe

BUDGET = 10_000_000


def layouts():
    compressions = [None, "deflate", "lzw", "packbits", "zstd"]
    return product(compressions, [None, (16, 32)], "<>", [False, True], [1, 2])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [None, 3])
def test_every_layout_gives_the_same_pixels(dtype, channels, noise, tiff):
    pixels = noise(37, 53, channels, dtype)
    for compression, tile, order, big, planar in layouts():
        if channels is None and planar == 2:
            continue
        data = tiff(
            pixels if planar == 1 else np.moveaxis(pixels, -1, 0),
            photometric="rgb" if channels else "minisblack",
            compression=compression,
            predictor=compression in ("deflate", "lzw", "zstd"),
            tile=tile,
            rowsperstrip=None if tile else 7,
            byteorder=order,
            bigtiff=big,
            planarconfig=planar if channels else None,
        )
        picture = decode(data, max_pixels=BUDGET)
        assert picture.pixels.dtype == np.dtype(dtype)
        assert np.array_equal(picture.pixels, pixels.reshape(37, 53, -1)), picture.header.layout


def test_the_layout_is_told_in_words(noise, tiff):
    data = tiff(noise(), tile=(16, 32), compression="zlib", bigtiff=True, byteorder=">")
    (header,) = probe(data, max_pixels=BUDGET)
    assert header.layout == "tiled 32x16 deflate BigTIFF big-endian"


@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
@pytest.mark.parametrize("compression", [None, "deflate", "packbits"])
def test_bilevel_becomes_grey_of_0_and_255(photometric, compression, noise, tiff):
    bits = noise(31, 45, None) > 100
    picture = decode(
        tiff(bits, photometric=photometric, compression=compression), max_pixels=BUDGET
    )
    white = bits if photometric == "minisblack" else ~bits
    assert np.array_equal(picture.pixels[:, :, 0], white * np.uint8(255))
    assert picture.header.depth == 1


@pytest.mark.parametrize("compression", ["group3", "group4", "tiff_ccitt"])
def test_fax_compression_is_read(compression, noise, tmp_path):
    bits = noise(31, 45, None) > 100
    path = tmp_path / "fax.tif"
    Image.fromarray(bits).save(path, compression=compression)
    picture = decode(path.read_bytes(), max_pixels=BUDGET)
    assert np.array_equal(picture.pixels[:, :, 0], bits * np.uint8(255))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_white_is_zero_is_inverted(dtype, noise, tiff):
    pixels = noise(9, 9, None, dtype)
    picture = decode(tiff(pixels, photometric="miniswhite"), max_pixels=BUDGET)
    assert np.array_equal(picture.pixels[:, :, 0], np.iinfo(dtype).max - pixels)


@pytest.mark.parametrize(("factor", "depth"), [(257, 8), (256, 8), (1, 8), (211, 16)])
def test_a_palette_becomes_its_colours_whatever_its_scale(factor, depth, noise, tiff):
    indices = noise(9, 9, None)
    colours = noise(3, 256, None).astype(np.uint16)
    colours[0, 0] = 255
    data = tiff(indices, photometric="palette", colormap=colours * np.uint16(factor))
    picture = decode(data, max_pixels=BUDGET)
    assert picture.depth == picture.header.depth == depth
    expected = colours.T[indices] * (factor if depth == 16 else 1)
    assert np.array_equal(picture.pixels, expected)


def test_a_palette_of_greys_becomes_one_channel(noise, tiff):
    ramp = np.tile(np.arange(256, dtype=np.uint16)[::-1] * 257, (3, 1))
    indices = noise(9, 9, None)
    picture = decode(tiff(indices, photometric="palette", colormap=ramp), max_pixels=BUDGET)
    assert picture.colour is Colour.GREY
    assert np.array_equal(picture.pixels[:, :, 0], 255 - indices)


@pytest.mark.parametrize("kind", ["assocalpha", "unassalpha"])
@pytest.mark.parametrize("channels", [2, 4])
def test_alpha_is_kept_beside_the_colours(kind, channels, noise, tiff):
    pixels = noise(9, 9, channels, np.uint16)
    photometric = "rgb" if channels == 4 else "minisblack"
    data = tiff(pixels, photometric=photometric, extrasamples=[kind], planarconfig="contig")
    picture = decode(data, max_pixels=BUDGET)
    assert np.array_equal(picture.pixels, pixels[:, :, :-1])
    assert np.array_equal(picture.alpha, pixels[:, :, -1])
    assert picture.associated == (kind == "assocalpha")


def test_jpeg_compressed_ycbcr_gives_right_colours(smooth, saved):
    data = saved(smooth(), "tiff", compression="jpeg", quality=95)
    expected = np.asarray(Image.open(io.BytesIO(data)))
    assert np.array_equal(decode(data, max_pixels=BUDGET).pixels, expected)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_the_orientation_tag_is_applied(orientation, noise, tiff):
    pixels = noise(10, 20)
    data = tiff(pixels, photometric="rgb", extratags=[(274, 3, 1, orientation, False)])
    turns = {1: 0, 3: 2, 6: -1, 8: 1}[orientation]
    assert np.array_equal(decode(data, max_pixels=BUDGET).pixels, np.rot90(pixels, turns))


@pytest.mark.parametrize(("unit", "dpi"), [(2, 600.0), (3, 1524.0), (1, None)])
def test_resolution_is_given_in_dots_per_inch(unit, dpi, noise, tiff):
    data = tiff(noise(), photometric="rgb", resolution=(600, 600), resolutionunit=unit)
    (header,) = probe(data, max_pixels=BUDGET)
    assert header.dpi == (None if dpi is None else (dpi, dpi))


def test_pages_of_different_size_and_kind_are_all_found(noise, tiff_pages):
    first, second = noise(20, 30), noise(15, 10, None, np.uint16)
    data = tiff_pages((first, {"photometric": "rgb"}), (second, {"photometric": "minisblack"}))
    headers = probe(data, max_pixels=BUDGET)
    assert [(h.width, h.height, h.depth, h.colour) for h in headers] == [
        (30, 20, 8, "rgb"),
        (10, 15, 16, "grey"),
    ]
    assert np.array_equal(decode(data, 1, max_pixels=BUDGET).pixels[:, :, 0], second)


def test_thumbnail_pages_are_no_assets_and_are_mentioned(noise, tiff_pages):
    page = (noise(20, 30), {"photometric": "rgb"})
    small = (noise(5, 8), {"photometric": "rgb", "subfiletype": 1})
    headers = probe(tiff_pages(page, small, page), max_pixels=BUDGET)
    assert len(headers) == 2
    assert "1 reduced or mask pages left out" in headers[0].layout


def test_a_file_of_thumbnails_only_is_refused(noise, tiff_pages, refused):
    data = tiff_pages((noise(5, 8), {"photometric": "rgb", "subfiletype": 1}))
    assert refused(data).code == "unsupported-layout"


def test_a_page_that_is_not_there_is_refused(noise, tiff, refused):
    with pytest.raises(Exception, match="no page 3"):
        decode(tiff(noise(), photometric="rgb"), 2, max_pixels=BUDGET)


def test_a_jpeg_strip_that_is_cut_is_refused(smooth, saved, refused):
    data = bytearray(saved(smooth(), "tiff", compression="jpeg"))
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as tif:
        page = tif.pages[0]
        start, size = page.dataoffsets[0], page.databytecounts[0]
    data[start + size // 2 : start + size] = bytes(size - size // 2)
    assert refused(bytes(data)).code == "truncated"


UNSUPPORTED = {
    "CMYK": ({"photometric": "separated"}, 4, np.uint8, "unsupported-colour"),
    "Lab": ({"photometric": "cielab"}, 3, np.uint8, "unsupported-colour"),
    "infrared": (
        {"photometric": "rgb", "extrasamples": ["unspecified"]}, 4, np.uint16, "unsupported-colour",
    ),
    "floating point": ({"photometric": "minisblack"}, None, np.float32, "unsupported-depth"),
    "signed": ({"photometric": "minisblack"}, None, np.int16, "unsupported-depth"),
    "32 bits": ({"photometric": "minisblack"}, None, np.uint32, "unsupported-depth"),
    "sensor": ({"photometric": "cfa"}, None, np.uint16, "unsupported-colour"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_what_is_not_supported_is_refused_by_name(name, noise, tiff, refused):
    options, channels, dtype, code = UNSUPPORTED[name]
    pixels = noise(9, 9, channels, np.uint8).astype(dtype)
    error = refused(tiff(pixels, **options))
    assert error.code == code
    assert name in str(error)


@pytest.mark.parametrize("compression", [None, "deflate", "lzw"])
@pytest.mark.parametrize("end", [0.4, 0.99])
def test_a_truncated_tiff_is_refused(compression, end, noise, tiff, refused):
    data = tiff(noise(60, 60), photometric="rgb", compression=compression, rowsperstrip=8)
    assert refused(data[: int(len(data) * end)]).code == "truncated"


def test_a_file_cut_before_its_second_page_is_refused_not_shortened(noise, tiff_pages, refused):
    page = (noise(20, 30), {"photometric": "rgb"})
    one, two = tiff_pages(page), tiff_pages(page, page)
    assert refused(two[: len(one)]).code == "truncated"


def test_the_refusal_of_one_of_several_pages_names_it(noise, tiff_pages):
    good, bad = noise(5, 8), noise(4, 6).astype(np.float32)
    data = tiff_pages((good, {"photometric": "rgb"}), (bad, {"photometric": "rgb"}))

    with pytest.raises(SourceError, match="page 2 of 2: "):
        probe(data, max_pixels=BUDGET)


def test_pages_that_lead_in_a_circle_are_refused(noise, tiff_pages, refused):
    page = (noise(20, 30), {"photometric": "rgb"})
    data = bytearray(tiff_pages(page, page))
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as tif:
        first, second = (found.offset for found in tif.pages)
        tags = int.from_bytes(data[second : second + 2], "little")
    link = second + 2 + 12 * tags
    data[link : link + 4] = first.to_bytes(4, "little")
    assert refused(bytes(data)).code == "damaged"


def test_a_huge_claim_with_few_bytes_is_refused_before_decoding(tiff, refused):
    data = bytearray(tiff(np.zeros((16, 16), np.uint8), compression="deflate"))
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as tif:
        places = [tif.pages[0].tags[code].valueoffset for code in (256, 257, 278)]
    for place in places:
        data[place : place + 2] = (60_000).to_bytes(2, "little")
    assert refused(bytes(data), max_pixels=10**10).code == "truncated"
    assert refused(bytes(data)).code == "too-large"
