"""Compare what lies on the disks with the record: originals, outputs, stored files, weights.

Nothing is changed and nothing is mended; each finding names the damage. What could not be looked
at is no damage, and is not fine either: it is *not checked*.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from itertools import chain
from pathlib import Path

from archivist.api import UsageError
from archivist.catalog import fixity, queries
from archivist.catalog.fixity import FixityState
from archivist.catalog.moved import replaced_scans
from archivist.catalog.recorded import as_recorded
from archivist.catalog.rows import WeightRow
from archivist.catalog.session import Catalog
from archivist.hashing import digest_file
from archivist.model import StepRecord, counted, path_to_text, text_to_path
from archivist.report.words import moment
from archivist.store.blobs import BlobStore

RecordDigest = Callable[[StepRecord], str]
"""Computes the digest of a record anew."""


class Subject(StrEnum):
    """What was looked at."""

    ORIGINAL = "original"
    OUTPUT = "output"
    STORED = "stored file"
    WEIGHTS = "weights"
    RECORD = "record"
    LEDGER = "ledger record"
    CHECKPOINT = "checkpoint"
    JOURNAL = "journal"
    TABLE = "catalog table"


class Condition(StrEnum):
    """In what condition it was found."""

    FINE = "fine"
    """As recorded."""
    MISSING = "missing"
    """Not at its place."""
    CHANGED = "changed"
    """There, with another content."""
    UNREADABLE = "unreadable"
    """There, but the system does not let it be read."""
    ADDED = "added"
    """There, and not recorded by archivist."""
    REPLACED = "replaced"
    """An original whose name another file has taken since: nothing is wrong, and it is gone."""
    UNSIGNED = "unsigned"
    """As recorded, but no signature says so: who can write the record can change both."""
    NOT_CHECKED = "not checked"
    """It could not be looked at; nothing is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at, or that ``count`` of them were not, for one reason.

    ``detail`` says more, with the cure where there is one.
    """

    subject: Subject
    name: str
    condition: Condition
    detail: str = ""
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where things are, as absolute paths; None for what is not known.

    ``weights`` finds the file of a name and digest, None when it is not on this machine;
    ``threads`` read at the same time.
    """

    scans: Path | None
    out: Path | None
    store: Path | None
    weights: Callable[[str, str], Path | None] = lambda name, digest: None
    threads: int = 4


@dataclass(frozen=True, slots=True)
class Expected:
    """A file, and the SHA-256 that it shall have."""

    subject: Subject
    name: str
    path: Path
    digest: str


def verify(
    catalog: Catalog, places: Places, *, record_digest: RecordDigest | None = None
) -> Iterator[Finding]:
    """Look at everything that the catalog names, and yield a finding for each thing.

    With ``record_digest`` the stored step records are compared with their own digests, and with
    those of the records that they came from.
    """
    for subject, folder, expected in (
        (Subject.ORIGINAL, places.scans, originals_of),
        (Subject.OUTPUT, places.out, outputs_of),
        (Subject.STORED, places.store, stored_of),
    ):
        if folder is None or not folder.is_dir():
            yield from _unreached(subject, folder, expected(catalog, folder or Path()))
        else:
            yield from _judged(expected(catalog, folder), places.threads)
    yield from replaced_originals(catalog)
    yield from _check_weights(catalog, places)
    if record_digest is not None:
        yield from check_records(catalog, record_digest)


UNKNOWN_PATH = (
    "the catalog knows no scan and no output there. "
    "Cure: give a path inside the scans or the output folder"
)


def verify_paths(catalog: Catalog, places: Places, paths: Sequence[Path]) -> Iterator[Finding]:
    """Look only at the originals and outputs that ``paths`` (files or folders) name."""
    wanted = _normal(paths)
    matched: set[Path] = set()

    def chosen(expected: Iterable[Expected]) -> Iterator[Expected]:
        for one in expected:
            fits = {path for path in wanted if one.path.is_relative_to(path)}
            matched.update(fits)
            if fits:
                yield one

    originals = originals_of(catalog, places.scans) if places.scans else ()
    outputs = outputs_of(catalog, places.out) if places.out else ()
    yield from _judged(chosen(chain(originals, outputs)), places.threads)
    if places.scans is not None:
        yield from (
            one
            for one in replaced_originals(catalog)
            if any((places.scans / text_to_path(one.name)).is_relative_to(path) for path in wanted)
        )
    for path in wanted:
        if path not in matched:
            yield Finding(
                subject=Subject.ORIGINAL,
                name=str(path),
                condition=Condition.NOT_CHECKED,
                detail=UNKNOWN_PATH,
            )


def fixity_of_paths(
    catalog: Catalog, places: Places, paths: Sequence[Path], *, before: datetime
) -> list[FixityState]:
    """Return how the checks of the originals and outputs that ``paths`` name stand.

    ``due`` are those not checked since ``before``. Raises UsageError for a path that names none.
    """
    found: dict[str, list[FixityState]] = {}
    for path in _outermost(_normal(paths)):
        known = 0
        for subject, folder in ((fixity.ORIGINAL, places.scans), (fixity.OUTPUT, places.out)):
            if folder is None or not (path.is_relative_to(folder) or folder.is_relative_to(path)):
                continue
            inside = path.is_relative_to(folder) and path != folder
            below = path_to_text(path.relative_to(folder).as_posix()) if inside else None
            one = fixity.state(catalog, subject, before=before, below=below)
            found.setdefault(subject, []).append(one)
            known += one.total
        if not known:
            raise UsageError(f"{path}: {UNKNOWN_PATH}")
    return [fixity.together(states) for _, states in sorted(found.items())]


