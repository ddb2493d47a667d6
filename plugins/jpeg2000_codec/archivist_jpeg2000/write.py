"""Writing: the picture as it is, by the reversible transform, in a JP2 file or as a codestream."""

from __future__ import annotations

import struct
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from archivist.api import CodecMetadata, Colour, Image
from archivist_jpeg2000.boxes import box
from archivist_jpeg2000.metadata import uuid_boxes
from archivist_jpeg2000.resolution import resolution
from archivist_jpeg2000.spaces import Model, is_restricted, specification

_SIGNATURE = box(b"jP  ", b"\r\n\x87\n")
_MOST_RESOLUTIONS = 6
"""Five halvings, which is what encoders do unless told otherwise; small pictures have fewer."""
_COMPRESSION = 7
"""The only kind of compression in ihdr (I.5.3.1)."""


def write_file(image: Image, held: CodecMetadata | None = None) -> bytes:
    """Return an image as a JP2 file, lossless, in its depth, with profile and metadata.

    With a profile that JP2 does not allow, the file is a JPX file (Part 2), which most programs
    read as well. Metadata come before the pixels, where a reader finds them at once.
    """
    held = held or CodecMetadata()
    stream = _encoded(image)
    model = Model.GREY if image.colour is Colour.GREY else Model.RGB
    channels = image.pixels.shape[2]
    size = struct.pack(
        ">IIHBBBB", image.height, image.width, channels, image.depth - 1, _COMPRESSION, 0, 0
    )
    header = box(b"ihdr", size) + specification(model, image.icc)
    if held.dpi is not None:
        header += resolution(held.dpi)
    brand = b"jp2 " if image.icc is None or is_restricted(image.icc) else b"jpx "
    kind = box(b"ftyp", brand + bytes(4) + brand)
    parts = (_SIGNATURE, kind, box(b"jp2h", header), uuid_boxes(held), box(b"jp2c", stream))
    return b"".join(parts)


def write_codestream(image: Image) -> bytes:
    """Return an image as a codestream, lossless, in its depth.

    Raises ValueError for one with a colour profile, for which a codestream has no place.
    """
    if image.icc is not None:
        raise ValueError("a codestream has no place for a colour profile")
    return _encoded(image)


def _encoded(image: Image) -> bytes:
    """Return the codestream of an image: one tile, one layer, reversible (Annex F and G)."""
    samples = _samples(image)
    shortest = min(image.width, image.height)
    encoded = imagecodecs.jpeg2k_encode(
        samples,
        level=0,
        codecformat="J2K",
        planar=False,
        resolutions=min(_MOST_RESOLUTIONS, shortest.bit_length()),
        reversible=True,
        mct=samples.ndim == 3,
    )
    return bytes(encoded)


def _samples(image: Image) -> NDArray[Any]:
    """Return pixels as uint8 or uint16, (height, width) for grey, rounded to the nearest."""
    top = (1 << image.depth) - 1
    rounded = np.rint(np.clip(image.pixels, 0, 1) * np.float32(top))
    samples = rounded.astype(np.uint8 if image.depth == 8 else np.uint16)
    return samples[..., 0] if image.colour is Colour.GREY else np.ascontiguousarray(samples)
