"""Factories of pictures and files; everything is made from a seed, nothing is stored."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from archivist.api.errors import SourceError
from archivist.imaging.decode import decode

MAX_PIXELS = 10_000_000


@pytest.fixture
def noise() -> Callable[..., NDArray[Any]]:
    """Random samples of the full range: noise(height, width, channels or None, dtype)."""

    def make(
        height: int = 37, width: int = 53, channels: int | None = 3, dtype: Any = np.uint8
    ) -> NDArray[Any]:
        shape = (height, width) if channels is None else (height, width, channels)
        full = np.iinfo(dtype).max + 1
        return np.random.default_rng(height * 1000 + width).integers(0, full, shape).astype(dtype)

    return make


@pytest.fixture
def smooth() -> Callable[..., NDArray[np.uint8]]:
    """A smooth picture that survives JPEG: smooth(height, width)."""

    def make(height: int = 64, width: int = 96, channels: int = 3) -> NDArray[np.uint8]:
        y, x = np.mgrid[0:height, 0:width]
        planes = [
            127 + 100 * np.sin(y / (9 + 4 * number)) * np.cos(x / (13 - 2 * number))
            for number in range(channels)
        ]
        return np.stack(planes, axis=2).astype(np.uint8)

    return make


@pytest.fixture
def tiff() -> Callable[..., bytes]:
    """The bytes of a TIFF file with one page; keywords are those of tifffile."""

    def make(pixels: NDArray[Any], **options: Any) -> bytes:
        stream = BytesIO()
        tifffile.imwrite(stream, pixels, metadata=None, **options)
        return stream.getvalue()

    return make


@pytest.fixture
def tiff_pages() -> Callable[..., bytes]:
    """The bytes of a TIFF file with several pages: tiff_pages((pixels, options), ...)."""

    def make(*pages: tuple[NDArray[Any], dict[str, Any]], **file_options: Any) -> bytes:
        stream = BytesIO()
        with tifffile.TiffWriter(stream, **file_options) as tif:
            for pixels, options in pages:
                tif.write(pixels, metadata=None, **options)
        return stream.getvalue()

    return make


@pytest.fixture
def saved() -> Callable[..., bytes]:
    """The bytes of a file written by Pillow: saved(pixels or image, format, **options)."""

    def make(picture: NDArray[Any] | Image.Image, kind: str, **options: Any) -> bytes:
        image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
        stream = BytesIO()
        image.save(stream, kind, **options)
        return stream.getvalue()

    return make


@pytest.fixture
def refused() -> Callable[[bytes], SourceError]:
    """Return the refusal of a file's content; fails when it is decoded."""

    def check(data: bytes, max_pixels: int = MAX_PIXELS) -> SourceError:
        with pytest.raises(SourceError) as caught:
            decode(data, max_pixels=max_pixels)
        assert "Cure: " in str(caught.value)
        return caught.value

    return check
