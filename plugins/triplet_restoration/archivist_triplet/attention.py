"""Attention without its matrix: exact, in chunks, with memory linear in the positions."""

from __future__ import annotations

import math

import torch
from torch import Tensor

USUAL = 256
"""Number of sources at which attention is as sharp as its logits say."""
QUERIES, SOURCES = 1024, 8192
"""Positions in one chunk; a chunk of logits takes 32 MiB."""


def attend(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Return for each query (n, d) the mean of values (m, c), weighted by softmax of its logits.

    Logits are queries times keys by the root of d, and grow with the logarithm of the number of
    sources: softmax over a hundred times as many sources would otherwise spread its weight over
    all of them, and a large picture would be filled with grey mean where a small one gets texture.
    """
    scale = math.log(max(2, len(keys))) / math.log(USUAL) / math.sqrt(queries.shape[1])
    parts = [_attend(chunk * scale, keys, values) for chunk in queries.split(QUERIES)]
    return torch.cat(parts)


def _attend(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Softmax over chunks of sources, with a running maximum and running sums."""
    top = queries.new_full((len(queries), 1), -math.inf)
    total, mean = torch.zeros_like(top), values.new_zeros(len(queries), values.shape[1])
    for key, value in zip(keys.split(SOURCES), values.split(SOURCES), strict=True):
        logits = queries @ key.T
        higher = torch.maximum(top, logits.amax(dim=1, keepdim=True))
        weights, kept = torch.exp(logits - higher), torch.exp(top - higher)
        total = total * kept + weights.sum(dim=1, keepdim=True)
        mean = mean * kept + weights @ value
        top = higher
    return mean / total
