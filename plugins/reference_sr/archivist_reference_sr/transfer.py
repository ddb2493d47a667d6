"""Texture from where the matching found it, without patch stacks (paper section 3.2).

The paper's code cuts the reference's features into overlapping patches of 3x3 positions, lays the
matched patch at every query position, adds what overlaps and divides by 9. What a position p
receives is therefore a sum of nine single positions:

    T(p) = 1/9 x sum over d in 3x3 of V(j(p - d) + d)

with j(i) the match of query i. Queries outside the picture and positions outside the reference
add nothing, yet the divisor stays 9: features fade at borders, and the networks learned it so.
At the finer levels a position is a block of 2x2 or 4x4 values.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from archivist_reference_sr.matching import NONE, Matches
from archivist_torch.windows import Box

OVERLAP = 9
"""Patches that cover a position away from the border."""
CHUNK = 4096
"""Positions summed at a time: 16 MB of the finest level."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one part of one reference lends: target positions, key positions and their weights.

    ``targets`` is int64 (n,); ``keys`` int64 (n, 9), row-major in the part; ``weights`` float32
    (n, 9), 1/9 or 0.
    """

    targets: Tensor
    keys: Tensor
    weights: Tensor

    def lend(self, values: Tensor, into: Tensor) -> None:
        """Add this part's ``values`` (:func:`table`) to the rows of ``into`` that borrow them."""
        for start in range(0, len(self.targets), CHUNK):
            some = slice(start, start + CHUNK)
            sums = functional.embedding_bag(
                self.keys[some], values, mode="sum", per_sample_weights=self.weights[some]
            )
            into.index_add_(0, self.targets[some], sums)


@dataclass(frozen=True, slots=True)
class Sources:
    """The nine reference positions that each position of a window borrows from.

    ``number``, ``row`` and ``column`` are (n, 9) for the n positions of a window, row by row;
    number is -1 where there is none. Rows and columns may lie outside the reference.
    """

    number: Tensor
    row: Tensor
    column: Tensor

    @classmethod
    def of(cls, matches: Matches, box: Box | None = None) -> Sources:
        """Return the sources of the positions in ``box``, by default of all."""
        height, width = matches.source.shape
        rows, columns = box or (slice(0, height), slice(0, width))

        def around(values: Tensor) -> Tensor:
            """Return (rows, columns, 3, 3): the values of a position and its neighbours."""
            framed = functional.pad(values, (1, 1, 1, 1), value=NONE)
            seen = framed[rows.start : rows.stop + 2, columns.start : columns.stop + 2]
            return seen.unfold(0, 3, 1).unfold(1, 3, 1)

        # The query above a position lends what lies below its match: hence 1, 0, -1.
        across = torch.tensor([1, 0, -1], dtype=torch.int32, device=matches.source.device)
        return cls(
            around(matches.source).reshape(-1, OVERLAP),
            (around(matches.row) + across[:, None]).reshape(-1, OVERLAP),
            (around(matches.column) + across).reshape(-1, OVERLAP),
        )

    def numbers(self) -> list[int]:
        """Return the numbers of all references that lend something, in order."""
        return [int(n) for n in self.number.unique() if n != NONE]

    def within(self, number: int, box: Box) -> Part | None:
        """Return what the positions ``box`` of reference ``number`` lend, None for nothing."""
        rows, columns = box
        inside = (self.number == number) & _between(self.row, rows) & _between(self.column, columns)
        targets = inside.any(1).nonzero().squeeze(1)
        if not len(targets):
            return None
        inside = inside[targets]
        width = columns.stop - columns.start
        keys = (
            (self.row[targets].long() - rows.start) * width + self.column[targets] - columns.start
        )
        return Part(targets, keys.where(inside, 0), inside.float() / OVERLAP)


def transfer(values: Tensor, matches: Matches, scale: int) -> Tensor:
    """Return texture (channels, height x scale, width x scale) of one whole reference.

    ``values`` are its features (channels, rows x scale, columns x scale). Gradients reach them.
    """
    size = (values.shape[1] // scale, values.shape[2] // scale)
    height, width = matches.source.shape
    rows = table(values, scale)
    into = rows.new_zeros(height * width, rows.shape[1])
    sources = Sources.of(matches)
    for number in sources.numbers():
        part = sources.within(number, (slice(0, size[0]), slice(0, size[1])))
        if part:
            part.lend(rows, into)
    return assembled(into, height, width, scale)


def table(values: Tensor, scale: int) -> Tensor:
    """Return features (channels, height x scale, width x scale) as one row for each position."""
    channels, height, width = values.shape
    blocks = values.view(channels, height // scale, scale, width // scale, scale)
    return blocks.permute(1, 3, 2, 4, 0).reshape(-1, scale * scale * channels)


def assembled(rows: Tensor, height: int, width: int, scale: int) -> Tensor:
    """Return rows of positions as features: the inverse of :func:`table`."""
    blocks = rows.view(height, width, scale, scale, -1)
    return blocks.permute(4, 0, 2, 1, 3).reshape(-1, height * scale, width * scale)


def _between(places: Tensor, part: slice) -> Tensor:
    return (places >= part.start) & (places < part.stop)
