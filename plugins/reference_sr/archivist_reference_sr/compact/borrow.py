"""Texture of references, brought to where a small picture shows the same, in the space of pixels.

For each reference in turn: it is aligned (:mod:`.align`), each block of the picture finds the most
similar position of it by features (hard attention, as in TTSR), the place is improved to the pixel
(:mod:`.refine`), and what the reference has beyond what is visible at the picture's own resolution
is laid there: patches of 12x12 pixels that overlap, weighted by their similarity. A block keeps the
reference of the greatest similarity. References are taken one after another; memory is that of the
result and of one reference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from archivist_reference_sr.compact.align import Aligned, Aligner, unchanged
from archivist_reference_sr.compact.describer import Describer
from archivist_reference_sr.compact.refine import Places
from archivist_reference_sr.matching import NONE, Matcher
from archivist_reference_sr.patches import bordered
from archivist_reference_sr.picture import (
    SCALE,
    Pixels,
    blurred,
    enlarged,
    prepared,
    resized,
    to_network,
)

LUMA = (0.299, 0.587, 0.114)
LEAST = 0.5
"""Similarity below which nothing is borrowed; what is worth more, the network decides."""
LEAST_UNPROVEN = 0.9
"""The same for a reference that no points prove to show the same: wrong ones look alike, too."""
MOST_GAIN = 2.0
"""Limit to which a reference's contrast is raised to the picture's."""
EXACT_PAIRS, FAST_PAIRS = 4e9, 2.5e8
"""Pairs of positions compared by features, about 2.5 ns each: beyond, both are halved in size."""
REACH = 4
"""Pixels beyond a block that its patch covers on every side."""
PATCH = SCALE + 2 * REACH
SHARPNESS = 8
"""Overlapping patches count by this power of their similarity."""
BAND = 48
"""Rows of blocks laid at a time: 86 MB for each 1000 columns."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Borrowed:
    """What references lend to a picture of ``height`` x ``width`` blocks.

    ``detail`` (3, 4 x height, 4 x width) is what they have beyond the picture's resolution, in the
    network's units; ``similarity`` float32 (height, width), 0 where nothing is borrowed; ``source``
    int32, the number of the reference or -1; ``x`` and ``y`` float32, the middle of the block in
    the pixels of that reference.
    """

    detail: Tensor
    similarity: Tensor
    source: Tensor
    x: Tensor
    y: Tensor

    @classmethod
    def nothing(cls, height: int, width: int, device: torch.device | None = None) -> Borrowed:
        """Return what is borrowed without references."""
        flat = torch.zeros(height, width, device=device)
        return cls(
            detail=torch.zeros(3, height * SCALE, width * SCALE, device=device),
            similarity=flat,
            source=torch.full_like(flat, NONE, dtype=torch.int32),
            x=flat.clone(),
            y=flat.clone(),
        )

    def keep(self, other: Borrowed) -> None:
        """Take over ``other`` where it is more similar."""
        better = other.similarity > self.similarity
        for name in ("similarity", "source", "x", "y"):
            getattr(self, name)[better] = getattr(other, name)[better]
        large = better.repeat_interleave(SCALE, 0).repeat_interleave(SCALE, 1)
        torch.where(large, other.detail, self.detail, out=self.detail)


@torch.inference_mode()
def borrow(
    describer: Describer,
    pixels: Pixels,
    references: Iterable[Pixels],
    *,
    fast: bool = False,
    align: bool = True,
    least: float = LEAST,
    pause: Callable[[], None] = lambda: None,
) -> Borrowed:
    """Return what references (height, width, 1 or 3), 0..1, lend to such a small picture.

    ``fast`` compares reduced pictures. Blocks of a similarity below ``least`` borrow nothing.
    ``align`` turns and scales references first where that is proven, and demands more similarity
    of those that nothing proves; without it all count as proven, and stay as they are.

    Raises ValueError for a reference smaller than 12 x 12 px.
    """
    device = next(describer.parameters()).device
    picture = _Sought(describer, pixels, device, FAST_PAIRS if fast else EXACT_PAIRS, least)
    found = Borrowed.nothing(*pixels.shape[:2], device)
    aligner = Aligner(pixels) if align else None
    for number, reference in enumerate(references):
        pause()
        prepared(reference)
        aligned = aligner.align(reference) if aligner else unchanged(reference, proven=True)
        found.keep(picture.lent_by(aligned, number, pause))
    return found


