"""What something other than archivist made of an output is kept beside it, never overwritten.

An output that archivist published is known by its SHA-256. Between the rename and the record it is
not yet: so before a file that lies there is replaced, what will replace it is noted in a folder
that outlives a kill, as an empty file of that name.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path

from archivist.hashing import digest_file


def note_meant(folder: Path, digests: Iterable[str]) -> None:
    """Note the outputs that are about to replace others. Raises OSError."""
    for digest in digests:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / digest).touch()


def digest_in_place(target: Path) -> str | None:
    """Return the SHA-256 of a plain file that lies at the place of an output. Raises OSError."""
    return digest_file(target) if target.is_file() and not target.is_symlink() else None


def is_ours(digest: str, published: Collection[str], meant: Path) -> bool:
    """Tell whether an output is one that archivist published, recorded or not."""
    return digest in published or (meant / digest).exists()


def keep_beside(target: Path, digest: str) -> Path:
    """Give what lies at ``target`` a second name beside it, and return that. Raises OSError.

    ``a.tif`` becomes ``a.changed-1a2b3c4d.tif``, by its SHA-256: a run that was killed finds it
    kept already. Where links are not possible the file moves.
    """
    beside = target.with_name(f"{target.stem}.changed-{digest[:8]}{target.suffix}")
    if digest_in_place(beside) == digest:
        return beside
    try:
        os.link(target, beside)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        target.rename(beside)
    return beside
