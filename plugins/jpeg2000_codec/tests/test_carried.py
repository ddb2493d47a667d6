"""Whole runs over files that exiftool tagged: what comes in goes out, and the contract is true."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from archivist_jpeg2000.boxes import box
from archivist_jpeg2000.metadata import metadata
from archivist_jpeg2000.read import read
from archivist_jpeg2000.resolution import resolution

pytestmark = pytest.mark.skipif(not shutil.which("exiftool"), reason="exiftool is not installed")

TAGS = (
    "-Make=Epson",
    "-Software=Firmware 1.0",
    "-DateTimeOriginal=1999:05:05 10:00:00",
    "-CreateDate=1999:05:05 10:00:01",
    "-EXIF:XResolution=300",
    "-EXIF:YResolution=300",
    "-EXIF:Orientation#=6",
    "-Copyright=(c) Museum",
    "-GPSLatitude=52.5",
    "-GPSLatitudeRef=N",
    "-XMP-dc:Title=Brücke",
    "-XMP-dc:Creator=Ann",
    "-XMP-dc:Rights=(c) Museum",
    "-XMP-tiff:Orientation#=6",
    "-IPTC:CodedCharacterSet=UTF8",
    "-IPTC:By-line=Åke",
    "-IPTC:Keywords=bridge",
)
COMPARED = ("EXIF", "XMP", "IPTC")
PROFILES = {
    "master": "master/a.jp2",
    "tiff": "tiff/a.jp2.tif",
    "png": "png/a.jp2.png",
    "web": "web/a.jp2.jpg",
}


def exiftool(*arguments: object) -> str:
    command = ["exiftool", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def tags(path: Path) -> dict[str, Any]:
    """Return what exiftool reads of EXIF, XMP and IPTC, by family and name."""
    (found,) = json.loads(exiftool("-json", "-n", "-G0", "-struct", path))
    return {name: value for name, value in found.items() if name.split(":")[0] in COMPARED}


@pytest.fixture
def tagged(kit, archive, srgb):
    """Run a scan of 90 x 120 that is to be turned by 90 degrees, and return it as stored.

    ``more`` are boxes of the scan, ``config`` is added to the configuration.
    """

    def run(more: bytes = b"", config: str = "") -> Any:
        photo = kit.photo(90, 120)
        stream = kit.stream(photo)
        header = (kit.profile(srgb), resolution((300.0, 300.0)))
        data = kit.file(stream, photo, *header, more=more)
        archive.put("a.jp2", data, size=(120, 90))
        exiftool("-q", "-overwrite_original", *TAGS, archive.scans / "a.jp2")
        archive.config.write_text(archive.config.read_text() + config)
        code, said = archive.run()
        assert code == 0, said
        return photo

    return run


@pytest.mark.parametrize("profile", PROFILES)
def test_exiftool_finds_again_what_the_contract_calls_kept(tagged, archive, profile):
    tagged()
    before, after = tags(archive.scans / "a.jp2"), tags(archive.out / PROFILES[profile])
    contract = archive.contract("a.jp2", profile)
    listed = {name.rpartition(":")[2] for part in ("changed", "lost") for name in contract[part]}

    kept = {name: value for name, value in before.items() if name.split(":")[1] not in listed}

    assert {name: after.get(name) for name in kept} == kept
    assert len(kept) >= 15
    assert after["EXIF:Orientation"] == after["XMP:Orientation"] == 1
    assert after["EXIF:DateTimeOriginal"] == "1999:05:05 10:00:00"
    assert after["EXIF:Software"].startswith("archivist")
    assert after["XMP:DigitalSourceType"].endswith("algorithmicallyEnhanced")
    assert len(after["XMP:History"]) >= 1
    assert contract["lost"].keys() == {"Jpeg2000:Comment"}
    new = {name[4:] for name in after.keys() - before.keys() if name.startswith("XMP:")}
    spelled = {name.rpartition(":")[2] for name in contract["added"]}
    assert {"DigitalSourceType", "History", "DerivedFrom", "MetadataDate"} <= new <= spelled


def test_the_picture_is_turned_upright_once(kit, tagged, archive):
    photo = tagged()
    made = read(archive.output("master/a.jp2"))
    assert (made.height, made.width) == (120, 90)
    upright = np.rot90(photo, -1)
    untouched = np.ones((120, 90), bool)
    untouched[10:20, 30:60] = False
    assert np.array_equal(kit.samples(made)[untouched], upright[untouched])
    assert archive.command("verify")[0] == 0
    assert archive.run()[0] == 0
    assert np.array_equal(read(archive.output("master/a.jp2")).pixels, made.pixels)


def test_the_resolution_follows_the_size(tagged, archive):
    small = '[[output.profiles]]\nname = "small"\nfolder = "small"\nmax_side = 60\n'
    tagged(config=small)
    assert metadata(archive.output("master/a.jp2")).dpi == (300, 300)
    assert metadata(archive.output("small/a.jp2")).dpi == (150, 150)
    assert tags(archive.out / "small/a.jp2")["EXIF:XResolution"] == 150
    assert "IFD0:XResolution" in archive.contract("a.jp2", "small")["changed"]


def test_the_thumbnail_shows_the_new_picture(tagged, archive, tmp_path):
    old = tmp_path / "t.jpg"
    cv2.imwrite(str(old), np.full((53, 80, 3), 255, np.uint8))
    # exiftool writes thumbnails into JPEG files alone, so the block is taken from one.
    jpeg = tmp_path / "with.jpg"
    cv2.imwrite(str(jpeg), np.zeros((8, 8, 3), np.uint8))
    exiftool("-q", "-overwrite_original", "-Make=Epson", f"-ThumbnailImage<={old}", jpeg)
    data = jpeg.read_bytes()
    start = data.index(b"Exif\0\0") + 6
    block = data[start : start - 8 + int.from_bytes(data[start - 8 : start - 6], "big")]
    tagged(more=box(b"uuid", b"JpgTiffExif->JP2" + block))
    made = subprocess.run(
        ["exiftool", "-b", "-ThumbnailImage", str(archive.out / "master/a.jp2")],
        check=True,
        capture_output=True,
    ).stdout
    seen = cv2.imdecode(np.frombuffer(made, np.uint8), cv2.IMREAD_COLOR)
    assert seen.shape[:2] == (120, 90)
    assert seen.mean() < 240
    changed = archive.contract("a.jp2", "master")["changed"]
    assert changed["IFD1:ThumbnailImage"] == "made anew from the new picture"


def test_what_is_lost_is_listed_so_that_exiftool_agrees(tagged, archive):
    geo = bytes.fromhex("b14bf8bd083d4b43a5ae8cd7d5a6ce03")
    scale = struct.pack("<HHII", 33550, 12, 3, 26) + bytes(4) + struct.pack("<3d", 1, 1, 0)
    boxes = box(b"xml ", b"<a>b</a>") + box(
        b"uuid", geo + b"II*\0" + struct.pack("<IH", 8, 1) + scale
    )
    tagged(more=boxes)
    for profile in PROFILES:
        lost = archive.contract("a.jp2", profile)["lost"]
        assert {"Jpeg2000:xml", "Jpeg2000:UUID-GeoJP2", "IFD0:PixelScale"} <= lost.keys()


def test_exif_of_a_scan_is_in_the_catalog(tagged, archive):
    tagged()
    code, said = archive.command("audit", "a.jp2", "--json")
    assert code == 0, said
    assert "1999:05:05 10:00:00" in said


def test_colours_and_depth_that_were_turned_are_listed(kit, archive):
    photo = kit.photo(90, 120)
    archive.put("sycc.jp2", kit.file(kit.stream(photo), photo, kit.colr(18)))
    wide = photo[..., :1].astype(np.uint16) << 4
    archive.put("twelve.jp2", kit.file(kit.stream(wide, bitspersample=12), wide, kit.colr(17)))
    indices = (photo[..., :1] // 64).astype(np.uint8)
    palette = box(b"pclr", struct.pack(">HB3B", 4, 3, 7, 7, 7) + bytes(range(0, 240, 20)))
    cmap = box(b"cmap", b"".join(struct.pack(">HBB", 0, 1, column) for column in range(3)))
    archive.put("few.jp2", kit.file(kit.stream(indices), indices, palette, cmap, kit.colr(16)))
    code, said = archive.run()
    assert code == 0, said
    for profile in PROFILES:
        found = {
            name: archive.contract(f"{name}.jp2", profile)["changed"]
            for name in ("sycc", "twelve", "few")
        }
        assert found["sycc"]["ColorModel"].startswith("RGB where the scan has sYCC")
        wanted = 8 if profile == "web" else 16
        assert found["twelve"]["BitDepth"].startswith(f"{wanted} where the scan has 12")
        assert found["few"]["Palette"].startswith("written out")


def test_a_codestream_has_no_place_for_metadata_and_says_so(kit, archive):
    archive.put("a.j2k", kit.stream(kit.photo(90, 120)))
    assert archive.run()[0] == 0
    contract = archive.contract("a.j2k", "master")
    assert contract["lost"].keys() == {"Jpeg2000:Comment", "XMP-xmpMM:History"}
    assert contract["changed"] == {}
