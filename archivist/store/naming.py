"""The names of outputs: the tree of the scans mirrored, and no two outputs on one name.

A scan ``album/a.jpg`` is published as ``<profile folder>/album/a.jpg`` when its name already fits
the profile's format, else the new suffix is appended: ``album/a.jpg.tif``. Where two outputs would
meet (names that differ only by case or Unicode form, which many file systems hold for one; a
profile's folder that a folder of the scans is also called; ``a.png`` and ``a.png.jpg`` as JPEG),
the first in order keeps the plain name and each other gets a short digest of its path before the
suffix: ``a~1b2c3d4e.jpg``.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import PurePosixPath

from archivist.model import OutputProfile, text_to_path

SUFFIXES: Mapping[str, tuple[str, ...]] = {
    "tiff": (".tif", ".tiff"),
    "jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "png": (".png",),
}
"""The suffixes that fit a format; the first one is appended to names that have none of them."""

OWN_FOLDER = ".archivist"
"""The folder of catalog, store and scratch inside the output folder: no output goes there."""

NAME_BYTES = 255
"""The longest file name that common file systems take, in bytes."""

LONGEST_SUFFIX = 16


def output_path(profile: OutputProfile, source: str) -> str:
    """Return the name of an output as if it were alone: a POSIX path below the output folder.

    ``source`` is the scan's path as text, relative to the scans. Raises ValueError for a path that
    is absolute, empty, or climbs with ``..``.
    """
    parts = _parts(source)
    suffixes = SUFFIXES.get(profile.format, ())
    if suffixes and not parts[-1].lower().endswith(suffixes):
        parts[-1] += suffixes[0]
    parts[-1] = _shortened(parts[-1], source)
    parts = (_parts(profile.folder) if profile.folder else []) + parts
    if fold(parts[0]) == OWN_FOLDER:
        parts[0] += f"~{_mark(parts[0])}"
    return "/".join(parts)


def as_tiff(profile: OutputProfile) -> OutputProfile:
    """Return the profile by which results are named that a reading-only codec leaves to TIFF.

    Its own name keeps its entries in a :class:`NameTable` apart from those of the profile.
    """
    return replace(profile, name=f"{profile.name}\ttiff", format="tiff")


def page_path(path: str, page: int) -> str:
    """Return the name of one page (from 0) of a scan, for formats that hold one page a file."""
    name = PurePosixPath(path)
    stem, suffix = _split(name.name)
    return str(name.with_name(_fitted(stem, f"~page{page + 1}{suffix}")))


def fold(name: str) -> str:
    """Return what a file system without case and Unicode forms would compare."""
    if not name.isascii():
        name = unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())
    return name.lower()


@dataclass(frozen=True, slots=True)
class NameTable:
    """The names of all outputs of a run; only those that differ from the plain rule are held.

    Small and picklable, so that it can travel to every worker.
    """

    exceptions: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(profile name, source) to output path."""

    @classmethod
    def build(
        cls,
        sources: Iterable[str],
        profiles: Sequence[OutputProfile],
        converted: Iterable[str] = (),
    ) -> NameTable:
        """Make the table from the paths of all scans of a run, in any order.

        ``converted`` are those of them that become TIFF, when changed, where a profile asks for the
        ``same`` format: they need a name for each case.
        """
        ordered = sorted(set(sources))
        twice = [as_tiff(profile) for profile in profiles if profile.format == "same"]
        wishes = [*_wishes(ordered, profiles), *_wishes(sorted(set(converted)), twice)]
        wishes.sort(key=lambda wish: wish.appended)
        taken = _Taken()
        late = [wish for wish in wishes if not taken.claim(wish.path)]
        return cls({(wish.profile, wish.source): taken.other_name(wish) for wish in late})

    def path(self, profile: OutputProfile, source: str) -> str:
        """Return the output's path for a scan: POSIX, as text, below the output folder."""
        found = self.exceptions.get((profile.name, source))
        return found if found is not None else output_path(profile, source)


@dataclass(frozen=True, slots=True)
class _Wish:
    """An output, and the name that it would have if it were alone."""

    profile: str
    source: str
    path: str

    @property
    def appended(self) -> bool:
        return self.source.rpartition("/")[2] != self.path.rpartition("/")[2]


def _wishes(sources: Sequence[str], profiles: Sequence[OutputProfile]) -> Iterator[_Wish]:
    for profile in profiles:
        for source in sources:
            yield _Wish(profile.name, source, output_path(profile, source))


class _Taken:
    """Names that are in use, as files and as folders, without case and Unicode form."""

    def __init__(self) -> None:
        self.files: set[str] = set()
        self.folders: set[str] = set()

    def claim(self, path: str) -> bool:
        key = fold(path)
        if key in self.files or key in self.folders:
            return False
        new, folder = [], key.rpartition("/")[0]
        while folder and folder not in self.folders:  # above a known folder all are known
            if folder in self.files:
                return False
            new.append(folder)
            folder = folder.rpartition("/")[0]
        self.files.add(key)
        self.folders.update(new)
        return True

    def other_name(self, wish: _Wish) -> str:
        for digits in (8, 16, 64):
            path = _marked(wish, digits)
            if self.claim(path):
                return path
        # A folder of the scans is called as a file of another profile: the folder gives way.
        folder = f"{wish.profile}~{_mark(wish.source, 16)}"
        path = f"{folder}/{PurePosixPath(wish.path).name}"
        if not self.claim(path):  # pragma: no cover - two SHA-256 that agree
            raise ValueError(f"no free name for {wish.source!r} of profile {wish.profile!r}")
        return path


def _marked(wish: _Wish, digits: int) -> str:
    path = PurePosixPath(wish.path)
    stem, suffix = _split(path.name)
    mark = f"~{_mark(f'{wish.profile}/{wish.source}', digits)}"
    return str(path.with_name(_fitted(stem, mark + suffix)))


def _parts(path: str) -> list[str]:
    parts = path.split("/")
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise ValueError(f"not a plain relative path: {path!r}")
    return parts


def _shortened(name: str, source: str) -> str:
    if _length(name) <= NAME_BYTES:
        return name
    stem, suffix = _split(name)
    return _fitted(stem, f"~{_mark(source)}{suffix}")


def _split(name: str) -> tuple[str, str]:
    # What follows a dot is a suffix when it is short; else it is part of a sentence.
    path = PurePosixPath(name)
    return (path.stem, path.suffix) if len(path.suffix) <= LONGEST_SUFFIX else (name, "")


def _fitted(stem: str, tail: str) -> str:
    while _length(stem + tail) > NAME_BYTES and stem:
        stem = stem[:-1]
    return stem + tail


def _length(name: str) -> int:
    return len(name) if name.isascii() else len(os.fsencode(text_to_path(name)))


def _mark(text: str, digits: int = 8) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:digits]
