"""The order that people mean by the names of frames and pages, and what their numbers leave out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import PurePosixPath

_NUMBER = re.compile(r"(\d+)")
_LAST_NUMBER = re.compile(r"(\D*(?:\d+\D+)*?)(\d+)(\D*)")
_MOST_GAPS = 5
"""Gaps that are told one by one; what a person reads before looking into the folder."""


def natural_key(name: str) -> tuple[tuple[str | int, ...], str]:
    """Return a key by which ``frame2`` comes before ``frame10``; case is ignored at first."""
    parts = _NUMBER.split(name.casefold())
    return tuple(int(part) if n % 2 else part for n, part in enumerate(parts)), name


def numbers_in(names: Sequence[str]) -> list[int] | None:
    """Return the number of each file: the last one in its name.

    None where names do not differ in that number alone, so that they are no numbering.
    """
    found = [_LAST_NUMBER.fullmatch(PurePosixPath(name).stem) for name in names]
    if not all(found):
        return None
    around = {(match[1], match[3]) for match in found if match}
    return [int(match[2]) for match in found if match] if len(around) == 1 else None


def gaps(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Return the first and last of each row of numbers that a rising numbering leaves out.

    Where it mostly counts in steps (10, 20, 30), these are no gaps.
    """
    steps = Counter(after - before for before, after in pairwise(numbers) if after > before)
    if not steps:
        return []
    # Of equally frequent steps the smallest: 1, 2, 5 lacks 3 and 4.
    step = min(steps, key=lambda one: (-steps[one], one))
    return [
        (before + step, after - step)
        for before, after in pairwise(numbers)
        if after - before > step
    ]


def told(found: Sequence[tuple[int, int]]) -> str:
    """Return gaps in words: ``17, 40 to 52 and 3 more gaps``."""
    words = [str(one) if one == last else f"{one} to {last}" for one, last in found[:_MOST_GAPS]]
    if len(found) > _MOST_GAPS:
        words.append(f"{len(found) - _MOST_GAPS} more gaps")
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
