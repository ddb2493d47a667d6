"""Byte copies of files, shared with the original on file systems that can do that."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

_FICLONE = 0x40049409
"""The request number of Linux that lets two files share their blocks until one is written to."""


_BLOCK = 1 << 20

SMALL = 1 << 16
"""Bytes of a file that is in memory and quicker written from there than shared or copied."""


def copy_file(source: Path, target: Path) -> None:
    """Copy a file with its time of modification; as a clone where possible. Raises OSError."""
    # One handle for both ways: opening the new file a second time would truncate it, and ext4
    # then writes it out when it is closed, which takes longer than all the rest.
    with source.open("rb") as reader, target.open("wb") as writer:
        if not _cloned(reader, writer):
            shutil.copyfileobj(reader, writer, _BLOCK)
    _take_time(source, target)


def write_copy(source: Path, content: bytes, target: Path) -> None:
    """Write what a file held when it was read, with its time if it is still there. Raises OSError.

    Of what is more than :data:`SMALL`, :func:`copy_file` may make a clone.
    """
    target.write_bytes(content)
    with suppress(FileNotFoundError):
        _take_time(source, target)


def _take_time(source: Path, target: Path) -> None:
    facts = source.stat()
    os.utime(target, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def _cloned(reader: BinaryIO, writer: BinaryIO) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    import fcntl

    try:
        fcntl.ioctl(writer.fileno(), _FICLONE, reader.fileno())
    except OSError:  # other file systems, or two of them: copied instead
        return False
    return True
