"""The metadata of a page between the edits and the form of the output format."""

from __future__ import annotations

from dataclasses import dataclass

from archivist.imaging.metadata.ifd import Directory
from archivist.imaging.metadata.irb import IPTC, Resource
from archivist.imaging.metadata.xmp import Packet


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """What is to be written. XMP is either an edited ``packet`` or bytes that stay as they are."""

    ifd0: Directory | None
    ifd1: Directory | None
    packet: Packet | None
    xmp: bytes | None
    resources: tuple[Resource, ...]
    iptc: bytes | None

    @property
    def xmp_bytes(self) -> bytes | None:
        """The packet in one piece, for formats that need not split it."""
        return self.packet.serialise() if self.packet is not None else self.xmp

    @property
    def resources_with_iptc(self) -> tuple[Resource, ...]:
        """Photoshop's resources, with IPTC among them."""
        if self.iptc is None or any(item.number == IPTC for item in self.resources):
            return self.resources
        return (Resource(b"8BIM", IPTC, b"\0", self.iptc), *self.resources)
