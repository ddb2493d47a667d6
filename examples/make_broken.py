"""Make a folder of files that cannot be treated, to see what archivist says about them.

    python examples/make_broken.py
    archivist scan examples/broken --out DIR

Each file has its own defect; ``good.jpg`` among them shows that the others stop nobody.
"""

from __future__ import annotations

import io
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent
BROKEN = HERE / "broken"


def main() -> None:
    """Make everything anew."""
    shutil.rmtree(BROKEN, ignore_errors=True)
    BROKEN.mkdir()
    with Image.open(HERE / "originals" / "nagasaki-boats.jpg") as image:
        small = image.convert("RGB").resize((256, 205))
    good = _saved(small, "JPEG", quality=85)
    png = _saved(small.convert("L"), "PNG")
    files = {
        "good.jpg": good,
        "truncated.jpg": good[: len(good) // 2],
        "truncated.png": png[: len(png) // 2],
        "empty.tif": b"",
        "text.tif": b"This is a text file that somebody renamed.\n",
        "declares-64-gigapixels.png": _png_of_size(256_000, 250_000),
        "cmyk.jpg": _saved(small.convert("CMYK"), "JPEG"),
        "animation.gif": _saved(small.convert("P"), "GIF")[:2000],
        "camera-raw.dng": b"II*\0\x08\0\0\0" + b"\0" * 56,
        "broken-exif.jpg": _with_segment(good, 0xE1, b"Exif\0\0II*\0\xff\xff\xff\x7f"),
        "broken-profile.jpg": _with_segment(good, 0xE2, b"ICC_PROFILE\0\1\1" + b"no profile"),
        "damaged-middle.jpg": _with_noise(good),
        "Thumbs.db": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 56,
        ".hidden.jpg": good[:64],
        "list.txt": b"nothing to see\n",
    }
    for name, content in files.items():
        (BROKEN / name).write_bytes(content)


def _saved(image: Image.Image, form: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def _with_segment(jpeg: bytes, marker: int, body: bytes) -> bytes:
    return jpeg[:2] + struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body + jpeg[2:]


def _with_noise(jpeg: bytes) -> bytes:
    data = bytearray(jpeg)
    middle = len(data) // 2
    data[middle : middle + 400] = np.random.default_rng(0).bytes(400)
    return bytes(data)


def _png_of_size(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0" * 100))
    return b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b"")


if __name__ == "__main__":
    main()
