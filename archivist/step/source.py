"""The scan itself: read once, its digest checked, its pages as rasters."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from archivist.api.errors import SourceError
from archivist.api.extensions import CodecSpec
from archivist.api.steps import Kind
from archivist.hashing import digest_file
from archivist.imaging.decode import Pages, decode, open_pages
from archivist.imaging.metadata import author_of, collect
from archivist.imaging.picture import Picture, widen
from archivist.imaging.plugged import codec_of, is_plugged, read_plugged
from archivist.imaging.raster import ArrayRaster, Raster, open_source
from archivist.model import Asset, FileWork, Role, Workshop, clean_text, shortened, text_to_path
from archivist.step.held import Held
from archivist.store.pictures import StoredPicture


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scan:
    """A file whose content is the planned one.

    ``data`` and ``pages`` are None when it is read in windows.
    """

    path: Path
    digest: str
    data: bytes | None
    pages: Pages | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OpenedPage:
    """One page, upright: pixels in the depth of the scan, opacity, and what stays with it."""

    picture: StoredPicture
    alpha: Raster | None = None
    associated: bool = False


def open_scan(file: FileWork, workshop: Workshop) -> Scan:
    """Read a file and check that it is the one that was planned.

    Any of its copies will do. Raises :class:`SourceError` when none has the planned content.
    """
    area = sum(page.asset.header.megapixels for page in file.pages)
    windowed = area > workshop.stream_above_mp
    problems = []
    for path in file.paths:
        place = Path(workshop.scans) / text_to_path(path)
        try:
            data = None if windowed else place.read_bytes()
            found = digest_file(place) if data is None else hashlib.sha256(data).hexdigest()
        except OSError as error:
            problems.append(f"{path}: {error.strerror or error}")
            continue
        if found == file.digest:
            pages = None if data is None else open_pages(data, max_pixels=workshop.max_pixels)
            return Scan(path=place, digest=file.digest, data=data, pages=pages)
        problems.append(f"{path}: its content is not the one that was scanned")
    cure = "run the same command again: it scans anew"
    raise SourceError(f"{'; '.join(problems)}. Cure: {cure}", code="source-changed")


def check_unchanged(scan: Path, digest: str) -> None:
    """Read a scan once more when its output is written. Raises :class:`SourceError` if it changed.

    Nothing here writes to a scan; this proves it for each one, and finds a scan that somebody else
    replaced under our hands. A scan that is gone by now is a matter for `archivist verify`.
    """
    try:
        same = digest_file(scan) == digest
    except OSError:
        return
    if not same:
        raise SourceError(
            f"{scan} changed while it was worked on, so its output is that of the former "
            "content. Cure: run the same command again",
            code="source-changed",
        )


def open_page(
    scan: Scan,
    asset: Asset,
    workshop: Workshop,
    scratch: Path,
    codecs: Mapping[str, CodecSpec],
) -> OpenedPage:
    """Return a page as a raster: decoded into memory, or read by windows when it is large.

    What a codec plugin reads is always decoded whole.
    """
    if is_plugged(asset.header):
        codec = codec_of(asset.header, codecs)
        data = scan.path.read_bytes() if scan.data is None else scan.data
        return _in_memory(read_plugged(codec, data, asset.page, max_pixels=workshop.max_pixels))
    if scan.pages is None:
        source = open_source(scan.path, asset.page, max_pixels=workshop.max_pixels, scratch=scratch)
        return OpenedPage(
            picture=StoredPicture(
                raster=source, colour=source.colour, depth=source.depth, icc=source.icc
            ),
            alpha=source.alpha,
            associated=source.associated,
        )
    return _in_memory(scan.pages.page(asset.page))


def _in_memory(picture: Picture) -> OpenedPage:
    return OpenedPage(
        picture=StoredPicture(
            raster=ArrayRaster(picture.pixels),
            colour=picture.colour,
            depth=picture.depth,
            icc=picture.icc,
        ),
        alpha=None if picture.alpha is None else ArrayRaster(picture.alpha),
        associated=picture.associated,
    )


DRAWN_BY = "drawn by "
"""How the note of a mask begins that names its author."""
_AUTHOR_LENGTH = 200
MASK_AUTHOR = "mask_author"
"""The column of the manifest that names who drew the mask of a photograph."""


def supplied_mask(
    path: str, digest: str, workshop: Workshop, facts: Mapping[str, str] | None = None
) -> Held:
    """Return a mask that a person drew, checked against its planned digest.

    The note names that person, as the manifest (``facts``) or the file's own metadata do.
    Raises SourceError: ``input-changed``, ``bad-mask``.
    """
    try:
        data = Path(path).read_bytes()
        picture = decode(data, max_pixels=workshop.max_pixels)
    except (OSError, SourceError) as error:
        cure = "draw it again as an 8-bit PNG of the size of the photograph"
        # What a broken scan needs, to be scanned again, does not cure a mask.
        fault = str(error).partition(" Cure: ")[0].rstrip(".")
        message = f"the mask {path} cannot be used: {fault}. Cure: {cure}"
        raise SourceError(message, code="bad-mask") from error
    if hashlib.sha256(data).hexdigest() != digest:
        message = f"{path} changed since it was planned. Cure: run the same command again"
        raise SourceError(message, code="input-changed")
    # A mask drawn in an editor comes as grey or RGB; any channel at half or more means chosen.
    chosen = widen(picture.pixels).max(axis=2, keepdims=True) >= 32768
    return Held(
        kind=Kind.MASK,
        digest=digest,
        role=Role.SUPPLIED,
        note=_drawn_by(data, facts or {}),
        load=lambda: StoredPicture(raster=ArrayRaster(chosen), depth=8),
    )


def _drawn_by(data: bytes, facts: Mapping[str, str]) -> str:
    author = facts.get(MASK_AUTHOR, "").strip() or author_of(collect(data))
    return f"{DRAWN_BY}{shortened(clean_text(author), _AUTHOR_LENGTH)}" if author else ""
