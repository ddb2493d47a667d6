"""exiftool as a second reader: what counts as a loss, and what happens when it is of no use."""

from __future__ import annotations

import logging
import os
import shutil
import stat
import subprocess
import sys

import numpy as np
import psutil
import pytest
import tifffile
from PIL import Image

from archivist.model import MetadataContract
from archivist.store.exiftool import Reader, names_of, program
from archivist.store.second_reader import unlisted

NOTHING = MetadataContract()
SCAN = {
    "SourceFile": "a.jpg",
    "File:System:FileSize": 10,
    "EXIF:IFD0:Make": "Epson",
    "EXIF:IFD1:Software": "ScanSoft",
    "EXIF:IFD0:StripOffsets": 8,
    "XMP:XMP-dc:Title": "Brücke",
    "XMP:XMP-mwg-rs:RegionInfo": {"W": 1},
    "IPTC:Keywords": ["a", "b"],
    "MakerNotes:Canon:Lens": 3,
    "MakerNotes:Canon:PreviewImageStart": 900,
}


def without(name):
    return {key: value for key, value in SCAN.items() if key != name}


def test_equal_tags_are_no_loss():
    assert unlisted(SCAN, dict(SCAN), NOTHING) == []


@pytest.mark.parametrize(
    "name", ["EXIF:IFD0:Make", "XMP:XMP-dc:Title", "IPTC:Keywords", "MakerNotes:Canon:Lens"]
)
def test_a_tag_that_is_missing_is_a_loss(name):
    assert unlisted(SCAN, without(name), NOTHING) == [f"{name} is missing"]


def test_a_tag_with_another_value_is_a_loss():
    after = SCAN | {"IPTC:Keywords": ["a"]}
    assert unlisted(SCAN, after, NOTHING) == ["IPTC:Keywords has another value"]


def test_a_tag_that_moved_to_another_group_is_no_loss():
    after = without("EXIF:IFD0:Make") | {"PNG:Make": "Epson"}
    assert unlisted(SCAN, after, NOTHING) == []


@pytest.mark.parametrize(
    "name", ["PNG:Transparency", "PNG:ICC_Profile", "EXIF:IFD0:PreviewImageStart"]
)
def test_what_says_how_samples_are_coded_is_no_loss(name):
    assert unlisted({name: 7}, {}, NOTHING) == []


@pytest.mark.parametrize("name", ["File:System:FileSize", "EXIF:IFD0:StripOffsets"])
def test_what_describes_the_file_itself_is_not_compared(name):
    assert unlisted(SCAN, without(name), NOTHING) == []


def test_places_within_a_maker_note_may_change():
    after = SCAN | {"MakerNotes:Canon:PreviewImageStart": 1200}
    assert unlisted(SCAN, after, NOTHING) == []


@pytest.mark.parametrize(
    ("listed", "name"),
    [
        ("IFD0:Make", "EXIF:IFD0:Make"),
        ("page 2: IFD0:Software", "EXIF:IFD1:Software"),
        ("IPTC:2:025", "IPTC:Keywords"),
        ("XMP-mwg-rs:Regions", "XMP:XMP-mwg-rs:RegionInfo"),
        ("ExifIFD:MakerNote", "MakerNotes:Canon:Lens"),
        ("XMP", "XMP:XMP-dc:Title"),
        ("ReducedImages", "EXIF:IFD1:Software"),
    ],
)
def test_a_loss_in_the_contract_is_known_by_the_names_of_exiftool(listed, name):
    assert unlisted(SCAN, without(name), MetadataContract(lost={listed: "no place"})) == []
    assert unlisted(SCAN, without(name), MetadataContract(lost={"GPS:GPSAltitude": "x"})) != []


def test_a_listed_loss_excuses_no_other_tag_of_its_group():
    after = without("XMP:XMP-dc:Title")
    contract = MetadataContract(changed={"XMP-mwg-rs:Regions": "follows the size"})
    assert unlisted(SCAN, after, contract) == ["XMP:XMP-dc:Title is missing"]


