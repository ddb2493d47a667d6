"""The years that a date of the manifest may mean: ``1905``, ``c. 1910``, ``1914-1918``, ``1920s``.

Catalogues write dates in many ways. Years of four digits are what they share; months, days and
words are left out, because a gap between photographs is counted in years.
"""

from __future__ import annotations

import re

ABOUT = 5
"""Years that "about" adds at either end, a usual reading of ``c.`` in catalogues."""

_YEAR = re.compile(r"(?<!\d)(1\d{3}|20\d{2})(s\b)?(?!\d)")
_DECADE = re.compile(r"(?<!\d)(1\d{2}|20\d)[xX](?!\w)")
_ABOUT = re.compile(r"\b(c|ca|circa|about|um|vers|env)\b|~|\d\?", re.IGNORECASE)

Years = tuple[int, int]
"""The first and the last year that is meant."""


def years(text: str) -> Years | None:
    """Return the first and last year of a date, or None when it names none.

    ``1905-07-12`` is 1905, ``1914/1918`` both and what lies between, ``1920s`` and ``192x`` ten
    years, ``c. 1910`` five years more at either end.
    """
    named = [(int(found[1]), 9 if found[2] else 0) for found in _YEAR.finditer(text)]
    named += [(int(found[1]) * 10, 9) for found in _DECADE.finditer(text)]
    if not named:
        return None
    about = ABOUT if _ABOUT.search(text) else 0
    return min(first for first, _ in named) - about, max(sum(span) for span in named) + about


def gap(one: Years, other: Years) -> int:
    """Return the years that certainly lie between two dates: 0 when they overlap."""
    return max(0, one[0] - other[1], other[0] - one[1])
