"""Who a face looks like: a vector of an aligned face, near for the same person however degraded.

No face recogniser could be had under a usable licence. This one is made of the first layers of
EfficientNet-Lite0 (ImageNet weights), which were trained on no face in particular, and a projection
fitted to our portraits: what ageing changes counts little, what tells persons apart much (linear
discriminant analysis). It cannot name anybody; it guards against a face becoming another. How well
it does is told in the model card.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from archivist_torch.efficientnet import EfficientNetLite0

Floats = NDArray[np.float32]
Distance = Callable[[Floats, Floats], float]
"""Cosine distance, 0..2, of the faces on two crops of one placement."""

WEIGHTS = Path(__file__).with_name("weights") / "identity.safetensors"
"""The descriptor that is shipped."""
SIDE = 128
"""Side in pixels of the crops that are described."""
FINE, COARSE = 5, 8
"""Blocks up to stride 8 and up to the last one of stride 16 that is used."""
FINE_CHANNELS, COARSE_CHANNELS = 40, 80
GRID = 4
"""The middle of a crop is described by so many places along a side, at both strides."""
FEATURES = (FINE_CHANNELS + COARSE_CHANNELS) * GRID * GRID
DIMENSIONS = 40
BORDER = 0.14
"""Share of a crop's side, at each edge, that shows hair and background and is not looked at."""
CONTRAST = 0.4
"""Standard deviation that every face is brought to, in units of -1..1."""
LEAST_DEVIATION = 0.02
"""Of a crop, in units of 0..1; what is more even is not stretched further."""


class IdentityNet(nn.Module):
    """Unit vectors (batch, DIMENSIONS) of grey aligned faces (batch, 3, SIDE, SIDE), -1..1."""

    def __init__(self, whole: EfficientNetLite0 | None = None) -> None:
        """Take the layers of ``whole``, whose batch norms are folded; default: new ones."""
        super().__init__()
        whole = whole or EfficientNetLite0().eval().folded()
        self.stem = whole.conv_stem
        self.blocks = nn.ModuleList(list(whole.blocks)[:COARSE])
        self.project = nn.Linear(FEATURES, DIMENSIONS)

    def features(self, x: Tensor) -> Tensor:
        """Return (batch, FEATURES) of faces: both strides by places, each of unit length."""
        x = functional.relu6(self.stem(x))
        found = []
        for number, block in enumerate(self.blocks, 1):
            x = block(x)
            if number in (FINE, COARSE):
                found.append(_by_place(x))
        return torch.cat(found, dim=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return unit vectors."""
        vectors: Tensor = self.project(self.features(x))
        return functional.normalize(vectors)


def prepared(crop: Floats) -> Tensor:
    """Return what the network sees of a crop (side, side, 1 or 3), 0..1: grey, of one contrast."""
    grey = crop[..., 0] if crop.shape[2] == 1 else cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    if grey.shape[0] != SIDE:
        method = cv2.INTER_AREA if grey.shape[0] > SIDE else cv2.INTER_LINEAR
        grey = cv2.resize(grey, (SIDE, SIDE), interpolation=method)
    rim = round(BORDER * SIDE)
    face = grey[rim:-rim, rim:-rim]
    even = (grey - face.mean()) * (CONTRAST / max(float(face.std()), LEAST_DEVIATION))
    return torch.from_numpy(np.clip(even, -1, 1).astype(np.float32)).expand(3, -1, -1)


@torch.inference_mode()
def vectors(network: IdentityNet, crops: Sequence[Floats]) -> Floats:
    """Return the unit vectors (n, DIMENSIONS) of aligned crops."""
    device = next(network.parameters()).device
    batch = torch.stack([prepared(crop) for crop in crops]).to(device)
    return np.asarray(network(batch).float().cpu().numpy())


def distance(network: IdentityNet, one: Floats, other: Floats) -> float:
    """Return the cosine distance, 0..2, of the faces on two crops of one placement."""
    first, second = vectors(network, [one, other])
    return float(np.clip(1 - first @ second, 0, 2))


def _by_place(x: Tensor) -> Tensor:
    rim = round(BORDER * x.shape[-1])
    inner = x[..., rim : x.shape[-2] - rim, rim : x.shape[-1] - rim]
    pooled = functional.adaptive_avg_pool2d(inner, GRID).flatten(1)
    return functional.normalize(pooled)
