"""Say what one file is: digest, pages, EXIF facts and perceptual hash, in one read."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from archivist.api.errors import SourceError
from archivist.api.extensions import CodecSpec
from archivist.imaging.decode import open_pages
from archivist.imaging.metadata.exif import exif_facts
from archivist.imaging.probe import probe
from archivist.model import Asset, Header, Refusal, ScanFile, shortened
from archivist.scan.formats import HEAD, classify
from archivist.scan.likeness import perceptual_hash
from archivist.scan.plugged import probe_plugged
from archivist.scan.refusals import Code, refuse, refuse_error
from archivist.scan.settings import ScanOptions
from archivist.scan.walk import Found

_one_exif = threading.Lock()
"""ExifRead holds the interpreter anyway, and switching warnings off is not safe among threads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    """A file as it was read; ``data`` is None for a file that is too large to hold."""

    file: Path
    digest: str
    data: bytes | None
    codec: CodecSpec | None
    size: int
    mtime_ns: int


def identify(
    root: Path, found: Found, options: ScanOptions, facts: Mapping[str, str]
) -> ScanFile | Refusal:
    """Read a file and return it with its pages, or why it is refused; never raises for a file.

    ``facts`` is its row of the manifest. The EXIF facts belong to the first page.
    """
    file = found.below(root)
    try:
        content = _read(file, found.path, options)
        if isinstance(content, Refusal):
            return content
        assets = _assets(content, options, facts)
    except SourceError as error:
        return Refusal(
            path=found.path,
            code=error.code,
            reason=shortened(str(error)),
            size=found.size,
            mtime_ns=found.mtime_ns,
        )
    except OSError as error:
        return refuse_error(error, found.path)
    return ScanFile(
        path=found.path,
        digest=content.digest,
        size=content.size,
        mtime_ns=content.mtime_ns,
        assets=assets,
    )


def _read(file: Path, path: str, options: ScanOptions) -> _Content | Refusal:
    with os.fdopen(_open_plainly(file), "rb") as stream:
        before = os.fstat(stream.fileno())
        if not stat.S_ISREG(before.st_mode):
            return refuse(Code.CHANGED, path)
        head = stream.read(HEAD)
        kind = classify(path, head, before.st_size, options.codecs)
        size, mtime = before.st_size, before.st_mtime_ns
        if kind.refusal:
            return refuse(kind.refusal, path, detail=kind.detail, size=size, mtime_ns=mtime)
        digest, data = _digest(stream, head, whole=size <= options.read_whole)
        after = os.fstat(stream.fileno())
    if (size, mtime) != (after.st_size, after.st_mtime_ns):
        return refuse(Code.CHANGED, path, size=after.st_size, mtime_ns=after.st_mtime_ns)
    return _Content(
        file=file, digest=digest, data=data, codec=kind.codec, size=size, mtime_ns=mtime
    )


def _open_plainly(file: Path) -> int:
    """Open without following a link and without waiting for the writer of a pipe.

    Both may have taken the place of the file since its folder was listed.
    """
    # Windows knows neither flag, and needs O_BINARY.
    flags = [getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY")]
    return os.open(file, os.O_RDONLY | sum(flags))


def _digest(stream: BufferedReader, head: bytes, *, whole: bool) -> tuple[str, bytes | None]:
    if whole:
        data = head + stream.read()
        return hashlib.sha256(data).hexdigest(), data
    stream.seek(0)
    return hashlib.file_digest(stream, "sha256").hexdigest(), None


def _assets(content: _Content, options: ScanOptions, facts: Mapping[str, str]) -> tuple[Asset, ...]:
    if content.codec is not None:
        header, likeness, block = probe_plugged(content.codec, content.file, content.data, options)
        return (_asset(content, header, facts, exif=_exif(block), likeness=likeness),)
    source = content.file if content.data is None else content.data
    headers = probe(source, max_pixels=options.max_pixels)
    opened = None
    if content.data is not None:
        opened = open_pages(content.data, max_pixels=options.max_pixels)
    return tuple(
        _asset(
            content,
            header,
            facts,
            page=page,
            pages=len(headers),
            exif=_exif(source) if page == 0 else {},
            likeness=perceptual_hash(
                content.file,
                content.data,
                page,
                header,
                max_pixels=options.max_pixels,
                pages=opened,
            ),
        )
        for page, header in enumerate(headers)
    )


def _exif(source: bytes | Path) -> Mapping[str, str]:
    with _one_exif:
        return exif_facts(source)


def _asset(
    content: _Content,
    header: Header,
    facts: Mapping[str, str],
    *,
    page: int = 0,
    pages: int = 1,
    exif: Mapping[str, str] | None = None,
    likeness: str | None = None,
) -> Asset:
    return Asset(
        digest=content.digest,
        page=page,
        pages=pages,
        header=header,
        perceptual_hash=likeness,
        exif=exif or {},
        facts=facts,
    )
