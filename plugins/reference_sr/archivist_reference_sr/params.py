"""What the user may set, as data; imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass

from archivist.api import param


@dataclass(frozen=True, slots=True, kw_only=True)
class UpscaleParams:
    """How much larger, by which network, and what may be borrowed."""

    scale: int = param(
        4, doc="How many times larger along a side. 2 is the result of 4, halved.", choices=(4, 2)
    )
    network: str = param(
        "compact",
        doc="Our own network, or the paper's in full size, whose released weights you import "
        "yourself.",
        choices=("compact", "paper"),
    )
    matching: str = param(
        "exact",
        doc="exact compares every position with every other, as far as that is feasible; fast "
        "compares reduced pictures (compact) or by fewer directions (paper).",
        choices=("exact", "fast"),
    )
    without_references: str = param(
        "enlarge",
        doc="enlarge also what no other photograph shows; or skip it, so that only a picture grows "
        "that gains by it.",
        choices=("enlarge", "skip"),
    )
    least_similarity: float = param(
        0.7,
        doc="Similarity of a place below which nothing is borrowed there (compact); at least 0.9 "
        "for a reference that no local features prove to show the same.",
        low=0.5,
        high=1,
    )
    tile: int = param(
        256,
        doc="Side in pixels of the parts in which the paper's network sees the picture, half of "
        "that for the compact one; bounds memory.",
        low=96,
        high=2048,
        affects_pixels=False,
    )
