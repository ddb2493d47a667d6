"""Copies of recorded files for packages: what is copied is compared with the record on the way."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
from pathlib import Path, PurePosixPath

from archivist.api import UsageError
from archivist_exports.photographs import Row

_BLOCK = 1 << 20
_AWKWARD = re.compile(r'[\x00-\x1f\x7f%\\:*?"<>|\ud800-\udfff\uf780-\uf7ff\ufffd\u2400-\u2421]')
"""What a manifest would have to escape, or another system could not name."""


def portable(path: str) -> str:
    """Return a relative path that any system and any manifest takes, unlike that of other paths.

    What is awkward becomes ``_``, and the name then carries a part of the digest of the real one.
    """
    return str(PurePosixPath(*(_portable(part) for part in PurePosixPath(path).parts)))


def _portable(name: str) -> str:
    plain = _AWKWARD.sub("_", name).rstrip(" .") or "_"
    if plain == name:
        return name
    mark = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    stem, dot, suffix = plain.rpartition(".")
    return f"{stem}-{mark}.{suffix}" if dot and stem else f"{plain}-{mark}"


def copy(row: Row, target: Path) -> int:
    """Copy the file of a row (``file``, ``path``, ``digest``); return its bytes.

    Raises UsageError when it is missing or not as recorded, and OSError when ``target`` cannot be
    written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    try:
        source = open(row["file"], "rb")  # noqa: PTH123, SIM115 - a name with bytes as it is
    except OSError as error:
        reason = error.strerror or str(error)
        raise _not_as_recorded(row, f"cannot be read ({reason})") from error
    with source, target.open("xb") as stream:
        while block := source.read(_BLOCK):
            stream.write(block)
            digest.update(block)
            size += len(block)
    if digest.hexdigest() != row["digest"]:
        raise _not_as_recorded(row, "is not as it was recorded")
    shutil.copystat(os.fspath(row["file"]), target)
    return size


def unfinished(target: Path) -> Path:
    """Return a name beside ``target`` for a file that gets its name when it is whole.

    It is one that archivist takes for the leftover of a killed process, once it is old.
    """
    return target.with_name(f".archivist-{secrets.token_hex(8)}.part")


def place(unfinished: Path, target: Path) -> None:
    """Give a finished file its name, durably: it is then whole, or not there. Raises OSError."""
    with unfinished.open("rb+") as stream:
        os.fsync(stream.fileno())
    unfinished.replace(target)
    if os.name == "posix":
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _not_as_recorded(row: Row, what: str) -> UsageError:
    return UsageError(
        f"{row['path']} {what}; nothing was exported. "
        "Cure: look with `archivist verify`, then make it anew with `archivist run`"
    )
