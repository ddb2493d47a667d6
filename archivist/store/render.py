"""Making one output file in place: pixels and metadata written, then read again and checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from archivist.imaging.encode import PageOutput, write_pages
from archivist.imaging.jpeg_write import encode_jpeg
from archivist.imaging.metadata import (
    Carried,
    HistoryEvent,
    RestorationNote,
    SourceMetadata,
    Target,
    attach,
    carry,
    resolution,
)
from archivist.imaging.resize import shrink
from archivist.imaging.samples import at_depth
from archivist.imaging.storage import ArrayRaster, Raster
from archivist.model import MetadataContract, OutputProfile
from archivist.store.checks import check_output
from archivist.store.job import Output, PageResult, PublishJob

THUMBNAIL_SIDE = 160
"""The longer side of an embedded thumbnail, as Exif has it."""
_THUMBNAIL_QUALITY = 85
_UNKNOWN_DPI = (72.0, 72.0)


def render(
    path: Path, job: PublishJob, output: Output, metadata: Sequence[SourceMetadata]
) -> MetadataContract:
    """Write an output file and check it; return its metadata contract.

    ``metadata`` are those of its pages in the scan. Raises PublishError when the file read again is
    not what was meant, and OSError.
    """
    kind, profile = output.format, output.profile
    pages = [job.pages[number] for number in output.pages]
    depth = depth_of(pages, profile, kind)
    drafts = [
        draft(page, source, job, output, depth)
        for page, source in zip(pages, metadata, strict=True)
    ]
    written = [page for page, _ in drafts]
    write_pages(
        path, written, format=kind, depth=depth, quality=profile.quality, threads=job.threads
    )
    if kind == "tiff":
        attach(path, [carried.directory for _, carried in drafts])
    contracts = [
        _with_alpha(carried, page, kind) for (_, carried), page in zip(drafts, pages, strict=True)
    ]
    check_output(
        path, written, metadata, contracts, kind=kind, depth=depth, max_pixels=job.max_pixels
    )
    return joined(contracts)


def draft(
    page: PageResult,
    source: SourceMetadata,
    job: PublishJob,
    output: Output,
    depth: int,
    places: Sequence[str] | None = None,
) -> tuple[PageOutput, Carried]:
    """Return a page as it will be written, with its metadata; ``places`` are those of a codec."""
    raster = shrink(page.raster, output.profile.max_side)
    target = _target(page, raster, source, output.format, depth, _note(page, raster, job, output))
    if places is not None:
        target = dataclasses.replace(target, places=frozenset(places))
    carried = carry(source, target)
    written = PageOutput(
        raster=raster,
        colour=page.colour,
        icc=page.icc,
        dpi=target.dpi,
        alpha=None if output.format == "jpeg" else _fitted(page.alpha, raster),
        associated=page.associated,
        carried=carried.pieces,
    )
    return written, carried


def joined(contracts: Sequence[MetadataContract]) -> MetadataContract:
    """Return the contract of a file from those of its pages; names of later pages are numbered."""
    if len(contracts) == 1:
        return contracts[0]
    named = [(f"page {number}: ", one) for number, one in enumerate(contracts, start=1)]
    return MetadataContract(
        kept=tuple(prefix + name for prefix, one in named for name in one.kept),
        changed={prefix + n: r for prefix, one in named for n, r in one.changed.items()},
        added={prefix + n: r for prefix, one in named for n, r in one.added.items()},
        lost={prefix + n: r for prefix, one in named for n, r in one.lost.items()},
    )


def depth_of(pages: Sequence[PageResult], profile: OutputProfile, kind: str) -> int:
    """Return the bits of a sample, 8 or 16, in an output."""
    if kind == "jpeg":
        return 8
    if profile.depth != "same":
        return int(profile.depth)
    return 16 if any(page.header.depth > 8 for page in pages) else 8


def _target(
    page: PageResult,
    raster: Raster,
    source: SourceMetadata,
    kind: str,
    depth: int,
    note: RestorationNote | None,
) -> Target:
    height, width, _ = raster.shape
    target = Target(
        format=kind,
        width=width,
        height=height,
        depth=depth,
        dpi=None,
        stored=page.header,
        icc=page.icc,
        colour=page.colour,
        thumbnail=thumbnail(raster) if _has_thumbnail(source) else None,
        note=note,
    )
    return dataclasses.replace(target, dpi=_upright_dpi(target, source))


def _upright_dpi(target: Target, source: SourceMetadata) -> tuple[float, float] | None:
    """Return the resolution that keeps the physical size of the scan.

    A TIFF says it once, where JPEG and PNG have a header and Exif: there Exif has the word, unless
    it says 72, which its standard prescribes for an unknown resolution.
    """
    dpi = target.stored.dpi
    if target.format == "tiff" and source.ifd0 is not None:
        exif = resolution(source.ifd0)
        dpi = exif if exif not in (None, _UNKNOWN_DPI) else dpi
    if dpi is None:
        return None
    x, y = dpi[::-1] if target.turned else dpi
    return x * target.scale[0], y * target.scale[1]


def _has_thumbnail(source: SourceMetadata) -> bool:
    return source.ifd1 is not None or any(item.number == 1036 for item in source.resources)


def thumbnail(raster: Raster) -> bytes:
    """Return a small JPEG of a picture, without metadata."""
    small = shrink(raster, THUMBNAIL_SIDE)
    height, width, _ = small.shape
    return encode_jpeg(at_depth(small.read(0, height, 0, width), 8), _THUMBNAIL_QUALITY)


def _note(
    page: PageResult, raster: Raster, job: PublishJob, output: Output
) -> RestorationNote | None:
    """Return how the output came to be; None for a page that is as in the scan."""
    events = [*page.events, *_conversions(page, raster, job, output)]
    if not events and not page.changed:
        return None
    return RestorationNote(
        source_digest=job.digest,
        profile=output.profile.name,
        software=job.software,
        when=job.when,
        events=tuple(events),
        synthetic=page.synthetic,
        restored=page.changed,
    )


def _conversions(
    page: PageResult, raster: Raster, job: PublishJob, output: Output
) -> Iterator[HistoryEvent]:
    if raster is not page.raster:
        before, after = page.raster.shape, raster.shape
        yield HistoryEvent(
            action="resized",
            agent=job.software,
            when=job.when,
            parameters=f"from {before[1]} x {before[0]} to {after[1]} x {after[0]} pixels by means",
        )
    if output.format != page.header.format:
        yield HistoryEvent(
            action="converted",
            agent=job.software,
            when=job.when,
            parameters=f"from image/{page.header.format} to image/{output.format}",
            changed="/",
        )


def _fitted(alpha: Raster | None, raster: Raster) -> Raster | None:
    """Return the opacity at the size of the new picture."""
    if alpha is None or alpha.shape[:2] == raster.shape[:2]:
        return alpha
    height, width, _ = alpha.shape
    wanted = (raster.shape[1], raster.shape[0])
    way = cv2.INTER_AREA if wanted[0] < width else cv2.INTER_LINEAR
    whole = np.ascontiguousarray(alpha.read(0, height, 0, width))
    plane: Any = cv2.resize(whole, wanted, interpolation=way)
    return ArrayRaster(plane)


def _with_alpha(held: Carried, page: PageResult, kind: str) -> MetadataContract:
    if kind != "jpeg" or page.alpha is None:
        return held.contract
    lost = {**held.contract.lost, "Alpha": "JPEG holds no opacity"}
    return dataclasses.replace(held.contract, lost=lost)
