"""The perceptual hash: what a picture looks like, in 64 bits, from a reduced decode."""

from __future__ import annotations

import threading
from io import BytesIO
from pathlib import Path

import cv2
import imagehash
import numpy as np
from PIL import Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile

from archivist.imaging.decode import decode
from archivist.imaging.raster import Raster, open_source
from archivist.model import Header

SIDE = 256
"""Pictures are reduced to about this many pixels on the long side before they are hashed."""

_FLAT = 8
"""A picture with fewer grey levels than this shows nothing: its hash would be that of its noise."""

_WINDOWED_ABOVE = 16_000_000
"""Pixels above which a TIFF is read in bands: 16 MP of 16-bit RGB are 96 MB."""

_one_large = threading.Lock()
"""Held while a large picture is decoded whole, so that readers do not add up their peaks."""


def perceptual_hash(
    source: bytes | Path, page: int, header: Header, *, max_pixels: int
) -> str | None:
    """Return the 64-bit pHash of a page as 16 hex digits, or None for a picture of one tone.

    Near duplicates (another size, compression, exposure) differ in few bits:
    :func:`archivist.scan.duplicates.hamming`. Every sample of the page is decoded, so that a
    truncated file is noticed here. Raises SourceError.
    """
    small = _reduced(source, page, header, max_pixels)
    darkest, lightest = small.getextrema()
    if lightest - darkest < _FLAT:
        return None
    return str(imagehash.phash(small))


def _reduced(source: bytes | Path, page: int, header: Header, max_pixels: int) -> Image.Image:
    if header.format == "jpeg" and page == 0 and (small := _drafted(source, header)):
        return small
    pixels = header.width * header.height
    if header.format == "tiff" and isinstance(source, Path):
        return _shrunk(open_source(source, page, max_pixels=max_pixels))
    if pixels < _WINDOWED_ABOVE:
        return _decoded(source, page, max_pixels)
    with _one_large:
        return _decoded(source, page, max_pixels)
