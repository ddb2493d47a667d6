"""Makers of files for the tests of the scan."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

PictureBytes = Callable[..., bytes]


def _scene(width: int, height: int, seed: int) -> np.ndarray:
    """A smooth picture with some shapes, 8-bit grey, that has a stable perceptual hash."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    u, v = x / width, y / height
    picture = np.zeros((height, width))
    for _ in range(6):
        fx, fy, phase = rng.uniform(0.5, 4, 3)
        picture += rng.uniform(0.3, 1) * np.sin(6.28 * (fx * u + phase)) * np.cos(6.28 * fy * v)
    picture -= picture.min()
    return np.rint(picture / picture.max() * 235 + 10).astype(np.uint8)


@pytest.fixture
def picture_bytes() -> PictureBytes:
    """Return a maker of files in memory: picture_bytes('jpeg', width=64, height=48, seed=0)."""

    def make(
        form: str = "jpeg", *, width: int = 96, height: int = 64, seed: int = 0, **save: object
    ) -> bytes:
        grey = _scene(width, height, seed)
        stream = io.BytesIO()
        if form == "tiff16":
            tifffile.imwrite(stream, grey.astype(np.uint16) * 257, photometric="minisblack")
        elif form == "pages":
            pages = np.stack([_scene(width, height, seed + number) for number in range(3)])
            tifffile.imwrite(stream, pages, photometric="minisblack")
        else:
            Image.fromarray(grey).save(stream, form.upper(), **save)
        return stream.getvalue()

    return make


@pytest.fixture
def put(tmp_path: Path, picture_bytes: PictureBytes) -> Callable[..., Path]:
    """Return a maker of files below ``tmp_path / "scans"``: put('1905/a.jpg', content=b'...')."""
    root = tmp_path / "scans"
    root.mkdir()

    def make(name: str, content: bytes | None = None, **picture: object) -> Path:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(picture_bytes(**picture) if content is None else content)
        return file

    return make


@pytest.fixture
def scans(tmp_path: Path, put: Callable[..., Path]) -> Path:
    """Return the folder that ``put`` fills."""
    return tmp_path / "scans"
