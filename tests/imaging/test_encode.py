import io

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from archivist.api import Colour
from archivist.api.errors import PublishError
from archivist.imaging.carried import CarriedMetadata
from archivist.imaging.decode import decode
from archivist.imaging.encode import PageOutput, write_pages
from archivist.imaging.picture import to_depth
from archivist.imaging.probe import probe
from archivist.imaging.raster import ArrayRaster, FileRaster

BUDGET = 10_000_000
ICC = bytes(range(256)) * 400


def page(pixels, **options):
    colour = Colour.GREY if pixels.shape[2] == 1 else Colour.RGB
    return PageOutput(raster=ArrayRaster(pixels), colour=colour, **options)


def written(path, *pages, **options):
    write_pages(path, pages, **options)
    return [decode(path.read_bytes(), number, max_pixels=BUDGET) for number in range(len(pages))]


@pytest.mark.parametrize("format_", ["tiff", "png"])
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("alpha", [False, True])
def test_pixels_come_back_as_they_were_written(format_, depth, channels, alpha, noise, tmp_path):
    pixels = noise(70, 533, channels, np.uint16)
    opacity = noise(70, 533, 1, np.uint16) if alpha else None
    made = page(pixels, alpha=None if opacity is None else ArrayRaster(opacity))
    (picture,) = written(tmp_path / "out", made, format=format_, depth=depth)
    assert picture.depth == depth
    assert np.array_equal(picture.pixels, to_depth(pixels, depth))
    if alpha:
        assert np.array_equal(picture.alpha, to_depth(opacity[:, :, 0], depth))
    else:
        assert picture.alpha is None


@pytest.mark.parametrize("format_", ["tiff", "png"])
def test_other_readers_see_the_same_16_bits(format_, noise, tmp_path):
    pixels = noise(70, 533, 3, np.uint16)
    path = tmp_path / f"out.{format_}"
    write_pages(path, [page(pixels)], format=format_, depth=16)
    assert np.array_equal(cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[:, :, ::-1], pixels)


def test_an_8_bit_picture_read_as_16_bits_is_written_as_it_was(noise, tmp_path):
    pixels = noise(40, 40)
    wide = pixels.astype(np.uint16) * 257
    (from_wide,) = written(tmp_path / "a", page(wide), format="tiff", depth=8)
    (from_narrow,) = written(tmp_path / "b", page(pixels), format="tiff", depth=8)
    assert np.array_equal(from_wide.pixels, pixels)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert np.array_equal(from_narrow.pixels, pixels)


def test_a_tiff_is_streamed_from_a_file_in_tiles(noise, tmp_path):
    pixels = noise(600, 700, 3, np.uint16)
    raster = FileRaster.create(tmp_path / "r.npy", pixels.shape, np.uint16)
    raster.write(0, 0, pixels)
    made = PageOutput(raster=raster, colour=Colour.RGB)
    (picture,) = written(tmp_path / "out.tif", made, format="tiff", depth=16)
    assert np.array_equal(picture.pixels, pixels)
    assert picture.header.layout == "tiled 512x512 deflate"


def test_a_file_above_the_classic_limit_is_bigtiff(noise, tmp_path, monkeypatch):
    monkeypatch.setattr("archivist.imaging.tiff_write.CLASSIC_LIMIT", 1000)
    (picture,) = written(tmp_path / "out.tif", page(noise()), format="tiff", depth=8)
    assert "BigTIFF" in picture.header.layout


def test_pages_of_different_size_and_kind_go_into_one_tiff(noise, tmp_path):
    first, second = noise(40, 60, 3, np.uint16), noise(90, 20, 1, np.uint16)
    pages = [page(first, dpi=(600, 600), icc=ICC), page(second, dpi=(300, 300))]
    one, two = written(tmp_path / "out.tif", *pages, format="tiff", depth=16)
    assert np.array_equal(one.pixels, first)
    assert np.array_equal(two.pixels, second)
    assert (one.header.dpi, two.header.dpi) == ((600, 600), (300, 300))
    assert (one.icc, two.icc) == (ICC, None)


@pytest.mark.parametrize("format_", ["tiff", "png", "jpeg"])
def test_profile_and_resolution_are_read_by_others(format_, smooth, tmp_path):
    path = tmp_path / "out"
    made = page(smooth(), icc=ICC, dpi=(600.0, 300.0))
    write_pages(path, [made], format=format_, depth=8)
    with Image.open(path) as image:
        assert image.info["icc_profile"] == ICC
        assert image.info["dpi"] == pytest.approx((600, 300), abs=0.02)
    (header,) = probe(path, max_pixels=BUDGET)
    assert header.dpi == (600.0, 300.0)


def test_a_picture_without_resolution_gets_none(smooth, tmp_path):
    for format_ in ("tiff", "png", "jpeg"):
        write_pages(tmp_path / "out", [page(smooth())], format=format_, depth=8)
        assert probe(tmp_path / "out", max_pixels=BUDGET)[0].dpi is None


@pytest.mark.parametrize("channels", [1, 3])
def test_a_jpeg_keeps_its_channels_and_full_chroma(channels, smooth, tmp_path):
    pixels = smooth(channels=channels)
    (picture,) = written(tmp_path / "out", page(pixels), format="jpeg", depth=8, quality=98)
    assert picture.pixels.shape == pixels.shape
    assert np.abs(picture.pixels.astype(int) - pixels).max() <= 4
    assert picture.header.layout == ("baseline 4:4:4" if channels == 3 else "baseline")