class _Sought:
    """The small picture, as references are compared with it."""

    def __init__(
        self,
        describer: Describer,
        pixels: Pixels,
        device: torch.device,
        pairs: float,
        least: float,
    ) -> None:
        self._describer, self._pairs, self._device = describer, pairs, device
        self._least = least
        self._small = to_network(pixels).to(device)
        self._large = enlarged(self._small)
        self._luma = _luma(self._large[0])
        self._described: dict[int, Tensor] = {}

    def lent_by(self, aligned: Aligned, number: int, pause: Callable[[], None]) -> Borrowed:
        """Return what one reference lends."""
        reference = prepared(aligned.pixels).to(self._device)
        rows, columns = reference.shape[2:]
        valid = torch.from_numpy(aligned.valid[:rows, :columns]).to(self._device)
        unsharp = blurred(reference)
        row, column, reduced = self._matched(unsharp)
        pause()
        places = Places(self._luma, _luma(unsharp[0]), valid, row, column)
        places.improve(tuple(SCALE * reduced >> n for n in range(2 + reduced.bit_length())))
        pause()
        return self._laid(reference[0] - unsharp[0], places, aligned, number)

    def _matched(self, unsharp: Tensor) -> tuple[Tensor, Tensor, int]:
        """Return every block's most similar position, as its first pixel, and the reduction."""
        height, width = self._small.shape[2:]
        rows, columns = (side // SCALE for side in unsharp.shape[2:])
        reduced = 1
        while height * width * rows * columns / reduced**4 > self._pairs:
            reduced *= 2
        matcher = Matcher(self._features(reduced))
        matcher.search(bordered(self._describer.describe(_reduced(unsharp, reduced))))
        found = matcher.matches()
        row = _spread(found.row, 0, (height, width), rows)
        column = _spread(found.column, 1, (height, width), columns)
        return row, column, reduced

    def _features(self, reduced: int) -> Tensor:
        if reduced not in self._described:
            self._described[reduced] = self._describer.describe(_reduced(self._large, reduced))
        return self._described[reduced]

    def _laid(self, detail: Tensor, places: Places, aligned: Aligned, number: int) -> Borrowed:
        trusted = places.similarity.clamp(min=0, max=1)
        least = self._least if aligned.proven else max(self._least, LEAST_UNPROVEN)
        trusted = torch.where(trusted < least, 0, trusted)
        middle = (SCALE - 1) / 2
        where = aligned.positions(
            *((p + middle).cpu().numpy().astype(np.float64) for p in (places.column, places.row))
        )
        x, y = torch.from_numpy(where).float().to(self._device).unbind(-1)
        source = torch.where(trusted > 0, number, NONE).int()
        laid = lay(detail, places.row, places.column, places.gain.clamp(0, MOST_GAIN), trusted)
        return Borrowed(detail=laid, similarity=trusted, source=source, x=x, y=y)


def lay(detail: Tensor, row: Tensor, column: Tensor, gain: Tensor, similarity: Tensor) -> Tensor:
    """Return patches of ``detail`` (3, rows, columns) laid side by side, (3, 4 x height, ...).

    Each block's patch reaches 4 px beyond it; where patches overlap, their mean weighted by
    similarity counts. ``row`` and ``column`` are the first pixel of each block in ``detail``.
    """
    height = len(row)
    laid = []
    for top in range(0, height, BAND):
        seen = slice(max(0, top - 1), min(height, top + BAND + 1))
        part = _laid_band(detail, row[seen], column[seen], gain[seen], similarity[seen])
        first = (top - seen.start) * SCALE
        laid.append(part[:, first : first + min(BAND, height - top) * SCALE])
    return torch.cat(laid, dim=1)


def _laid_band(
    detail: Tensor, row: Tensor, column: Tensor, gain: Tensor, similarity: Tensor
) -> Tensor:
    size = row.shape
    around = torch.arange(-REACH, SCALE + REACH, device=row.device)
    down = (row[..., None] + around).clamp_(0, detail.shape[1] - 1) * detail.shape[2]
    right = (column[..., None] + around).clamp_(0, detail.shape[2] - 1)
    places = (down[..., :, None] + right[..., None, :]).flatten(2)
    weight = similarity**SHARPNESS
    total = _folded((weight * gain)[..., None] * detail.flatten(1)[:, places], size)
    share = _folded(weight[None, ..., None].expand(1, *size, PATCH**2), size)
    return total / share.clamp(min=1e-6)


def _folded(patches: Tensor, size: torch.Size) -> Tensor:
    """Add up patches (channels, height, width, 144) where they lie."""
    columns = patches.permute(0, 3, 1, 2).reshape(1, -1, size.numel())
    out = [side * SCALE for side in size]
    return functional.fold(columns, out, PATCH, padding=REACH, stride=SCALE)[0]


def _spread(found: Tensor, axis: int, size: tuple[int, int], length: int) -> Tensor:
    """Return the first pixel of every block's match along an axis, from reduced pictures.

    ``length`` is the number of positions of the reference along that axis, unreduced.
    """
    down, right = (
        torch.arange(side, device=found.device) * few // side
        for side, few in zip(size, found.shape, strict=True)
    )
    matched = found[down[:, None], right[None]].double()
    few = found.shape[axis]
    # What is left of a block's own position after reduction is added, so that neighbours differ.
    exact = torch.arange(size[axis], device=found.device).double() * few / size[axis]
    rest = exact - exact.floor()
    rest = rest[:, None] if axis == 0 else rest[None]
    return ((matched + rest) * (SCALE * size[axis] / few)).round().long().clamp(max=SCALE * length)


def _reduced(picture: Tensor, factor: int) -> Tensor:
    if factor == 1:
        return picture
    sides = [max(SCALE, side // (SCALE * factor) * SCALE) for side in picture.shape[2:]]
    return resized(picture, *sides)


def _luma(picture: Tensor) -> Tensor:
    weights = torch.tensor(LUMA, device=picture.device)[:, None, None]
    return ((picture + 1) / 2 * weights).sum(0)
