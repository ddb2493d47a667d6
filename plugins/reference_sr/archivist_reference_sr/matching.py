"""Relevance of every reference position to every query position, without the matrix of both.

The paper (section 3.2) compares patches of 3x3 positions, each a vector of 9 x C values divided by
its length. The inner product of two such patches is the sum of nine inner products of C values,
those along a diagonal of the correlation of single positions:

    <P(i), P(j)> = sum over d in 3x3 of <query(i + d), key(j + d)>

So C values are multiplied instead of 9 x C, no patch is ever stacked, and the length of a patch is
the root of a 3x3 sum of squares. A tile of the correlation that fits into the cache is added up
along its diagonals and reduced to the best key of each query before the next tile is computed:
memory is that of the features. The result is that of the paper's formula up to rounding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from archivist_reference_sr.patches import bordered, patch_lengths, similarity_at

NONE = -1
"""The source of a position for which no reference was searched."""
TIE = 5e-7
"""Similarities that differ by less are equal: the first position stays, however many threads add.

Sums of 9 x 256 products in float32 differ by up to 4e-7 between ways of adding them."""
FAST_RANK = 64
"""Directions in which fast matching compares, of 256 channels.

Measured with random weights on pairs of photographs of five places, long side 512: pixels borrowed
are 0.01 dB worse to 0.2 dB better than with exact matching, the similarity 5e-5 to 2.3e-4 lower.
Lengths of patches are those along the same directions. With true lengths the pixels are up to
0.2 dB worse, because keys with much beyond these directions are then put at a disadvantage."""
SAMPLES = 4096
"""Positions from which the directions are found."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Matches:
    """The best reference position for every query position; tensors of shape (height, width).

    ``source`` is int32, the number of the reference, or -1 for none; ``row`` and ``column`` are
    int32, the position in the reference's features (the key grid); ``similarity`` is float32,
    the cosine, -1..1, and 0 where there is no source: the soft attention of the paper.
    """

    source: Tensor
    row: Tensor
    column: Tensor
    similarity: Tensor


@dataclass(frozen=True, slots=True)
class Blocks:
    """Sizes of the tiles of work: query columns, key rows, key columns (positions)."""

    queries: int
    rows: int
    columns: int


CPU_BLOCKS = Blocks(queries=64, rows=16, columns=64)
"""A tile of the correlation has 66 x 18 x 66 values, 0.3 MB: three fit into a cache of 1 MB."""
GPU_BLOCKS = Blocks(queries=128, rows=128, columns=128)


