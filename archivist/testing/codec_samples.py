"""Made-up profiles and metadata for codecs, and files of theirs that were damaged on purpose."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

import numpy as np

from archivist.api.extensions import CodecMetadata
from archivist.api.values import Colour, Image
from archivist.imaging.metadata.blocks import fresh
from archivist.imaging.metadata.ifd import Directory, ascii_text, rational
from archivist.imaging.metadata.xmp import Packet
from archivist.testing.samples import sample_image

LONG = 100_000
"""Letters in a long XMP packet; some formats split what is above 64 kB."""
HOLES = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9)
"""Where parts of a file are overwritten, as shares of its length."""
_HEAD = 48
"""Bytes at the beginning of which each is overwritten alone."""
_CUTS = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)
_XYZ = {
    b"wtpt": (0.9642, 1.0, 0.8249),
    b"rXYZ": (0.4361, 0.2225, 0.0139),
    b"gXYZ": (0.3851, 0.7169, 0.0971),
    b"bXYZ": (0.1431, 0.0606, 0.7141),
}


def codec_images() -> Iterator[tuple[str, Image]]:
    """Yield images as scans are, each with its name."""
    for depth in (8, 16):
        yield f"a grey image of {depth} bits", sample_image(colour=Colour.GREY, depth=depth)
        yield f"an RGB image of {depth} bits", sample_image(depth=depth)
    yield "an image of 1 x 1 pixel", sample_image(1, 1)
    yield "an image of odd sides", sample_image(37, 53)
    yield "a very wide image", sample_image(8, 3000)
    yield "a very tall image", sample_image(3000, 8)
    for colour in Colour:
        image = sample_image(colour=colour)
        shown = "grey" if colour is Colour.GREY else "RGB"
        yield f"a profile for {shown}", replace(image, icc=sample_profile(colour))


@lru_cache
def sample_profile(colour: Colour) -> bytes:
    """Return a small ICC profile (version 2), of a display with a gamma of 2.2."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(2.2 * 256))
    text = b"archivist sample"
    description = b"desc" + bytes(4) + struct.pack(">I", len(text) + 1) + text + bytes(79)
    tags = {b"desc": description, b"cprt": b"text" + bytes(4) + b"none\0"}
    if colour is Colour.GREY:
        tags |= {b"wtpt": _xyz(b"wtpt"), b"kTRC": curve}
    else:
        tags |= {name: _xyz(name) for name in _XYZ}
        tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    table, body, start = b"", b"", 132 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    space = b"GRAY" if colour is Colour.GREY else b"RGB "
    head = struct.pack(">I4xI4s4s4s", start + len(body), 0x02200000, b"mntr", space, b"XYZ ")
    head = head.ljust(36, b"\0") + b"acsp" + bytes(28) + _xyz(b"wtpt")[8:]
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def _xyz(name: bytes) -> bytes:
    numbers = (round(value * 65536) for value in _XYZ[name])
    return b"XYZ " + bytes(4) + struct.pack(">3i", *numbers)


def sample_metadata() -> CodecMetadata:
    """Return blocks of every kind, and a resolution that differs across and down."""
    entries = (
        ascii_text(271, "archivist"),
        rational(282, 400, "<"),
        rational(283, 300, "<"),
        ascii_text(306, "1999:05:05 10:00:00"),
        ascii_text(33432, "a museum"),
    )
    block, _ = fresh(Directory(name="IFD0", order="<", entries=entries), "<")
    return CodecMetadata(
        exif=block, xmp=packet("box 7, Brücke"), iptc=b"\x1c\x02\x19\0\x06bridge", dpi=(400, 300)
    )


def packet(words: str) -> bytes:
    """Return an XMP packet that says some words of where a picture comes from."""
    made = Packet.empty()
    made.set("dc:source", words)
    return made.serialise()


def cut(data: bytes, signature: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the beginnings of a file, each with words for where it ends."""
    places = {int(len(data) * share) for share in _CUTS} | {len(signature) + 1, len(data) - 1}
    for place in sorted(places):
        if len(signature) < place < len(data):
            yield f"cut after {place} of {len(data)} bytes", data[:place]


def overwritten(data: bytes, signature: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield a file of which parts hold something else, each with words for what."""
    rng = np.random.default_rng(5)
    for place in range(len(signature), min(_HEAD, len(data))):
        other = bytes([data[place] ^ int(rng.integers(1, 256))])
        yield f"with another byte {place}", data[:place] + other + data[place + 1 :]
    size = max(1, min(4096, len(data) // 16))
    for share in HOLES:
        start = len(signature) + int((len(data) - len(signature)) * share)
        for name, block in (("zeros", bytes(size)), ("noise", rng.bytes(size))):
            changed = data[:start] + block[: len(data) - start] + data[start + size :]
            yield f"with {name} from byte {start}", changed
