"""The files of the journal: read, checked, added to.

A shard begins with a line that names it. Then come batches: the lines of one transaction, closed by
an ``end`` with the number of the batch, a checksum (CRC-32) for each line, the SHA-256 of them all,
and the *chain*: the SHA-256 of the chain before and that digest. What is not closed was never
committed. A shard is never changed but at its end, and a new one begins after 16 MiB.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import archivist
from archivist.api.errors import CatalogError
from archivist.catalog.journal.judging import (
    END,
    UNREADABLE,
    Read,
    Tip,
    Waiting,
    chained,
    closed,
    never_closed,
)
from archivist.catalog.journal.lines import read_line

FOLDER = "journal"
"""Inside ``.archivist`` of the output folder; below it a folder for each catalog."""
FORMAT = 1
SHARD_BYTES = 16 << 20
"""After so much a new shard begins: the last one is read whole when a writer begins."""
_SUFFIX = ".jsonl"


class Journal:
    """The journal of one catalog, in a folder of its own. Raises OSError when that fails."""

    def __init__(self, folder: Path, *, schema: str = "") -> None:
        self.folder, self._schema = folder, schema
        self._before: tuple[Path, int, Tip] | None = None
        self._end: tuple[str, int] | None = None
        self.tip = Tip()

    # --- write ---

    def open(self) -> Tip:
        """Get ready to write: cut off what was never closed, return where the journal ends."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.tip = Tip()
        for shard in reversed(self.shards()):
            data = shard.read_bytes()
            end = _last_end(data)
            if end is None:  # it has only begun
                shard.unlink()
                continue
            self.tip, stop = end
            if stop < len(data):
                os.truncate(shard, stop)
            break
        self._end = self._where()
        return self.tip

    def go_on(self, tip: Tip, *, beside: bool) -> None:
        """Get ready to write after ``tip``, to which the catalog has come: others wrote meanwhile.

        What follows it is of one who was killed before the catalog had it. The writer cuts it off;
        one who writes ``beside`` leaves that to the writer. Raises CatalogError when ``tip`` is not
        in the journal, or is not its end.
        """
        if tip == self.tip and self._end is not None and self._end == self._where():
            return
        rest = self._after(tip)
        if rest is None or (beside and rest) or _batches(rest) > 1:
            raise CatalogError(
                f"the journal in {self.folder} does not end where the catalog is; nothing was "
                "recorded. Cure: the same again when the run has recorded more or has ended"
            )
        for shard, stop in rest:
            os.truncate(shard, stop) if stop else shard.unlink()
        self.tip, self._end = tip, self._where()

    def _after(self, tip: Tip) -> list[tuple[Path, int]] | None:
        """Return where each shard stops that has more after ``tip``; None when that is nowhere."""
        rest: list[tuple[Path, int]] = []
        for shard in reversed(self.shards()):
            data = shard.read_bytes()
            at = data.rfind(f'"chain":"{tip.chain}"}}\n'.encode())
            if at >= 0:
                stop = data.index(b"\n", at) + 1
                return [*rest, (shard, stop)] if stop < len(data) else rest
            rest.append((shard, 0))
        return None if tip.batch else rest

    def _where(self) -> tuple[str, int]:
        """Return the name of the newest shard and its size."""
        shards = self.shards()
        return (shards[-1].name, shards[-1].stat().st_size) if shards else ("", 0)

    def append(self, lines: Sequence[bytes]) -> Tip:
        """Write a batch and wait until it is on the disk; return where the journal ends now."""
        digest = hashlib.sha256(b"\n".join(lines)).hexdigest()
        tip = Tip(self.tip.batch + 1, chained(self.tip.chain, digest))
        sums = "".join(f"{zlib.crc32(line):08x}" for line in lines)
        end = {"end": tip.batch, "sums": sums, "digest": digest, "chain": tip.chain}
        closed = (*lines, json.dumps(end, separators=(",", ":")).encode(), b"")
        shard = self._current()
        size = shard.stat().st_size if shard.exists() else 0
        self._before = (shard, size, self.tip)
        try:
            with shard.open("ab") as stream:
                stream.write(b"\n".join(closed))
                stream.flush()
                os.fsync(stream.fileno())
        except OSError:
            self._cut(shard, size)
            raise
        self.tip, self._end = tip, (shard.name, size + sum(map(len, closed)) + len(closed) - 1)
        return tip

    def undo(self) -> None:
        """Take back the last batch, because its transaction failed, unless others wrote since."""
        if self._before is not None:
            (shard, size, before), self._before = self._before, None
            if self._where() == self._end:
                self._cut(shard, size)
            self.tip = before

    def _cut(self, shard: Path, size: int) -> None:
        os.truncate(shard, size)
        self._end = self._where()

    def _current(self) -> Path:
        """Return the shard to write to, which may be a new one."""
        shards = self.shards()
        if shards and shards[-1].stat().st_size < SHARD_BYTES:
            return shards[-1]
        number = int(shards[-1].stem) + 1 if shards else 1
        fresh = self.folder / f"{number:06}{_SUFFIX}"
        head = {"journal": FORMAT, "instance": self.folder.name, "shard": number}
        head |= {"schema": self._schema, "archivist": archivist.__version__}
        with fresh.open("xb") as stream:
            stream.write(json.dumps(head, separators=(",", ":")).encode() + b"\n")
            os.fsync(stream.fileno())
        _sync_folder(self.folder)
        return fresh

    # --- read ---

    def shards(self) -> list[Path]:
        """Return the files, oldest first."""
        return sorted(self.folder.glob(f"*{_SUFFIX}"))

    def heads(self) -> Iterator[dict[str, Any]]:
        """Yield what the first line of each shard says; empty where it cannot be read."""
        return map(_head, self.shards())

    def newest_head(self) -> dict[str, Any] | None:
        """Return what the first line of the newest shard says, None where there is no shard."""
        shards = self.shards()
        return _head(shards[-1]) if shards else None

    def batches(self) -> Iterator[Read]:
        """Yield all batches in order, with what is wrong; the last may be unclosed.

        A batch that was never closed is left out, unless others come after it.
        """
        before = Tip()
        for shard in self.shards():
            waiting = Waiting(shard.name)
            with shard.open("rb") as stream:
                for number, line in enumerate(stream, 1):
                    if number == 1:
                        continue
                    if not line.startswith(END):
                        waiting.lines.append((number, line.rstrip(b"\n")))
                        continue
                    read = closed(waiting, number, line, before)
                    before = Tip(read.number, read.chain)
                    waiting.lines.clear()
                    yield read
            if waiting.lines and shard != self.shards()[-1]:
                yield never_closed(waiting, before)


