"""Which outputs are to be made again: those of a photograph, or a sample of those of a run."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from archivist.api.errors import UsageError
from archivist.catalog import lineage
from archivist.catalog.bulk import pages
from archivist.catalog.finding import How
from archivist.catalog.lineage import Written
from archivist.catalog.rows import RunRow
from archivist.catalog.session import Catalog
from archivist.hashing import digest_json
from archivist.report.audit_find import Where, find
from archivist.report.run_names import run_named
from archivist.report.words import readable

_PAGE = 100
"""Scans whose outputs are looked up together."""
_UID_DIGITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The outputs that one run published of one scan. ``run`` is its number, its place in time."""

    digest: str
    run: int
    uid: str
    written: tuple[Written, ...]

    @property
    def name(self) -> str:
        """What people call it: the path of the scan when it was published."""
        return self.written[0].publication.source


def run_asked(catalog: Catalog, asked: str) -> RunRow | None:
    """Return the run that is meant, None when a photograph is: files go before runs."""
    if Path(asked).exists():
        return None
    last = asked.removeprefix("last").removeprefix("~")
    if asked.startswith("last") and (not last or last.isdecimal()):
        return run_named(catalog, asked)
    if len(asked) >= _UID_DIGITS and lineage.runs_beginning(catalog, asked, limit=2):
        return run_named(catalog, asked)
    return None


def targets_of_run(catalog: Catalog, run: RunRow, *, sample: int, seed: int) -> list[list[Target]]:
    """Return the outputs as a run left them, by page; of a sample of so many scans, 0 for all.

    The sample is a random choice that ``seed`` decides: the same on every machine. Raises
    UsageError when the run treated nothing: what it found done is another run's.
    """
    (number,) = lineage.run_numbers(catalog, [run.uid])
    uids = list(lineage.treated_by(catalog, [number]))
    if not uids:
        raise UsageError(
            f"run {run.uid} treated nothing, so nothing of it can be made again. Cure: name the "
            "run that did the work (archivist status lists them), or a photograph"
        )
    digests = sampled(dict.fromkeys(uid.partition("#")[0] for uid in uids), sample, seed)
    return [list(_targets(catalog, page, until=number)) for page in pages(digests, _PAGE)]


def sampled(digests: Iterable[str], count: int, seed: int, *, shuffled: bool = False) -> list[str]:
    """Return ``count`` of the digests as ``seed`` chooses them, or all when it is 0.

    All stay in their order, unless they are to be ``shuffled`` as ``seed`` decides.
    """

    def rank(digest: str) -> str:
        return digest_json([seed, digest])

    if not count:
        return sorted(digests, key=rank) if shuffled else list(digests)
    return heapq.nsmallest(count, digests, key=rank)


def targets_in_force(catalog: Catalog, digests: Iterable[str]) -> Iterator[Target]:
    """Yield the outputs of scans that lie in the output folder now."""
    for page in pages(digests, _PAGE):
        yield from _targets(catalog, page)


def targets_of_file(
    catalog: Catalog, asked: str, where: Where
) -> tuple[list[Target], tuple[str, ...]]:
    """Return the outputs of the photograph that is meant; an earlier output where that is given.

    The second are warnings, such as that the file was found by its place and is another by now.
    Raises UsageError when the catalog does not know it, or nothing was published of it.
    """
    _, matches, warnings = find(catalog, asked, where)
    replaced = {one.written for one in matches if one.how is How.REPLACED}
    digests = dict.fromkeys(one.digest for one in matches)
    found: list[Target] = []
    for digest, files in lineage.written_of(catalog, digests).items():
        runs = {one.number for one in files if one.id in replaced}
        until = max(runs, default=None)
        shown = [one for one in files if until is None or one.number <= until]
        found += _grouped(digest, lineage.lying(shown))
    if not found:
        raise UsageError(
            f"nothing was published of {readable(asked)!r}, so there is nothing to compare with. "
            "Cure: archivist run makes its output"
        )
    return found, tuple(warnings)


def _targets(catalog: Catalog, digests: Sequence[str], until: int | None = None) -> list[Target]:
    found = lineage.written_of(catalog, digests, until=until)
    return [one for d in digests for one in _grouped(d, lineage.lying(found.get(d, ())))]


def _grouped(digest: str, files: Sequence[Written]) -> Iterator[Target]:
    """Yield the files of a scan by the run that published them, each with its own plan."""
    runs: defaultdict[int, list[Written]] = defaultdict(list)
    for one in sorted(files, key=lambda file: file.id):
        runs[one.number].append(one)
    for number, group in sorted(runs.items()):
        yield Target(digest=digest, run=number, uid=group[0].run, written=tuple(group))
