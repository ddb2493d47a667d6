"""Metadata as the blocks that the codec of a plugin is given to write."""

from __future__ import annotations

from archivist.api.extensions import CodecMetadata
from archivist.imaging.carried import CarriedMetadata
from archivist.imaging.metadata.edited import Edited
from archivist.imaging.metadata.exif_edit import resolution
from archivist.imaging.metadata.source import SourceMetadata, facts
from archivist.imaging.metadata.target import Carried, Ledger, Target
from archivist.imaging.metadata.to_jpeg import exif_block
from archivist.model import MetadataContract


def placed(source: SourceMetadata, target: Target) -> SourceMetadata:
    """Return the metadata for which the format of the output has a place."""
    if target.places is None:
        return source
    exif, xmp = target.holds("exif"), target.holds("xmp")
    return SourceMetadata(
        format=source.format,
        order=source.order,
        block=source.block if exif else None,
        ifd0=source.ifd0 if exif else None,
        ifd1=source.ifd1 if exif else None,
        xmp=source.xmp if xmp else None,
        xmp_extension=source.xmp_extension if xmp else None,
        icc=source.icc,
        icc_digest=source.icc_digest,
        iptc=source.iptc if target.holds("iptc") else None,
    )


def list_displaced(
    source: SourceMetadata, held: SourceMetadata, target: Target, ledger: Ledger
) -> None:
    """Enter what the format has no place for: ``held`` is what :func:`placed` left of a scan."""
    reason = f"the format {target.format} has no place for it"
    ledger.lose(sorted(facts(source).keys() - facts(held).keys()), reason)
    known = resolution(held.ifd0) if held.ifd0 is not None else None
    if target.dpi is not None and known is None and not target.holds("dpi"):
        ledger.lose(["Resolution"], reason)


def carried(edited: Edited, source: SourceMetadata, target: Target, ledger: Ledger) -> Carried:
    """Return the metadata as blocks, only those for which the format has a place."""
    blocks = CodecMetadata(
        exif=exif_block(edited, source, ledger),
        xmp=edited.xmp_bytes,
        iptc=edited.iptc,
        dpi=target.dpi if target.holds("dpi") else None,
    )
    return Carried(pieces=CarriedMetadata(blocks=blocks), contract=MetadataContract())
