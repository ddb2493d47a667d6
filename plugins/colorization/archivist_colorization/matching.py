"""Which place of which exemplar looks most like a place of the target, in constant memory.

The paper computes a matrix of all target positions times all exemplar positions: 27 GB for
864 x 1536 px. Here the same numbers are streamed, chunk by chunk, with a running maximum, a running
sum and a running weighted colour; several exemplars follow each other in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

QUERIES = 2048
KEYS = 4096
"""Positions of a chunk: the largest matrix has 2048 x 4096 values, 32 MiB in float32."""

BEST = 1e-10
"""The temperature of the authors' inference script: in effect the best match is copied."""

TRAINING = 0.01
"""The temperature of their training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """What was found for each of n target positions.

    ``values`` (channels, n): the exemplar's values (Lab, say), weighted by the softmax;
    ``similarity`` (n): cosine with the best position, -1..1, the confidence of the paper;
    ``position`` (n, int64): that position, counted row by row in its exemplar;
    ``exemplar`` (n, int64): the exemplar's number, from 0.
    """

    values: Tensor
    similarity: Tensor
    position: Tensor
    exemplar: Tensor


def match(
    target: Tensor, exemplar: Tensor, values: Tensor, *, temperature: float = BEST, number: int = 0
) -> Matches:
    """Match every target position with all positions of one exemplar.

    ``target`` (channels, n) and ``exemplar`` (channels, m) hold vectors of length 1, ``values``
    (any, m) what is copied from the exemplar. The weights are
    ``softmax(target.T @ exemplar / temperature)``. Raises ValueError for a temperature that is not
    above 0, or when ``exemplar`` and ``values`` differ in length.
    """
    if temperature <= 0:
        raise ValueError(f"temperature is {temperature}; give a number above 0, such as {BEST}")
    if exemplar.shape[1] != values.shape[1]:
        raise ValueError(f"{exemplar.shape[1]} positions, but values for {values.shape[1]}")
    parts = [
        _match_chunk(chunk, exemplar, values, temperature) for chunk in target.split(QUERIES, 1)
    ]
    weighted, similarity, position = (torch.cat(column, -1) for column in zip(*parts, strict=True))
    return Matches(
        values=weighted,
        similarity=similarity,
        position=position,
        exemplar=torch.full_like(position, number),
    )


def best_of(found: Iterable[Matches]) -> Matches:
    """Keep, for each position, the exemplar that is most similar there; of equals the first.

    Colours of several exemplars are never mixed at one position, so that it can be said where the
    colour came from. ``found`` is consumed one by one: give a generator, and no more than two
    results are alive at once. Raises ValueError when there is none.
    """
    results = iter(found)
    best = next(results, None)
    if best is None:
        raise ValueError("there is no exemplar to take colour from; give at least one")
    for other in results:
        best = _better(best, other)
    return best


def _better(one: Matches, other: Matches) -> Matches:
    higher = other.similarity > one.similarity
    return Matches(
        values=torch.where(higher, other.values, one.values),
        similarity=torch.where(higher, other.similarity, one.similarity),
        position=torch.where(higher, other.position, one.position),
        exemplar=torch.where(higher, other.exemplar, one.exemplar),
    )


def _match_chunk(
    target: Tensor, exemplar: Tensor, values: Tensor, temperature: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return values, similarity and position for a chunk of target positions.

    Differences from the maximum are taken before the division by the temperature: so no precision
    is lost at 1e-10, and a later chunk with a higher maximum fades what was summed before.
    """
    count = target.shape[1]
    high = target.new_full((count,), -torch.inf)
    total, place = torch.zeros_like(high), torch.zeros(count, dtype=torch.int64, device=high.device)
    weighted = target.new_zeros(count, values.shape[0])
    for start, keys, colours in _chunks(exemplar, values):
        cosines = target.T @ keys
        top, where = cosines.max(dim=1)
        place = torch.where(top > high, where + start, place)
        new = torch.maximum(top, high)
        faded = torch.exp((high - new) / temperature)
        weights = torch.exp((cosines - new[:, None]) / temperature)
        total = total * faded + weights.sum(dim=1)
        weighted = weighted * faded[:, None] + weights @ colours.T
        high = new
    return (weighted / total[:, None]).T, high, place


def _chunks(exemplar: Tensor, values: Tensor) -> Iterator[tuple[int, Tensor, Tensor]]:
    pairs = zip(exemplar.split(KEYS, 1), values.split(KEYS, 1), strict=True)
    for index, (keys, colours) in enumerate(pairs):
        yield index * KEYS, keys, colours
