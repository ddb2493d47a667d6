"""Compare pictures of an archive by the places where they lie, each described once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from archivist.references.geometry import Agreement, Features, agree, describe
from archivist.references.rows import Place

Read = Callable[[Place], NDArray[np.uint8]]
"""Gives the grey pixels (height, width) of a region of a scan, reduced if that is quicker."""

Compare = Callable[[Place, Place], Agreement | None]
"""Tells how a query (first) and a reference (second) agree."""

KEPT = 256
"""Descriptions kept: 0.9 MB each at most 1,700 features, as pictures of 768 pixels have."""


class Comparer:
    """Compares places; a picture that was described lately is not read again."""

    def __init__(self, read: Read, *, kept: int = KEPT) -> None:
        self._read, self._kept = read, kept
        self._features: OrderedDict[Place, Features] = OrderedDict()

    def __call__(self, query: Place, reference: Place) -> Agreement | None:
        """Return how the pictures agree. Raises what reading raises."""
        return agree(self._describe(query), self._describe(reference))

    def _describe(self, place: Place) -> Features:
        if place in self._features:
            self._features.move_to_end(place)
            return self._features[place]
        features = self._features[place] = describe(self._read(place), place.region)
        if len(self._features) > self._kept:
            self._features.popitem(last=False)
        return features
