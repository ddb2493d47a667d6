"""Scans with metadata, made on the spot, and what exiftool, an independent reader, says."""

from __future__ import annotations

import io
import json
import shutil
import struct
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from archivist.imaging.decode import decode
from archivist.imaging.encode import PageOutput, write_pages
from archivist.imaging.metadata import (
    HistoryEvent,
    RestorationNote,
    Target,
    attach,
    carry,
    collect,
)
from archivist.imaging.probe import probe
from archivist.imaging.storage import ArrayRaster

MAX_PIXELS = 10**8
MOMENT = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
SUFFIXES = {"jpeg": ".jpg", "png": ".png", "tiff": ".tif"}

CAMERA_TAGS = (
    "-Make=Epson",
    "-Model=Perfection V850",
    "-Software=Firmware 1.0",
    "-ModifyDate=2001:01:01 00:00:00",
    "-OffsetTime=+02:00",
    "-DateTimeOriginal=1999:05:05 10:00:00",
    "-CreateDate=1999:05:05 10:00:01",
    "-ExifImageWidth=90",
    "-ExifImageHeight=60",
    "-ExposureTime=1/60",
    "-UserComment=Hello",
    "-ImageDescription=An old bridge",
    "-Artist=Ann",
    "-Copyright=(c) Museum",
    "-GPSLatitude=52.5",
    "-GPSLatitudeRef=N",
    "-InteropIndex=R98",
    "-XMP-dc:Title=Brücke",
    "-XMP-dc:Creator=Ann",
    "-XMP-dc:Creator=Bob",
    "-XMP-dc:Rights=(c) Museum",
    "-XMP-xmpMM:DocumentID=xmp.did:scan",
    "-XMP-xmp:CreateDate=1999:05:05 10:00:01",
    "-IPTC:CodedCharacterSet=UTF8",
    "-IPTC:By-line=Åke",
    "-IPTC:Keywords=bridge",
    "-IPTC:Keywords=river",
    "-Photoshop:URL=https://museum.example/1",
)


