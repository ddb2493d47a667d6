"""Batches of the journal as they were read: whether each is as it was written, and follows."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from archivist.catalog.journal.lines import read_line

END = b'{"end":'
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
class Waiting:
    """The lines that wait for their end: the number of each in its shard, and its text."""

    shard: str
    lines: list[tuple[int, bytes]] = field(default_factory=list)


def chained(before: str, digest: str) -> str:
    """Return the chain of a batch from that of the batch before and the digest of its lines."""
    return hashlib.sha256((before + digest).encode()).hexdigest()


def closed(waiting: Waiting, number: int, line: bytes, before: Tip) -> Read:
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


def _numbering(waiting: Waiting, tip: Tip, before: Tip) -> tuple[Damage, ...]:
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


def never_closed(waiting: Waiting, before: Tip) -> Read:
    """Return what stands for lines without an end that others follow."""
    where = f"{waiting.shard}, line {waiting.lines[0][0]}"
    damage = Damage(where, f"{len(waiting.lines)} lines from here on were never closed")
    return Read(number=before.batch, chain=before.chain, lines=(), damage=(damage,))
