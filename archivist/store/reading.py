"""The metadata of a file, read from memory or through a mapping of the file."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from archivist.imaging.metadata import SourceMetadata, collect_pages, from_codec
from archivist.imaging.plugged import codec_of, is_plugged, metadata_plugged
from archivist.store.job import PublishJob


def page_metadata(job: PublishJob, pages: Sequence[int]) -> tuple[SourceMetadata, ...]:
    """Return the metadata of some pages of a job's scan, by its codec where it has one.

    Raises SourceError for a codec that is gone or fails, and OSError.
    """
    header = job.pages[pages[0]].header
    if not is_plugged(header):
        return scan_metadata(job.scan, job.data, pages)
    codec = codec_of(header, job.codecs)
    if codec.metadata is None:
        return (from_codec(header, None),)
    data = job.scan.read_bytes() if job.data is None else job.data
    return (from_codec(header, metadata_plugged(codec, data)),)


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
