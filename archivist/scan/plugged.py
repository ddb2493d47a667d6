"""Look at a file through the reader that a codec plugin offers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archivist.api.errors import ArchivistError, SourceError
from archivist.api.extensions import CodecSpec
from archivist.api.values import Image
from archivist.model import Header
from archivist.plugins import resolve
from archivist.scan.likeness import hash_of_pixels
from archivist.scan.settings import ScanOptions

_FAULTS = (
    ArchivistError,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)
"""What the code of others may raise over a damaged file."""


def probe_plugged(
    codec: CodecSpec, file: Path, data: bytes | None, options: ScanOptions
) -> tuple[Header, str | None]:
    """Return header and perceptual hash of a file that a codec plugin reads (one page).

    A codec has no probe of its own, so the file is decoded. Raises SourceError.
    """
    try:
        picture = resolve(codec.read)(file.read_bytes() if data is None else data, 0)
    except _FAULTS as error:
        raise SourceError(
            f"the codec {codec.id} ({codec.title}) cannot read it: {error}. Cure: check the file "
            "with the program that wrote it, or install another version of the codec",
            code="codec-failed",
        ) from error
    if not isinstance(picture, Image) or picture.pixels.ndim != 3:
        raise SourceError(
            f"the codec {codec.id} returned no archivist.api.Image. Cure: report it to its authors",
            code="codec-failed",
        )
    if picture.width * picture.height > options.max_pixels:
        raise SourceError(
            f"{picture.width} x {picture.height} pixels are more than the limit of "
            f"{options.max_pixels}. Cure: raise scan.max_megapixels",
            code="too-large",
        )
    header = Header(
        format=codec.id,
        width=picture.width,
        height=picture.height,
        colour=picture.colour,
        depth=picture.depth,
        layout=codec.title,
    )
    return header, hash_of_pixels(_grey(picture))


def _grey(picture: Image) -> NDArray[np.uint8]:
    mean = np.clip(picture.pixels.mean(axis=2), 0.0, 1.0)
    grey: NDArray[np.uint8] = np.rint(mean * 255.0).astype(np.uint8)
    return grey