def photograph(height: int = 60, width: int = 90) -> np.ndarray:
    """A smooth picture (uint8, RGB) with no two corners alike."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    planes = [x / width, y / height, (x + y) / (width + height)]
    return (np.stack(planes, axis=2) * 240).astype(np.uint8)


def small_jpeg(colour: str = "red", size: tuple[int, int] = (80, 53)) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, colour).save(stream, "JPEG")
    return stream.getvalue()


@pytest.fixture(scope="session")
def profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture(scope="session")
def oracle() -> Iterator[Callable[..., str]]:
    """One exiftool for all tests (starting it takes half a second); skipped where it is missing."""
    program = shutil.which("exiftool")
    if program is None:
        pytest.skip("exiftool is not installed")
    from exiftool import ExifTool

    with ExifTool(program, common_args=[]) as running:
        yield running.execute


@pytest.fixture
def exiftool(oracle) -> Callable[..., None]:
    """Write tags into a file."""

    def write(path: Path, *tags: str) -> None:
        oracle("-overwrite_original", *tags, str(path))

    return write


@pytest.fixture
def read_tags(oracle) -> Callable[[Path], dict[str, object]]:
    """What exiftool reads, as {group:tag: value}, without what it says of files and coding."""

    def read(path: Path) -> dict[str, object]:
        (tags,) = json.loads(oracle("-j", "-n", "-u", "-a", "-G1", str(path)))
        foreign = ("SourceFile", "System:", "ExifTool:", "File:", "Composite:", "JFIF:", "ICC")
        return {name: value for name, value in tags.items() if not name.startswith(foreign)}

    return read


@pytest.fixture
def save_jpeg(tmp_path, profile) -> Callable[..., Path]:
    def save(name: str = "scan.jpg", height: int = 60, width: int = 90, **more: object) -> Path:
        path = tmp_path / name
        options = {"icc_profile": profile, "dpi": (300, 300), **more}
        Image.fromarray(photograph(height, width)).save(path, "JPEG", quality=95, **options)
        return path

    return save


@pytest.fixture
def save_png(tmp_path, profile) -> Callable[..., Path]:
    def save(name: str = "scan.png", **more: object) -> Path:
        path = tmp_path / name
        options = {"icc_profile": profile, "dpi": (300, 300), **more}
        Image.fromarray(photograph()).save(path, "PNG", **options)
        return path

    return save


@pytest.fixture
def save_tiff(tmp_path, profile) -> Callable[..., Path]:
    """Write 16-bit pages with a private tag each."""

    def save(
        name: str = "scan.tif",
        pages: int = 1,
        byteorder: str = "<",
        tags: Sequence[tuple[object, ...]] = (),
        **more: object,
    ) -> Path:
        path = tmp_path / name
        with tifffile.TiffWriter(path, byteorder=byteorder, **more) as writer:
            for number in range(pages):
                writer.write(
                    photograph(60 + 10 * number).astype(np.uint16) * 257,
                    photometric="rgb",
                    resolution=(300, 300),
                    resolutionunit="INCH",
                    iccprofile=profile,
                    software="ScanSoft 3",
                    description=f"sheet {number}",
                    metadata=None,
                    extratags=[(65200, 1, 5, bytes([1, 2, 3, 4, number]), False), *tags],
                )
        return path

    return save


@pytest.fixture
def note() -> RestorationNote:
    event = HistoryEvent(
        action="edited", agent="archivist 0.1", when=MOMENT, parameters="scratch.repair 1"
    )
    return RestorationNote(
        source_digest="ab" * 32,
        profile="restored",
        software="archivist 0.1",
        when=MOMENT,
        events=(event,),
    )


@pytest.fixture
def restore(tmp_path, note):
    """Write all pages of a scan in a format with the metadata carried; return path and contracts.

    ``scale`` enlarges the pixels; ``noted`` False leaves the pages unsigned.
    """

    def run(scan, kind, *, scale=1, noted=True, new_thumbnail=None, depth=None, used_note=None):
        data = scan.read_bytes()
        outputs, carried = [], []
        for number, header in enumerate(probe(data, max_pixels=MAX_PIXELS)):
            picture = decode(data, number, max_pixels=MAX_PIXELS)
            pixels = picture.pixels.repeat(scale, axis=0).repeat(scale, axis=1)
            dpi = header.dpi and (header.dpi[0] * scale, header.dpi[1] * scale)
            target = Target(
                format=kind,
                width=pixels.shape[1],
                height=pixels.shape[0],
                depth=depth or picture.depth,
                dpi=dpi,
                stored=header,
                icc=picture.icc,
                thumbnail=new_thumbnail,
                note=(used_note or note) if noted else None,
            )
            found = carry(collect(data, number), target)
            carried.append(found)
            outputs.append(
                PageOutput(
                    raster=ArrayRaster(pixels),
                    colour=picture.colour,
                    icc=picture.icc,
                    dpi=dpi,
                    carried=found.pieces,
                )
            )
        path = tmp_path / f"restored-{scan.name}{SUFFIXES[kind]}"
        bits = 8 if kind == "jpeg" else depth or 16
        write_pages(path, outputs, format=kind, depth=bits)
        if kind == "tiff":
            attach(path, [found.directory for found in carried])
        return path, [found.contract for found in carried]

    return run


def exif_block(
    order: str = "<", note_at: int = 300, make: bytes = b"Canon\0"
) -> tuple[bytes, bytes]:
    """Return (Exif block, maker note): a note like Canon's, whose offsets count from the block.

    IFD0 (Make, Orientation 1, ExifIFD) and the ExifIFD with the maker note at ``note_at``.
    """
    mark = b"II*\0" if order == "<" else b"MM\0*"
    text = b"Serial 12345 of the scanner\0"
    # One entry: OwnerName (9), whose offset is absolute in the block.
    maker = struct.pack(order + "HHHIII", 1, 9, 2, len(text), note_at + 18, 0) + text
    block = bytearray(note_at + len(maker))
    block[:8] = mark + struct.pack(order + "I", 8)
    exif_at, make_at = 100, 160
    block[make_at : make_at + len(make)] = make
    ifd0 = struct.pack(order + "H", 3)
    ifd0 += struct.pack(order + "HHII", 0x10F, 2, len(make), make_at)
    ifd0 += struct.pack(order + "HHIHH", 0x112, 3, 1, 1, 0)
    ifd0 += struct.pack(order + "HHII", 0x8769, 4, 1, exif_at)
    block[8 : 8 + len(ifd0)] = ifd0
    exif = struct.pack(order + "HHHII", 1, 0x927C, 7, len(maker), note_at)
    block[exif_at : exif_at + len(exif)] = exif
    block[note_at:] = maker
    return bytes(block), maker


@pytest.fixture
def camera_block() -> Callable[..., tuple[bytes, bytes]]:
    return exif_block


@pytest.fixture
def thumbnail() -> Callable[..., bytes]:
    return small_jpeg


@pytest.fixture
def camera_tags() -> tuple[str, ...]:
    return CAMERA_TAGS
