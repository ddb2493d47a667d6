"""The weighted sum of a loss, and what each of its terms was, for the log."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


class Terms:
    """Adds terms by their weights and remembers the mean of each until it is asked for it."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        self.weights = weights
        self._sums: dict[str, Tensor] = {}
        self._count = 0

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """Return the weighted sum of the terms.

        Raises KeyError for a term that has no weight.
        """
        for name, value in terms.items():
            self._sums[name] = self._sums.get(name, torch.zeros(())) + value.detach().float()
        self._count += 1
        return torch.stack([self.weights[name] * value for name, value in terms.items()]).sum()

    def means(self) -> dict[str, float]:
        """Return the unweighted mean of each term since the last call, as ``loss_NAME``."""
        means = {f"loss_{name}": value.item() / self._count for name, value in self._sums.items()}
        self._sums, self._count = {}, 0
        return means
