"""The metadata that a codec plugin hands over, as those of a page."""

from __future__ import annotations

from archivist.api.extensions import CodecMetadata
from archivist.imaging.metadata.collecting import exif_fields
from archivist.imaging.metadata.source import SourceMetadata
from archivist.model import Header


def from_codec(header: Header, held: CodecMetadata | None) -> SourceMetadata:
    """Return the metadata of the one page of a codec's file, as the codec handed them over.

    ``held`` is None for a codec that does not look for any, so that nobody knows what is lost.
    """
    if held is None:
        reason = (
            f"the codec {header.format} gives pixels and colour profile; whatever else the scan "
            "says of itself is not known, and stays in the scan"
        )
        return SourceMetadata(
            format=header.format,
            icc_digest=header.icc_digest,
            unread=(("Metadata", reason),),
        )
    fields, problems = exif_fields(held.exif)
    return SourceMetadata(
        format=header.format,
        **fields,
        xmp=held.xmp,
        icc_digest=header.icc_digest,
        iptc=held.iptc,
        model=held.model,
        unread=tuple(held.lost.items()),
        problems=tuple(problems),
    )
