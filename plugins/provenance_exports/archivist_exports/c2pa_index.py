"""The index of what is signed, written anew while it is read; nothing of it is held in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from archivist_exports.c2pa import INDEX
from archivist_exports.copying import place, unfinished

JOURNAL = "signed.jsonl.part"
"""Lines of what an update has signed so far. One that is killed leaves it, and the next goes on."""

Line = dict[str, Any]


class Index:
    """The lines of an index by the paths of outputs, as they were and as they come."""

    def __init__(self, sources: list[IO[bytes]], journal: IO[bytes], after: IO[bytes]) -> None:
        self._sources, self._journal, self._after = sources, journal, after
        self._before: dict[str, tuple[int, int]] = {}
        for number, stream in enumerate(sources):
            self._read(number, stream)

    def _read(self, number: int, stream: IO[bytes]) -> None:
        offset = 0
        for text in stream:
            if (line := _parsed(text)) is not None:
                self._before[line["path"]] = number, offset
            offset += len(text)

    def take(self, path: str) -> Line | None:
        """Return the line of a path, once; None when there is none."""
        where = self._before.pop(path, None)
        return None if where is None else self._at(*where)

    def _at(self, number: int, offset: int) -> Line:
        stream = self._sources[number]
        stream.seek(offset)
        line: Line = json.loads(stream.readline())
        return line

    def rest(self) -> Iterator[Line]:
        """Yield the lines that nobody has taken."""
        return (self._at(*where) for where in self._before.values())

    def keep(self, line: Line) -> None:
        """Write a line that stays."""
        self._after.write(_text(line))

    def add(self, line: Line) -> None:
        """Write the line of what was signed just now."""
        self._journal.write(_text(line))
        self._journal.flush()
        self.keep(line)


@contextmanager
def renewed(folder: Path) -> Iterator[Index]:
    """Give the index of a folder; when the block ends well, it holds what was kept and added.

    When the block raises, the old index stays, and what was added is found by the next update.
    Raises OSError.
    """
    journal, after = folder / JOURNAL, unfinished(folder / INDEX)
    if journal.exists():
        for leftover in folder.rglob(".archivist-*.part"):
            leftover.unlink()
    try:
        with ExitStack() as stack:
            new = stack.enter_context(after.open("wb"))
            added = stack.enter_context(journal.open("ab"))
            if added.tell():
                added.write(b"\n")  # ends a line that a crash has torn
                added.flush()
            places = (one for one in (folder / INDEX, journal) if one.exists())
            sources = [stack.enter_context(one.open("rb")) for one in places]
            yield Index(sources, added, new)
        place(after, folder / INDEX)
        journal.unlink()
    finally:
        after.unlink(missing_ok=True)


def _parsed(text: bytes) -> Line | None:
    """Return a line, None for one that a crash has torn."""
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) and "path" in line else None


def _text(line: Line) -> bytes:
    # ASCII: a name with bytes that are no UTF-8 comes back as it was.
    return json.dumps(line).encode("ascii") + b"\n"
