"""Files that are either whole or not there: temporary name, fsync, rename, fsync of the folder.

A crash leaves at most a temporary file, which no reader takes for a result and which
:func:`remove_leftovers` takes away.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from archivist.durable import sync_file, sync_folder

PREFIX = ".archivist-"
SUFFIX = ".part"
STALE_SECONDS = 6 * 3600.0
"""A temporary file older than this belongs to no writer that is still at work."""

SYNC_THREADS = 4
"""Files that wait for the disk side by side: it writes them in one go."""


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """Give a temporary path in ``folder``, which is made when it is missing.

    What lies there when the block ends is removed, unless :func:`commit` moved it away.
    Raises OSError.
    """
    move = move_to(folder / "any")
    try:
        yield move.temporary
    finally:
        discard([move])


@dataclass(frozen=True, slots=True)
class Move:
    """A temporary file, and the name that it gets when it is finished."""

    temporary: Path
    target: Path


def move_to(target: Path) -> Move:
    """Return a temporary path beside ``target``; the folder is made if missing. Raises OSError."""
    make_folder(target.parent)
    return Move(target.with_name(f"{PREFIX}{secrets.token_hex(8)}{SUFFIX}"), target)


def discard(moves: Iterable[Move]) -> None:
    """Remove the temporary files that did not get their names."""
    for move in moves:
        with suppress(OSError):
            move.temporary.unlink(missing_ok=True)


def commit(temporary: Path, target: Path) -> None:
    """Make a finished temporary file the content of ``target``, durably. Raises OSError."""
    sync_file(temporary)
    temporary.replace(target)
    sync_folder(target.parent)


def commit_all(moves: Sequence[Move]) -> dict[Path, OSError]:
    """Do what :func:`commit` does for many files; return what went wrong, by target.

    The files are waited for side by side, and each folder once: 0.4 ms for each of 64 small files
    instead of 0.6 on an idle disk, below 2 instead of 19 on a busy one (ext4).
    """
    problems: dict[Path, OSError] = {}
    synced: set[Path] = set()

    def attempt(action: Callable[[Move], object], some: Sequence[Move]) -> None:
        for move in some:
            if move.target not in problems:
                try:
                    action(move)
                except OSError as error:
                    problems[move.target] = error

    def sync_name(move: Move) -> None:
        if move.target.parent not in synced:
            sync_folder(move.target.parent)
            synced.add(move.target.parent)

    # Each thread takes its share at once: handing over file by file costs more than a small file.
    shares = [moves[first::SYNC_THREADS] for first in range(min(SYNC_THREADS, len(moves)))]
    if len(shares) > 1:
        with ThreadPoolExecutor(SYNC_THREADS, "sync") as pool:
            list(pool.map(partial(attempt, lambda move: sync_file(move.temporary)), shares))
    else:
        attempt(lambda move: sync_file(move.temporary), moves)
    attempt(lambda move: move.temporary.replace(move.target), moves)
    attempt(sync_name, moves)
    return problems


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give a temporary path beside ``target``; when the block ends well, it becomes ``target``.

    When the block raises, the temporary file is removed and ``target`` is as it was. Raises
    OSError.
    """
    with staged(target.parent) as temporary:
        yield temporary
        commit(temporary, target)


@contextmanager
def placing_folder(target: Path, *, replace: bool = False) -> Iterator[Path]:
    """Give a path beside ``target`` for a folder; when the block ends well, it becomes ``target``.

    ``target`` must not exist, or be an empty folder; with ``replace`` a full one makes room. When
    the block raises, the folder is removed. After a crash it stays under its temporary name; one
    between two renames leaves nothing at ``target``. Raises OSError.
    """
    move, old = move_to(target), move_to(target).temporary
    try:
        yield move.temporary
        sync_tree(move.temporary)
        if target.is_dir() and not target.is_symlink():
            if replace:
                target.rename(old)
            else:
                target.rmdir()  # raises unless it is empty
        try:
            move.temporary.rename(target)
        except OSError:
            if old.is_dir():
                old.rename(target)
            raise
        sync_folder(target.parent)
    finally:
        for folder in (move.temporary, old):
            if folder.is_dir():
                shutil.rmtree(folder, ignore_errors=True)
        discard([move])


def sync_tree(folder: Path) -> None:
    """Bring all files below a folder to the disk, with their names. Raises OSError."""
    for place, _, names in os.walk(folder):
        for name in names:
            sync_file(Path(place) / name)
        sync_folder(Path(place))


def make_folder(folder: Path) -> None:
    """Make a folder with its parents, each made durable in the folder above. Raises OSError."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def is_temporary(name: str) -> bool:
    """Tell whether a file name is one that :func:`replacing` makes."""
    return name.startswith(PREFIX) and name.endswith(SUFFIX)


def remove_leftovers(root: Path, *, older_than: float = STALE_SECONDS) -> int:
    """Remove temporary files under ``root`` that are older than so many seconds; return how many.

    With ``older_than=0`` nobody else may be writing there.
    """
    limit, removed = time.time() - older_than, 0
    for folder, _, names in os.walk(root):
        for name in filter(is_temporary, names):
            path = Path(folder) / name
            with suppress(OSError):
                if path.stat().st_mtime <= limit:
                    path.unlink()
                    removed += 1
    return removed
