"""The rules that need no pixels, applied to all rows of an index at once.

A search must not find what may not be chosen: it would take the place of what may. So each query
gets a mask of rows. It says the same as :func:`archivist.references.rules.refuse`, pair by pair.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

import numpy as np

from archivist.lending import Lends
from archivist.references.dates import years
from archivist.references.index import VectorIndex
from archivist.references.rules import (
    Facts,
    Kin,
    Rules,
    colourless,
    refuse_always,
    same_object,
)
from archivist.references.search import Allowed

_EARLIEST, _LATEST = -(2**15), 2**15 - 1
"""The years that an unknown date may mean: it overlaps with all."""
_TOGETHER = 4096
"""Assets that are looked up in the index at a time."""


class Eligible:
    """Which rows of an index may be found, under rules.

    ``facts`` are those of the assets of the archive as it is now: an asset that is in the index
    only, because its scan is gone, may not be found. They are taken as they come; of each only
    the object that it shows is kept.
    """

    def __init__(self, index: VectorIndex, facts: Iterable[Facts], rules: Rules) -> None:
        self._index, self._rules = index, rules
        self.everyone: Allowed = np.zeros(len(index), np.bool_)
        """The rows that some query may find (bool, (rows,)): what a snapshot is to be made of."""
        self._objects: dict[str, str] = {}
        self._colourless: Allowed = np.zeros(len(index), np.bool_)
        dated = rules.max_years is not None
        self._first = np.full(len(index) if dated else 0, _EARLIEST, np.int32)
        self._last = np.full(len(index) if dated else 0, _LATEST, np.int32)
        open_to_some = (fact for fact in facts if refuse_always(fact, rules) is None)
        while some := list(islice(open_to_some, _TOGETHER)):
            self.everyone[index.rows_of(fact.asset for fact in some)] = True
            self._objects |= {fact.asset: fact.object_id for fact in some if fact.object_id}
            without = (fact.asset for fact in some if colourless(fact, rules) is not None)
            self._colourless[index.rows_of(without)] = True
            if dated:
                self._date(some)

    @property
    def snapshot(self) -> str:
        """The digest (SHA-256, hex) of all that some query may find."""
        return self._index.snapshot_of(self.everyone)

    def mask(self, query: Facts, kin: Kin, what: Lends = Lends.TEXTURE) -> Allowed:
        """Return the rows that this query may find, to borrow ``what`` (bool, (rows,))."""
        mask, near = self.everyone.copy(), list[str]()
        if what is Lends.COLOUR:
            mask &= ~self._colourless
        else:
            near = [asset for asset, bits in kin.near.items() if bits <= self._rules.near_bits]
        mask[self._index.rows_of({query.asset, *near, *kin.derived})] = False
        span = years(query.date)
        if self._rules.max_years is not None and span is not None:
            mask &= self._first - span[1] <= self._rules.max_years
            mask &= span[0] - self._last <= self._rules.max_years
        return mask

    def shows_same_object(self, query: Facts, asset: str) -> bool:
        """Tell whether the manifest says that an asset shows the query's object."""
        return same_object(query, Facts(asset=asset, object_id=self._objects.get(asset, "")))

    def _date(self, facts: list[Facts]) -> None:
        for fact in facts:
            span = years(fact.date)
            if span is not None:
                rows = self._index.rows_of([fact.asset])
                self._first[rows], self._last[rows] = span
