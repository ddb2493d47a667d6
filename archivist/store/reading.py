"""The metadata of a file, read from memory or through a mapping of the file."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from archivist.imaging.metadata import SourceMetadata, collect_pages


def scan_metadata(
    scan: Path, data: bytes | None, pages: Sequence[int]
) -> tuple[SourceMetadata, ...]:
    """Return the metadata of some pages of a scan, from memory or from the file."""
    with _content(scan, data) as content:
        return collect_pages(content, pages)


@contextmanager
def _content(path: Path, data: bytes | None) -> Iterator[bytes | memoryview]:
    if data is not None:
        yield data
        return
    with (
        path.open("rb") as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        memoryview(mapped) as view,
    ):
        yield view
