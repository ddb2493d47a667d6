"""The segments of a JPEG file that carry metadata, taken apart and put together."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from archivist.imaging.metadata.ifd import Buffer

EXIF = b"Exif\0\0"
XMP = b"http://ns.adobe.com/xap/1.0/\0"
XMP_EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
PHOTOSHOP = b"Photoshop 3.0\0"
ICC = b"ICC_PROFILE\0"
MPF = b"MPF\0"
APP0, APP1, APP2, APP11, APP13, APP14, COM = 0xE0, 0xE1, 0xE2, 0xEB, 0xED, 0xEE, 0xFE
PAYLOAD = 65533
"""The most bytes that one segment holds."""
_SOS, _EOI = 0xDA, 0xD9
_STANDALONE = {0x01, *range(0xD0, 0xD8)}


@dataclass(frozen=True, slots=True)
class Segment:
    """A marker (second byte) and its payload without the length."""

    marker: int
    payload: bytes

    def packed(self) -> bytes:
        """Return the segment as it stands in a file. Raises ValueError when it is too long."""
        if len(self.payload) > PAYLOAD:
            raise ValueError(f"{len(self.payload)} bytes do not fit into a JPEG segment")
        return struct.pack(">BBH", 0xFF, self.marker, len(self.payload) + 2) + self.payload


def segments(data: Buffer) -> Iterator[Segment]:
    """Yield the application and comment segments before the first scan; stops where it breaks."""
    for at, marker, length in _markers(data):
        if marker == COM or APP0 <= marker <= 0xEF:
            yield Segment(marker, bytes(data[at + 4 : at + 2 + length]))


def _markers(data: Buffer) -> Iterator[tuple[int, int, int]]:
    """Yield (offset, marker, length) up to the first scan; its own marker is the last."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in (0xFF, *_STANDALONE):
            at += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        if marker == _EOI or length < 2 or at + 2 + length > len(data):
            return
        yield at, marker, length
        if marker == _SOS:
            return
        at += 2 + length


def trailer_size(data: bytes) -> int:
    """Return how many bytes follow the end of the picture (second pictures, videos)."""
    at = next((place for place, marker, _ in _markers(data) if marker == _SOS), -1)
    while at >= 0:
        at = data.find(b"\xff", at + 1)
        if at < 0 or at + 1 >= len(data):
            return 0
        marker = data[at + 1]
        if marker == _EOI:
            return len(data) - at - 2
        if marker not in (0x00, 0xFF, *_STANDALONE) and at + 4 <= len(data):
            # Between progressive scans come tables: skip each by its length.
            at += struct.unpack_from(">H", data, at + 2)[0]
    return 0


def extended_xmp(parts: Sequence[bytes], guid: bytes) -> bytes | None:
    """Return the packet of the extension with this GUID, None when a part of it is missing.

    ``parts`` are payloads after :data:`XMP_EXTENSION`: GUID, full length, offset, bytes.
    """
    pieces: dict[int, bytes] = {}
    full = 0
    for part in parts:
        if len(part) >= 40 and part[:32] == guid:
            full, offset = struct.unpack_from(">II", part, 32)
            pieces[offset] = part[40:]
    joined = b"".join(pieces[offset] for offset in sorted(pieces))
    return joined if pieces and len(joined) == full else None


def xmp_segments(main: bytes, extension: bytes | None) -> list[Segment]:
    """Return the segments of a packet and its extension; ``main`` names it by :func:`guid_of`."""
    found = [Segment(APP1, XMP + main)]
    if extension:
        step = PAYLOAD - len(XMP_EXTENSION) - 40
        head = XMP_EXTENSION + guid_of(extension)
        for offset in range(0, len(extension), step):
            place = struct.pack(">II", len(extension), offset)
            found.append(Segment(APP1, head + place + extension[offset : offset + step]))
    return found


def guid_of(extension: bytes) -> bytes:
    """Return the name of an extension: its MD5, as the XMP specification demands."""
    return hashlib.md5(extension, usedforsecurity=False).hexdigest().upper().encode()


def photoshop_segments(block: bytes) -> list[Segment]:
    """Return the APP13 segments of image resource blocks; readers join what is split."""
    step = PAYLOAD - len(PHOTOSHOP)
    return [Segment(APP13, PHOTOSHOP + block[at : at + step]) for at in range(0, len(block), step)]
