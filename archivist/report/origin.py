"""Where pixels came from: the values of a synthesis map, and what leads to it.

Every pixel of the result belongs to exactly one part. Where several steps changed a pixel it
belongs to what takes it farthest from the scan (the order of :class:`Origin`), and among equals to
the last step.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from archivist.api.values import TransferMap
from archivist.imaging.storage import Raster
from archivist.report.differing import Difference


class Origin(StrEnum):
    """Where pixels came from, the nearest to the scan first."""

    UNTOUCHED = "untouched"
    """As in the scan."""
    ENLARGED = "enlarged"
    """Computed from the scan's pixels when the picture was made larger (or smaller)."""
    CORRECTED = "corrected"
    """Changed by a step, outside any mask: tone, noise, blur, stains."""
    COLOUR_BORROWED = "colour borrowed"
    """What it shows is the scan's, its colour is another photograph's of the archive."""
    COLOUR_INVENTED = "colour invented"
    """What it shows is the scan's, its colour is a step's guess."""
    INVENTED = "invented"
    """Changed by a step that declares that it invents content: faces."""
    UNCERTAIN = "filled or corrected"
    """Changed by a step that fills a mask, where the mask is not at hand."""
    FILLED = "filled"
    """Inside a mask, and changed: what was there is gone."""
    COPIED = "copied"
    """Texture of another photograph of the archive."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Change:
    """What one step of a stage may have done. ``step`` is its place in the audit's list.

    A step that ``colours`` changes colours and nothing else; ``exemplars`` tells whose they are.
    ``mask_unknown``: it worked by a mask that is not at hand, so what it filled is not known.
    """

    step: int
    conjectural: bool = False
    mask: Raster | None = None
    mask_unknown: bool = False
    transfer: TransferMap | None = None
    colours: bool = False
    exemplars: TransferMap | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stage:
    """A picture before and after a step, or after several between which no picture was kept.

    Samples that differ by at most ``tolerance`` (of 65535) count as equal.
    """

    before: Raster
    after: Raster
    changes: tuple[Change, ...]
    tolerance: int = 0

    @property
    def resizes(self) -> bool:
        """True when the picture changed its size."""
        return self.before.shape[:2] != self.after.shape[:2]


@dataclass(frozen=True, slots=True)
class Source:
    """What a part is: its origin, the steps that may have made it, the reference copied from."""

    origin: Origin
    steps: tuple[int, ...] = ()
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of the result. ``percent`` is of the area; those of all parts sum to 100.00."""

    source: Source
    pixels: int
    percent: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Synthesis:
    """The map. ``labels`` (h, w) holds numbers of ``parts`` in a small size, ``cover`` (0..1) how
    much of each small pixel the part takes; ``stages`` are the differences made by each stage.
    """  # noqa: D205

    height: int
    width: int
    parts: tuple[Part, ...]
    labels: NDArray[np.uint8]
    cover: NDArray[np.float32]
    stages: tuple[Difference | None, ...]
    encoding: Difference | None = None
    """How the output file differs from the last picture: what writing it cost."""
