"""The chunks of a PNG file that carry metadata, taken apart and put together."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from archivist.imaging.metadata.ifd import Buffer

XMP_KEYWORD = b"XML:com.adobe.xmp"
_LIMIT = 64 << 20
"""The most bytes that a compressed text may unpack to."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk: its four letters and its data. ``late`` means that it stood after the pixels."""

    kind: bytes
    data: bytes
    late: bool = False


def chunks(data: Buffer) -> Iterator[Chunk]:
    """Yield all chunks but IDAT; stops where the file breaks."""
    at, late = 8, False
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind = bytes(data[at + 4 : at + 8])
        if at + 12 + length > len(data):
            return
        if kind == b"IDAT":
            late = True
        else:
            yield Chunk(kind, bytes(data[at + 8 : at + 8 + length]), late)
        at += 12 + length


def keyword(chunk: Chunk) -> str:
    """Return the keyword of a text chunk."""
    return chunk.data.split(b"\0", 1)[0].decode("latin-1")


def text(chunk: Chunk) -> bytes | None:
    """Return the text of tEXt (Latin-1), zTXt (Latin-1) or iTXt (UTF-8); None when broken."""
    word, separator, rest = chunk.data.partition(b"\0")
    if not word or not separator:
        return None
    if chunk.kind == b"tEXt":
        return rest
    if chunk.kind == b"zTXt":
        return _unpacked(rest[1:])
    parts = rest[2:].split(b"\0", 2)
    if len(parts) < 3:
        return None
    return _unpacked(parts[2]) if rest[:1] == b"\1" else parts[2]


def profile(chunk: Chunk) -> bytes | None:
    """Return the colour profile of an iCCP chunk; None when it does not unpack."""
    _, _, packed = chunk.data.partition(b"\0")
    return _unpacked(packed[1:]) if packed else None


def xmp_chunk(packet: bytes) -> Chunk:
    """Return the iTXt chunk of an XMP packet, uncompressed as the XMP specification wants it."""
    return Chunk(b"iTXt", XMP_KEYWORD + b"\0\0\0\0\0" + packet)


def raw_profile(chunk: Chunk) -> tuple[str, bytes] | None:
    """Return (kind, bytes) of ImageMagick's ``Raw profile type KIND`` texts, else None."""
    word = keyword(chunk)
    if chunk.kind not in (b"tEXt", b"zTXt", b"iTXt") or not word.startswith("Raw profile type "):
        return None
    lines = (text(chunk) or b"").split(b"\n", 3)
    try:
        return word.removeprefix("Raw profile type "), bytes.fromhex(lines[3].decode("ascii"))
    except (IndexError, ValueError):
        return None


def raw_profile_chunk(kind: str, data: bytes) -> Chunk:
    """Return the text chunk that ImageMagick and exiftool read as a profile of a kind."""
    digits = data.hex()
    lines = "\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    body = f"\n{kind}\n{len(data):8}\n{lines}\n".encode("ascii")
    packed = zlib.compress(body, 9)
    return Chunk(b"zTXt", f"Raw profile type {kind}".encode("ascii") + b"\0\0" + packed)


def _unpacked(packed: bytes) -> bytes | None:
    unpacker = zlib.decompressobj()
    try:
        out = unpacker.decompress(packed, _LIMIT)
    except zlib.error:
        return None
    return out if unpacker.eof else None
