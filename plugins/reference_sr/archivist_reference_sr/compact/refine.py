"""From a coarse match to the pixel: blocks of 4x4 pixels, each with its place in a reference.

Around every block a patch of 12x12 pixels of the enlarged picture is compared with the reference,
made as unsharp as the picture, by normalised correlation of luma. A place is improved by trying
what its neighbours found, and then its own surroundings (PatchMatch: Barnes and others, 2009).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import torch
from torch import Tensor

from archivist_reference_sr.picture import SCALE

SAMPLED = (-4, -2, 0, 2, 4, 6)
"""Rows and columns of a patch that are compared, from its block's first: half of them suffice, as
both pictures are unsharp."""
NOISE = 4e-5
"""Variance of luma (0..1) that counts as none, 1.6 levels of 255: even areas resemble nothing."""
ROUNDS = 4
NEIGHBOURS = ((0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (-1, -1), (1, -1), (-1, 1))
BAND = 64
"""Rows of blocks compared at a time: 9 MB for each 1000 columns."""
BETTER = 1e-5
"""Least gain in similarity for which a place is given up."""


class Places:
    """The place of every block (height, width) of a picture in one reference, and its similarity.

    ``picture`` and ``reference`` are luma (rows, columns), 0..1, equally unsharp; ``valid`` says
    where the reference holds something. ``row`` and ``column`` (int64) are a block's first pixel.
    """

    def __init__(
        self, picture: Tensor, reference: Tensor, valid: Tensor, row: Tensor, column: Tensor
    ) -> None:
        self._flat, self._valid = reference.flatten(), valid.flatten()
        self._rows, self._columns = reference.shape
        self._offsets = torch.tensor(SAMPLED, device=picture.device)
        self._patches = self._wanted(picture, row.shape)
        self._strength = self._patches.square().mean(2)
        self.row, self.column = self._inside(row, column)
        self.similarity, self.gain = self._measured(self.row, self.column)

    def improve(self, steps: tuple[int, ...]) -> None:
        """Try neighbours' places and places ``steps`` pixels away, and keep what is better."""
        for number in range(ROUNDS):
            for candidate in self._candidates(steps if number == 0 else steps[-2:]):
                row, column = self._inside(*candidate)
                similarity, gain = self._measured(row, column)
                better = similarity > self.similarity + BETTER
                self.row = torch.where(better, row, self.row)
                self.column = torch.where(better, column, self.column)
                self.similarity = torch.where(better, similarity, self.similarity)
                self.gain = torch.where(better, gain, self.gain)

    def _candidates(self, steps: tuple[int, ...]) -> Iterator[tuple[Tensor, Tensor]]:
        for down, right in NEIGHBOURS:
            yield (
                self.row.roll((down, right), (0, 1)) + SCALE * down,
                self.column.roll((down, right), (0, 1)) + SCALE * right,
            )
        for step in steps:
            for down, right in product((-1, 0, 1), repeat=2):
                if down or right:
                    yield self.row + step * down, self.column + step * right

    def _inside(self, row: Tensor, column: Tensor) -> tuple[Tensor, Tensor]:
        return row.clamp(0, self._rows - SCALE), column.clamp(0, self._columns - SCALE)

    def _measured(self, row: Tensor, column: Tensor) -> tuple[Tensor, Tensor]:
        """Return similarity, -1..1, and the gain that brings the contrast to the picture's."""
        parts = [
            self._band(slice(top, top + BAND), row, column) for top in range(0, len(row), BAND)
        ]
        similarity, gain = (torch.cat(found) for found in zip(*parts, strict=True))
        return similarity, gain

    def _band(self, band: slice, row: Tensor, column: Tensor) -> tuple[Tensor, Tensor]:
        down = (row[band, :, None] + self._offsets).clamp_(0, self._rows - 1) * self._columns
        right = (column[band, :, None] + self._offsets).clamp_(0, self._columns - 1)
        found = self._flat[(down[..., :, None] + right[..., None, :]).flatten(2)]
        mean = found.mean(2)
        strength = found.square().mean(2) - mean.square()
        # The picture's patches have no mean, so the reference's need not be taken away.
        common = (found * self._patches[band]).mean(2)
        both = ((strength.clamp(min=0) + NOISE) * (self._strength[band] + NOISE)).sqrt()
        there = (row[band] + 1) * self._columns + column[band] + 1
        similarity = torch.where(self._valid[there], common / both, -1)
        return similarity, common / (strength.clamp(min=0) + NOISE)

    def _wanted(self, picture: Tensor, size: torch.Size) -> Tensor:
        down, right = (
            (torch.arange(count, device=picture.device)[:, None] * SCALE + self._offsets).clamp_(
                0, length - 1
            )
            for count, length in zip(size, picture.shape, strict=True)
        )
        patches = picture[down[:, None, :, None], right[None, :, None, :]].flatten(2)
        return patches - patches.mean(2, keepdim=True)
