"""The rules that need no pixels, applied to all rows of an index at once.

A search must not find what may not be chosen: it would take the place of what may. So each query
gets a mask of rows. It says the same as :func:`archivist.references.rules.refuse`, pair by pair.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from archivist.references.dates import years
from archivist.references.index import VectorIndex
from archivist.references.rules import Facts, Kin, Rules, refuse_always
from archivist.references.search import Allowed

_EARLIEST, _LATEST = -(2**15), 2**15 - 1
"""The years that an unknown date may mean: it overlaps with all."""


class Eligible:
    """Which rows of an index may be found, under rules.

    ``facts`` are those of the assets of the archive as it is now: an asset that is in the index
    only, because its scan is gone, may not be found.
    """

    def __init__(self, index: VectorIndex, facts: Mapping[str, Facts], rules: Rules) -> None:
        self._index, self._rules = index, rules
        open_to_some = [f for f in facts.values() if refuse_always(f, rules) is None]
        self.everyone: Allowed = index.mask_of(fact.asset for fact in open_to_some)
        """The rows that some query may find (bool, (rows,)): what a snapshot is to be made of."""
        self._first = np.full(len(index), _EARLIEST, np.int32)
        self._last = np.full(len(index), _LATEST, np.int32)
        if rules.max_years is not None:
            self._date(open_to_some)

    @property
    def snapshot(self) -> str:
        """The digest (SHA-256, hex) of all that some query may find."""
        return self._index.snapshot_of(self.everyone)

    def mask(self, query: Facts, kin: Kin) -> Allowed:
        """Return the rows that this query may find (bool, (rows,))."""
        near = [asset for asset, bits in kin.near.items() if bits <= self._rules.near_bits]
        mask = self.everyone.copy()
        mask[self._index.rows_of({query.asset, *near, *kin.derived})] = False
        span = years(query.date)
        if self._rules.max_years is not None and span is not None:
            mask &= self._first - span[1] <= self._rules.max_years
            mask &= span[0] - self._last <= self._rules.max_years
        return mask

    def _date(self, facts: list[Facts]) -> None:
        for fact in facts:
            span = years(fact.date)
            if span is not None:
                rows = self._index.rows_of([fact.asset])
                self._first[rows], self._last[rows] = span
