"""Optimisers for short runs: Muon for convolutions, AdamW for the rest.

After K. Jordan and others, "Muon: an optimizer for hidden layers in neural networks" (2024). All
directions of a weight matrix then move equally far, not only those in which gradients are large.
For convolutions the matrix is (outputs, inputs x window); torch's own Muon takes matrices only.
It pays where steps are dear: after 250 steps of the scratch detector the dice loss on training
samples stood at 0.842, with AdamW at 0.864 (tried rates 0.002 and 0.006).
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of the quintic iteration; singular values end between about 0.7 and 1.2."""


class Muon(torch.optim.Optimizer):
    """Steps of unit spectral norm times ``lr``, for weights of two or more dimensions.

    ``momentum`` keeps that share of the running mean of gradients; ``weight_decay`` is decoupled.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        lr: float = 0.02,
        momentum: float = 0.9,
        weight_decay: float = 1e-3,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move every weight that has a gradient."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._move(weight, group)

    def _move(self, weight: nn.Parameter, group: dict[str, float]) -> None:
        mean = self.state[weight].setdefault("mean", torch.zeros_like(weight))
        mean.lerp_(weight.grad, 1 - group["momentum"])
        ahead = weight.grad.lerp(mean, group["momentum"])
        tall = max(1.0, weight.shape[0] / weight[0].numel()) ** 0.5
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        weight.add_(orthogonal(ahead), alpha=-group["lr"] * tall)


def orthogonal(matrix: Tensor, iterations: int = 4) -> Tensor:
    """Return the orthogonal matrix nearest to ``matrix``, roughly: Newton-Schulz iteration.

    Dimensions after the first are taken together and restored.
    """
    a, b, c = NEWTON_SCHULZ
    x = matrix.reshape(len(matrix), -1)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / (x.norm() + 1e-7)
    for _ in range(iterations):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return (x.T if tall else x).reshape(matrix.shape)


def optimisers(
    network: nn.Module, *, rate: float, matrix_rate: float
) -> list[torch.optim.Optimizer]:
    """Return Muon for the convolutions of a network and AdamW for all else.

    The last weight, whose outputs are logits, stays with AdamW, as Muon's authors advise; with a
    ``matrix_rate`` of 0 everything does.
    """
    weights = [w for w in network.parameters() if w.ndim >= 2]
    matrices = weights[:-1] if matrix_rate > 0 else []
    chosen = {id(w) for w in matrices}
    rest = [w for w in network.parameters() if id(w) not in chosen]
    adam = torch.optim.AdamW(rest, lr=rate, weight_decay=1e-4)
    return [Muon(matrices, lr=matrix_rate), adam] if matrices else [adam]
