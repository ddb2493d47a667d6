"""Files opened once for all of their pages."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest
import tifffile
from PIL import Image

from archivist.api.errors import SourceError
from archivist.imaging import decode as decoding
from archivist.imaging import tiff
from archivist.imaging.decode import decode, open_pages
from archivist.imaging.metadata import collect, collect_pages
from archivist.imaging.raster import open_each, open_source

PAGES = 4
LIMIT = 10**6


@pytest.fixture
def sheets(tmp_path):
    """A TIFF of several pages, no two of one size, one compressed and one turned."""
    path = tmp_path / "sheets.tif"
    with tifffile.TiffWriter(path) as writer:
        for number in range(PAGES):
            pixels = np.arange(30 * (20 + number), dtype=np.uint16).reshape(20 + number, 30)
            turned = [(274, 3, 1, 6, True)] if number == 2 else []
            packed = "deflate" if number == 1 else None
            writer.write(pixels, compression=packed, extratags=turned, metadata=None)
    return path


def test_pages_opened_together_equal_pages_opened_one_by_one(sheets):
    data = sheets.read_bytes()
    opened = open_pages(data, max_pixels=LIMIT)
    for number in (2, 0, 3, 1):
        one = decode(data, number, max_pixels=LIMIT)
        both = opened.page(number)
        assert both.header == one.header
        np.testing.assert_array_equal(both.pixels, one.pixels)


def test_the_headers_are_read_once(sheets, monkeypatch):
    calls = []
    monkeypatch.setattr(
        decoding.tiff,
        "asset_pages",
        lambda file, real=tiff.asset_pages: calls.append(1) or real(file),
    )
    opened = open_pages(sheets.read_bytes(), max_pixels=LIMIT)
    for number in range(PAGES):
        opened.page(number)
    assert calls == [1]


def test_a_page_that_is_not_there_is_refused_and_the_others_stay(sheets):
    opened = open_pages(sheets.read_bytes(), max_pixels=LIMIT)
    with pytest.raises(SourceError, match="no page 5"):
        opened.page(PAGES)
    assert opened.page(0).height == 20


def test_each_page_of_a_file_is_read_as_when_it_is_opened_alone(sheets):
    with closing(open_each(sheets, max_pixels=LIMIT)) as sources:
        for number, source in enumerate(sources):
            height, width, _ = source.shape
            with open_source(sheets, number, max_pixels=LIMIT) as alone:
                assert alone.shape == source.shape
                window = (0, height, 0, width)
                np.testing.assert_array_equal(source.read(*window), alone.read(*window))
        assert number == PAGES - 1


def test_metadata_collected_together_equal_those_of_each_page(sheets):
    data = sheets.read_bytes()
    wanted = (3, 0, 2)
    assert collect_pages(data, wanted) == tuple(collect(data, number) for number in wanted)


def test_metadata_of_a_page_that_is_not_there_are_refused(sheets):
    with pytest.raises(ValueError, match="no page 4"):
        collect_pages(sheets.read_bytes(), (0, PAGES))


def test_a_file_of_one_picture_has_one_page(tmp_path):
    Image.new("L", (7, 5), 9).save(tmp_path / "a.png")
    with closing(open_each(tmp_path / "a.png", max_pixels=LIMIT)) as sources:
        assert [source.shape for source in sources] == [(5, 7, 1)]
