"""Find the photographs that an auditor asks about: by content, digest, number or path."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from archivist.api import CodecSpec, StepSpec, UsageError
from archivist.catalog import queries
from archivist.catalog.finding import (
    SHORTEST,
    How,
    Match,
    by_digest,
    by_inventory,
    by_path,
    refusal_at,
)
from archivist.catalog.finding import read_digest as digest_in
from archivist.catalog.session import Catalog
from archivist.hashing import digest_file
from archivist.model import Status, path_to_text
from archivist.report.audit_seal import RecordDigest
from archivist.report.words import readable

T = TypeVar("T")

EARLIER = "This is an earlier version: another output lies at its path now."
"""What is said of a file that was replaced since."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Folders in place of those that the run recorded, and what is installed here.

    With ``look`` False no picture is opened and no digest computed: quick.
    """

    scans: Path | None = None
    out: Path | None = None
    specs: Mapping[str, StepSpec] = dataclasses.field(default_factory=dict)
    codecs: Mapping[str, CodecSpec] = dataclasses.field(default_factory=dict)
    look: bool = True
    record_digest: RecordDigest | None = None
    """Computes the digest of a record anew; without it records are not compared."""


def find(
    catalog: Catalog, asked: str, where: Where, page: int | None = None
) -> tuple[str, tuple[Match, ...], tuple[str, ...]]:
    """Return (SHA-256 of the file that was given, matches, warnings) for a question.

    A file is found by its content, wherever it lies and whatever its name; else ``asked`` may be
    a digest (or its first eight digits), an inventory number, or a recorded path. ``page`` counts
    from 0. Raises UsageError, with what was looked for, when nothing is found.
    """
    file = Path(asked)
    digest = ""
    tried: list[str] = []
    warnings: tuple[str, ...] = ()
    if file.is_dir():
        raise UsageError(f"{asked} is a folder. Cure: name one file, or use archivist report")
    if file.is_file():
        digest = _digest(file)
        if found := by_digest(catalog, digest, page):
            return digest, _chosen(found), ()
        tried.append(f"a scan, output or stored file with the content SHA-256 {digest}")
    else:
        tried.append("a file of this name")
    given = digest_in(asked)
    if given is not None:
        if found := by_digest(catalog, given[0], page if page is not None else given[1]):
            return digest, _chosen(found), ()
        tried.append("a digest of a scan, output, stored file, value or record that begins so")
    found = by_inventory(catalog, path_to_text(asked))
    tried.append("an inventory number")
    if not found:
        found = _at_paths(catalog, asked, where)
        tried.append("a path of a scan or an output, as recorded")
        if found and digest:
            warnings = (
                f"The content of {readable(path_to_text(asked))} is not what was recorded for "
                f"this path: it was changed or replaced by something other than archivist "
                f"(SHA-256 {digest}).",
            )
    if not found:
        _tell_refusal(catalog, asked, where)
        _refuse_weights(catalog, digest or (given[0] if given else ""))
        raise UsageError(
            f"the catalog knows nothing of {readable(path_to_text(asked))!r}. It was looked for as "
            f"{'; '.join(tried)}. Cure: give the file itself, the SHA-256 (at least {SHORTEST} "
            "digits), the inventory number, or the path relative to the scans or the outputs"
        )
    if page is not None:
        found = tuple(dataclasses.replace(one, page=page) for one in found)
    return digest, found, warnings


def _tell_refusal(catalog: Catalog, asked: str, where: Where) -> None:
    """Raise UsageError when somebody asks about a file that the last scan refused, with why."""
    one = _first(_names(catalog, asked, where), partial(refusal_at, catalog))
    if one is not None:
        what = "refused" if one.status == Status.FAILED else "left out"
        raise UsageError(
            f"{readable(one.path)} was {what} by the last scan, so nothing was made of it: "
            f"{one.reason} [{one.code}]"
        )


def _refuse_weights(catalog: Catalog, digest: str) -> None:
    """Raise UsageError when somebody asks about trained weights, with the command that answers."""
    for row in queries.weights_seen(catalog):
        if digest and row.weights.digest.startswith(digest):
            raise UsageError(
                f"these are the weights {row.weights.name}, not a photograph. Cure: archivist "
                f"query --uses-weights {row.weights.digest[:12]} lists what was made with them"
            )


def _digest(file: Path) -> str:
    try:
        return digest_file(file)
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"{file} cannot be read: {reason}. Cure: check its permissions") from error


def _chosen(found: Sequence[Match]) -> tuple[Match, ...]:
    """Return what was found as the surest kind of thing: an output before a scan before a mask."""
    files = {one.digest for one in found}
    if len({one.text for one in found}) > 1 and len(files) > 1:
        names = "; ".join(f"{one.how} {one.text}" for one in found[:8])
        raise UsageError(f"several things begin so: {names}. Cure: give more digits")
    best = min(list(How).index(one.how) for one in found)
    return tuple(one for one in found if list(How).index(one.how) == best)


def _at_paths(catalog: Catalog, asked: str, where: Where) -> tuple[Match, ...]:
    """Find a recorded path: relative as it is, absolute below one of the folders.

    ``#1`` behind it names the second page, as behind a digest.
    """
    if found := _first(_names(catalog, asked, where), partial(by_path, catalog)):
        return found
    path, mark, page = asked.rpartition("#")
    if not mark or not page.isdecimal():
        return ()
    return tuple(
        dataclasses.replace(one, page=int(page)) for one in _at_paths(catalog, path, where)
    )


def _names(catalog: Catalog, asked: str, where: Where) -> list[str]:
    """Return how the catalog may spell a path: as given, or relative to one of the folders."""
    absolute = Path(asked).absolute()
    return list(dict.fromkeys([asked, *_below(absolute, _folders(catalog, where))]))


def _first(names: Iterable[str], look: Callable[[str], T | None]) -> T | None:
    """Return what is found at the first of these paths at which anything is."""
    for name in names:
        try:
            if found := look(path_to_text(name)):
                return found
        except ValueError:  # no catalog can hold such a name
            continue
    return None


def _folders(catalog: Catalog, where: Where) -> list[Path]:
    recorded = queries.folders(catalog).values()
    return [folder for folder in (where.scans, where.out, *recorded) if folder is not None]


def _below(path: Path, folders: Iterable[Path]) -> list[str]:
    return [str(path.relative_to(one)) for one in folders if path.is_relative_to(one)]
