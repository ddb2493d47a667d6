"""What the user may set, as data; imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass

from archivist.api import param


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingParams:
    """How many regions of a large scan are described beside the whole.

    Nothing here changes the vector of a region, so vectors made with different params compare.
    """

    finest_grid: int = param(
        2,
        doc="The finest grid of overlapping regions that are described beside the whole: 1 means "
        "the whole alone, 2 four regions more (5 vectors in all), 3 nine more (14). A grid is used "
        "where the scan is large enough for it; finer ones find smaller details and make the index "
        "larger and its search slower in the same measure.",
        low=1,
        high=4,
    )
