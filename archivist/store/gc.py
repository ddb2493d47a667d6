"""Taking away what nothing points to, and telling what is damaged."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass

from archivist.store.atomic import STALE_SECONDS, remove_leftovers
from archivist.store.blobs import BlobStore

YOUNG_SECONDS = 3600.0
"""A blob younger than this may belong to a step whose record is still on its way."""

Referenced = Container[str] | Callable[[str], bool] | Iterable[str]
"""The digests that are pointed to: a set, an iterator, or a function that knows one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """What a clean-up did. ``removed`` are digests; ``kept``, ``young``, ``leftovers`` counts."""

    removed: tuple[str, ...]
    freed_bytes: int
    kept: int
    young: int
    leftovers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCheck:
    """What a check found: blobs that are whole, damaged, missing, or pointed to by nothing."""

    whole: int
    damaged: tuple[str, ...]
    missing: tuple[str, ...]
    unreferenced: int


def collect_garbage(
    store: BlobStore,
    referenced: Referenced,
    *,
    younger_than: float = YOUNG_SECONDS,
    dry_run: bool = False,
) -> Collection:
    """Remove the blobs that nothing points to, and temporary files that a crash left.

    Blobs younger than ``younger_than`` seconds stay. ``dry_run`` only tells. Raises StoreError.
    """
    known = _known(referenced)
    limit = time.time() - younger_than
    removed, freed, kept, young = [], 0, 0, 0
    for digest in store.iterate():
        if known(digest):
            kept += 1
            continue
        facts = store.path(digest).stat()
        if facts.st_mtime > limit:
            young += 1
            continue
        removed.append(digest)
        freed += facts.st_size
        if not dry_run:
            store.delete(digest)
    age = min(younger_than, STALE_SECONDS)
    leftovers = 0 if dry_run else remove_leftovers(store.root, older_than=age)
    return Collection(
        removed=tuple(removed), freed_bytes=freed, kept=kept, young=young, leftovers=leftovers
    )


def check(
    store: BlobStore,
    referenced: Iterable[str] = (),
    *,
    progress: Callable[[str], None] | None = None,
) -> StoreCheck:
    """Read every blob and compare it with its name; tell which pointed-to blobs are missing.

    ``progress`` is told each digest as it is done.
    """
    wanted = set(referenced)
    damaged, whole, unreferenced, there = [], 0, 0, set()
    for digest in store.iterate():
        there.add(digest)
        unreferenced += digest not in wanted
        if store.check(digest):
            whole += 1
        else:
            damaged.append(digest)
        if progress is not None:
            progress(digest)
    return StoreCheck(
        whole=whole,
        damaged=tuple(damaged),
        missing=tuple(sorted(wanted - there)),
        unreferenced=unreferenced,
    )


def _known(referenced: Referenced) -> Callable[[str], bool]:
    if callable(referenced):
        return referenced
    digests = referenced if isinstance(referenced, Container) else frozenset(referenced)
    return lambda digest: digest in digests
