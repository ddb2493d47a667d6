"""Scan into the catalog: only what is new or changed is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from archivist.api.errors import UsageError
from archivist.catalog.lookups import assets_of, digests_of_formats, file_stats, holds_files
from archivist.catalog.moved import replaced_scans
from archivist.catalog.queries import runs
from archivist.catalog.rows import RunState
from archivist.catalog.session import Catalog
from archivist.catalog.writer import Writer
from archivist.model import Refusal, ScanFile, Status
from archivist.pipeline.job import Job, Watcher
from archivist.plugins import Plugins
from archivist.scan import Manifest, Scanned, ScanOptions, Unchanged, read_manifest
from archivist.scan import scan as walk_and_read

READERS = "readers"
"""What the settings of a run call :func:`readers_of` its scan."""
_CHUNK = 500
_RECENT = 100
"""Runs that are looked through for one that saw the whole archive."""


@dataclass(slots=True)
class Found:
    """What a scan found, counted."""

    files: int = 0
    pages: int = 0
    unchanged: int = 0
    refused: int = 0
    ignored: int = 0
    changed: int = 0
    """Scans that another file of the same name replaced, and that are nowhere any more."""
    similar: int | None = None
    """Pairs of scans that look alike; None where they were not counted."""


MOST_CHANGED = 10
"""Scans that were replaced are told one by one, so many of them."""


def scan_into(
    job: Job,
    plugins: Plugins,
    catalog: Catalog,
    writer: Writer,
    run: str,
    watcher: Watcher,
    *,
    whole: bool = False,
) -> Found:
    """Walk the scans and record them; return the counts. Files not seen any more become absent.

    With ``whole``, all files are read although the job asks for a sample. Raises UsageError, and
    records nothing as absent, when there is no scan left where there were some: it is more likely
    that a disk is away.
    """
    manifest = _manifest(job)
    found = Found()
    sample = 0 if whole else job.sample
    options = _options(job, plugins, sample)
    known = _Known(catalog, _read_otherwise(catalog, plugins))
    items = walk_and_read(job.scans, options, known=known, manifest=manifest)
    whole_items = _whole(items, catalog, found, described=manifest is not None)
    writer.add_scan(run, _counted(whole_items, found))
    if not found.files + found.refused and holds_files(catalog):
        raise UsageError(
            f"no scan is left in {job.scans}, where the last scan found some; nothing was changed "
            "in the catalog. Cure: check that its disk is there, and include and exclude under "
            "[scan]"
        )
    if not sample:
        writer.finish_scan(run)
    _tell_replaced(catalog, run, found, watcher)
    writer.near_duplicates(run, max_distance=job.settings.scan.near_duplicate_bits)
    if manifest is not None and not sample:
        for row in manifest.unused():
            watcher.note(f"{manifest.where}: line {row.line}: no file for {row.name!r}")
    return found


def _tell_replaced(catalog: Catalog, run: str, found: Found, watcher: Watcher) -> None:
    """Note the scans whose former content is lost: it may have been damage, or a mistake."""
    replaced = list(replaced_scans(catalog, run=run))
    found.changed = len(replaced)
    for one in replaced[:MOST_CHANGED]:
        watcher.note(
            f"{one.path} is another file than it was (SHA-256 {one.was[:12]}..., now "
            f"{one.now[:12]}...), and the former is nowhere among the scans. Cure: if that was not "
            "meant, bring it back from a backup, and run again"
        )
    if len(replaced) > MOST_CHANGED:
        watcher.note(
            f"the same of {len(replaced) - MOST_CHANGED:,} more: archivist verify lists them"
        )


def check_same_archive(job: Job, catalog: Catalog) -> None:
    """Raise UsageError when the catalog or output folder belongs to another folder of scans.

    Its results would be replaced by those of other photographs that happen to have their names, and
    its files be taken for lost. An archive that was moved is no longer at its old place.
    """
    newest = runs(catalog, limit=1)
    before = Path(str(newest[0].settings.get("scans") or job.scans)) if newest else job.scans
    if before == job.scans or not _has_files(before):
        return
    raise UsageError(
        f"{catalog.url.render_as_string()} is the catalog of the scans in {before}, not of those "
        f"in {job.scans}. Cure: name another folder with --out, and another catalog with --catalog "
        "if you gave one; to treat only a part of the archive, use --where"
    )


def _has_files(folder: Path) -> bool:
    try:
        return any(folder.iterdir())  # the empty folder may be the place of a disk that is away
    except OSError:
        return False


def _manifest(job: Job) -> Manifest | None:
    name = job.settings.scan.manifest
    return read_manifest(Path(name)) if name else None


def _options(job: Job, plugins: Plugins, sample: int) -> ScanOptions:
    scan = job.settings.scan
    return ScanOptions(
        include=scan.include,
        exclude=scan.exclude,
        sample=sample,
        max_pixels=int(scan.max_megapixels * 1e6),
        manifest=Path(scan.manifest) if scan.manifest else None,
        never=(job.out, job.home),
        reread=job.reread,
        codecs=tuple(plugins.codecs.values()),
    )


def readers_of(plugins: Plugins) -> Mapping[str, str]:
    """Return which distribution in which version reads each format that plugins read."""
    return {
        codec: f"{owner.distribution} {owner.version}"
        for (kind, codec), owner in plugins.extension_owners.items()
        if kind == "codecs"
    }


def _read_otherwise(catalog: Catalog, plugins: Plugins) -> frozenset[str]:
    """Return the digests of files that another version of their codec read: it may tell more now.

    Compared is the newest run that saw the whole archive and came to its end. Where none says who
    read, all files of the formats of plugins are read again, once.
    """
    newest = (
        row.settings[READERS]
        for row in runs(catalog, limit=_RECENT)
        if row.state is RunState.DONE and READERS in row.settings and not row.settings["sample"]
    )
    before: Any = next(newest, {})
    now = readers_of(plugins)
    changed = {codec for codec, reader in now.items() if before.get(codec) != reader}
    return digests_of_formats(catalog, changed) if changed else frozenset()


class _Known:
    """Answers with size, mtime and digest of files that the catalog knows, some excepted."""

    def __init__(self, catalog: Catalog, excepted: frozenset[str]) -> None:
        self._stats, self._excepted = file_stats(catalog), excepted

    def __call__(self, paths: Sequence[str]) -> Mapping[str, tuple[int, int, str]]:
        known = {path: self._stats.get(path) for path in paths}
        return {
            path: (stat.size, stat.mtime_ns, stat.digest)
            for path, stat in known.items()
            if stat is not None and stat.digest not in self._excepted
        }


def _whole(
    items: Iterator[Scanned], catalog: Catalog, found: Found, *, described: bool
) -> Iterator[ScanFile | Refusal]:
    """Give unchanged files the pages that the catalog has of them, and their present row.

    Counts them.
    """
    while chunk := list(islice(items, _CHUNK)):
        digests = [item.digest for item in chunk if isinstance(item, Unchanged)]
        assets = assets_of(catalog, digests) if digests else {}
        for item in chunk:
            if not isinstance(item, Unchanged):
                yield item
                continue
            found.unchanged += 1
            pages = assets[item.digest]
            if described:
                pages = tuple(replace(page, facts=item.facts) for page in pages)
            yield ScanFile(
                path=item.path,
                digest=item.digest,
                size=item.size,
                mtime_ns=item.mtime_ns,
                assets=pages,
            )


def _counted(items: Iterable[ScanFile | Refusal], found: Found) -> Iterator[ScanFile | Refusal]:
    for item in items:
        if isinstance(item, ScanFile):
            found.files += 1
            found.pages += len(item.assets)
        elif item.status is Status.FAILED:
            found.refused += 1
        else:
            found.ignored += 1
        yield item
