"""Look into the values of ports: their arrays, their digest, and how far two of them differ."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def arrays(value: object) -> Iterator[NDArray[Any]]:
    """Yield all arrays inside a value, in a fixed order."""
    return (item for item in _leaves(value) if isinstance(item, np.ndarray))


def fingerprint(values: Mapping[str, object]) -> str:
    """Return a digest of everything inside the values."""
    digest = hashlib.sha256()
    for name in sorted(values):
        digest.update(name.encode())
        for leaf in _leaves(values[name]):
            if isinstance(leaf, np.ndarray):
                digest.update(f"{leaf.dtype}{leaf.shape}".encode())
                digest.update(np.ascontiguousarray(leaf).tobytes())
            else:
                digest.update(repr(leaf).encode())
    return digest.hexdigest()


def largest_difference(first: Mapping[str, object], second: Mapping[str, object]) -> float:
    """Return the largest difference of two sets of values; infinity when they differ in form."""
    if set(first) != set(second):
        return float("inf")
    return max((_difference(first[name], second[name]) for name in first), default=0.0)


def _difference(first: object, second: object) -> float:
    left, right = list(_leaves(first)), list(_leaves(second))
    if len(left) != len(right):
        return float("inf")
    return max((_leaf_difference(a, b) for a, b in zip(left, right, strict=True)), default=0.0)


def _leaf_difference(first: object, second: object) -> float:
    if isinstance(first, np.ndarray) and isinstance(second, np.ndarray):
        if first.shape != second.shape or first.dtype != second.dtype:
            return float("inf")
        gap = np.abs(first.astype(np.float64) - second.astype(np.float64))
        return float(gap.max()) if gap.size else 0.0
    if isinstance(first, float) and isinstance(second, float):
        return abs(first - second)
    return 0.0 if first == second else float("inf")


def _leaves(value: object) -> Iterator[object]:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from _leaves(getattr(value, field.name))
    elif isinstance(value, Mapping):
        for name in sorted(value):
            yield name
            yield from _leaves(value[name])
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _leaves(item)
    elif not callable(value):  # how a reference is read is no part of what it is
        yield value
