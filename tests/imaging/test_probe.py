import contextlib
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archivist.api.errors import SourceError
from archivist.imaging.decode import decode
from archivist.imaging.probe import probe

BUDGET = 1_000_000


def test_an_empty_file_is_refused(refused):
    assert refused(b"").code == "empty"


def test_text_is_no_picture_whatever_its_name(tmp_path):
    path = tmp_path / "letter.tif"
    path.write_text("Dear museum,")
    with pytest.raises(SourceError) as caught:
        probe(path, max_pixels=BUDGET)
    assert caught.value.code == "not-a-picture"


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (b"GIF89a", "GIF"),
        (b"BM\x00\x00", "BMP"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "WebP"),
        (b"\0\0\0\x18ftypheic", "HEIC"),
        (b"%PDF-1.7", "PDF"),
    ],
)
def test_other_formats_are_refused_by_name(start, name, refused):
    error = refused(start + b"\0" * 50)
    assert error.code == "unsupported-format"
    assert name in str(error)


def test_the_content_decides_not_the_suffix(tmp_path, smooth, saved):
    path = tmp_path / "scan.tif"
    path.write_bytes(saved(smooth(), "png"))
    (header,) = probe(path, max_pixels=BUDGET)
    assert header.format == "png"


def test_a_path_and_its_bytes_have_the_same_header(tmp_path, noise, tiff):
    data = tiff(noise(), photometric="rgb", compression="deflate")
    path = tmp_path / "scan.tif"
    path.write_bytes(data)
    assert probe(path, max_pixels=BUDGET) == probe(data, max_pixels=BUDGET)


@pytest.mark.parametrize("kind", ["jpeg", "png", "tiff"])
def test_the_pixel_budget_holds_for_every_format(kind, smooth, saved, refused):
    error = refused(saved(smooth(64, 96), kind), max_pixels=64 * 96 - 1)
    assert error.code == "too-large"
    assert "raise max_megapixels" in str(error)


def test_the_digest_of_the_profile_is_in_the_header(smooth, saved):
    headers = [
        probe(saved(smooth(), kind, icc_profile=b"x" * 500), max_pixels=BUDGET)[0]
        for kind in ("jpeg", "png", "tiff")
    ]
    assert len({header.icc_digest for header in headers}) == 1
    assert headers[0].icc_digest is not None


@pytest.fixture
def bases(noise, smooth, saved, tiff):
    return [
        saved(smooth(40, 56), "jpeg"),
        saved(smooth(40, 56), "jpeg", progressive=True),
        saved(noise(40, 56), "png"),
        tiff(noise(40, 56), photometric="rgb", compression="deflate", tile=(16, 16)),
        tiff(noise(40, 56, None, np.uint16), compression="lzw", rowsperstrip=5),
    ]


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    which=st.integers(0, 4),
    places=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=5),
    cut=st.floats(0.02, 1),
)
def test_damage_anywhere_ends_as_a_picture_or_a_refusal(bases, which, places, cut):
    data = bytearray(bases[which])
    for place, value in places:
        # The first 400 bytes hold the structure; half of the damage is put there.
        data[place % (400 if place % 2 else len(data))] = value
    data = data[: int(len(data) * cut)]
    # Any other exception than the refusal fails the test.
    with contextlib.suppress(SourceError):
        assert decode(bytes(data), max_pixels=BUDGET).pixels.shape[2] in (1, 3)


def test_probing_does_not_decompress(monkeypatch, smooth, saved, tiff):
    files = [saved(smooth(), "png"), saved(smooth(), "jpeg"), tiff(smooth(), compression="deflate")]

    def forbidden(*_args, **_options):
        raise AssertionError("pixels were decoded")

    monkeypatch.setattr("archivist.imaging.png.imagecodecs.png_decode", forbidden)
    monkeypatch.setattr("archivist.imaging.jpeg.simplejpeg.decode_jpeg", forbidden)
    monkeypatch.setattr("tifffile.TiffPage.asarray", forbidden)
    monkeypatch.setattr(zlib, "decompress", forbidden)
    assert [probe(data, max_pixels=BUDGET)[0].width for data in files] == [96] * 3
