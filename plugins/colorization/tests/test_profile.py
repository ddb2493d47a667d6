"""A grey scan that becomes colour keeps what its levels mean."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from archivist_colorization import colour_profile
from archivist_colorization.colour_profile import rgb_profile

GAMMA = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(2.2 * 256))
TABLE = b"curv\0\0\0\0" + struct.pack(
    ">I256H", 256, *(round(65535 * (n / 255) ** 1.7) for n in range(256))
)
PARAMETRIC = b"para\0\0\0\0" + struct.pack(">HHi", 0, 0, round(1.8 * 65536))
LINEAR = b"curv\0\0\0\0" + struct.pack(">I", 0)


def grey_profile(version: int, curve: bytes, space: bytes = b"XYZ ") -> bytes:
    """Return the profile of a grey scan, built by the ICC's layout."""
    words = b"text\0\0\0\0of a test\0\0\0"
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    elements = [(b"cprt", words), (b"wtpt", white), (b"kTRC", curve + bytes(-len(curve) % 4))]
    index, body, start = b"", b"", 128 + 4 + 12 * len(elements)
    for name, element in elements:
        index += struct.pack(">4sII", name, start + len(body), len(element))
        body += element
    head = struct.pack(">I4xB3x4s4s4s", start + len(body), version, b"scnr", b"GRAY", space)
    head += struct.pack(">6H4s", 2020, 5, 1, 0, 0, 0, b"acsp")
    head = head.ljust(68, b"\0") + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + struct.pack(">I", len(elements)) + index + body


def shown(profile: bytes, mode: str) -> np.ndarray:
    """Return how a ramp of grey with this profile looks in sRGB."""
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    picture = ramp if mode == "L" else Image.merge("RGB", [ramp] * 3)
    opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    srgb = ImageCms.createProfile("sRGB")
    made = ImageCms.profileToProfile(picture, opened, srgb, renderingIntent=1, outputMode="RGB")
    assert made is not None
    return np.asarray(made).astype(int)


@pytest.mark.parametrize(
    ("version", "curve", "space"),
    [
        (2, GAMMA, b"XYZ "),
        (2, TABLE, b"XYZ "),
        (4, PARAMETRIC, b"XYZ "),
        (4, GAMMA, b"XYZ "),
        (2, LINEAR, b"Lab "),
    ],
)
def test_grey_means_in_colour_what_it_meant_before(
    version: int, curve: bytes, space: bytes
) -> None:
    grey = grey_profile(version, curve, space)

    made = rgb_profile(grey)

    assert made is not None
    assert np.abs(shown(made, "RGB") - shown(grey, "L")).max() <= 2


def test_colours_have_the_primaries_of_srgb() -> None:
    srgb_curve = colour_profile.rgb_profile(grey_profile(2, GAMMA))
    assert srgb_curve is not None
    opened = ImageCms.ImageCmsProfile(io.BytesIO(srgb_curve))
    pixels = Image.fromarray(np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8))

    made = ImageCms.profileToProfile(pixels, opened, ImageCms.createProfile("sRGB"))

    assert made is not None
    assert np.abs(np.asarray(made).astype(int) - np.asarray(pixels)).max() <= 3


def test_no_profile_stays_none() -> None:
    assert rgb_profile(None) is None


@pytest.mark.parametrize("broken", [b"", b"x" * 60, b"x" * 400, grey_profile(2, b"mft2" * 5)])
def test_a_profile_that_cannot_be_understood_is_left_out(broken: bytes) -> None:
    assert rgb_profile(broken) is None
