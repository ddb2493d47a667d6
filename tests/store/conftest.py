"""Scans and publishing jobs made on the spot."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from archivist.imaging.decode import decode
from archivist.imaging.metadata import HistoryEvent
from archivist.imaging.probe import probe
from archivist.imaging.raster import ArrayRaster
from archivist.model import OutputProfile
from archivist.store.publish import PageResult, PublishJob

MAX_PIXELS = 10**8
MOMENT = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
EVENT = HistoryEvent(
    action="edited", agent="archivist 0.1", when=MOMENT, parameters="scratch.repair 1"
)


def photograph(height: int = 60, width: int = 90, channels: int = 3) -> np.ndarray:
    """A smooth picture, uint16: no two corners alike, so that a turned one is noticed."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    planes = [x / width, y / height, (x + y) / (width + height)][:channels]
    return (np.stack(planes, axis=2) * 60000).astype(np.uint16)


def srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture
def scans(tmp_path) -> Path:
    folder = tmp_path / "scans"
    folder.mkdir()
    return folder


@pytest.fixture
def save_jpeg(scans) -> Callable[..., Path]:
    def save(name: str = "a.jpg", **options: object) -> Path:
        path = scans / name
        pixels = (photograph() // 257).astype(np.uint8)
        options.setdefault("dpi", (300, 300))
        Image.fromarray(pixels).save(path, "JPEG", quality=95, icc_profile=srgb(), **options)
        return path

    return save


@pytest.fixture
def save_tiff(scans) -> Callable[..., Path]:
    """Write pages of 16 bits with a private tag each."""

    def save(name: str = "a.tif", pages: int = 1, dtype: str = "uint16") -> Path:
        path = scans / name
        with tifffile.TiffWriter(path) as writer:
            for number in range(pages):
                pixels = photograph(60 + 10 * number)
                pixels = pixels if dtype == "uint16" else (pixels // 257).astype(np.uint8)
                writer.write(
                    pixels,
                    photometric="rgb",
                    resolution=(400, 400),
                    resolutionunit="INCH",
                    iccprofile=srgb(),
                    description=f"sheet {number}",
                    metadata=None,
                    extratags=[(65100, 1, 4, bytes([1, 2, 3, number]), False)],
                )
        return path

    return save


@pytest.fixture
def job(tmp_path) -> Callable[..., PublishJob]:
    """Make the job of a scan; ``change`` turns the pages (by number) into results of steps."""

    def make(
        scan: Path,
        *profiles: OutputProfile,
        change: tuple[int, ...] = (),
        scale: int = 1,
        in_memory: bool = True,
        **more: object,
    ) -> PublishJob:
        data = scan.read_bytes()
        results = []
        for number, header in enumerate(probe(data, max_pixels=MAX_PIXELS)):
            picture = decode(data, number, max_pixels=MAX_PIXELS)
            result = PageResult(
                header=header,
                colour=picture.colour,
                icc=picture.icc,
                raster=ArrayRaster(picture.pixels),
                alpha=None if picture.alpha is None else ArrayRaster(picture.alpha),
                associated=picture.associated,
            )
            if number in change:
                wide = picture.pixels.astype(np.uint16)
                wide = 65535 - (wide if picture.depth == 16 else wide * 257)
                wide = wide.repeat(scale, axis=0).repeat(scale, axis=1)
                result = replace(result, raster=ArrayRaster(wide), changed=True, events=(EVENT,))
            results.append(result)
        options: dict[str, object] = {
            "out": tmp_path / "out",
            "scan": scan,
            "digest": hashlib.sha256(data).hexdigest(),
            "paths": (scan.name,),
            "pages": tuple(results),
            "profiles": profiles or (OutputProfile(name="restored"),),
            "software": "archivist 0.1",
            "when": MOMENT,
            "max_pixels": MAX_PIXELS,
            "data": data if in_memory else None,
        }
        return PublishJob(**{**options, **more})

    return make


@pytest.fixture
def thumbnail() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (160, 107), "red").save(stream, "JPEG")
    return stream.getvalue()
