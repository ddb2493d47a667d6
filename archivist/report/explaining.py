"""Where the texture and the colour at one place of a result came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from archivist.api import UsageError
from archivist.api.errors import SourceError
from archivist.catalog import queries
from archivist.catalog.session import Catalog
from archivist.imaging.probe import probe
from archivist.model import Asset, Publication, StepRecord, path_to_text, text_to_path
from archivist.report import words
from archivist.report.at_place import Borrowing, Box, Grade, image_of, look_at, worked
from archivist.store.blobs import BlobStore

_ANY_SIZE = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What is known of one pixel, ``x, y``, of a result of ``width`` by ``height`` pixels.

    ``cell`` is the patch of the result that was matched as one, x, y, width, height.
    """

    file: Publication | None
    """The output that was looked at, None when there is none."""
    name: str
    asset: Asset
    scan: str
    x: int
    y: int
    width: int
    height: int
    cell: tuple[int, int, int, int]
    borrowings: tuple[Borrowing, ...]
    """What was borrowed here: texture first, then colour."""
    grades: tuple[Grade, ...]
    """How sure the steps are that invent, here."""
    makers: tuple[StepRecord, ...]
    """The steps that made the picture, in their order."""
    problem: str = ""
    """Why it is not known whether anything was borrowed, empty when it is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """Where scans, outputs and stored results lie."""

    scans: Path
    out: Path
    store: Path


def explain(
    catalog: Catalog, name: str, at: tuple[int, int], folders: Folders, *, page: int = 0
) -> Explanation:
    """Return what is known of a pixel of an output, named by its path or by that of its scan.

    A scan stands for the result made of it. Raises UsageError for a name that the catalog does not
    have, and for a place outside the picture.
    """
    asset, file = _find(catalog, name, folders, page)
    report = next(iter(queries.report_rows(catalog, assets=[asset.uid])))
    makers = tuple(one for one in report.records if image_of(one) and worked(one))
    if not makers:
        raise UsageError(
            f"no step made a picture of {name}: the result is the scan, and each pixel its own"
        )
    width, height = _size(asset, makers, file, folders)
    x, y = at
    if not (0 <= x < width and 0 <= y < height):
        raise UsageError(
            f"{x},{y} is outside the result, which has {width} x {height} pixels. "
            "Cure: give X,Y from 0,0 (top left) on"
        )
    found = look_at(catalog, report, (x / width, y / height), BlobStore(folders.store))
    return Explanation(
        file=file,
        name=words.readable(file.path if file else name),
        asset=asset,
        scan=report.paths[0] if report.paths else "",
        x=x,
        y=y,
        width=width,
        height=height,
        cell=_cell(found.cell, width, height, x, y),
        borrowings=found.borrowings,
        grades=found.grades,
        makers=makers,
        problem=found.problem,
    )


def _find(
    catalog: Catalog, name: str, folders: Folders, page: int
) -> tuple[Asset, Publication | None]:
    """Return the page that is meant, and the output file that is looked at."""
    for spelled in _spellings(name, folders):
        file = next(queries.publications(catalog, paths=[spelled]), None)
        if file is not None:
            pages = queries.assets_of(catalog, [file.digest]).get(file.digest, ())
            return _page(pages, page, name), file
    for spelled in _spellings(name, folders):
        pages = queries.assets_named(catalog, spelled)
        if pages:
            asset = _page(pages, page, name)
            files = queries.publications(catalog, digests=[asset.digest])
            return asset, max(files, key=lambda one: one.size, default=None)
    raise UsageError(
        f"the catalog has no photograph {name!r}. Cure: give the path of an output, or of a scan "
        "relative to the scans, or its SHA-256 or inventory number"
    )


def _spellings(name: str, folders: Folders) -> list[str]:
    """Return how the catalog may spell a name: as given, or relative to either folder."""
    here = Path(name).absolute()
    inside = (
        here.relative_to(folder.absolute()).as_posix()
        for folder in (folders.out, folders.scans)
        if here.is_relative_to(folder.absolute())
    )
    return [path_to_text(one) for one in (name, *inside)]


def _page(pages: Sequence[Asset], page: int, name: str) -> Asset:
    if page == 0 and len(pages) == 1:
        return pages[0]
    for one in pages:
        if one.page == page:
            return one
    raise UsageError(f"{name!r} has {len(pages)} pages, no page {page + 1}. Cure: --page N")


def _size(
    asset: Asset, makers: Sequence[StepRecord], file: Publication | None, folders: Folders
) -> tuple[int, int]:
    """Return width and height of the result: of the file, or of what the last step made."""
    image = image_of(makers[-1])
    assert image is not None
    if file is None:
        return image.width, image.height
    try:
        headers = probe(folders.out / text_to_path(file.path), max_pixels=_ANY_SIZE)
    except (OSError, SourceError):  # it is gone, or in a format of a plugin
        return image.width, image.height
    header = headers[asset.page if len(headers) > asset.page else 0]
    return header.upright_size


def _cell(share: Box | None, width: int, height: int, x: int, y: int) -> tuple[int, int, int, int]:
    if share is None:
        return x, y, 1, 1
    left, top, across, down = share
    return (
        round(left * width),
        round(top * height),
        max(1, round(across * width)),
        max(1, round(down * height)),
    )
