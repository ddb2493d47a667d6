import io
import logging

import pytest
from PIL import Image

from archivist.imaging.metadata import exif_facts
from archivist.imaging.metadata.exif import MAX_VALUE, WARNING


def jpeg_with(**tags):
    exif = Image.Exif()
    for tag, value in tags.values():
        exif[tag] = value
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "JPEG", exif=exif)
    return stream.getvalue()


def test_tags_are_short_text():
    found = exif_facts(jpeg_with(make=(0x10F, "Epson"), artist=(0x13B, "Åke")))
    assert found["Image Make"] == "Epson"
    assert all(isinstance(value, str) for value in found.values())


def test_the_facts_of_a_tiff_are_read_too(save_tiff):
    assert exif_facts(save_tiff().read_bytes())["Image Software"] == "ScanSoft 3"


def test_long_values_are_cut():
    found = exif_facts(jpeg_with(text=(0x10E, "grain " * 500)))
    assert len(found["Image ImageDescription"]) == MAX_VALUE


def test_no_value_has_a_nul_or_a_lone_surrogate():
    found = exif_facts(jpeg_with(text=(0x10E, "a\0b\ud800c"[:3]), make=(0x10F, b"\xff\xfe\0x")))
    for value in found.values():
        assert "\0" not in value
        value.encode("utf-8")


def test_thumbnails_and_maker_notes_are_left_out(save_jpeg, camera_block, exiftool):
    scan = save_jpeg()
    exiftool(scan, "-Make=Epson", "-UserComment=Hello")
    assert not [name for name in exif_facts(scan.read_bytes()) if "Thumbnail" in name]


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff\xd8\xff\xe1\0\x10Exif\0\0garbage!", b"II*\0\xff\xff\xff\xff", b"not a picture"],
)
def test_broken_exif_is_no_error(data):
    assert set(exif_facts(data)) <= {WARNING}


def test_nothing_is_printed_or_logged(caplog, capsys):
    with caplog.at_level(logging.DEBUG):
        exif_facts(b"\xff\xd8\xff\xe1\0\x10Exif\0\0garbage!")
        exif_facts(b"II*\0\xff\xff\xff\xff")
    assert not caplog.records
    assert capsys.readouterr() == ("", "")
