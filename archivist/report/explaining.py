"""Where the texture and the colour at one place of a result came from."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from archivist.api import CodecSpec, UsageError
from archivist.api.errors import SourceError
from archivist.catalog import lineage, queries
from archivist.catalog.behind import records_behind
from archivist.catalog.lineage import Written
from archivist.catalog.rows import AssetReport
from archivist.catalog.session import Catalog
from archivist.imaging.probe import probe
from archivist.model import Asset, Publication, Status, StepRecord, text_to_path
from archivist.report import words
from archivist.report.at_place import Borrowing, Box, Grade, image_of, look_at, worked
from archivist.report.audit import Gatherer
from archivist.report.audit_find import EARLIER, Where
from archivist.report.named import Named, named
from archivist.report.pixel import Pixel, Share
from archivist.store.blobs import BlobStore

_ANY_SIZE = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What is known of one pixel, ``x, y``, of a result of ``width`` by ``height`` pixels.

    ``cell`` is the patch of the result that was matched as one, x, y, width, height.
    """

    file: Publication
    """The output that was looked at."""
    place: Path
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
    pixel: Pixel
    """What the steps did to the pixel, by the map of an audit."""
    problem: str = ""
    """Why it is not known whether anything was borrowed, empty when it is known."""
    warnings: tuple[str, ...] = ()
    """What to know of the file that was looked at, before anything else."""


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
    codecs: Mapping[str, CodecSpec] | None = None,
) -> Explanation:
    """Return what is known of a pixel of an output, named as for :func:`archivist.report.named`.

    A scan stands for the result made of it; ``page`` counts from 0, and without it the page is that
    of the output, else the first. Raises UsageError for a name that the catalog does not have, for
    a photograph without a result, and for a place outside the picture.
    """
    meant = named(catalog, name, out=folders.out, scans=folders.scans, page=page)
    chosen = _chosen(catalog, meant, folders)
    asset, written = chosen.asset, chosen.file
    report = next(iter(queries.report_rows(catalog, assets=[asset.uid])))
    if written is None:
        raise UsageError(_no_result(name, report))
    file, warnings = written.publication, tuple(_warnings(meant, report, written))
    if written.replaced or report.status != Status.DONE:
        # The newest records are not those of this file: it was replaced, or nothing took its place.
        made, _ = records_behind(catalog, {asset.uid: written.number})[asset.uid]
        report = replace(report, records=tuple(one.record for one in made))
    makers = tuple(one for one in report.records if image_of(one) and worked(one))
    if not makers:
        raise UsageError(
            f"no step made a picture of {name}: the result is the scan, and each pixel its own"
        )
    place = _lies(meant, file, folders)
    width, height = _size(chosen.page, makers, place)
    x, y = at
    if not (0 <= x < width and 0 <= y < height):
        raise UsageError(
            f"{x},{y} is outside the result, which has {width} x {height} pixels. "
            "Cure: give X,Y from 0,0 (top left) on"
        )
    middle = ((x + 0.5) / width, (y + 0.5) / height)
    found = look_at(catalog, report, (x / width, y / height), BlobStore(folders.store))
    return Explanation(
        file=file,
        place=place,
        page=chosen.page,
        name=words.readable(file.path),
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
        pixel=_pixel(catalog, asset, written, folders, codecs or {}, at=middle),
        problem=found.problem,
        warnings=warnings,
    )


def _pixel(
    catalog: Catalog,
    asset: Asset,
    written: Written,
    folders: Folders,
    codecs: Mapping[str, CodecSpec],
    *,
    at: Share,
) -> Pixel:
    where = Where(scans=folders.scans, out=folders.out, codecs=codecs)
    with tempfile.TemporaryDirectory(prefix="archivist-explain-") as scratch:
        return Gatherer(catalog, where, Path(scratch)).pixel(asset, written.id, at)


def _no_result(name: str, report: AssetReport) -> str:
    """Say why there is no result of a photograph, with the cure."""
    why = f"{report.message} [{report.code}]" if report.code else report.message
    if report.status == Status.FAILED:
        ending = f"It failed in the newest run: {why}"
        cure = "mend the cause and run again; archivist audit tells what was done before"
    elif report.status == Status.SKIPPED:
        ending = f"It was skipped in the newest run: {why}"
        cure = "if that is wrong, mend the manifest or the configuration and run again"
    else:
        ending, cure = "No run has treated it yet", "archivist run makes its result"
    told = "" if "Cure:" in ending else f". Cure: {cure}"
    return f"there is no result of {name} to explain. {ending}{told}"


def _warnings(meant: Named, report: AssetReport, written: Written) -> Iterator[str]:
    """Yield what to know of an output: it is an earlier one, or nothing newer could be made."""
    yield from meant.warnings
    if meant.replaced:
        yield EARLIER
    if report.status == Status.FAILED and report.run != written.run:
        yield (
            f"A later run failed to make it anew: {report.message} [{report.code}]. This is the "
            "result of an earlier run."
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


def _lies(meant: Named, file: Publication, folders: Folders) -> Path:
    """Return where the output lies: what was given, wherever that is, if it is this very file."""
    return Path(meant.asked) if meant.file == file.output_digest else _at(file, folders)


def _size(page: int, makers: Sequence[StepRecord], place: Path) -> tuple[int, int]:
    """Return width and height of the result: of the file, or of what the last step made."""
    image = image_of(makers[-1])
    assert image is not None
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
