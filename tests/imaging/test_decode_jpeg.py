import io

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from archivist.api import Colour
from archivist.imaging.decode import decode
from archivist.imaging.probe import probe

BUDGET = 10_000_000


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_pixels_are_those_of_libjpeg(mode, options, smooth, saved):
    data = saved(Image.fromarray(smooth()).convert(mode), "jpeg", **options)
    expected = np.asarray(Image.open(io.BytesIO(data)))
    picture = decode(data, max_pixels=BUDGET)
    assert np.array_equal(picture.pixels.squeeze(), expected)
    assert picture.pixels.shape[2] == (1 if mode == "L" else 3)
    assert picture.colour is (Colour.GREY if mode == "L" else Colour.RGB)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_orientation_is_applied_once(orientation, smooth, saved):
    exif = Image.Exif()
    exif[274] = orientation
    data = saved(smooth(40, 60), "jpeg", exif=exif)
    stored = decode(saved(smooth(40, 60), "jpeg"), max_pixels=BUDGET)
    picture = decode(data, max_pixels=BUDGET)
    assert picture.header.orientation == orientation
    assert (picture.width, picture.height) == picture.header.upright_size
    if orientation == 6:
        assert np.array_equal(picture.pixels, np.rot90(stored.pixels, -1))


def test_a_jpeg_that_stores_rgb_gives_right_colours(smooth):
    data = imagecodecs.jpeg8_encode(smooth(), 100, colorspace="RGB", outcolorspace="RGB")
    pixels = decode(data, max_pixels=BUDGET).pixels
    assert np.abs(pixels.astype(int) - smooth()).max() <= 2


def test_a_jpeg_cut_in_half_is_refused_as_truncated(smooth, saved, refused):
    data = saved(smooth(), "jpeg")
    assert refused(data[: len(data) // 2]).code == "truncated"


def test_a_jpeg_without_its_end_marker_is_refused_as_truncated(smooth, saved, refused):
    assert refused(saved(smooth(), "jpeg")[:-2]).code == "truncated"


def test_a_progressive_jpeg_without_its_last_scans_is_refused(smooth, saved, refused):
    data = saved(smooth(), "jpeg", progressive=True)
    assert refused(data[: len(data) * 3 // 4]).code == "truncated"


def test_a_jpeg_that_ends_inside_its_header_is_refused_as_truncated(smooth, saved, refused):
    assert refused(saved(smooth(), "jpeg")[:200]).code == "truncated"


def test_a_jpeg_with_a_hole_in_the_middle_is_refused(noise, saved, refused):
    data = saved(noise(200, 200), "jpeg")
    middle = len(data) // 2
    assert refused(data[:middle] + data[middle + 2000 :]).code in ("damaged", "truncated")


def test_a_header_that_claims_more_rows_than_there_are_is_refused(noise, saved, refused):
    data = bytearray(saved(noise(64, 64), "jpeg"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 7] = (640).to_bytes(2, "big")
    assert refused(bytes(data)).code == "truncated"


def test_a_huge_claim_with_few_bytes_is_refused_before_decoding(smooth, saved, refused):
    data = bytearray(saved(smooth(), "jpeg"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = (60_000).to_bytes(2, "big") * 2
    assert refused(bytes(data), max_pixels=10**10).code == "truncated"
    assert refused(bytes(data), max_pixels=10**9).code == "too-large"


def test_bytes_after_the_end_marker_do_no_harm(smooth, saved):
    data = saved(smooth(), "jpeg")
    clean = decode(data, max_pixels=BUDGET)
    assert np.array_equal(decode(data + b"\0" * 99, max_pixels=BUDGET).pixels, clean.pixels)


def test_padding_before_the_end_marker_does_no_harm(smooth, saved):
    data = saved(smooth(), "jpeg")
    padded = data[:-2] + b"\0\0\0" + data[-2:]
    clean = decode(data, max_pixels=BUDGET)
    assert np.array_equal(decode(padded, max_pixels=BUDGET).pixels, clean.pixels)


def test_cmyk_is_refused_by_name(smooth, saved, refused):
    error = refused(saved(Image.fromarray(smooth()).convert("CMYK"), "jpeg"))
    assert error.code == "unsupported-colour"
    assert "CMYK JPEG" in str(error)


def test_12_bit_jpeg_is_refused_by_name(smooth, saved, refused):
    data = bytearray(saved(smooth(), "jpeg"))
    data[data.index(b"\xff\xc0") + 4] = 12
    error = refused(bytes(data))
    assert error.code == "unsupported-depth"
    assert "12 bits" in str(error)


def test_lossless_jpeg_is_refused_by_name(smooth, saved, refused):
    data = bytearray(saved(smooth(), "jpeg"))
    data[data.index(b"\xff\xc0") + 1] = 0xC3
    assert refused(bytes(data)).code == "unsupported-layout"


def test_resolution_comes_from_jfif(smooth, saved):
    (header,) = probe(saved(smooth(), "jpeg", dpi=(300, 300)), max_pixels=BUDGET)
    assert header.dpi == (300.0, 300.0)


def test_resolution_in_centimetres_comes_from_exif_when_jfif_has_none(smooth, saved):
    exif = Image.Exif()
    exif[282], exif[283], exif[296] = 100.0, 100.0, 3
    (header,) = probe(saved(smooth(), "jpeg", exif=exif), max_pixels=BUDGET)
    assert header.dpi == (254.0, 254.0)


def test_a_profile_in_several_segments_is_joined(smooth, saved):
    profile = bytes(np.random.default_rng(0).integers(0, 256, 200_000, dtype=np.uint8))
    picture = decode(saved(smooth(), "jpeg", icc_profile=profile), max_pixels=BUDGET)
    assert picture.icc == profile


def test_broken_exif_leaves_the_picture_as_stored(smooth, saved):
    data = saved(smooth(), "jpeg", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    assert decode(data, max_pixels=BUDGET).header.orientation == 1
