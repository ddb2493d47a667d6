import errno
import gc
import itertools

import numpy as np
import pytest
from PIL import Image

from archivist.api.errors import SourceError
from archivist.imaging.decode import decode
from archivist.imaging.raster import (
    ArrayRaster,
    FileRaster,
    WideRaster,
    open_source,
    value_digest,
)

BUDGET = 10_000_000
WINDOWS = [(0, 37, 0, 53), (0, 1, 0, 1), (5, 30, 11, 40), (36, 37, 52, 53), (3, 20, 0, 53)]


def test_a_file_raster_gives_back_what_was_written(tmp_path, noise):
    pixels = noise(40, 30, 3, np.uint16)
    raster = FileRaster.create(tmp_path / "r.npy", pixels.shape, np.uint16)
    raster.write(0, 0, pixels[:25])
    raster.write(25, 10, pixels[25:, 10:])
    raster.write(25, 0, pixels[25:, :10])
    assert np.array_equal(raster.read(0, 40, 0, 30), pixels)


def test_a_file_raster_is_found_again_by_its_path(tmp_path, noise):
    pixels = noise(9, 8, 1)
    FileRaster.create(tmp_path / "r.npy", pixels.shape, pixels.dtype).write(0, 0, pixels)
    again = FileRaster.open(tmp_path / "r.npy")
    assert again.shape == (9, 8, 1)
    assert np.array_equal(again.read(2, 7, 1, 4), pixels[2:7, 1:4])
    assert np.array_equal(np.load(tmp_path / "r.npy"), pixels)


def test_a_full_disk_is_noticed_when_the_file_is_made(tmp_path, monkeypatch):
    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("archivist.imaging.storage.os.posix_fallocate", full)
    with pytest.raises(OSError, match="No space"):
        FileRaster.create(tmp_path / "r.npy", (100, 100, 3), np.uint16)
    assert not (tmp_path / "r.npy").exists()


def test_a_file_system_that_cannot_reserve_space_gets_zeros(tmp_path, monkeypatch):
    def unsupported(*_args):
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr("archivist.imaging.storage.os.posix_fallocate", unsupported)
    monkeypatch.setattr("archivist.imaging.storage.BAND_BYTES", 1000)
    raster = FileRaster.create(tmp_path / "r.npy", (41, 31, 3), np.uint16)
    assert not raster.read(0, 41, 0, 31).any()
    assert np.load(tmp_path / "r.npy").shape == (41, 31, 3)


def test_the_digest_is_the_same_for_an_array_and_a_file(tmp_path, noise, monkeypatch):
    monkeypatch.setattr("archivist.imaging.storage.BAND_BYTES", 1000)
    pixels = noise(40, 30, 3, np.uint16)
    raster = FileRaster.create(tmp_path / "r.npy", pixels.shape, np.uint16)
    raster.write(0, 0, pixels)
    assert value_digest(pixels) == value_digest(raster) == value_digest(ArrayRaster(pixels))
    assert value_digest(pixels[::-1][::-1]) == value_digest(pixels.astype(">u2"))


def test_the_digest_tells_type_shape_and_samples_apart(noise):
    grey = noise(6, 8, None)
    assert value_digest(grey) == value_digest(grey[:, :, np.newaxis])
    others = [grey.reshape(8, 6), grey.astype(np.uint16), grey ^ 1, grey > 0]
    digests = {value_digest(array) for array in [grey, *others]}
    assert len(digests) == 5


def test_a_wide_raster_shows_8_bits_as_16(noise):
    pixels = noise(5, 5)
    wide = WideRaster(ArrayRaster(pixels)).read(1, 4, 0, 5)
    assert np.array_equal(wide, pixels[1:4].astype(np.uint16) * 257)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("planar", [1, 2])
@pytest.mark.parametrize("compression", [None, "deflate"])
@pytest.mark.parametrize("tile", [None, (16, 32)])
def test_windows_of_a_tiff_are_those_of_the_decoded_page(
    orientation, planar, compression, tile, noise, tiff, tmp_path
):
    pixels = noise(53, 37, 3, np.uint16) if orientation >= 5 else noise(37, 53, 3, np.uint16)
    data = tiff(
        pixels if planar == 1 else np.moveaxis(pixels, -1, 0),
        photometric="rgb",
        planarconfig=planar,
        compression=compression,
        predictor=compression is not None,
        tile=tile,
        rowsperstrip=None if tile else 7,
        byteorder=">",
        extratags=[(274, 3, 1, orientation, False)],
    )
    path = tmp_path / "scan.tif"
    path.write_bytes(data)
    whole = decode(data, max_pixels=BUDGET).pixels
    with open_source(path, max_pixels=BUDGET, scratch=tmp_path / "scratch") as source:
        assert source.shape == whole.shape
        for y0, y1, x0, x1 in WINDOWS:
            assert np.array_equal(source.read(y0, y1, x0, x1), whole[y0:y1, x0:x1])


