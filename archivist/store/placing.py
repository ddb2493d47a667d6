"""Where outputs may go, and errors of the file system with their cures."""

from __future__ import annotations

import errno
import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from archivist.api.errors import PublishError
from archivist.hashing import digest_file
from archivist.model import text_to_path
from archivist.store.job import PublishJob


def has(target: Path, digest: str) -> bool:
    """Tell whether a plain file with this content is there already."""
    try:
        return stat.S_ISREG(target.lstat().st_mode) and digest_file(target) == digest
    except OSError:
        return False


def place(job: PublishJob, name: str) -> Path:
    """Return where an output goes.

    Raises PublishError when that is outside the output folder (``link``), the scan itself
    (``link``), or a folder (``not-writable``).
    """
    target = job.out / text_to_path(name)
    if not _inside(target.parent, job.out):
        raise PublishError(
            f"{target.parent} leads out of the output folder by a link. Cure: remove the link, "
            "or choose another output folder",
            code="link",
        )
    if not os.path.lexists(target):
        return target
    if target.is_dir() and not target.is_symlink():
        raise PublishError(
            f"{target} is a folder, and an output of this name is to be written there. "
            "Cure: move the folder away",
            code="not-writable",
        )
    if target.exists() and target.samefile(job.scan):
        raise PublishError(
            f"{target} is the scan itself. Cure: choose an output folder outside the scans",
            code="link",
        )
    return target


def _inside(folder: Path, out: Path) -> bool:
    """Tell whether a folder below ``out`` stays there, links or not."""
    between = [folder, *folder.parents][: len(folder.parts) - len(out.parts)]
    if not any(part.is_symlink() for part in between):
        return True
    return folder.resolve().is_relative_to(out.resolve())


_CURES = {
    errno.ENOSPC: ("disk-full", "free space on that disk"),
    errno.EDQUOT: ("disk-full", "free space, or raise the quota there"),
    errno.EACCES: ("not-writable", "give write permission there"),
    errno.EPERM: ("not-writable", "give write permission there"),
    errno.EROFS: ("not-writable", "mount that disk for writing"),
    errno.ENAMETOOLONG: ("name-too-long", "shorten the name of the scan or of its folder"),
}


def cure_of(target: Path, error: OSError) -> PublishError:
    """Return an error of the file system as one that says the cure."""
    code, cure = _CURES.get(error.errno or 0, ("write", "see to that disk"))
    return PublishError(
        f"{target} cannot be written: {error.strerror or error}. Cure: {cure}, then run the "
        "same command again",
        code=code,
    )


@contextmanager
def cured(target: Path) -> Iterator[None]:
    """Turn an error of the file system or of a writer into a PublishError that says the cure."""
    try:
        yield
    except (ValueError, struct.error) as error:
        raise PublishError(
            f"{target} cannot be written: {error}. Cure: report this file as a fault of archivist",
            code="write",
        ) from error
    except OSError as error:
        raise cure_of(target, error) from error
