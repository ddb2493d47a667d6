"""The scan: from a folder of files to a stream of what was found, in the order of the walk."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from archivist.model import Refusal, ScanFile
from archivist.scan.identify import identify
from archivist.scan.manifest import Manifest
from archivist.scan.sample import take_sample
from archivist.scan.settings import ScanOptions
from archivist.scan.walk import Found, walk

KnownStats = Callable[[Sequence[str]], Mapping[str, tuple[int, int, str]]]
"""Given paths, returns (size, mtime_ns, digest) of those that are in the catalog."""

_CHUNK = 500
"""Paths that the catalog is asked about at a time: SQLite takes 999 values in a statement."""

_AHEAD = 4
"""Files for each reader that may be waiting to be handed on, so that one slow file stops nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """A scan that the catalog knows, with the size and time of change it had: it was not read.

    ``facts`` is its row of the manifest, which may have been edited since.
    """

    path: str
    digest: str
    size: int
    mtime_ns: int
    facts: Mapping[str, str] = field(default_factory=dict)


Scanned = ScanFile | Unchanged | Refusal
_Pending = Scanned | Future[ScanFile | Refusal]


def nothing_known(paths: Sequence[str]) -> Mapping[str, tuple[int, int, str]]:
    """Return nothing: every file is read."""
    return {}


def scan(
    root: Path,
    options: ScanOptions,
    *,
    known: KnownStats = nothing_known,
    manifest: Manifest | None = None,
) -> Iterator[Scanned]:
    """Yield each file below ``root`` as a scan with its pages, as unchanged, or as refused.

    Files are read by several threads (hashing and decoding release the interpreter), a few ahead of
    the caller; what comes out is in the order of the walk. Memory does not grow with the tree.
    After the last item, ``manifest.unused()`` tells the rows that met no file. Raises UsageError
    when the root cannot be listed and ConfigError for a wrong pattern; nothing a file does raises.
    """
    items: Iterator[Found | Refusal] = walk(root, options)
    if options.sample:
        items = take_sample(items, options.sample, options.codecs)
    ahead: deque[_Pending] = deque()
    with ThreadPoolExecutor(options.readers, thread_name_prefix="scan") as readers:
        try:
            for item in _with_known(items, known, reread=options.reread):
                ahead.append(_begin(item, root, options, manifest, readers))
                while len(ahead) > _AHEAD * options.readers:
                    yield _ended(ahead.popleft())
            while ahead:
                yield _ended(ahead.popleft())
        finally:
            readers.shutdown(cancel_futures=True)


def _with_known(
    items: Iterable[Found | Refusal], known: KnownStats, *, reread: bool
) -> Iterator[Found | Refusal | Unchanged]:
    items = iter(items)
    while chunk := list(islice(items, _CHUNK)):
        paths = [item.path for item in chunk if isinstance(item, Found)]
        stats = {} if reread or not paths else known(paths)
        for item in chunk:
            size, mtime, digest = stats.get(item.path, (-1, -1, ""))
            if isinstance(item, Found) and (item.size, item.mtime_ns) == (size, mtime):
                yield Unchanged(path=item.path, digest=digest, size=size, mtime_ns=mtime)
            else:
                yield item


def _begin(
    item: Found | Refusal | Unchanged,
    root: Path,
    options: ScanOptions,
    manifest: Manifest | None,
    readers: ThreadPoolExecutor,
) -> _Pending:
    if isinstance(item, Refusal):
        return item
    facts = manifest.facts(item.path) if manifest else {}
    if isinstance(item, Found):
        return readers.submit(identify, root, item, options, facts)
    return Unchanged(
        path=item.path, digest=item.digest, size=item.size, mtime_ns=item.mtime_ns, facts=facts
    )


def _ended(item: _Pending) -> Scanned:
    return item.result() if isinstance(item, Future) else item
