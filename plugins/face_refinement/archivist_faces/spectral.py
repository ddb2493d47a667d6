"""Spectral norm as checkpoints store it, and the plain weights that it amounts to.

A convolution with spectral norm has three entries in place of its weight: ``weight_orig`` and the
two vectors ``weight_u`` and ``weight_v`` that belong to its largest singular value. The weight used
in evaluation is ``weight_orig / (u^T W v)``, with W as (first dimension, rest).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from archivist_torch.weights import WeightsMismatch

NORMED = ("conv_0.weight", "conv_1.weight", "conv_s.weight")
"""Ends of the names of weights that the paper's face generator normalises."""

PARTS = ("weight_orig", "weight_u", "weight_v")


def stored_layout(plain: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the entries that a checkpoint has for plain ones: names and shapes, no values."""
    layout: dict[str, Tensor] = {}
    for name, value in plain.items():
        if name.endswith(NORMED):
            stem = name.removesuffix("weight")
            layout[stem + "weight_orig"] = _empty(*value.shape)
            layout[stem + "weight_u"] = _empty(value.shape[0])
            layout[stem + "weight_v"] = _empty(value[0].numel())
        else:
            layout[name] = _empty(*value.shape)
    return layout


def folded(state: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    """Return the entries of a checkpoint with plain weights in place of spectral norms.

    ``source`` is named in errors. Raises WeightsMismatch when one of the three entries of a
    convolution is missing, or when their shapes do not belong together.
    """
    stems = {n.removesuffix(part) for n in state for part in PARTS if n.endswith("." + part)}
    missing = [stem + part for stem in sorted(stems) for part in PARTS if stem + part not in state]
    if missing:
        raise WeightsMismatch(f"{source} is incomplete. missing: {', '.join(missing[:5])}")
    normed = {stem + part for stem in stems for part in PARTS}
    plain = {name: value for name, value in state.items() if name not in normed}
    return plain | {stem + "weight": _weight(stem, state, source) for stem in stems}


def _weight(stem: str, state: Mapping[str, Tensor], source: str) -> Tensor:
    stored, u, v = (state[stem + part] for part in PARTS)
    matrix = stored.flatten(1)
    if matrix.shape != (u.numel(), v.numel()):
        raise WeightsMismatch(f"{source}: the vectors of {stem}weight_orig are of another shape")
    largest = u.double() @ matrix.double() @ v.double()
    return (stored.double() / largest).to(stored.dtype)


def _empty(*shape: int) -> Tensor:
    return torch.empty(shape, device="meta")
