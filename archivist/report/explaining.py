"""Where the texture and the colour at one place of a result came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from archivist.api import UsageError
from archivist.api.errors import SourceError
from archivist.catalog import lineage, queries
from archivist.catalog.lineage import Written
from archivist.catalog.session import Catalog
from archivist.imaging.probe import probe
from archivist.model import Asset, Publication, StepRecord, path_to_text, text_to_path
from archivist.report import words
from archivist.report.at_place import Borrowing, Box, Grade, image_of, look_at, worked
from archivist.report.named import Named, named
from archivist.store.blobs import BlobStore

_ANY_SIZE = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What is known of one pixel, ``x, y``, of a result of ``width`` by ``height`` pixels.

    ``cell`` is the patch of the result that was matched as one, x, y, width, height.
    """

    file: Publication | None
    """The output that was looked at, None when there is none."""
    place: Path | None
    """Where that file lies, if it lies there still: what was given, or its place as recorded."""
    page: int
    """The page of that file, from 0."""
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
    warnings: tuple[str, ...] = ()
    """What to know of the file that was given, before anything else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """Where scans, outputs and stored results lie."""

    scans: Path
    out: Path
    store: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chosen:
    """A page, and the file that shows it as page ``page``: the same one, or a file of its own."""

    asset: Asset
    file: Written | None = None
    page: int = 0


def explain(
    catalog: Catalog,
    name: str,
    at: tuple[int, int],
    folders: Folders,
    *,
    page: int | None = None,
) -> Explanation:
    """Return what is known of a pixel of an output, named as for :func:`archivist.report.named`.

    A scan stands for the result made of it; ``page`` counts from 0, and without it the page is that
    of the output, else the first. Raises UsageError for a name that the catalog does not have, and
    for a place outside the picture.
    """
    meant = named(catalog, name, out=folders.out, scans=folders.scans, page=page)
    chosen = _chosen(catalog, meant, folders)
    asset, file = chosen.asset, chosen.file.publication if chosen.file else None
    place = _lies(meant, file, folders)
    report = next(iter(queries.report_rows(catalog, assets=[asset.uid])))
    makers = tuple(one for one in report.records if image_of(one) and worked(one))
    if not makers:
        raise UsageError(
            f"no step made a picture of {name}: the result is the scan, and each pixel its own"
        )
    width, height = _size(chosen.page, makers, place)
    x, y = at
    if not (0 <= x < width and 0 <= y < height):
        raise UsageError(
            f"{x},{y} is outside the result, which has {width} x {height} pixels. "
            "Cure: give X,Y from 0,0 (top left) on"
        )
    found = look_at(catalog, report, (x / width, y / height), BlobStore(folders.store))
    return Explanation(
        file=file,
        place=place,
        page=chosen.page,
        name=words.readable(file.path if file else path_to_text(name)),
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
        warnings=meant.warnings,
    )


def _chosen(catalog: Catalog, meant: Named, folders: Folders) -> _Chosen:
    """Return the page that is meant, and the output file that is looked at."""
    given = {one.written for one in meant.matches if one.written is not None}
    scans = {one.digest for one in meant.matches if one.written in given}
    assets = [one for one in meant.assets if not given or one.digest in scans]
    if len({one.digest for one in assets}) > 1:
        raise UsageError(
            f"{meant.asked!r} means {len(assets)} photographs. Cure: give the path or the SHA-256 "
            "of one of them"
        )
    asset = assets[0]
    written = lineage.written_of(catalog, [asset.digest]).get(asset.digest, ())
    files = [one for one in written if one.id in given] or lineage.lying(written)
    if not files:
        return _Chosen(asset=asset)
    here = Path(meant.asked).absolute()
    largest = max(files, key=lambda one: one.publication.size)
    file = next((one for one in files if _at(one.publication, folders) == here), largest)
    together = _together(written, file)
    if not len(together) == asset.pages > 1:
        return _Chosen(asset=asset, file=file, page=asset.page)
    if given and len(assets) == asset.pages:
        return _Chosen(asset=assets[together.index(file)], file=file)
    return _Chosen(asset=asset, file=together[asset.page])


def _together(files: Sequence[Written], one: Written) -> list[Written]:
    """Return the files that were published of a scan together with one, in the order of pages."""

    def kind(file: Written) -> tuple[int, str, str]:
        return file.number, file.publication.profile, file.publication.source

    return [file for file in files if kind(file) == kind(one)]


def _at(file: Publication, folders: Folders) -> Path:
    return folders.out.absolute() / text_to_path(file.path)


def _lies(meant: Named, file: Publication | None, folders: Folders) -> Path | None:
    """Return where the output lies: what was given, wherever that is, if it is this very file."""
    if file is None:
        return None
    return Path(meant.asked) if meant.file == file.output_digest else _at(file, folders)


def _size(page: int, makers: Sequence[StepRecord], place: Path | None) -> tuple[int, int]:
    """Return width and height of the result: of the file, or of what the last step made."""
    image = image_of(makers[-1])
    assert image is not None
    if place is None:
        return image.width, image.height
    try:
        headers = probe(place, max_pixels=_ANY_SIZE)
    except (OSError, SourceError):  # it is gone, or in a format of a plugin
        return image.width, image.height
    header = headers[page if len(headers) > page else 0]
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
