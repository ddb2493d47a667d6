"""Where the matcher starts: features made comparable, before anything is learnt."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from archivist_colorization.compact.encoder import Standard, compared
from archivist_colorization.compact.network import VECTOR, Compact, joined

SOFTENED = 0.02
"""Share of the largest variance that is added to all: directions of noise stay small."""


@torch.no_grad()
def whiten(network: Compact, lights: Sequence[NDArray[np.float32]]) -> None:
    """Standardise the encoder's maps; let the matcher see their main directions, equally weighed.

    ``lights`` (1, h, w) are pictures of equal size. The mean of all is taken away, so that cosines
    tell what is particular to a place.
    """
    batch = torch.from_numpy(np.stack(list(lights)))
    for standard, x in zip(network.encoder.standards, network.encoder.raw(batch), strict=True):
        assert isinstance(standard, Standard)
        standard.measure(x)
    features = joined(compared(network.encoder(batch))).permute(0, 2, 3, 1).flatten(0, 2).double()
    mean = features.mean(0)
    variances, axes = torch.linalg.eigh(torch.cov(features.T))
    main = axes[:, -VECTOR:] / (variances[-VECTOR:] + SOFTENED * variances[-1]).sqrt()
    project = network.matcher.project
    project.weight.copy_(main.T[:, :, None, None])
    assert project.bias is not None
    project.bias.copy_(-(main.T @ mean))