def _batches(rest: Sequence[tuple[Path, int]]) -> int:
    """Return how many whole batches there are after the places where shards stop."""
    return sum(shard.read_bytes()[stop:].count(b"\n" + END) for shard, stop in rest)


def unwritable(folder: Path, error: OSError) -> CatalogError:
    """Return the error of a journal that cannot be written."""
    return CatalogError(
        f"the journal in {folder} cannot be written: {error.strerror or error}; nothing was "
        "recorded. Cure: make room on its disk, or check its permissions"
    )


def taken_away(folder: Path, catalog: Path | None) -> CatalogError:
    """Return the error of a journal that is gone while it is written, with its catalog perhaps.

    What else is gone does not show: workers make the folders of their outputs again.
    """
    if catalog is not None and not catalog.exists():
        lost, again = f"the catalog {catalog} and its journal are", "begins anew"
    else:
        lost, again = f"the journal {folder} is", "writes it anew from the catalog"
    return CatalogError(
        f"{lost} gone: the output folder, or a part of it, was removed or renamed meanwhile, or "
        "its disk was taken away; nothing more was recorded. Cure: put it back in its place and "
        f"give the same command again, which goes on; without it, that {again}"
    )


def journals_in(home: Path) -> list[Path]:
    """Return the folders of all journals in ``.archivist`` of an output folder that hold a batch.

    Those that were laid aside, or are not whole, have a dot in their names and do not count.
    """
    found = [folder for folder in (home / FOLDER).glob("*/") if "." not in folder.name]
    return sorted(folder for folder in found if next(Journal(folder).batches(), None))


def _head(shard: Path) -> dict[str, Any]:
    with shard.open("rb") as stream:
        try:
            return read_line(stream.readline())
        except ValueError:
            return {}


def _last_end(data: bytes) -> tuple[Tip, int] | None:
    """Return the last end in a shard, and where it stops; None when there is none.

    An end that is whole and cannot be read is :data:`UNREADABLE`: nothing may be cut off there.
    """
    at = data.rfind(b"\n" + END, 0, data.rfind(b"\n"))
    if at < 0:
        return None
    stop = data.index(b"\n", at + 1) + 1
    try:
        end = read_line(data[at:stop])
        return Tip(end["end"], end["chain"]), stop
    except (ValueError, KeyError):
        return UNREADABLE, len(data)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
