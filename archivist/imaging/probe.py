"""Reading headers: what a file claims to be, before any pixel is decoded.

The content decides, not the suffix. Everything that would be refused later is refused here where
the header tells it, so that a decompression bomb or a lying header costs nothing.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from archivist.imaging import jpeg, png, refuse, tiff
from archivist.imaging.page import PageFacts
from archivist.model import Header

SUFFIXES = {
    "jpeg": (".jpg", ".jpeg", ".jpe"),
    "png": (".png",),
    "tiff": (".tif", ".tiff"),
}
"""The usual suffixes (lower case) of the formats that are read and written."""

_KNOWN = {
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"8BPS": "Photoshop",
    b"%PDF": "PDF",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\xff\x0a": "JPEG XL",
    b"IIU\0": "camera raw",
    b"IIRO": "camera raw",
    b"FUJIFILM": "camera raw",
}


def probe(source: bytes | Path, *, max_pixels: int) -> tuple[Header, ...]:
    """Return the header of every page of a file that is an asset, the first page first.

    ``source`` is the content of a file or its path; ``max_pixels`` is the most pixels a page may
    have. Raises SourceError with a code of :mod:`archivist.imaging.refuse`, and OSError when the
    file cannot be read.
    """
    return tuple(facts.header for facts in read_facts(source, max_pixels=max_pixels))


def read_facts(source: bytes | Path, *, max_pixels: int) -> tuple[PageFacts, ...]:
    """Return the headers of all pages with their colour profiles; raises as :func:`probe`."""
    if isinstance(source, bytes):
        return _facts(BytesIO(source), len(source), max_pixels)
    with source.open("rb") as stream:
        return _facts(stream, source.stat().st_size, max_pixels)


def sniff(start: bytes) -> str:
    """Return ``jpeg``, ``png`` or ``tiff`` by the first 16 bytes of a file.

    Raises SourceError: ``empty``, ``unsupported-format`` or ``not-a-picture``.
    """
    if start.startswith(jpeg.SIGNATURE):
        return "jpeg"
    if start.startswith(png.SIGNATURE):
        return "png"
    if start.startswith(tiff.SIGNATURES):
        return "tiff"
    if not start:
        raise refuse.refusal("empty", "the file is empty", refuse.RESCAN)
    known = next((name for mark, name in _KNOWN.items() if start.startswith(mark)), None)
    known = known or _boxed(start)
    if known:
        raise refuse.refusal(
            "unsupported-format",
            f"{known} files are not supported",
            "convert it to TIFF or PNG",
        )
    raise refuse.refusal(
        "not-a-picture",
        "the content is no JPEG, PNG or TIFF picture, whatever the name says",
        "move it out of the scans, or exclude it by a pattern",
    )


def _boxed(start: bytes) -> str | None:
    """Return the name of a format whose signature is not at the very start."""
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WebP"
    return "HEIC, AVIF or video" if start[4:8] == b"ftyp" else None


def _facts(stream: BinaryIO, size: int, max_pixels: int) -> tuple[PageFacts, ...]:
    kind = sniff(stream.read(16))
    stream.seek(0)
    if kind == "jpeg":
        return (jpeg.read_facts(stream, size, max_pixels),)
    if kind == "png":
        return (png.read_facts(stream, size, max_pixels),)
    return tiff.read_facts(stream, size, max_pixels)