@pytest.mark.parametrize("kind", ["jpeg", "png"])
def test_jpeg_and_png_are_read_by_window_too(kind, smooth, saved, tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    path = tmp_path / "scan"
    path.write_bytes(saved(smooth(), kind, exif=exif, icc_profile=b"p" * 200))
    picture = decode(path.read_bytes(), max_pixels=BUDGET)
    with open_source(path, max_pixels=BUDGET) as source:
        assert source.icc == picture.icc
        assert np.array_equal(source.read(3, 50, 7, 60), picture.pixels[3:50, 7:60])


def test_alpha_is_a_raster_of_its_own(noise, tiff, tmp_path):
    pixels = noise(37, 53, 4)
    path = tmp_path / "scan.tif"
    path.write_bytes(tiff(pixels, photometric="rgb", extrasamples=["unassalpha"], tile=(16, 16)))
    with open_source(path, max_pixels=BUDGET) as source:
        assert np.array_equal(source.alpha.read(5, 30, 11, 40)[:, :, 0], pixels[5:30, 11:40, 3])
        assert not source.associated


def test_palette_and_bilevel_pages_are_read_by_window(noise, tiff, tmp_path):
    bits = noise(37, 53, None) > 100
    path = tmp_path / "scan.tif"
    path.write_bytes(tiff(bits, photometric="miniswhite", compression="deflate", rowsperstrip=5))
    with open_source(path, max_pixels=BUDGET) as source:
        assert source.depth == 8
        expected = ~bits[5:30, 11:40] * np.uint8(255)
        assert np.array_equal(source.read(5, 30, 11, 40)[:, :, 0], expected)


def test_only_the_tiles_that_meet_a_window_are_decoded(noise, tiff, tmp_path, monkeypatch):
    path = tmp_path / "scan.tif"
    path.write_bytes(tiff(noise(256, 256), photometric="rgb", tile=(64, 64), compression="zlib"))
    from archivist.imaging.tiff_pixels import SegmentReader

    decoded = []
    original = SegmentReader._decode
    monkeypatch.setattr(
        SegmentReader, "_decode", lambda self, index: decoded.append(index) or original(self, index)
    )
    with open_source(path, max_pixels=BUDGET) as source:
        source.read(60, 70, 60, 130)
        source.read(61, 70, 60, 130)
    assert decoded == [0, 1, 2, 4, 5, 6]


def test_decoded_tiles_are_forgotten_beyond_the_limit(noise, tiff, tmp_path, monkeypatch):
    path = tmp_path / "scan.tif"
    path.write_bytes(tiff(noise(256, 256), photometric="rgb", tile=(64, 64), compression="zlib"))
    from archivist.imaging.tiff_pixels import SegmentReader

    seen = []
    original = SegmentReader._segment

    def watched(self, index):
        segment = original(self, index)
        seen.append((self._cached, sum(kept.nbytes for kept in self._cache.values())))
        return segment

    monkeypatch.setattr(SegmentReader, "_segment", watched)
    monkeypatch.setattr("archivist.imaging.raster.CACHE_BYTES", 30_000)
    with open_source(path, max_pixels=BUDGET) as source:
        whole = source.read(0, 256, 0, 256)
    assert all(counted == held for counted, held in seen)
    assert max(held for _, held in seen) <= 30_000
    assert np.array_equal(whole, decode(path.read_bytes(), max_pixels=BUDGET).pixels)


@pytest.mark.parametrize("place", ["memory", "scratch"])
def test_strips_that_are_turned_by_90_degrees_are_decoded_once(
    place, noise, tiff, tmp_path, monkeypatch
):
    pixels = noise(64, 40)
    path = tmp_path / "scan.tif"
    path.write_bytes(
        tiff(
            pixels,
            photometric="rgb",
            compression="zlib",
            rowsperstrip=8,
            extratags=[(274, 3, 1, 6, False)],
        )
    )
    from archivist.imaging.tiff_pixels import SegmentReader

    decoded = []
    original = SegmentReader._decode
    monkeypatch.setattr(
        SegmentReader, "_decode", lambda self, index: decoded.append(index) or original(self, index)
    )
    scratch = tmp_path / "scratch" if place == "scratch" else None
    with open_source(path, max_pixels=BUDGET, scratch=scratch) as source:
        parts = [source.read(y, y + 10, 0, 64) for y in range(0, 40, 10)]
    assert np.array_equal(np.concatenate(parts), np.rot90(pixels, -1))
    assert decoded == list(range(8))
    if scratch:
        assert len(list(scratch.iterdir())) == 1


def test_damage_is_noticed_when_the_window_is_read(noise, tiff, tmp_path):
    data = bytearray(tiff(noise(64, 64), photometric="rgb", compression="zlib", rowsperstrip=8))
    data[-4000:-3990] = b"\0" * 10
    path = tmp_path / "scan.tif"
    path.write_bytes(data)
    with open_source(path, max_pixels=BUDGET) as source:
        source.read(0, 8, 0, 64)
        with pytest.raises(SourceError):
            source.read(0, 64, 0, 64)


def test_a_refused_page_leaves_no_file_open(noise, tiff, tmp_path):
    path = tmp_path / "scan.tif"
    path.write_bytes(tiff(noise(9, 9, 4), photometric="separated"))
    with pytest.raises(SourceError):
        open_source(path, max_pixels=BUDGET)
    gc.collect()  # an open file would warn here, and a warning is an error


def test_a_forgotten_source_closes_its_file(noise, tiff, tmp_path):
    path = tmp_path / "scan.tif"
    path.write_bytes(tiff(noise(), photometric="rgb", compression="zlib"))
    open_source(path, max_pixels=BUDGET).read(0, 1, 0, 1)
    gc.collect()


def test_a_source_is_never_written_to(noise, tiff, tmp_path):
    path = tmp_path / "scan.tif"
    for turn, compression in itertools.product([1, 6], [None, "zlib"]):
        tags = [(274, 3, 1, turn, False)]
        path.write_bytes(tiff(noise(), photometric="rgb", compression=compression, extratags=tags))
        with (
            open_source(path, max_pixels=BUDGET) as source,
            pytest.raises(TypeError, match="read-only"),
        ):
            source.write(0, 0, np.zeros((1, 1, 3), np.uint8))
