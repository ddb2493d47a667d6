"""Exif as short text for the catalog."""

from __future__ import annotations

import io
import logging
import struct
import warnings
from pathlib import Path
from typing import Any, BinaryIO

import exifread

MAX_VALUE = 300
"""Characters kept of one value."""
MAX_TAGS = 400
WARNING = "warning"
"""The name under which a broken block is reported."""
_SKIPPED = ("JPEGThumbnail", "TIFFThumbnail", "Filename", "EXIF MakerNote")
_BROKEN = (
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
    exifread.core.exceptions.ExifError,
)
"""What ExifRead raises for damaged blocks."""

# It warns of every odd byte; what matters to us comes back as the entry "warning".
logging.getLogger("exifread").setLevel(logging.CRITICAL + 1)


def exif_facts(source: bytes | Path) -> dict[str, str]:
    """Return the Exif tags of a file as short text: ``Image Make``, ``EXIF FNumber``.

    ``source`` is the content of the file or its path; of a large file only the tags are read.
    Thumbnails, maker notes and other long blobs are left out. Text has no NUL and no lone
    surrogate, so that any database takes it. Never raises: a broken block gives only the entry
    ``warning``, a file without Exif gives nothing.
    """
    try:
        with warnings.catch_warnings(), _opened(source) as stream:
            warnings.simplefilter("ignore")
            tags = exifread.process_file(stream, details=False, strict=False)
    except _BROKEN as error:
        return {WARNING: _clean(f"the Exif block cannot be read: {error}")}
    named = [(name, tag) for name, tag in tags.items() if name not in _SKIPPED]
    texts = ((_clean(name), _value(tag)) for name, tag in named[:MAX_TAGS])
    return {name: text for name, text in texts if text}


def _opened(source: bytes | Path) -> BinaryIO:
    return source.open("rb") if isinstance(source, Path) else io.BytesIO(source)


def _value(tag: Any) -> str:
    try:
        return _clean(str(tag.printable))
    except _BROKEN:
        return ""


def _clean(text: str) -> str:
    whole = text.encode("utf-8", "replace").decode("utf-8")
    plain = "".join(letter if letter.isprintable() else " " for letter in whole)
    return " ".join(plain.split())[:MAX_VALUE]
