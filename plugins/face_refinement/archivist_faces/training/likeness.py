"""Who a refined face looks like, so that a gradient flows: the descriptor, as the step asks it."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional

from archivist_faces.fitting import LIGHT, oval
from archivist_faces.identity import BORDER, CONTRAST, LEAST_DEVIATION, SIDE, WEIGHTS, IdentityNet
from archivist_faces.training.light import smoothed
from archivist_torch.weights import load_network

LUMA = (0.299, 0.587, 0.114)
NEARER = 0.1
"""A refined face is to be so much nearer to its truth, of the distance before. Asked for no more
than not to go away, half of the faces that were not trained on would lie beyond."""
SHARE = 0.1
"""Weight of the distance itself beside that: it goes on where the hinge is content."""


class Likeness(nn.Module):
    """Identity distances of one face to its truth, as :func:`identity.distance` tells them.

    In float32 whatever the training's arithmetic is: what is at stake are thousandths, of which
    bfloat16 knows nothing. On a crop of 128 px that costs little.
    """

    def __init__(self, network: IdentityNet | None = None) -> None:
        """Take a descriptor; default: the one that is shipped."""
        super().__init__()
        self.network = network or load_network(IdentityNet, WEIGHTS)
        self.network.requires_grad_(False)

    def forward(self, face: Tensor, made: Tensor, truth: Tensor, where: Tensor) -> Tensor:
        """Return the distances (2,) to the truth, before and after; a gradient flows to ``made``.

        Each is (1, 3, side, side) in -1..1, ``where`` the matrix (3, 3) of the descriptor's crop.
        """
        with torch.autocast(face.device.type, enabled=False):
            with torch.no_grad():
                before, own = self.network(described(torch.cat([face, truth]), where))
            after = self.network(described(made, where))[0]
            return 1 - torch.stack([before @ own, after @ own])


def likeness_loss(before: Tensor, after: Tensor) -> Tensor:
    """Return what a face's distances before and after refinement cost.

    A hinge, not the distance alone: that is ruled by the few faces that are far away because their
    print is bad, and the others, which come nearer or go by thousandths, would not be heard.
    """
    return functional.relu(after - (1 - NEARER) * before) + SHARE * after


def laid(face: Tensor, correction: Tensor) -> Tensor:
    """Return a face (batch, 3, side, side) with a correction as the step adds it.

    Within the oval of the head, without its light, in -1..1.
    """
    with torch.autocast(face.device.type, enabled=False):
        side = face.shape[-1]
        change = correction - smoothed(correction, LIGHT * side)
        return (face + _mask(side).to(face) * change).clamp(-1, 1)


def described(faces: Tensor, where: Tensor) -> Tensor:
    """Return what the descriptor sees (batch, 3, SIDE, SIDE) of crops (batch, 3, side, side)."""
    return prepared(aligned(faces, where))


def aligned(faces: Tensor, where: Tensor) -> Tensor:
    """Return the parts (batch, 3, SIDE, SIDE) that :func:`alignment.crop` cuts out of faces."""
    scale = torch.hypot(where[0, 0], where[1, 0]).item()
    if scale > 1:
        faces = smoothed(faces, 0.5 * math.sqrt(scale**2 - 1))
    y, x = torch.meshgrid(*[torch.arange(SIDE, device=where.device).float()] * 2, indexing="ij")
    points = torch.stack([x, y, torch.ones_like(x)], dim=-1) @ where[:2].T
    grid = points * (2 / (faces.shape[-1] - 1)) - 1
    return functional.grid_sample(
        faces,
        grid.expand(len(faces), -1, -1, -1),
        mode="bilinear",
        padding_mode="border",
        align_corners=True,
    )


def prepared(crops: Tensor) -> Tensor:
    """Return crops (batch, 3, SIDE, SIDE) in -1..1 as :func:`identity.prepared` does: even grey."""
    grey = (crops * crops.new_tensor(LUMA)[:, None, None]).sum(1, keepdim=True)
    rim = round(BORDER * SIDE)
    face = grey[..., rim:-rim, rim:-rim]
    middle = face.mean((2, 3), keepdim=True)
    # Values are twice those of 0..1, in which the least deviation is told.
    variance = face.var((2, 3), correction=0, keepdim=True).clamp(min=(2 * LEAST_DEVIATION) ** 2)
    return ((grey - middle) * (CONTRAST * variance.rsqrt())).clamp(-1, 1).expand(-1, 3, -1, -1)


@lru_cache(maxsize=16)
def _mask(side: int) -> Tensor:
    return torch.from_numpy(oval(side))
