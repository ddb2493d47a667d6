"""Find the files of a folder tree, always in the same order, whatever the file system says."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from archivist.api.errors import UsageError
from archivist.model import Refusal, path_to_text, text_to_path
from archivist.scan.patterns import Patterns
from archivist.scan.refusals import Code, refuse, refuse_error
from archivist.scan.settings import ScanOptions

OWN_FOLDER = ".archivist"
"""The folder that archivist keeps in each output folder; it marks the folder around it."""

_LITTER = frozenset(
    name.casefold()
    for name in (
        "Thumbs.db",
        "ehthumbs.db",
        "ehthumbs_vista.db",
        "desktop.ini",
        "Icon\r",
        "@eaDir",
        "#recycle",
        "#snapshot",
        "$RECYCLE.BIN",
        "System Volume Information",
        "lost+found",
        "__MACOSX",
        "Network Trash Folder",
        "Temporary Items",
    )
)
_FIRST_PRIVATE, _LAST_PRIVATE = "\uf780", "\uf7ff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A file that may be a scan. ``path`` is text (:func:`archivist.model.path_to_text`)."""

    path: str
    size: int
    mtime_ns: int

    def below(self, root: Path) -> Path:
        """Return where the file lies."""
        return root / text_to_path(self.path)


def walk(root: Path, options: ScanOptions) -> Iterator[Found | Refusal]:
    """Yield every file below ``root`` that is to be looked at, and what is passed over, with why.

    The order is that of the bytes of the names, folder by folder, so that two machines agree. Links
    are never followed, which makes loops impossible. Files and folders that the patterns leave
    out are not mentioned. Raises UsageError when ``root`` itself cannot be listed.
    """
    walker = _Walker(root, options)
    stack = [walker.first()]
    while stack:
        for item in stack[-1]:
            if isinstance(item, str):
                stack.append(walker.listed(item))
                break
            yield item
        else:
            stack.pop()


class _Walker:
    """One walk; a folder is listed whole and closed before its members are looked at."""

    def __init__(self, root: Path, options: ScanOptions) -> None:
        self._root = _usable_root(root)
        self._patterns = Patterns(options.include, options.exclude)
        self._never = {folder.resolve() for folder in options.never}
        self._manifest = options.manifest.resolve() if options.manifest else None

    def first(self) -> Iterator[Found | Refusal | str]:
        try:
            entries = _sorted_entries(self._root)
        except OSError as error:
            raise UsageError(
                f"{self._root}: the folder of the scans cannot be listed ({error.strerror}). "
                "Cure: check its permissions"
            ) from error
        return self._looked_at("", entries)

    def listed(self, folder: str) -> Iterator[Found | Refusal | str]:
        """Yield the members of a folder: files, refusals, and (as text) folders to enter."""
        try:
            entries = _sorted_entries(self._root / text_to_path(folder))
        except OSError as error:
            return iter([refuse_error(error, folder)])
        if any(entry.name == OWN_FOLDER for entry in entries):
            return iter([refuse(Code.OUTPUT, folder)])
        return self._looked_at(folder, entries)

    def _looked_at(
        self, folder: str, entries: list[os.DirEntry[str]]
    ) -> Iterator[Found | Refusal | str]:
        for entry in entries:
            name = path_to_text(entry.name)
            path = f"{folder}/{name}" if folder else name
            try:
                found = self._look(entry, path)
            except OSError as error:
                found = refuse_error(error, path)
            if found is not None:
                yield found

    def _look(self, entry: os.DirEntry[str], path: str) -> Found | Refusal | str | None:
        """Return a file, a refusal, the path of a folder to enter, or None for left out."""
        is_folder = entry.is_dir(follow_symlinks=False)
        if not (self._patterns.enters(path) if is_folder else self._patterns.takes(path)):
            return None
        if passed_over := _passed_over(entry.name):
            return None if entry.name == OWN_FOLDER else refuse(passed_over, path)
        if entry.is_symlink():
            return self._link(entry, path)
        if is_folder:
            return self._folder(entry, path)
        return self._file(entry, path)

    def _link(self, entry: os.DirEntry[str], path: str) -> Refusal:
        try:
            target = Path(entry.path).resolve(strict=True)
        except (FileNotFoundError, NotADirectoryError, RuntimeError):
            return refuse(Code.BROKEN_LINK, path)
        except OSError as error:
            looped = error.errno == errno.ELOOP
            return refuse(Code.BROKEN_LINK, path) if looped else refuse_error(error, path)
        inside = target.is_relative_to(self._root)
        return refuse(Code.LINK if inside else Code.OUTSIDE, path)

    def _folder(self, entry: os.DirEntry[str], path: str) -> Refusal | str:
        if Path(entry.path) in self._never:
            return refuse(Code.OUTPUT, path)
        return refuse(Code.NAME, path) if _is_ambiguous(entry.name) else path

    def _file(self, entry: os.DirEntry[str], path: str) -> Found | Refusal:
        facts = entry.stat(follow_symlinks=False)
        if not stat.S_ISREG(facts.st_mode):
            return refuse(Code.SPECIAL, path)
        if _is_ambiguous(entry.name):
            return refuse(Code.NAME, path, size=facts.st_size, mtime_ns=facts.st_mtime_ns)
        if Path(entry.path) == self._manifest:
            return refuse(Code.MANIFEST, path, size=facts.st_size, mtime_ns=facts.st_mtime_ns)
        return Found(path=path, size=facts.st_size, mtime_ns=facts.st_mtime_ns)


def _usable_root(root: Path) -> Path:
    if not root.exists():
        raise UsageError(f"{root}: there is no such folder. Cure: check the path of the scans")
    if not root.is_dir():
        raise UsageError(f"{root}: is a file. Cure: name the folder that holds the scans")
    return root.resolve()


def _sorted_entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: os.fsencode(entry.name))


def _passed_over(name: str) -> Code | None:
    if name.startswith("._") or name == ".DS_Store" or name.casefold() in _LITTER:
        return Code.LITTER
    return Code.HIDDEN if name.startswith(".") else None


def _is_ambiguous(name: str) -> bool:
    """Whether a name holds the characters by which bytes that are not UTF-8 are written as text."""
    return any(_FIRST_PRIVATE <= letter <= _LAST_PRIVATE for letter in name)
