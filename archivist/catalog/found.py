"""The files that a scan found, whole and in order: what a planner goes through."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from archivist.catalog import tables
from archivist.catalog.bulk import pages
from archivist.catalog.in_place import OVERWRITTEN
from archivist.catalog.lookups import assets_of
from archivist.catalog.queue import run_number
from archivist.catalog.session import Catalog
from archivist.model import Asset

_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    """A content with every path at which the scan found it, and its pages."""

    digest: str
    paths: tuple[str, ...]
    assets: tuple[Asset, ...]


def files_of_run(catalog: Catalog, run: str) -> Iterator[FoundFile]:
    """Yield the files that the scan of a run saw, by their first path, each content once."""
    after = ""
    table = tables.scan_file.c
    while True:
        with catalog.reading() as connection:
            number = run_number(connection, run)
            rows = connection.execute(
                select(table.path, table.digest)
                .where(table.collection_id == catalog.collection_id, table.seen_run == number)
                .where(table.path > after)
                .order_by(table.path)
                .limit(_PAGE)
            ).all()
        if not rows:
            return
        after = rows[-1].path
        paths = _paths(catalog, number, {row.digest for row in rows})
        # A content that also lies at an earlier path was yielded with that path.
        first = [row.digest for row in rows if paths[row.digest][0] == row.path]
        assets = assets_of(catalog, first)
        for digest in first:
            yield FoundFile(digest=digest, paths=paths[digest], assets=assets[digest])


def files_by_digest(catalog: Catalog, run: str, digests: Sequence[str]) -> Iterator[FoundFile]:
    """Yield the files of these contents that the scan of a run saw, in the order asked for."""
    with catalog.reading() as connection:
        number = run_number(connection, run)
    for page in pages(digests, 64):
        paths, assets = _paths(catalog, number, set(page)), assets_of(catalog, page)
        for digest in page:
            yield FoundFile(digest=digest, paths=paths[digest], assets=assets[digest])


def _paths(catalog: Catalog, run: int, digests: set[str]) -> dict[str, tuple[str, ...]]:
    table = tables.scan_file.c
    found: dict[str, tuple[str, ...]] = {}
    with catalog.reading() as connection:
        for page in pages(digests):
            for digest, path in connection.execute(
                select(table.digest, table.path)
                .where(table.collection_id == catalog.collection_id, table.digest.in_(page))
                .where(table.seen_run == run)
                .order_by(table.path)
            ):
                found[digest] = (*found.get(digest, ()), path)
    return found


def replaced_paths(catalog: Catalog, paths: Mapping[str, str]) -> frozenset[str]:
    """Return the paths of which an output of another content than ``paths`` says was published."""
    table = tables.publication.c
    found: set[str] = set()
    with catalog.reading() as connection:
        for page in pages(paths):
            rows = connection.execute(
                select(table.source, table.digest)
                .where(table.collection_id == catalog.collection_id, table.source.in_(page))
                .distinct()
            )
            found.update(row.source for row in rows if row.digest != paths[row.source])
    return frozenset(found)


def results_of_others(catalog: Catalog, paths: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """Return the paths (path -> digest) in whose places results of other scans lie, with those.

    Those scans had the path before, and no result of the present one has replaced theirs yet.
    """
    table = tables.publication.c
    found: dict[str, frozenset[str]] = {}
    with catalog.reading() as connection:
        for page in pages(paths):
            rows = connection.execute(
                select(table.source, table.digest)
                .where(table.collection_id == catalog.collection_id, table.source.in_(page))
                .where(~OVERWRITTEN)
                .distinct()
            )
            for source, digest in rows:
                if digest != paths[source]:
                    found[source] = found.get(source, frozenset()) | {digest}
    return found


def outputs_published(catalog: Catalog, sources: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return the SHA-256 of all outputs that were ever published of scans at these paths."""
    table = tables.publication.c
    found: dict[str, frozenset[str]] = {}
    with catalog.reading() as connection:
        for page in pages(set(sources)):
            rows = connection.execute(
                select(table.source, table.output_digest)
                .where(table.collection_id == catalog.collection_id, table.source.in_(page))
                .distinct()
            )
            for source, digest in rows:
                found[source] = found.get(source, frozenset()) | {digest}
    return found