class Matcher:
    """Searches one reference after another, and keeps the best match of every query position.

    ``queries`` are features (channels, height, width) of the picture to enlarge. With ``fast``
    patches are compared by the :data:`FAST_RANK` principal directions of the queries, in half the
    time or less; the similarity of the chosen ones is still exact.
    """

    def __init__(
        self, queries: Tensor, *, fast: bool = False, blocks: Blocks | None = None
    ) -> None:
        self._blocks = blocks or (GPU_BLOCKS if queries.is_cuda else CPU_BLOCKS)
        self._height, self._width = queries.shape[1:]
        self._queries = bordered(queries.detach().float())
        fast = fast and len(queries) > FAST_RANK
        self._basis = _principal(self._queries, FAST_RANK) if fast else None
        shown = self._shown(self._queries)
        self._rows = shown.permute(1, 2, 0).contiguous()
        self._lengths = patch_lengths(shown)
        like = self._lengths
        self._best = torch.full_like(like, -torch.inf)
        self._slack = like * TIE
        self._exact = torch.zeros_like(like)
        self._changed = torch.zeros_like(like, dtype=torch.bool)
        self._source = torch.full_like(like, NONE, dtype=torch.int32)
        self._row, self._column = torch.zeros_like(self._source), torch.zeros_like(self._source)

    def search(self, keys: Tensor, number: int = 0, origin: tuple[int, int] = (0, 0)) -> None:
        """Compare all queries with the keys of reference ``number``, or of a part of it.

        ``keys`` are features (channels, height + 2, width + 2) with a border of one position on
        every side: the neighbours, or zeros beyond the reference (:func:`bordered`). ``origin`` is
        the position in the reference of the first key inside the border.
        """
        keys = keys.detach().float()
        shown = self._shown(keys)
        inverse = 1 / patch_lengths(shown)
        height, width = inverse.shape
        size = self._blocks
        for top, left in product(range(0, height, size.rows), range(0, width, size.columns)):
            rows, columns = min(size.rows, height - top), min(size.columns, width - left)
            part = shown[:, top : top + rows + 2, left : left + columns + 2]
            weights = inverse[top : top + rows, left : left + columns]
            place = (number, origin[0] + top, origin[1] + left)
            for start in range(0, self._width, size.queries):
                stop = min(start + size.queries, self._width)
                for row, score in enumerate(self._scores(part, weights, start, stop)):
                    self._keep(score, columns, (row, slice(start, stop)), place)
        if self._basis is not None:
            self._measure(keys, origin)

    def matches(self) -> Matches:
        """Return the best matches of everything searched so far."""
        found = self._source != NONE
        cosine = self._best / self._lengths if self._basis is None else self._exact
        similarity = torch.where(found, cosine, 0)
        return Matches(
            source=self._source.clone(),
            row=self._row.clone(),
            column=self._column.clone(),
            similarity=similarity,
        )

    def _shown(self, padded: Tensor) -> Tensor:
        """Return the features by which is compared."""
        if self._basis is None:
            return padded
        return (self._basis @ padded.flatten(1)).view(-1, *padded.shape[1:])

    def _measure(self, keys: Tensor, origin: tuple[int, int]) -> None:
        """Compute the exact similarity of the positions that the last search changed."""
        places = self._changed.flatten().nonzero().squeeze(1)
        row, column = (values.flatten()[places].long() for values in (self._row, self._column))
        there = (row - origin[0]) * (keys.shape[2] - 2) + column - origin[1]
        self._exact.view(-1)[places] = similarity_at(self._queries, keys, places, there)
        self._changed.zero_()

    def _scores(self, keys: Tensor, inverse: Tensor, start: int, stop: int) -> Iterator[Tensor]:
        """Yield for each row of queries the scores (queries, keys), the query's length left in."""
        count = stop - start
        shape = (count + 2, *keys.shape[1:])
        flat = keys.flatten(1).contiguous()
        ring = [flat.new_empty(count + 2, flat.shape[1]) for _ in range(3)]
        rows, columns = inverse.shape
        tall = flat.new_empty(count + 2, rows, columns + 2)
        score = flat.new_empty(count, rows, columns)
        for row in range(self._height + 2):
            torch.mm(self._rows[row, start : stop + 2], flat, out=ring[row % 3])
            if row < 2:
                continue
            above, here, below = (ring[(row + d) % 3].view(shape) for d in (1, 2, 3))
            torch.add(above[:, :rows], here[:, 1 : rows + 1], out=tall)
            tall += below[:, 2:]
            torch.add(tall[:count, :, :columns], tall[1:-1, :, 1:-1], out=score)
            score += tall[2:, :, 2:]
            score *= inverse
            yield score.flatten(1)

    def _keep(
        self, score: Tensor, columns: int, at: tuple[int, slice], place: tuple[int, int, int]
    ) -> None:
        """Take over the best keys of a tile where they beat what was found before."""
        highest = score.amax(1)
        better = (highest > self._best[at] + self._slack[at]).nonzero().squeeze(1)
        if not len(better):
            return
        row, span = at
        highest, slack = highest[better], self._slack[at][better]
        # argmax of equal values gives the first; that of the scores would follow their rounding.
        first = (score[better] >= (highest - slack)[:, None]).byte().argmax(1)
        number, top, left = place
        target = better + span.start
        self._best[row, target] = highest
        self._changed[row, target] = True
        self._source[row, target] = number
        self._row[row, target] = (first // columns + top).int()
        self._column[row, target] = (first % columns + left).int()


def match(queries: Tensor, keys: Tensor) -> Matches:
    """Return the best position of one reference for every query: (channels, height, width) each."""
    matcher = Matcher(queries)
    matcher.search(bordered(keys))
    return matcher.matches()


def soft_attention(queries: Tensor, keys: Tensor, matches: Matches) -> Tensor:
    """Return the similarity (height, width) of known matches in one reference, for training.

    Gradients reach ``queries`` and ``keys``, features (channels, height, width).
    """
    there = matches.row.long() * keys.shape[2] + matches.column
    here = torch.arange(there.numel(), device=there.device)
    found = similarity_at(bordered(queries), bordered(keys), here, there.flatten())
    return found.view(there.shape)


def _principal(padded: Tensor, rank: int) -> Tensor:
    """Return the ``rank`` directions (rank, channels) that hold most of the features' energy."""
    flat = padded.flatten(1)
    some = flat[:, :: max(1, flat.shape[1] // SAMPLES)]
    return torch.linalg.eigh(some @ some.T).eigenvectors[:, -rank:].T.contiguous()
