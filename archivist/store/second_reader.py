"""A second opinion on metadata: what exiftool reads in a scan must be in its output, or be listed.

Our own comparison (:mod:`archivist.imaging.metadata.verify`) reads both files with our own reader,
and would not see what that reader does not understand.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from archivist.api.errors import PublishError
from archivist.model import MetadataContract
from archivist.store.exiftool import Tags, reader

CHECKED = ("EXIF", "MakerNotes", "XMP", "IPTC", "Photoshop", "PNG")
"""The families that are compared. ``File``, ``System``, ``Composite`` and ``ExifTool`` are about
the file or derived; ``JFIF`` and ``ICC_Profile`` are compared as resolution and byte for byte when
the output is read again; application segments and trailers are carried, or listed, as a whole."""

CODING = frozenset(
    {
        *("ImageWidth", "ImageHeight", "ImageLength", "BitsPerSample", "SamplesPerPixel"),
        *("Compression", "PhotometricInterpretation", "PlanarConfiguration", "FillOrder"),
        *("RowsPerStrip", "StripOffsets", "StripByteCounts", "Predictor", "ColorMap"),
        *("TileWidth", "TileLength", "TileOffsets", "TileByteCounts", "ExtraSamples"),
        *("SampleFormat", "T4Options", "T6Options", "FreeOffsets", "FreeByteCounts"),
        *("JPEGTables", "JPEGProc", "JPEGRestartInterval", "JPEGQTables", "JPEGDCTables"),
        *("JPEGACTables", "JPEGLosslessPredictors", "JPEGPointTransforms", "StripRowCounts"),
        *("YCbCrCoefficients", "YCbCrSubSampling", "YCbCrPositioning", "ReferenceBlackWhite"),
        *("ThumbnailOffset", "ThumbnailLength", "OtherImageStart", "OtherImageLength"),
        # PNG: the header, and the name of the colour profile, which no reader uses.
        *("BitDepth", "ColorType", "Filter", "Interlace", "ProfileName", "Palette"),
        *("PixelsPerUnitX", "PixelsPerUnitY", "PixelUnits"),
        # Transparency is written as opacity; a profile is compared, or listed, as a whole.
        *("Transparency", "ICC_Profile"),
    }
)
"""How samples are stored and where they lie in the file: the new file's own."""

_PAGE = re.compile(r"page \d+: ")
_JPEG_STRIPS = re.compile(r"EXIF:IFD\d+:PreviewImage(Start|Length)?")
"""What exiftool calls the strips of a TIFF page that are JPEG-compressed: they are no preview."""
_LATER_PAGE = re.compile(r"EXIF:(IFD[1-9]\d*|SubIFD\d*):")
_UNITS = {
    "ExifIFD:MakerNote": "MakerNotes:",
    "EXIF": "EXIF:",
    "XMP": "XMP:",
}
"""Names of a contract that stand for all that exiftool reads under a prefix."""

_COPY = "SubIFD:"
"""Group of the tags of reduced copies of a page; exiftool numbers them from the second one on."""


def check_again(program: str, scan: Path, output: Path, contract: MetadataContract) -> None:
    """Compare a scan with its finished output as exiftool reads them.

    ``output`` holds all pages of ``scan``. Raises PublishError (``metadata-lost``) for a loss that
    the contract does not list; does nothing when exiftool is not usable.
    """
    tags = reader(program).read((scan, output))
    if tags is None:
        return
    problems = unlisted(tags[0], tags[1], contract)
    if problems:
        raise PublishError(
            f"metadata would be lost, says exiftool: {'; '.join(problems[:5])}. The scan is "
            "untouched and nothing was published. Cure: report this file as a fault of archivist; "
            'exiftool = "never" under [output] switches this second check off',
            code="metadata-lost",
        )


def unlisted(before: Tags, after: Tags, contract: MetadataContract) -> list[str]:
    """Return what is missing or different and not in the contract, one phrase a tag."""
    listed = _Listed.of(contract, before)
    values = _by_tag(after)
    problems = []
    for name, value in before.items():
        family, tag = name.partition(":")[0], name.rpartition(":")[2]
        if family not in CHECKED or tag in CODING or listed.has(name):
            continue
        if _JPEG_STRIPS.fullmatch(name):
            continue
        if name not in after:
            if value not in values[tag]:  # it is in another group now
                problems.append(f"{name} is missing")
        # Some maker notes hold places in the file: exiftool's view of them depends on where they
        # lie. That the note itself is the same, byte for byte, was seen before.
        elif after[name] != value and family != "MakerNotes":
            problems.append(f"{name} has another value")
    return problems


def _by_tag(tags: Tags) -> Mapping[str, list[object]]:
    found: defaultdict[str, list[object]] = defaultdict(list)
    for name, value in tags.items():
        found[name.rpartition(":")[2]].append(value)
    return found


@dataclass(frozen=True, slots=True)
class _Listed:
    """What a contract speaks of, in exiftool's names."""

    tags: frozenset[str]
    """Names without group: pages of a file are other groups in exiftool's eyes."""
    prefixes: tuple[str, ...]
    later_pages: bool

    @classmethod
    def of(cls, contract: MetadataContract, before: Tags) -> _Listed:
        known = {name.rpartition(":")[2] for name in before}
        tags, prefixes = set(), set()
        for name in _names(contract):
            tag = name.rpartition(":")[2]
            spelled = f"Exif_{tag}" if tag.startswith("0x") else tag
            if name.startswith(_COPY):
                prefixes.add("EXIF:SubIFD")  # all of them, whatever their numbers
            elif name in _UNITS:
                prefixes.add(_UNITS[name])
            elif spelled in known:
                tags.add(spelled)
            else:
                # exiftool calls it something else (IPTC:2:025 is a keyword): its group is out.
                prefixes.update(_group(name))
        parts = any(name == "ReducedImages" for name in _names(contract))
        return cls(frozenset(tags), tuple(prefixes), parts)

    def has(self, name: str) -> bool:
        if self.later_pages and _LATER_PAGE.match(name):
            return True  # without the reduced copies the later pages have other numbers
        return name.rpartition(":")[2] in self.tags or name.startswith(self.prefixes)


def _names(contract: MetadataContract) -> Iterator[str]:
    for name in (*contract.lost, *contract.changed):
        yield _PAGE.sub("", name, count=1)


def _group(name: str) -> Iterator[str]:
    group = name.partition(":")[0]
    if group.startswith("XMP-"):
        yield f"XMP:{group}:"
    else:
        yield f"{group}:" if group in CHECKED else f"EXIF:{group}:"