@pytest.fixture
def fake(tmp_path):
    """Write a program that takes the place of exiftool; return its path."""

    def write(body: str) -> str:
        path = tmp_path / "exiftool"
        path.write_text(f"#!{sys.executable}\nimport sys, time\n{body}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(path)

    return write


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("time.sleep(60)", "no answer within 0.3 s"),
        ("sys.exit(3)", "it ended"),
        ("print('no json')\nprint('{ready}', flush=True)\nsys.stdin.read()", "Expecting value"),
    ],
)
def test_an_exiftool_that_is_of_no_use_is_left_alone_and_told_once(
    fake, tmp_path, caplog, body, said
):
    reader = Reader(fake(body), seconds=0.3 if "sleep" in body else 10)
    with caplog.at_level(logging.WARNING):
        assert [reader.read([tmp_path / "a.jpg"]) for _ in range(2)] == [None, None]
    assert [said in record.message for record in caplog.records] == [True]


def test_without_the_program_nothing_is_read(tmp_path, caplog):
    assert Reader(str(tmp_path / "missing")).read([tmp_path / "a.jpg"]) is None
    assert "not usable" in caplog.text


def test_the_setting_never_uses_no_program():
    assert program("never") == ""


@pytest.fixture
def real():
    path = shutil.which("exiftool")
    if path is None:
        pytest.skip("exiftool is not installed")
    reader = Reader(path)
    yield reader
    reader.close()


def test_a_tag_that_is_there_twice_is_read_twice_whatever_else_is_there(real, tmp_path):
    texts = [(270, 2, 0, "An old mill", True), (270, 2, 0, "Glass plate 7", True)]
    for name, extra in (("scan.tif", ()), ("output.tif", ((254, 4, 1, 0, True),))):
        pixels = np.zeros((8, 6), np.uint8)
        tags = [*texts, *extra]
        tifffile.imwrite(tmp_path / name, pixels, extratags=tags, metadata=None)
    before, after = real.read([tmp_path / "scan.tif", tmp_path / "output.tif"])
    assert before["EXIF:IFD0:ImageDescription"] == ["An old mill", "Glass plate 7"]
    assert unlisted(before, after, NOTHING) == []
    after = dict(after) | {"EXIF:IFD0:ImageDescription": "An old mill"}
    assert unlisted(before, after, NOTHING) == ["EXIF:IFD0:ImageDescription has another value"]


def test_all_reduced_copies_of_a_page_are_listed_at_once():
    before = SCAN | {"EXIF:SubIFD:SubfileType": 1, "EXIF:SubIFD1:PreviewTIFF": "..."}
    contract = MetadataContract(lost={"SubIFD:NewSubfileType": "reduced copies"})
    assert unlisted(before, SCAN, contract) == []
    assert len(unlisted(before, SCAN, NOTHING)) == 2


NAMES = ("-a", "two\nlines", "a\r$x@y\"\\n'", " blank ", "#[CSTR]x", "Ä", os.fsdecode(b"\xff"))


@pytest.mark.parametrize("name", NAMES)
def test_any_file_name_is_read(real, tmp_path, name):
    path = tmp_path / name / name
    path.parent.mkdir()
    with path.open("wb") as stream:
        Image.new("L", (8, 6)).save(stream, "JPEG")
    (tags,) = real.read([path])
    assert tags["File:ImageWidth"] == 8


def test_no_name_becomes_two_arguments(tmp_path):
    with names_of([tmp_path / "a\n-delete_original!\n-execute"]) as names:
        assert [b"\n" in name for name in names] == [False]


def test_a_file_that_it_cannot_read_is_told_and_the_next_one_is_read(real, tmp_path, caplog):
    Image.new("L", (8, 6)).save(tmp_path / "a.jpg")
    with caplog.at_level(logging.WARNING):
        assert real.read([tmp_path / "gone.jpg"]) is None
    assert "gone.jpg" in caplog.text
    assert len(real.read([tmp_path / "a.jpg"])) == 1


ORPHAN = """
import os, signal, sys
from pathlib import Path
from archivist.store.exiftool import Reader
reader = Reader(sys.argv[1])
assert reader.read([Path(sys.argv[2])])
print(reader._process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv is not installed")
def test_exiftool_ends_with_a_worker_that_is_killed(tmp_path):
    path = shutil.which("exiftool") or pytest.skip("exiftool is not installed")
    Image.new("L", (8, 6)).save(tmp_path / "a.jpg")
    command = [sys.executable, "-c", ORPHAN, path, tmp_path / "a.jpg"]
    done = subprocess.run(command, capture_output=True, check=False)
    left = psutil.Process(int(done.stdout)) if psutil.pid_exists(int(done.stdout)) else None
    if left is not None and left.status() != psutil.STATUS_ZOMBIE:
        left.wait(timeout=10)
