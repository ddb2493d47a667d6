"""The networks that refine, each as a function from a picture and landmarks to a proposal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from archivist.api import StepContext
from archivist_faces.alignment import Placement, crop, feathered, place
from archivist_faces.compact import CompactGenerator
from archivist_faces.fitting import fitted, laid, oval, without_light
from archivist_faces.generator import FaceGenerator
from archivist_faces.inference import generate
from archivist_faces.plugin import COMPACT, PAPER
from archivist_faces.tone import match_tones
from archivist_torch.weights import load_network

Floats = NDArray[np.float32]
Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Proposal:
    """What a network would change about a face: ``correction`` (side, side, channels) in 0..1.

    It counts as far as ``mask`` (side, side), 0..1, says.
    """

    correction: Floats
    mask: Floats
    where: Placement

    def laid(self, pixels: Floats, strength: float) -> Floats:
        """Return the picture with so much of the correction, 0..1, added at its place."""
        return laid(pixels, self.correction * np.float32(strength), self.where, self.mask)


Refiner = Callable[[Floats, Points], Proposal]
"""Takes a picture (h, w, 1 or 3) in 0..1 and five landmarks (5, 2) in its pixels."""


def refiner(network: str, ctx: StepContext) -> Refiner:
    """Return a network, by its name in the params, as a function; loaded once per worker."""

    def make() -> Refiner:
        torch.set_num_threads(max(1, ctx.threads))
        if network == "compact":
            own = load_network(CompactGenerator, ctx.weights(COMPACT.name)).to(ctx.device)
            own = own.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            return lambda pixels, landmarks: by_compact(own, pixels, landmarks)
        side = int(network.removeprefix("paper_"))
        paper = load_network(FaceGenerator, ctx.weights(PAPER[network].name)).to(ctx.device)
        return lambda pixels, landmarks: by_paper(paper, pixels, landmarks, side)

    return ctx.cached(f"archivist_faces/{network}/{ctx.device}", make)


@torch.inference_mode()
def by_compact(network: CompactGenerator, pixels: Floats, landmarks: Points) -> Proposal:
    """Return what the compact network proposes; light and tone of the face stay."""
    where = fitted(landmarks)
    seen = crop(pixels, where)
    device = next(network.parameters()).device
    batch = torch.from_numpy(np.ascontiguousarray(seen.transpose(2, 0, 1)))[None] * 2 - 1
    found = network(batch.expand(-1, 3, -1, -1).to(device))[0].float().cpu().numpy() / 2
    correction = found.transpose(1, 2, 0)
    if pixels.shape[2] == 1:
        correction = correction.mean(axis=2, keepdims=True)
    correction = without_light(np.ascontiguousarray(correction, np.float32))
    return Proposal(correction=correction, mask=oval(where.side), where=where)


def by_paper(network: FaceGenerator, pixels: Floats, landmarks: Points, side: int) -> Proposal:
    """Return what the paper's network makes of the aligned crop, with the crop's histogram."""
    where = place(landmarks, side)
    seen = crop(pixels, where)
    made = match_tones(generate(network, seen), seen)
    return Proposal(correction=made - seen, mask=feathered(side), where=where)
