"""Publishing results of scans that a codec plugin reads."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np

from archivist.api.errors import PublishError, SourceError
from archivist.api.extensions import CodecSpec
from archivist.api.values import Image
from archivist.imaging.encode import PageOutput
from archivist.imaging.metadata import SourceMetadata, from_codec
from archivist.imaging.picture import Picture, quantise, to_depth, to_float
from archivist.imaging.plugged import metadata_plugged, read_plugged, write_plugged
from archivist.imaging.samples import at_depth
from archivist.imaging.storage import ArrayRaster
from archivist.model import MetadataContract
from archivist.store.checks import PSNR_FLOOR, check_metadata, psnr, same_dpi
from archivist.store.job import Output, PublishJob
from archivist.store.render import depth_of, draft


def render_plugged(
    path: Path, job: PublishJob, output: Output, codec: CodecSpec, source: SourceMetadata
) -> MetadataContract:
    """Write an output by a codec, read it again and compare; return its metadata contract.

    Size, channels, depth, colour profile, resolution and ``source``, the metadata of the scan, must
    come back, and the pixels too; where the format is a lossy one, the contract says how near they
    are. Raises PublishError (``check``, or ``metadata-lost`` for a loss that is not listed).
    """
    page = job.pages[output.pages[0]]
    depth = depth_of([page], output.profile, codec.id)
    written, carried = draft(page, source, job, output, depth, codec.places)
    meant = _meant(written, depth)
    path.write_bytes(write_plugged(codec, meant, carried.pieces.blocks))
    most = max(job.max_pixels, meant.height * meant.width)
    try:
        data = path.read_bytes()
        found = read_plugged(codec, data, max_pixels=most)
        held = metadata_plugged(codec, data)
    except SourceError as error:
        raise _wrong(codec, str(error)) from error
    reached = _compare(codec, meant, found)
    if codec.metadata is not None:
        blame = f"the codec {codec.id} ({codec.title})"
        new, given = (from_codec(found.header, one) for one in (held, carried.pieces.blocks))
        check_metadata(source, new, carried.contract, blame=blame)
        check_metadata(given, new, MetadataContract(), blame=blame)
    if carried.pieces.blocks.dpi and not same_dpi(carried.pieces.blocks.dpi, found.header.dpi):
        raise _wrong(codec, f"its resolution is {found.header.dpi} dpi, not {written.dpi}")
    contract = carried.contract
    if reached == math.inf:
        return contract
    reason = f"the codec is lossy: {reached:.1f} dB from the pixels that were meant"
    return dataclasses.replace(contract, changed={**contract.changed, "Pixels": reason})


def _meant(written: PageOutput, depth: int) -> Image:
    height, width, _ = written.raster.shape
    samples = at_depth(written.raster.read(0, height, 0, width), depth)
    return Image(pixels=to_float(samples), colour=written.colour, depth=depth, icc=written.icc)


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
