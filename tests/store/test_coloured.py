"""Where a step makes colour of grey, or grey of colour, the profile of the scan does not stay."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from archivist.api import Colour
from archivist.hashing import digest_bytes
from archivist.imaging.decode import decode
from archivist.imaging.probe import probe
from archivist.imaging.raster import ArrayRaster
from archivist.store.publish import publish

LIMIT = 10**8
NEW = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def grey_profile() -> bytes:
    """Return a small profile of a grey scan; nothing here looks into its tags."""
    head = struct.pack(">I4xI4s4s4s", 132, 0x02200000, b"scnr", b"GRAY", b"XYZ ")
    return head.ljust(36, b"\0") + b"acsp" + bytes(88) + struct.pack(">I", 0)


def save_grey(folder: Path, kind: str, icc: bytes | None) -> Path:
    rng = np.random.default_rng(1)
    path = folder / f"grey.{kind}"
    if kind == "tif":
        pixels = rng.integers(0, 65536, (60, 80), np.uint16)
        tifffile.imwrite(path, pixels, photometric="minisblack", iccprofile=icc, metadata=None)
    else:
        picture = Image.fromarray(np.linspace(0, 255, 4800).reshape(60, 80).astype(np.uint8))
        picture.save(path, icc_profile=icc, quality=95)
    return path


@pytest.mark.parametrize("kind", ["tif", "png", "jpg"])
@pytest.mark.parametrize("icc", [None, NEW], ids=["without", "with"])
def test_a_coloured_grey_scan_is_rgb_with_the_new_profile_alone(
    job, scans, tmp_path, kind: str, icc: bytes | None
):
    scan = save_grey(scans, kind, grey_profile())
    work = job(scan)
    (page,) = work.pages
    light = page.raster.array.astype(np.int32)
    wide = np.clip(np.concatenate([light, light // 2, light // 3], axis=2), 0, 65535)
    raster = ArrayRaster(wide.astype(page.raster.array.dtype))
    done = replace(page, colour=Colour.RGB, icc=icc, raster=raster, changed=True, synthetic=True)

    (found,) = publish(replace(work, pages=(done,)))

    data = (tmp_path / "out" / scan.name).read_bytes()
    (header,) = probe(data, max_pixels=LIMIT)
    assert header.colour is Colour.RGB
    assert header.icc_digest == (digest_bytes(icc) if icc else None)
    assert "became colour" in {**found.contract.changed, **found.contract.lost}["ICC_Profile"]
    assert "3 where the scan has 1" in found.contract.changed["Channels"]
    if kind != "jpg":
        assert np.array_equal(decode(data, max_pixels=LIMIT).pixels, raster.array)


@pytest.mark.parametrize("kind", ["TIFF", "PNG", "JPEG"])
@pytest.mark.parametrize("icc", [None, grey_profile()], ids=["without", "with"])
def test_a_scan_in_colour_that_became_grey_loses_its_profile_with_the_reason(
    job, scans, tmp_path, kind: str, icc: bytes | None
):
    scan = scans / f"colour.{kind.lower()}"
    shades = np.random.default_rng(1).integers(0, 256, (60, 80, 3), np.uint8)
    Image.fromarray(shades).save(scan, kind, icc_profile=NEW)
    work = job(scan)
    (page,) = work.pages
    raster = ArrayRaster(np.ascontiguousarray(page.raster.array[..., :1]))
    done = replace(page, colour=Colour.GREY, icc=icc, raster=raster, changed=True)

    (found,) = publish(replace(work, pages=(done,)))

    (output,) = (tmp_path / "out").iterdir()
    (header,) = probe(output.read_bytes(), max_pixels=LIMIT)
    assert header.colour is Colour.GREY
    assert header.icc_digest == (digest_bytes(icc) if icc else None)
    assert "became grey" in {**found.contract.changed, **found.contract.lost}["ICC_Profile"]
    assert "1 where the scan has 3" in found.contract.changed["Channels"]


@pytest.mark.parametrize("kind", ["TIFF", "PNG", "JPEG"])
def test_a_scan_in_colour_that_was_grey_on_the_way_loses_its_profile_with_the_reason(
    job, scans, tmp_path, kind: str
):
    scan = scans / f"again.{kind.lower()}"
    Image.fromarray(np.zeros((60, 80, 3), np.uint8) + 90).save(scan, kind, icc_profile=NEW)
    work = job(scan)
    (page,) = work.pages

    (found,) = publish(replace(work, pages=(replace(page, icc=None, changed=True),)))

    (output,) = (tmp_path / "out").iterdir()
    (header,) = probe(output.read_bytes(), max_pixels=LIMIT)
    assert (header.colour, header.icc_digest) == (Colour.RGB, None)
    assert "grey on the way" in found.contract.lost["ICC_Profile"]


def test_a_grey_result_keeps_the_profile_for_grey(job, scans):
    scan = save_grey(scans, "png", grey_profile())

    (found,) = publish(job(scan, change=(0,)))

    assert "ICC_Profile" in found.contract.kept
