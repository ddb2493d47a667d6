"""Patches of 3x3 positions, compared by their cosine (paper section 3.2), without stacking them."""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor
from torch.nn import functional

FLOOR = 1e-12
"""Least length of a patch by which is divided, as in the paper's code."""
CHUNK = 8192
"""Patches compared at a time by :func:`similarity_at`: 8 MB a map of 256 channels."""


def bordered(features: Tensor) -> Tensor:
    """Return features with a border of one zero on every side, as patches see beyond a picture."""
    return functional.pad(features, (1, 1, 1, 1))


def patch_lengths(padded: Tensor) -> Tensor:
    """Return the lengths (height, width) of all patches of (channels, height + 2, width + 2).

    At least :data:`FLOOR`.
    """
    squares = padded.square().sum(0, keepdim=True)
    return (functional.avg_pool2d(squares, 3, 1) * 9)[0].clamp(min=FLOOR**2).sqrt()


def similarity_at(ours: Tensor, theirs: Tensor, here: Tensor, there: Tensor) -> Tensor:
    """Return the cosines (n,) of patches ``here`` in ``ours`` with patches ``there`` in ``theirs``.

    Both maps have a border: (channels, height + 2, width + 2). ``here`` and ``there`` are int64
    (n,), positions inside the border, row-major. Gradients reach both maps.
    """
    first, second = _Patches(ours), _Patches(theirs)
    pairs = zip(here.split(CHUNK), there.split(CHUNK), strict=True)
    return torch.cat([_cosines(first, a, second, b) for a, b in pairs])


class _Patches:
    """A bordered map as one row for each position, and the lengths of its patches."""

    def __init__(self, padded: Tensor) -> None:
        self.rows = padded.flatten(1).T.contiguous()
        self.lengths = patch_lengths(padded).flatten()
        self.stride = padded.shape[2]

    def neighbours(self, places: Tensor, down: int, right: int) -> Tensor:
        """Return (n, channels): one of the nine positions of each patch, the corner being 0, 0."""
        width = self.stride - 2
        corners = places // width * self.stride + places % width
        return self.rows[corners + down * self.stride + right]


def _cosines(ours: _Patches, here: Tensor, theirs: _Patches, there: Tensor) -> Tensor:
    products = [
        (ours.neighbours(here, *shift) * theirs.neighbours(there, *shift)).sum(1)
        for shift in product(range(3), repeat=2)
    ]
    return torch.stack(products).sum(0) / (ours.lengths[here] * theirs.lengths[there])
