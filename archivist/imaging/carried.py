"""Metadata on its way from a scan into an output, as raw pieces of the target format.

The encoders put these pieces where the format wants them and look into none of them. What is
carried, changed or left out is decided in :mod:`archivist.imaging.metadata`.
"""

from __future__ import annotations

from dataclasses import dataclass

from archivist.api.extensions import CodecMetadata

TiffTag = tuple[int, int, int, object, bool]
"""A TIFF tag as tifffile takes it: code, data type, count, value, write once.

``write once`` False puts the tag into every page of a series; True only into the first.
"""


_NO_BLOCKS = CodecMetadata()


@dataclass(frozen=True, slots=True)
class CarriedMetadata:
    """The metadata of one page in the form of the target format; empty tuples for the others.

    The encoder itself writes size, samples, compression, resolution, orientation (always 1) and
    the colour profile: a piece that says one of these again is refused with ValueError.
    """

    jpeg_segments: tuple[bytes, ...] = ()
    """Whole segments (marker, length, payload), put after SOI and JFIF APP0, in this order."""
    png_chunks: tuple[tuple[bytes, bytes], ...] = ()
    """Pairs of chunk type (four letters) and data, put before the first IDAT, in this order."""
    tiff_tags: tuple[TiffTag, ...] = ()
    """Tags of the page; ImageDescription, Software and DateTime are ordinary members of it."""
    blocks: CodecMetadata = _NO_BLOCKS
    """What the codec of a plugin is given to write."""


NOTHING = CarriedMetadata()
"""No metadata."""
