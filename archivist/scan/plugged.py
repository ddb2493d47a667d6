"""Look at a file through the reader that a codec plugin offers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archivist.api.extensions import CodecSpec
from archivist.imaging.picture import Picture, to_float
from archivist.imaging.plugged import metadata_plugged, read_plugged
from archivist.model import Header
from archivist.scan.likeness import hash_of_pixels
from archivist.scan.settings import ScanOptions


def probe_plugged(
    codec: CodecSpec, file: Path, data: bytes | None, options: ScanOptions
) -> tuple[Header, str | None, bytes]:
    """Return header, perceptual hash and Exif block of a file that a codec plugin reads (one page).

    The file is decoded even where the codec has a probe, so that damage is noticed here, and
    because the hash needs the pixels. Raises SourceError.
    """
    content = file.read_bytes() if data is None else data
    picture = read_plugged(codec, content, max_pixels=options.max_pixels)
    exif = metadata_plugged(codec, content).exif or b""
    return picture.header, hash_of_pixels(_grey(picture)), exif


def _grey(picture: Picture) -> NDArray[np.uint8]:
    mean = to_float(picture.pixels).mean(axis=2)
    grey: NDArray[np.uint8] = np.rint(mean * 255.0).astype(np.uint8)
    return grey
