"""A synthesis map in the size of a page's pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from archivist.report.origin import Origin

# A scratch one pixel wide must not disappear in a small map under the correction around it.
WEIGHT = {Origin.FILLED: 10.0, Origin.UNCERTAIN: 2.0, Origin.COPIED: 2.0, Origin.INVENTED: 2.0}


@dataclass(slots=True)
class SmallMap:
    """The map in the size of a page's pictures."""

    rows: int
    columns: int
    labels: NDArray[np.uint8] = field(init=False)
    cover: NDArray[np.float32] = field(init=False)
    _best: NDArray[np.float32] = field(init=False)

    def __post_init__(self) -> None:
        shape = (self.rows, self.columns)
        self.labels = np.zeros(shape, np.uint8)
        self.cover, self._best = np.zeros(shape, np.float32), np.zeros(shape, np.float32)

    def add(
        self, first: int, last: int, labels: NDArray[np.uint8], weights: Sequence[float]
    ) -> None:
        """Reduce some rows; of the parts in a small pixel the weightiest is shown."""
        size = (self.columns, last - first)
        for number in np.unique(labels):
            if number == 0:
                continue
            share = cv2.resize(
                (labels == number).astype(np.float32), size, interpolation=cv2.INTER_AREA
            ).reshape(last - first, self.columns)
            weight = share * weights[number]
            better = weight > self._best[first:last]
            self._best[first:last][better] = weight[better]
            self.labels[first:last][better] = number
            self.cover[first:last][better] = share[better]
