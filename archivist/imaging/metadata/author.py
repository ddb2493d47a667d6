"""Who made a picture, as its own metadata say."""

from __future__ import annotations

from collections.abc import Iterator

from archivist.imaging.metadata import png_parts
from archivist.imaging.metadata.ifd import text
from archivist.imaging.metadata.source import SourceMetadata, packet_of
from archivist.imaging.metadata.xmp import BrokenXmp, items, qname

_ARTIST = 0x013B
_AUTHOR = "Author"


def author_of(source: SourceMetadata) -> str:
    """Return XMP's dc:creator, else Exif's Artist, else the text Author of a PNG; empty without."""
    return next((name for name in _names(source) if name), "")


def _names(source: SourceMetadata) -> Iterator[str]:
    try:
        packet = packet_of(source)
    except BrokenXmp:
        packet = None
    for description in packet.descriptions() if packet is not None else ():
        found = description.find(qname("dc:creator"))
        if found is not None:
            yield ", ".join((one.text or "").strip() for one in items(found))
    artist = source.ifd0.get(_ARTIST) if source.ifd0 is not None else None
    if artist is not None:
        yield text(artist)
    for chunk in source.chunks:
        if chunk.kind in (b"tEXt", b"zTXt", b"iTXt") and png_parts.keyword(chunk) == _AUTHOR:
            encoding = "utf-8" if chunk.kind == b"iTXt" else "latin-1"
            yield (png_parts.text(chunk) or b"").decode(encoding, "replace").strip()
