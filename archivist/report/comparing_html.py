"""Write a comparison of two runs as one web page that needs nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from archivist.api import ArchivistError
from archivist.model import now
from archivist.report import thumbnails
from archivist.report.audit_html import page_template
from archivist.report.comparing_rows import Comparison, OutputDifference, Verdict
from archivist.report.comparing_text import measured
from archivist.report.difference_pictures import difference
from archivist.store.artifacts import load_picture
from archivist.store.atomic import replacing
from archivist.store.blobs import BlobStore
from archivist.store.pictures import StoredPicture

_SIDE = 640
PICTURES = 24
"""Outputs that are shown with pictures, the most different ones first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An output that differs, with its pictures where there are any."""

    output: OutputDifference
    words: str
    first: str = ""
    second: str = ""
    width: int = 0
    height: int = 0
    heat: str = ""
    """The difference, made ``factor`` times brighter."""
    factor: int = 1


def write_diff_page(found: Comparison, store: Path | None, path: Path) -> None:
    """Write the page whole or not at all. Raises OSError when it cannot be written."""
    blobs = None if store is None else BlobStore(store)
    ranked = sorted(found.outputs, key=_far, reverse=True)
    shown = [_shown(one, blobs if n < PICTURES else None) for n, one in enumerate(ranked)]
    areas = [(area, list(rows)) for area, rows in groupby(found.changed, lambda one: one.area)]
    context = {
        "found": found,
        "areas": areas,
        "shown": shown,
        "tiles": [(verdict, found.counts.get(verdict, 0)) for verdict in Verdict],
        "written": now(),
    }
    with replacing(path) as temporary, temporary.open("wb") as stream:
        page = page_template("diff.html.j2").stream(context)
        page.enable_buffering(64)
        page.dump(stream, encoding="utf-8", errors="backslashreplace")


def _far(one: OutputDifference) -> float:
    return -1.0 if one.measure is None else one.measure.mean


def _shown(one: OutputDifference, store: BlobStore | None) -> Shown:
    words = "" if one.measure is None else measured(one.measure)
    first, second = one.pictures
    differs = one.verdict in (Verdict.DIFFERENT, Verdict.WITHIN)
    if store is None or first is None or second is None or not differs:
        return Shown(output=one, words=words)
    try:
        before, after = load_picture(store, first), load_picture(store, second)
    except ArchivistError:
        return Shown(output=one, words=words)
    picture, (width, height) = _picture(before)
    heat, factor = "", 1
    if before.raster.shape == after.raster.shape:
        pixels, factor = difference(before.raster, after.raster, _SIDE)
        heat = thumbnails.jpeg_uri(np.repeat(pixels[:, :, None], 3, axis=2))
    return Shown(
        output=one,
        words=words,
        first=picture,
        second=_picture(after)[0],
        width=width,
        height=height,
        heat=heat,
        factor=factor,
    )


def _picture(picture: StoredPicture) -> tuple[str, tuple[int, int]]:
    small = thumbnails.reduce(picture.raster, _SIDE)
    uri = thumbnails.jpeg_uri(thumbnails.to_srgb(small, picture.icc))
    return uri, (small.shape[1], small.shape[0])
