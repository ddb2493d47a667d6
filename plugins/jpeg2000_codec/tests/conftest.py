"""Pictures, and files around them, made here box by box."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PilImage
from PIL import ImageCms

from archivist.api import Image, SourceError
from archivist.cli.main import invoke
from archivist_jpeg2000.boxes import box
from archivist_jpeg2000.read import read

CONFIG = """
[recipes.spots]
inputs = {{ user_mask = "{masks}" }}
steps = [{{ use = "scratch.detect" }}, {{ use = "scratch.repair" }}]
[[output.profiles]]
name = "master"
folder = "master"
[[output.profiles]]
name = "tiff"
format = "tiff"
folder = "tiff"
[[output.profiles]]
name = "png"
format = "png"
folder = "png"
[[output.profiles]]
name = "web"
format = "jpeg"
folder = "web"
"""


class Kit:
    """What tests make files of."""

    signature = box(b"jP  ", b"\r\n\x87\n")

    def photo(self, height: int = 90, width: int = 120, channels: int = 3) -> NDArray[np.uint8]:
        """Return a picture with soft tones, an edge and grain."""
        y, x = np.mgrid[:height, :width]
        grain = np.random.default_rng(height).normal(0, 6, (height, width, channels))
        tones = 120 + 80 * np.sin(x / 9.0 + y / 30.0)[..., None] + 30 * (x > y)[..., None]
        shift = np.arange(channels) * 20
        return np.clip(tones + grain - shift, 0, 255).astype(np.uint8)

    def stream(self, samples: NDArray[Any], **options: Any) -> bytes:
        """Return samples (height, width, n) as a lossless codestream, components as they are."""
        plain = samples[..., 0] if samples.shape[2] == 1 else samples
        encoded: bytes = imagecodecs.jpeg2k_encode(
            np.ascontiguousarray(plain),
            level=0,
            reversible=True,
            codecformat="J2K",
            planar=False,
            mct=False,
            **options,
        )
        return encoded

    def pillow(self, samples: NDArray[np.uint8], **options: Any) -> bytes:
        """Return samples as a file of another writer than ours."""
        plain = samples[..., 0] if samples.shape[2] == 1 else samples
        written = BytesIO()
        PilImage.fromarray(plain).save(written, "JPEG2000", **options)
        return written.getvalue()

    def colr(self, number: int, precedence: int = 0) -> bytes:
        """Return a colour specification by number."""
        return box(b"colr", struct.pack(">BbBI", 1, precedence, 0, number))

    def profile(self, icc: bytes, method: int = 2) -> bytes:
        """Return a colour specification by profile."""
        return box(b"colr", bytes((method, 0, 0)) + icc)

    def cdef(self, *channels: tuple[int, int, int]) -> bytes:
        """Return a channel definition of (channel, type, association)."""
        body = b"".join(struct.pack(">HHH", *channel) for channel in channels)
        return box(b"cdef", struct.pack(">H", len(channels)) + body)

    def ihdr(self, width: int, height: int, components: int, bits: int = 8) -> bytes:
        """Return the box of the size."""
        return box(b"ihdr", struct.pack(">IIHBBBB", height, width, components, bits - 1, 7, 0, 0))

    def file(
        self,
        stream: bytes,
        samples: NDArray[Any],
        *header: bytes,
        brand: bytes = b"jp2 ",
        more: bytes = b"",
    ) -> bytes:
        """Return a file with the boxes of a header around a codestream, ``more`` before that."""
        height, width, components = samples.shape
        inner = self.ihdr(width, height, components) + b"".join(header)
        kind = box(b"ftyp", brand + bytes(4) + brand)
        return self.signature + kind + box(b"jp2h", inner) + more + box(b"jp2c", stream)

    def samples(self, image: Image) -> NDArray[Any]:
        """Return the samples of an image in its depth."""
        whole = np.rint(image.pixels * ((1 << image.depth) - 1))
        return whole.astype(np.uint8 if image.depth == 8 else np.uint16)


@pytest.fixture
def kit() -> Kit:
    """Return what files are made of."""
    return Kit()


@pytest.fixture(scope="session")
def srgb() -> bytes:
    """Return a profile of matrix and curves."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture
def refusal() -> Callable[[bytes], SourceError]:
    """Return what a file is refused with."""

    def refused(data: bytes) -> SourceError:
        with pytest.raises(SourceError) as caught:
            read(data)
        assert ". Cure: " in str(caught.value)
        return caught.value

    return refused


class Archive:
    """Scans of which some have a mask that says where to repair, and the command line."""

    def __init__(self, home: Path, capsys: Any) -> None:
        self.scans, self.out, self.config = home / "scans", home / "out", home / "c.toml"
        self.masks, self._capsys = home / "masks", capsys
        self.scans.mkdir()
        self.masks.mkdir()
        self.config.write_text(CONFIG.format(masks=self.masks))

    def put(
        self, name: str, data: bytes, *, marked: bool = True, size: tuple[int, int] = (90, 120)
    ) -> None:
        """Write a scan, and a mask for it: ``size`` is the height and width of the upright one."""
        (self.scans / name).write_bytes(data)
        mask = np.zeros(size, np.uint8)
        mask[10:20, 30:60] = 255 if marked else 0
        cv2.imwrite(str(self.masks / f"{name}.png"), mask)

    def command(self, name: str, *words: object) -> tuple[int, str]:
        code = invoke([name, *map(str, words), "--out", str(self.out)])
        said = self._capsys.readouterr()
        return code, said.out + said.err

    def run(self) -> tuple[int, str]:
        words = ("--recipe", "spots", "--scheduler", "serial", "--config", self.config)
        return self.command("run", self.scans, *words)

    def contract(self, name: str, profile: str) -> dict[str, Any]:
        """Return the metadata contract of an output of a scan."""
        assets = json.loads(self.command("report", "--json")[1])["assets"]
        (asset,) = (asset for asset in assets if asset["path"] == name)
        (output,) = (output for output in asset["outputs"] if output["profile"] == profile)
        found: dict[str, Any] = output["metadata"]
        return found

    def output(self, name: str) -> bytes:
        return (self.out / name).read_bytes()


@pytest.fixture
def archive(tmp_path, capsys) -> Archive:
    return Archive(tmp_path, capsys)
