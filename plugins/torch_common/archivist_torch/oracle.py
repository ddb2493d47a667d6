"""Numeric oracles: weights that anyone can make again, and the comparison of arrays.

An oracle file (.npz) holds inputs and the outputs that the original authors' networks gave with
weights drawn by the recipe below. A network of ours that loads the same weights by the same names
and gives the same outputs can load the released checkpoint too.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.generic]


def drawn_state(layout: Mapping[str, Tensor], tag: str) -> dict[str, Tensor]:
    """Draw a whole state dict of the names and shapes of ``layout`` for checkpoint ``tag``.

    Each entry comes from ``RandomState(crc32("TAG:NAME")).standard_normal(shape)``, scaled by the
    kind of entry; fixed filters (``filt``) keep the value they have in ``layout``.
    """
    state = {
        name: _drawn(name, value, tag)
        for name, value in layout.items()
        if not name.endswith("weight_v")
    }
    spectral = {name: _right_vector(name, state) for name in layout if name.endswith("weight_v")}
    return {name: (state | spectral)[name] for name in layout}


def _drawn(name: str, like: Tensor, tag: str) -> Tensor:
    leaf = name.rpartition(".")[2]
    if leaf == "filt":
        return like
    if leaf == "num_batches_tracked":
        return torch.zeros((), dtype=torch.int64)
    shape = tuple(like.shape)
    z = np.random.RandomState(zlib.crc32(f"{tag}:{name}".encode())).standard_normal(shape)
    return torch.from_numpy(np.asarray(_scaled(leaf, z), np.float32))


def _scaled(leaf: str, z: NDArray[np.float64]) -> NDArray[np.float64]:
    if leaf in ("weight", "weight_orig") and z.ndim > 1:
        return z * math.sqrt(2 / math.prod(z.shape[1:]))
    if leaf == "weight":
        return 1 + 0.1 * z
    if leaf == "running_var":
        return 1 + 0.1 * np.abs(z)
    if leaf == "weight_u":
        return z / np.linalg.norm(z)
    if leaf in ("bias", "running_mean"):
        return 0.1 * z
    raise ValueError(f"the recipe of oracle weights has no rule for entries named {leaf!r}")


def _right_vector(name: str, state: Mapping[str, Tensor]) -> Tensor:
    """Return v of spectral norm: W^T u, normalised, in double precision."""
    stem = name.removesuffix("weight_v")
    weight = state[stem + "weight_orig"].double().numpy()
    v = weight.reshape(len(weight), -1).T @ state[stem + "weight_u"].double().numpy()
    return torch.from_numpy((v / np.linalg.norm(v)).astype(np.float32))


@dataclass(frozen=True, slots=True)
class Comparison:
    """The largest absolute difference of each array, and the bound they were held to."""

    errors: Mapping[str, float]
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether there is any array and all are within the bound; NaN is not."""
        return bool(self.errors) and all(e < self.tolerance for e in self.errors.values())

    def to_json(self) -> str:
        """Return the comparison as one line of JSON."""
        report = {"passed": self.passed, "tolerance": self.tolerance, "errors": dict(self.errors)}
        return json.dumps(report, sort_keys=True)


@dataclass(frozen=True, slots=True)
class Report:
    """As :class:`Comparison`, for a case whose arrays have a limit each."""

    errors: Mapping[str, float]
    limits: Mapping[str, float]

    @property
    def passed(self) -> bool:
        """Whether there is any array and all are below their limits; NaN is not."""
        return bool(self.errors) and all(e < self.limits[n] for n, e in self.errors.items())

    def to_json(self) -> str:
        """Return the report as one line of JSON."""
        report = {"passed": self.passed, "errors": self.errors, "limits": self.limits}
        return json.dumps(report, sort_keys=True)


def compare(
    expected: Mapping[str, Array], found: Mapping[str, Array], tolerance: float = 1e-4
) -> Comparison:
    """Compare arrays of equal names; a wrong shape counts as an infinite difference."""
    errors = {
        name: float(np.abs(expected[name] - value).max())
        if expected[name].shape == value.shape
        else math.inf
        for name, value in found.items()
    }
    return Comparison(errors, tolerance)
