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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import archivist
from archivist.catalog.journal.lines import read_line

FOLDER = "journal"
"""Inside ``.archivist`` of the output folder; below it a folder for each catalog."""
FORMAT = 1
SHARD_BYTES = 16 << 20
"""After so much a new shard begins: the last one is read whole when a writer begins."""
_SUFFIX = ".jsonl"
_END = b'{"end":'
_CRC_DIGITS = 8


@dataclass(frozen=True, slots=True)
class Tip:
    """Where a journal ends: the number of its last batch, 0 for none, and its chain."""

    batch: int = 0
    chain: str = ""


UNREADABLE = Tip(-1, "")
"""Where a journal ends whose last end is damaged."""


@dataclass(frozen=True, slots=True)
class Damage:
    """What is wrong with a journal, and where: a shard, or a line of it."""

    where: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A batch as it was read. ``lines`` are those that are as they were written."""

    number: int
    chain: str
    lines: tuple[bytes, ...]
    damage: tuple[Damage, ...] = ()


@dataclass(slots=True)
class _Open:
    """The lines that wait for their end: the number of each in its shard, and its text."""

    shard: str
    lines: list[tuple[int, bytes]] = field(default_factory=list)


def chained(before: str, digest: str) -> str:
    """Return the chain of a batch from that of the batch before and the digest of its lines."""
    return hashlib.sha256((before + digest).encode()).hexdigest()


class Journal:
    """The journal of one catalog, in a folder of its own. Raises OSError when that fails."""

    def __init__(self, folder: Path, *, schema: str = "") -> None:
        self.folder, self._schema = folder, schema
        self._before: tuple[Path, int, Tip] | None = None
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
        return self.tip

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
            self.undo()
            raise
        self.tip = tip
        return tip

    def undo(self) -> None:
        """Take back the last batch, because its transaction failed."""
        if self._before is not None:
            shard, size, self.tip = self._before
            self._before = None
            os.truncate(shard, size)

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
            waiting = _Open(shard.name)
            with shard.open("rb") as stream:
                for number, line in enumerate(stream, 1):
                    if number == 1:
                        continue
                    if not line.startswith(_END):
                        waiting.lines.append((number, line.rstrip(b"\n")))
                        continue
                    read = _closed(waiting, number, line, before)
                    before = Tip(read.number, read.chain)
                    waiting.lines.clear()
                    yield read
            if waiting.lines and shard != self.shards()[-1]:
                yield _never_closed(waiting, before)


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


def _closed(waiting: _Open, number: int, line: bytes, before: Tip) -> Read:
    """Judge a batch whose end was found."""
    try:
        end = read_line(line)
        tip, digest, sums = Tip(end["end"], end["chain"]), end["digest"], end["sums"]
        count = len(sums) // _CRC_DIGITS
    except (ValueError, KeyError, TypeError):
        what = "it closes a batch, and cannot be read"
        damage = Damage(f"{waiting.shard}, line {number}", what)
        lines = tuple(text for _, text in waiting.lines)
        return Read(number=before.batch + 1, chain="", lines=lines, damage=(damage,))
    damage_before = _numbering(waiting, tip, before)
    own = waiting.lines[max(0, len(waiting.lines) - count) :]
    lines = tuple(text for _, text in own)
    if hashlib.sha256(b"\n".join(lines)).hexdigest() == digest:
        changed: tuple[Damage, ...] = ()
    else:
        lines, changed = _sound(waiting.shard, own, sums, count)
    strays = waiting.lines[: len(waiting.lines) - len(own)]
    if strays:
        what = f"{len(strays)} lines from here on were never closed"
        changed = (Damage(f"{waiting.shard}, line {strays[0][0]}", what), *changed)
    if not changed and before.chain and chained(before.chain, digest) != tip.chain:
        what = "it does not follow from what comes before: something was taken out or rewritten"
        changed = (Damage(f"{waiting.shard}, line {number}", what),)
    return Read(number=tip.batch, chain=tip.chain, lines=lines, damage=(*damage_before, *changed))


def _numbering(waiting: _Open, tip: Tip, before: Tip) -> tuple[Damage, ...]:
    if tip.batch == before.batch + 1:
        return ()
    what = f"batch {tip.batch} comes after batch {before.batch}: what was between is missing"
    return (Damage(waiting.shard, what),)


def _sound(
    shard: str, own: Sequence[tuple[int, bytes]], sums: str, count: int
) -> tuple[tuple[bytes, ...], tuple[Damage, ...]]:
    """Return the lines that have their checksum, and name the others."""
    if len(own) < count:  # lines are missing: which, the checksums of the others tell
        known = {f"{zlib.crc32(text):08x}": text for _, text in own}
        wanted = [sums[n : n + _CRC_DIGITS] for n in range(0, len(sums), _CRC_DIGITS)]
        lines = tuple(known[one] for one in wanted if one in known)
        return lines, (Damage(shard, f"{count - len(lines)} lines of a batch are missing"),)
    sound: list[bytes] = []
    damage: list[Damage] = []
    for n, (number, text) in enumerate(own):
        if f"{zlib.crc32(text):08x}" == sums[n * _CRC_DIGITS : (n + 1) * _CRC_DIGITS]:
            sound.append(text)
        else:
            damage.append(Damage(f"{shard}, line {number}", "it is not as it was written"))
    if not damage:
        damage.append(Damage(shard, "the end of a batch is not as it was written"))
    return tuple(sound), tuple(damage)


def _never_closed(waiting: _Open, before: Tip) -> Read:
    where = f"{waiting.shard}, line {waiting.lines[0][0]}"
    damage = Damage(where, f"{len(waiting.lines)} lines from here on were never closed")
    return Read(number=before.batch, chain=before.chain, lines=(), damage=(damage,))


def _last_end(data: bytes) -> tuple[Tip, int] | None:
    """Return the last end in a shard, and where it stops; None when there is none.

    An end that is whole and cannot be read is :data:`UNREADABLE`: nothing may be cut off there.
    """
    at = data.rfind(b"\n" + _END, 0, data.rfind(b"\n"))
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
