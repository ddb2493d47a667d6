"""Photoshop's image resource blocks (APP13, TIFF tag 34377), which hold IPTC and much else."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SIGNATURE = b"Photoshop 3.0\0"
RESOLUTION, IPTC, OLD_THUMBNAIL, THUMBNAIL = 1005, 1028, 1033, 1036
COPYRIGHT_FLAG, ICC, EXIF, XMP, IPTC_DIGEST = 1034, 1039, 1058, 1060, 1061


class BrokenResources(ValueError):
    """The bytes are no image resource blocks."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One block: four-letter kind (``8BIM``), number, name with its length byte, and data."""

    kind: bytes
    number: int
    name: bytes
    data: bytes


def parse(block: bytes) -> tuple[Resource, ...]:
    """Return the resources of a block. Raises BrokenResources."""
    return tuple(_resources(block))


def _resources(block: bytes) -> Iterator[Resource]:
    at = 0
    while len(block) - at >= 12:
        kind = block[at : at + 4]
        if kind not in (b"8BIM", b"MeSa", b"PHUT", b"AgHg", b"DCSR"):
            raise BrokenResources(f"no resource at byte {at}")
        (number,) = struct.unpack_from(">H", block, at + 4)
        length = block[at + 6] + 1
        name = block[at + 6 : at + 6 + length]
        at += 6 + length + length % 2
        if at + 4 > len(block):
            raise BrokenResources("a resource ends inside its head")
        (size,) = struct.unpack_from(">I", block, at)
        if at + 4 + size > len(block):
            raise BrokenResources("a resource is longer than its block")
        yield Resource(kind, number, name, block[at + 4 : at + 4 + size])
        at += 4 + size + size % 2


def serialise(resources: Sequence[Resource]) -> bytes:
    """Return the block of some resources."""
    out = bytearray()
    for resource in resources:
        name = resource.name + b"\0" * (len(resource.name) % 2)
        out += resource.kind + struct.pack(">H", resource.number) + name
        out += struct.pack(">I", len(resource.data)) + resource.data
        out += b"\0" * (len(resource.data) % 2)
    return bytes(out)


def find(resources: Sequence[Resource], number: int) -> bytes | None:
    """Return the data of the first resource with a number."""
    return next((item.data for item in resources if item.number == number), None)


def with_resolution(data: bytes, dpi: tuple[float, float]) -> bytes:
    """Return the data of a resolution block with other numbers; the units shown stay."""
    if len(data) < 16:
        return data
    x, y = (struct.pack(">I", round(value * 65536)) for value in dpi)
    return x + data[4:8] + y + data[12:]


def iptc_records(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield (record, data set, value) of IPTC-IIM; stops at the first byte that is none."""
    at = 0
    while at + 5 <= len(data) and data[at] == 0x1C:
        record, number, size = struct.unpack_from(">BBH", data, at + 1)
        at += 5
        if size & 0x8000:
            digits = size & 0x7FFF
            size = int.from_bytes(data[at : at + digits], "big")
            at += digits
        yield record, number, data[at : at + size]
        at += size
