"""Reading JPEG: grey, YCbCr and RGB of 8 bits, baseline and progressive.

Pixels come from libjpeg-turbo by simplejpeg in its strict mode: other bindings swallow libjpeg's
warnings and return grey where a file is cut short or damaged.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from archivist.api import Colour
from archivist.hashing import digest_bytes
from archivist.imaging import refuse
from archivist.imaging.exif_block import read_exif_block
from archivist.imaging.page import PageFacts
from archivist.model import Header

SIGNATURE = b"\xff\xd8\xff"
_SOS, _EOI = 0xDA, 0xD9
_STANDALONE = {0x01, *range(0xD0, 0xD8)}
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_READABLE = {0xC0: "baseline", 0xC1: "extended", 0xC2: "progressive"}
_PIXELS_PER_BYTE = 512
"""A block of 8 x 8 takes at least one bit, so a byte holds at most 8 blocks."""
_MAX_SCANS = 1000
"""Progressive pictures have about 10 scans; a file with thousands only burns time."""
_HARMLESS = re.compile(r"Corrupt JPEG data: \d{1,2} extraneous bytes before marker 0xd9")
"""Padding before the end marker, as some cameras write it: every pixel was read by then."""


@dataclass(slots=True)
class _Parts:
    """What the segments before the first scan say."""

    frame: tuple[int, bytes] | None = None
    jfif: tuple[float, float] | None = None
    exif: bytes = b""
    adobe: int | None = None
    icc: dict[int, bytes] = field(default_factory=dict)
    icc_count: int = 0


def read_facts(stream: BinaryIO, size: int, max_pixels: int) -> PageFacts:
    """Return what the header says; ``size`` is of the file. Raises SourceError."""
    parts = _Parts()
    for marker, payload in _segments(stream):
        _take(parts, marker, payload)
    if parts.frame is None:
        raise refuse.damaged("the JPEG file has no frame header")
    marker, frame = parts.frame
    if len(frame) < 6 or len(frame) < 6 + 3 * frame[5]:
        raise refuse.damaged("the JPEG file has a broken frame header")
    precision, height, width, channels = struct.unpack_from(">BHHB", frame)
    refuse.check_size(width, height, max_pixels)
    _check_kind(marker, precision, channels, parts.adobe)
    if width * height > size * _PIXELS_PER_BYTE:
        raise refuse.truncated(
            f"the JPEG header declares {width} x {height} pixels, but the file has {size} bytes"
        )
    orientation, exif_dpi = read_exif_block(parts.exif)
    icc = _joined_profile(parts)
    return PageFacts(
        header=Header(
            format="jpeg",
            width=width,
            height=height,
            colour=Colour.GREY if channels == 1 else Colour.RGB,
            depth=8,
            orientation=orientation,
            dpi=parts.jfif or exif_dpi,
            icc_digest=digest_bytes(icc) if icc else None,
            layout=_layout(marker, frame),
        ),
        icc=icc,
    )


def read_pixels(data: bytes, facts: PageFacts) -> NDArray[np.uint8]:
    """Return the stored pixels, uint8 (height, width, 1 or 3). Raises SourceError."""
    progressive = facts.header.layout.startswith("progressive")
    if progressive and data.count(b"\xff\xda") > _MAX_SCANS:
        raise refuse.damaged(f"the JPEG file has more than {_MAX_SCANS} scans")
    space = "GRAY" if facts.header.colour is Colour.GREY else "RGB"
    try:
        pixels = simplejpeg.decode_jpeg(data, colorspace=space)
    except ValueError as error:
        if not _HARMLESS.fullmatch(str(error)):
            raise _decoder_refusal(str(error), data) from error
        pixels = simplejpeg.decode_jpeg(data, colorspace=space, strict=False)
    return np.asarray(pixels, np.uint8)


def _decoder_refusal(message: str, data: bytes) -> Exception:
    """Return the refusal for libjpeg's first warning: cut short, or damaged."""
    if "remature end" in message or not data.rstrip(b"\0").endswith(b"\xff\xd9"):
        return refuse.truncated(f"the JPEG file ends before its pixels do ({message})")
    return refuse.damaged(f"the JPEG data are damaged ({message})")


def _segments(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield (marker, payload) of all segments before the first scan."""
    stream.seek(2)
    while True:
        byte = stream.read(1)
        if byte != b"\xff":
            raise _broken(byte)
        while byte == b"\xff":
            byte = stream.read(1)
        marker = byte[0] if byte else _EOI
        if marker == _SOS:
            return
        if marker in _STANDALONE:
            continue
        length = stream.read(2)
        if marker == _EOI or len(length) < 2:
            raise _broken(b"")
        wanted = int.from_bytes(length, "big") - 2
        payload = stream.read(max(wanted, 0))
        if len(payload) != wanted:
            raise _broken(b"")
        yield marker, payload


def _broken(byte: bytes) -> Exception:
    if byte:
        return refuse.damaged("the JPEG header is broken")
    return refuse.truncated("the JPEG file ends inside its header")


def _take(parts: _Parts, marker: int, payload: bytes) -> None:
    if marker in _FRAMES:
        parts.frame = marker, payload
    elif marker == 0xE0 and payload[:5] == b"JFIF\0" and len(payload) >= 12:
        parts.jfif = _jfif_dpi(payload)
    elif marker == 0xE1 and payload[:6] == b"Exif\0\0" and not parts.exif:
        parts.exif = payload[6:]
    elif marker == 0xE2 and payload[:12] == b"ICC_PROFILE\0" and len(payload) > 14:
        parts.icc[payload[12]] = payload[14:]
        parts.icc_count = payload[13]
    elif marker == 0xEE and payload[:5] == b"Adobe" and len(payload) >= 12:
        parts.adobe = payload[11]


def _jfif_dpi(payload: bytes) -> tuple[float, float] | None:
    unit, x, y = struct.unpack_from(">BHH", payload, 7)
    if unit not in (1, 2) or not x or not y:
        return None
    per_inch = 1.0 if unit == 1 else 2.54
    return round(x * per_inch, 4), round(y * per_inch, 4)


def _joined_profile(parts: _Parts) -> bytes | None:
    """Return the profile, or None when there is none or a part of it is missing."""
    wanted = range(1, parts.icc_count + 1)
    if not parts.icc or any(number not in parts.icc for number in wanted):
        return None
    return b"".join(parts.icc[number] for number in wanted) or None


def _check_kind(marker: int, precision: int, channels: int, adobe: int | None) -> None:
    if marker not in _READABLE:
        raise refuse.layout(
            f"lossless, hierarchical or arithmetic-coded JPEG (frame type {marker - 0xC0})",
            "convert it to TIFF with the program that wrote it",
        )
    if precision != 8:
        raise refuse.depth(f"JPEG with {precision} bits per sample")
    if channels == 4:
        raise refuse.colour("YCCK JPEG" if adobe == 2 else "CMYK JPEG")
    if channels not in (1, 3):
        raise refuse.colour(f"JPEG with {channels} channels")


def _layout(marker: int, frame: bytes) -> str:
    factors = [frame[7 + 3 * number] for number in range(frame[5])]
    names = {0x11: "4:4:4", 0x21: "4:2:2", 0x22: "4:2:0", 0x12: "4:4:0", 0x41: "4:1:1"}
    if len(factors) == 1:
        return _READABLE[marker]
    plain = factors[1:] == [0x11, 0x11]
    return f"{_READABLE[marker]} {names.get(factors[0], 'subsampled') if plain else 'subsampled'}"
