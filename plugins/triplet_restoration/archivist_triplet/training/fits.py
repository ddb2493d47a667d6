"""Least squares, the same to the last digit whenever they are solved."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

RIDGE = 1e-6
"""Added to the diagonal, as a share of its mean: fewer rows than columns do no harm."""


def affine_fit(inputs: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Return weight (outputs, channels) and bias (outputs,) of the best affine map.

    ``inputs`` is (rows, channels), ``wanted`` (rows, outputs). Normal equations in float64: its
    spare digits hide that sums depend on where memory lies, which a resumed run would show.
    """
    rows = functional.pad(inputs.double(), (0, 1), value=1.0)
    square = rows.T @ rows
    square += RIDGE * square.diagonal().mean() * torch.eye(len(square), device=square.device)
    solved = torch.linalg.solve(square, rows.T @ wanted.double()).to(wanted.dtype)
    return solved[:-1].T.contiguous(), solved[-1]