def test_a_lower_quality_makes_a_smaller_jpeg(smooth, tmp_path):
    sizes = []
    for quality in (60, 95):
        write_pages(tmp_path / "o", [page(smooth())], format="jpeg", depth=8, quality=quality)
        sizes.append((tmp_path / "o").stat().st_size)
    assert sizes[0] < sizes[1]


def test_associated_alpha_stays_associated_in_tiff(noise, tmp_path):
    alpha = ArrayRaster(noise(20, 20, 1))
    made = page(noise(20, 20), alpha=alpha, associated=True)
    (picture,) = written(tmp_path / "out", made, format="tiff", depth=8)
    assert picture.associated


def test_associated_alpha_is_divided_out_for_png(tmp_path):
    pixels = np.full((4, 4, 3), 100, np.uint8)
    alpha = ArrayRaster(np.full((4, 4, 1), 128, np.uint8))
    made = page(pixels, alpha=alpha, associated=True)
    (picture,) = written(tmp_path / "out", made, format="png", depth=8)
    assert np.unique(picture.pixels).tolist() == [round(100 * 255 / 128)]


def test_jpeg_leaves_alpha_out(smooth, noise, tmp_path):
    made = page(smooth(20, 20), alpha=ArrayRaster(noise(20, 20, 1)))
    (picture,) = written(tmp_path / "out", made, format="jpeg", depth=8)
    assert picture.alpha is None


def test_carried_jpeg_segments_follow_the_jfif_header_in_order(smooth, tmp_path):
    segments = (b"\xff\xe1\x00\x08Exif\0\0", b"\xff\xfe\x00\x07hello")
    carried = CarriedMetadata(jpeg_segments=segments)
    write_pages(tmp_path / "out", [page(smooth(), carried=carried)], format="jpeg", depth=8)
    data = (tmp_path / "out").read_bytes()
    assert data[20 : 20 + 19] == segments[0] + segments[1]
    with Image.open(io.BytesIO(data)) as image:
        assert image.info["comment"] == b"hello"


def test_carried_png_chunks_come_before_the_pixels(smooth, tmp_path):
    carried = CarriedMetadata(png_chunks=((b"tEXt", b"Title\0Harbour"),))
    write_pages(tmp_path / "out", [page(smooth(), carried=carried)], format="png", depth=8)
    with Image.open(tmp_path / "out") as image:
        assert image.info["Title"] == "Harbour"


def test_carried_tiff_tags_go_to_their_page(noise, tmp_path):
    pages = [
        page(noise(), carried=CarriedMetadata(tiff_tags=((270, 2, 0, title, False),)))
        for title in ("front", "back")
    ]
    write_pages(tmp_path / "out", pages, format="tiff", depth=8)
    with tifffile.TiffFile(tmp_path / "out") as tif:
        assert [found.description for found in tif.pages] == ["front", "back"]
        assert all(found.tags.valueof(274) == 1 for found in tif.pages)
        assert all(305 not in found.tags for found in tif.pages)


@pytest.mark.parametrize(
    ("format_", "carried"),
    [
        ("jpeg", CarriedMetadata(jpeg_segments=(b"\xff\xe0\x00\x07JFIF\0",))),
        ("jpeg", CarriedMetadata(jpeg_segments=(b"\xff\xc0\x00\x02",))),
        ("jpeg", CarriedMetadata(jpeg_segments=(b"\xff\xe1\x00\x09short",))),
        ("png", CarriedMetadata(png_chunks=((b"pHYs", b""),))),
        ("png", CarriedMetadata(png_chunks=((b"no", b""),))),
        ("tiff", CarriedMetadata(tiff_tags=((274, 3, 1, 6, False),))),
        ("tiff", CarriedMetadata(tiff_tags=((256, 3, 1, 6, False),))),
    ],
)
def test_pieces_that_the_writer_sets_itself_are_refused(format_, carried, smooth, tmp_path):
    with pytest.raises(ValueError, match=r"set by the writer|malformed"):
        write_pages(tmp_path / "out", [page(smooth(), carried=carried)], format=format_, depth=8)


@pytest.mark.parametrize("format_", ["jpeg", "png"])
def test_several_pages_need_tiff(format_, smooth, tmp_path):
    with pytest.raises(PublishError, match='format = "tiff"'):
        write_pages(tmp_path / "out", [page(smooth())] * 2, format=format_, depth=8)


def test_a_picture_too_long_for_jpeg_is_refused_with_its_cure(tmp_path):
    with pytest.raises(PublishError, match="max_side"):
        write_pages(
            tmp_path / "out", [page(np.zeros((1, 65_501, 1), np.uint8))], format="jpeg", depth=8
        )


def test_channels_that_do_not_fit_the_colour_are_a_fault(noise, tmp_path):
    wrong = PageOutput(raster=ArrayRaster(noise()), colour=Colour.GREY)
    with pytest.raises(ValueError, match="grey"):
        write_pages(tmp_path / "out", [wrong], format="tiff", depth=8)


def test_the_same_pages_give_the_same_bytes(noise, tmp_path):
    for format_ in ("tiff", "png", "jpeg"):
        contents = set()
        for name in "ab":
            write_pages(tmp_path / name, [page(noise(), icc=ICC)], format=format_, depth=8)
            contents.add((tmp_path / name).read_bytes())
        assert len(contents) == 1
