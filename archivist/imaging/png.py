"""Reading PNG: all colour types and depths, interlaced or not; pixels come from libpng."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from archivist.api import Colour
from archivist.hashing import digest_bytes
from archivist.imaging import refuse
from archivist.imaging.exif_block import read_exif_block
from archivist.imaging.page import PageFacts
from archivist.imaging.picture import Samples
from archivist.model import Header

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB, _PALETTE, _GREY_ALPHA, _RGB_ALPHA = 0, 2, 3, 4, 6
_SAMPLES = {_GREY: 1, _RGB: 3, _PALETTE: 1, _GREY_ALPHA: 2, _RGB_ALPHA: 4}
_DEPTHS = {_GREY: {1, 2, 4, 8, 16}, _PALETTE: {1, 2, 4, 8}}
_KEPT = {b"IHDR", b"PLTE", b"tRNS", b"iCCP", b"pHYs", b"eXIf", b"acTL"}
_PIXEL_CHUNKS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
_DEFLATE_RATIO = 1040
"""Deflate makes at most 1032 bytes out of one; a little room for the bounds of its blocks."""
_MAX_PROFILE = 64 << 20


@dataclass(slots=True)
class _Parts:
    """The chunks that matter, the bytes of IDAT, and whether IEND was reached."""

    chunks: dict[bytes, bytes] = field(default_factory=dict)
    idat: int = 0
    ended: bool = False


def read_facts(stream: BinaryIO, size: int, max_pixels: int) -> PageFacts:
    """Return what the header says; ``size`` is of the file. Raises SourceError."""
    parts = _read_parts(stream, size)
    header = parts.chunks.get(b"IHDR", b"")
    if len(header) != 13:
        raise refuse.damaged("the PNG file has no header")
    width, height, depth, kind, _, _, interlace = struct.unpack(">IIBBBBB", header)
    refuse.check_size(width, height, max_pixels)
    if kind not in _SAMPLES or depth not in _DEPTHS.get(kind, {8, 16}):
        raise refuse.damaged(f"the PNG header declares colour type {kind} with {depth} bits")
    if b"acTL" in parts.chunks:
        raise refuse.layout("animated PNG", "save each frame as a file of its own")
    _check_complete(parts, width * height * depth * _SAMPLES[kind] // 8)
    orientation, exif_dpi = read_exif_block(parts.chunks.get(b"eXIf", b""))
    icc = _profile(parts.chunks.get(b"iCCP", b""))
    return PageFacts(
        header=Header(
            format="png",
            width=width,
            height=height,
            colour=_colour(kind, parts.chunks.get(b"PLTE", b"")),
            depth=8 if kind == _PALETTE else depth,
            alpha=kind in (_GREY_ALPHA, _RGB_ALPHA) or b"tRNS" in parts.chunks,
            palette=kind == _PALETTE,
            orientation=orientation,
            dpi=_dpi(parts.chunks.get(b"pHYs", b"")) or exif_dpi,
            icc_digest=digest_bytes(icc) if icc else None,
            layout="interlaced" if interlace else "",
        ),
        icc=icc,
    )


def read_pixels(data: bytes, facts: PageFacts) -> tuple[Samples, Samples | None]:
    """Return the stored pixels (height, width, 1 or 3) and alpha. Raises SourceError.

    Palettes are expanded to their colours, 1, 2 and 4 bits to 8, transparency to alpha. The decoder
    gets only the chunks that make pixels, their checksums checked before: it would pass over a
    wrong one with a line on stderr.
    """
    header = facts.header
    try:
        samples: NDArray[Any] = imagecodecs.png_decode(_checked(data))
    except (RuntimeError, ValueError) as error:
        raise refuse.damaged(f"the PNG data are damaged ({error})") from error
    samples = samples.reshape(header.height, header.width, -1)
    colours = 1 if header.colour is Colour.GREY else 3
    if samples.shape[2] in (1, 3) and not header.alpha:
        return np.ascontiguousarray(samples[:, :, :colours]), None
    alpha = np.ascontiguousarray(samples[:, :, -1])
    return np.ascontiguousarray(samples[:, :, :colours]), alpha


def _checked(data: bytes) -> bytes:
    """Return the PNG file with nothing but the chunks that make pixels, all of them sound."""
    kept = [SIGNATURE]
    position = len(SIGNATURE)
    view = memoryview(data)
    while position + 12 <= len(data):
        length = int.from_bytes(view[position : position + 4], "big")
        end = position + 12 + length
        if data[position + 4 : position + 8] in _PIXEL_CHUNKS:
            stated = int.from_bytes(view[end - 4 : end], "big")
            if zlib.crc32(view[position + 4 : end - 4]) != stated:
                raise refuse.damaged("a checksum of the PNG file is wrong")
            kept.append(data[position:end])
        position = end
    return b"".join(kept)


def _read_parts(stream: BinaryIO, size: int) -> _Parts:
    parts = _Parts()
    for name, length, body in _chunks(stream, size):
        if name == b"IDAT":
            parts.idat += length
        elif name == b"IEND":
            parts.ended = True
        elif name in _KEPT:
            parts.chunks.setdefault(name, body)
    return parts


def _chunks(stream: BinaryIO, size: int) -> Iterator[tuple[bytes, int, bytes]]:
    """Yield (type, length, content or nothing) up to IEND or the end of the file."""
    position = len(SIGNATURE)
    while position + 12 <= size:
        stream.seek(position)
        length, name = struct.unpack(">I4s", stream.read(8))
        position += 12 + length
        if position > size:
            return
        body = stream.read(length) if name in _KEPT and length <= _MAX_PROFILE else b""
        yield name, length, body
        if name == b"IEND":
            return


def _check_complete(parts: _Parts, raw_bytes: int) -> None:
    if not parts.ended:
        raise refuse.truncated("the PNG file ends before its last chunk")
    if parts.idat * _DEFLATE_RATIO < raw_bytes:
        raise refuse.truncated(
            f"the PNG header declares {raw_bytes} bytes of pixels, but {parts.idat} compressed"
            " bytes cannot hold them"
        )


def _colour(kind: int, palette: bytes) -> Colour:
    if kind in (_GREY, _GREY_ALPHA):
        return Colour.GREY
    grey = kind == _PALETTE and palette[0::3] == palette[1::3] == palette[2::3]
    return Colour.GREY if grey else Colour.RGB


def _dpi(body: bytes) -> tuple[float, float] | None:
    """Return dpi of pHYs; pixels per metre are whole numbers, so two decimals say all of it."""
    if len(body) != 9:
        return None
    x, y, unit = struct.unpack(">IIB", body)
    if unit != 1 or not x or not y:
        return None
    return round(x * 0.0254, 2), round(y * 0.0254, 2)


def _profile(body: bytes) -> bytes | None:
    """Return the profile of an iCCP chunk, or None when it is absent or does not unpack."""
    name, _, packed = body.partition(b"\0")
    if not name or not packed:
        return None
    unpacker = zlib.decompressobj()
    try:
        profile = unpacker.decompress(packed[1:], _MAX_PROFILE)
    except zlib.error:
        return None
    return profile if unpacker.eof and profile else None
