"""Publishing results of scans that a codec plugin reads."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np

from archivist.api.errors import PublishError, SourceError
from archivist.api.extensions import CodecSpec
from archivist.api.values import Image
from archivist.imaging.metadata import sample_changes
from archivist.imaging.picture import Picture, quantise, to_depth, to_float
from archivist.imaging.plugged import read_plugged, write_plugged
from archivist.imaging.resize import shrink
from archivist.imaging.samples import at_depth
from archivist.imaging.storage import ArrayRaster, Raster
from archivist.model import MetadataContract
from archivist.store.checks import PSNR_FLOOR, psnr
from archivist.store.job import Output, PageResult, PublishJob

METADATA = "Metadata"
"""The name in a contract for all metadata of a scan that archivist cannot see."""


def unread(contract: MetadataContract, codec: str) -> MetadataContract:
    """Return a contract that says what a codec does not hand over."""
    reason = (
        f"the codec {codec} gives pixels and colour profile; whatever else the scan says of itself "
        "is not known, and stays in the scan"
    )
    return dataclasses.replace(contract, lost={**contract.lost, METADATA: reason})


def render_plugged(
    path: Path, job: PublishJob, output: Output, codec: CodecSpec
) -> MetadataContract:
    """Write an output by a codec, read it again and compare; return its metadata contract.

    Size, channels, depth and colour profile must come back, and the pixels too; where the format
    is a lossy one, the contract says how near they are. Raises PublishError.
    """
    page = job.pages[output.pages[0]]
    raster = shrink(page.raster, output.profile.max_side)
    meant = _meant(page, raster, output)
    path.write_bytes(write_plugged(codec, meant))
    most = max(job.max_pixels, raster.shape[0] * raster.shape[1])
    try:
        found = read_plugged(codec, path.read_bytes(), max_pixels=most)
    except SourceError as error:
        raise _wrong(codec, str(error)) from error
    reached = _compare(codec, meant, found)
    contract = unread(_history(codec, page), codec.id)
    changed = sample_changes(page.header, kind=codec.id, depth=meant.depth, colour=meant.colour)
    if reached != math.inf:
        reason = f"the codec is lossy: {reached:.1f} dB from the pixels that were meant"
        changed["Pixels"] = reason
    return dataclasses.replace(contract, changed=changed)


def _meant(page: PageResult, raster: Raster, output: Output) -> Image:
    depth = page.header.depth if output.profile.depth == "same" else int(output.profile.depth)
    height, width, _ = raster.shape
    samples = at_depth(raster.read(0, height, 0, width), depth)
    return Image(pixels=to_float(samples), colour=page.colour, depth=depth, icc=page.icc)


def _history(codec: CodecSpec, page: PageResult) -> MetadataContract:
    if not page.changed:
        return MetadataContract()
    reason = f"the codec {codec.id} writes no metadata; the catalog keeps the history"
    return MetadataContract(lost={"XMP-xmpMM:History": reason})


def _compare(codec: CodecSpec, meant: Image, found: Picture) -> float:
    """Return how near the pixels are in decibels, infinite when equal. Raises PublishError."""
    facts = {
        "size": ((meant.width, meant.height), (found.width, found.height)),
        "colour": (meant.colour, found.colour),
        "depth": (meant.depth, found.depth),
        "colour profile": (meant.icc, found.icc),
    }
    for name, (wanted, got) in facts.items():
        if wanted != got:
            shown = "another one" if name == "colour profile" else f"{got}, not {wanted}"
            raise _wrong(codec, f"its {name} is {shown}")
    samples = to_depth(quantise(meant.pixels), meant.depth)
    if np.array_equal(samples, found.pixels):
        return math.inf
    reached = psnr(ArrayRaster(samples), ArrayRaster(found.pixels))
    if reached < PSNR_FLOOR:
        raise _wrong(codec, f"its pixels differ by {reached:.1f} dB from those meant")
    return reached


def _wrong(codec: CodecSpec, what: str) -> PublishError:
    return PublishError(
        f"what the codec {codec.id} wrote, read again, is not what was meant: {what}. Nothing was "
        "replaced. Cure: set format to tiff in the output profile, and tell the codec's authors",
        code="check",
    )