def _normal(paths: Sequence[Path]) -> list[Path]:
    return [Path(os.path.normpath(path.absolute())) for path in paths]


def _outermost(paths: Iterable[Path]) -> list[Path]:
    """Return paths without those that lie below others, so that no file is counted twice."""
    found: list[Path] = []
    for path in sorted(paths):
        if not (found and path.is_relative_to(found[-1])):
            found.append(path)
    return found


def originals_of(catalog: Catalog, scans: Path) -> Iterator[Expected]:
    """Yield the scans that were there when they were last looked for."""
    for file in queries.present_files(catalog):
        path = scans / text_to_path(file.path)
        yield Expected(Subject.ORIGINAL, file.path, path, file.digest)


def replaced_originals(catalog: Catalog) -> Iterator[Finding]:
    """Tell what became of originals that the record still names: a newer scan took their names."""
    for one in replaced_scans(catalog):
        yield Finding(
            subject=Subject.ORIGINAL,
            name=one.path,
            condition=Condition.REPLACED,
            detail=f"what was there before (SHA-256 {one.was[:12]}...) is nowhere among the scans; "
            f"the scan of {moment(one.at)} found another file of its name",
        )


def outputs_of(catalog: Catalog, out: Path) -> Iterator[Expected]:
    """Yield the outputs."""
    for item in queries.publications(catalog):
        path = out / text_to_path(item.path)
        yield Expected(Subject.OUTPUT, item.path, path, item.output_digest)


def stored_of(catalog: Catalog, store: Path) -> Iterator[Expected]:
    """Yield the files of the store that records name."""
    blobs = BlobStore(store)
    for digest in queries.referenced_blobs(catalog):
        yield Expected(Subject.STORED, digest, blobs.path(digest), digest)


def _unreached(
    subject: Subject, folder: Path | None, expected: Iterable[Expected]
) -> Iterator[Finding]:
    """Tell once, not a thousand times, that a whole folder is away: a disk that is not mounted."""
    number = sum(1 for _ in expected)
    if not number:
        return
    where = "it is not known where they are" if folder is None else f"there is no folder {folder}"
    option = "--scans DIR" if subject is Subject.ORIGINAL else "--out DIR"
    yield Finding(
        subject=subject,
        name=counted(number, subject),
        condition=Condition.NOT_CHECKED,
        detail=f"{where}. Cure: connect the disk, or name the folder with {option}",
        count=number,
    )


def _judged(expected: Iterable[Expected], threads: int) -> Iterator[Finding]:
    """Judge files in order; some are read at the same time, none is waited for in vain."""
    ahead: deque[Future[Finding]] = deque()
    pool = ThreadPoolExecutor(max_workers=threads)
    try:
        for one in expected:
            ahead.append(pool.submit(judge, one))
            if len(ahead) > 4 * threads:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def judge(expected: Expected) -> Finding:
    """Read a file and say in what condition it is."""
    finding = partial(Finding, subject=expected.subject, name=expected.name)
    try:
        found = digest_file(expected.path)
    except (FileNotFoundError, NotADirectoryError):
        return finding(condition=Condition.MISSING, detail=CURES[expected.subject])
    except OSError as error:
        return finding(condition=Condition.UNREADABLE, detail=error.strerror or str(error))
    if found == expected.digest:
        return finding(condition=Condition.FINE)
    detail = f"SHA-256 {found[:12]}..., recorded {expected.digest[:12]}.... "
    return finding(condition=Condition.CHANGED, detail=detail + CURES[expected.subject])


CURES = {
    Subject.ORIGINAL: "Cure: bring it back from a backup; if the change was meant, run again",
    Subject.OUTPUT: "Cure: remove what is left of it and run again, it is made anew",
    Subject.STORED: "Cure: archivist store check --mend; it is made anew when it is needed",
    Subject.WEIGHTS: "Cure: install the plugin again, or import the weights again",
}


def _check_weights(catalog: Catalog, places: Places) -> Iterator[Finding]:
    for row in queries.weights_seen(catalog):
        weight = row.weights
        path = places.weights(weight.name, weight.digest)
        if path is None:
            yield weights_away(row)
        else:
            yield judge(Expected(Subject.WEIGHTS, weight.name, path, weight.digest))


def weights_away(row: WeightRow) -> Finding:
    """Return the finding for weights that records name and that are not on this machine."""
    return Finding(
        subject=Subject.WEIGHTS,
        name=row.weights.name,
        condition=Condition.NOT_CHECKED,
        detail=f"the file with SHA-256 {row.weights.digest[:12]}... that {row.uses} step records "
        "name is not on this machine: another version is installed, or none",
    )


def check_records(catalog: Catalog, record_digest: RecordDigest) -> Iterator[Finding]:
    """Compare each record with its digest, and look for the records that it came from."""
    seen: set[str] = set()
    for record in queries.all_records(catalog):
        seen.add(record.digest)
        finding = partial(
            Finding, subject=Subject.RECORD, name=f"{record.digest[:12]} ({record.step})"
        )
        gone = [parent for parent in record.parents if parent not in seen]
        if record_digest(as_recorded(record)) != record.digest:
            yield finding(
                condition=Condition.CHANGED,
                detail="the record differs from its own digest: the catalog was edited. "
                "Cure: move the catalog away and bring it back with archivist catalog rebuild, or "
                "restore it from a backup",
            )
        elif gone:
            yield finding(
                condition=Condition.MISSING,
                detail=f"the record {gone[0][:12]}... that it came from is not in the catalog",
            )
        else:
            yield finding(condition=Condition.FINE)
