"""Publishing results of scans that a codec plugin reads."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from archivist.api.errors import PublishError, SourceError
from archivist.api.extensions import CodecMetadata, CodecSpec
from archivist.api.values import Image
from archivist.imaging.encode import PageOutput
from archivist.imaging.metadata import SourceMetadata, compare, from_codec
from archivist.imaging.picture import Picture, quantise, to_depth, to_float
from archivist.imaging.plugged import metadata_plugged, read_plugged, write_plugged
from archivist.imaging.samples import at_depth
from archivist.imaging.storage import ArrayRaster
from archivist.model import MetadataContract
from archivist.store.checks import PSNR_FLOOR, demand_whole, psnr, same_dpi
from archivist.store.job import Output, PublishJob
from archivist.store.render import depth_of, draft


@dataclass(frozen=True, slots=True, kw_only=True)
class Reread:
    """What a codec wrote, read again and compared with what was meant.

    ``nearness`` of the pixels is in decibels, infinite when all are equal; ``metadata`` are those
    found. ``problems`` of the picture and ``lost`` of the metadata are one sentence a piece.
    """

    nearness: float
    metadata: SourceMetadata
    problems: tuple[str, ...]
    lost: tuple[str, ...]


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
    meant, blocks = _meant(written, depth), carried.pieces.blocks
    path.write_bytes(write_plugged(codec, meant, blocks))
    most = max(job.max_pixels, meant.height * meant.width)
    try:
        found = reread(codec, meant, blocks, path.read_bytes(), max_pixels=most)
    except SourceError as error:
        raise _wrong(codec, str(error)) from error
    if found.problems:
        raise _wrong(codec, found.problems[0])
    if codec.metadata is not None:
        blame = f"the codec {codec.id} ({codec.title})"
        lost = (*compare(source, found.metadata, carried.contract), *found.lost)
        demand_whole(lost, blame=blame)
    contract = carried.contract
    if found.nearness == math.inf:
        return contract
    reason = f"the codec is lossy: {found.nearness:.1f} dB from the pixels that were meant"
    return dataclasses.replace(contract, changed={**contract.changed, "Pixels": reason})


def reread(
    codec: CodecSpec, meant: Image, held: CodecMetadata, data: bytes, *, max_pixels: int
) -> Reread:
    """Read what a codec wrote of an image and its metadata. Raises SourceError."""
    found = read_plugged(codec, data, max_pixels=max_pixels)
    given, new = (from_codec(found.header, one) for one in (held, metadata_plugged(codec, data)))
    problems = list(_differences(meant, found))
    nearness = -math.inf if problems else _nearness(meant, found)
    if -math.inf < nearness < PSNR_FLOOR:
        problems.append(f"its pixels differ by {nearness:.1f} dB from those meant")
    if held.dpi and not same_dpi(held.dpi, found.header.dpi):
        problems.append(f"its resolution is {found.header.dpi} dpi, not {held.dpi}")
    lost = compare(given, new, MetadataContract())
    return Reread(nearness=nearness, metadata=new, problems=tuple(problems), lost=tuple(lost))


def _meant(written: PageOutput, depth: int) -> Image:
    height, width, _ = written.raster.shape
    samples = at_depth(written.raster.read(0, height, 0, width), depth)
    return Image(pixels=to_float(samples), colour=written.colour, depth=depth, icc=written.icc)


def _differences(meant: Image, found: Picture) -> Iterator[str]:
    """Yield what of a picture, its pixels apart, did not come back."""
    facts = {
        "size": ((meant.width, meant.height), (found.width, found.height)),
        "colour": (meant.colour, found.colour),
        "depth": (meant.depth, found.depth),
        "colour profile": (meant.icc, found.icc),
    }
    for name, (wanted, got) in facts.items():
        if wanted != got:
            shown = "another one" if name == "colour profile" else f"{got}, not {wanted}"
            yield f"its {name} is {shown}"


def _nearness(meant: Image, found: Picture) -> float:
    """Return how near the pixels are in decibels, infinite when equal; both of one size."""
    samples = to_depth(quantise(meant.pixels), meant.depth)
    if np.array_equal(samples, found.pixels):
        return math.inf
    return psnr(ArrayRaster(samples), ArrayRaster(found.pixels))


def _wrong(codec: CodecSpec, what: str) -> PublishError:
    return PublishError(
        f"what the codec {codec.id} wrote, read again, is not what was meant: {what}. Nothing was "
        "replaced. Cure: set format to tiff in the output profile, and tell the codec's authors",
        code="check",
    )
