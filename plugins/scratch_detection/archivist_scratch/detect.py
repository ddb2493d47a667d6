"""The step ``scratch.detect``: find where a photograph is damaged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from archivist.api import BadInput, Image, Mask, Probability, Scores, StepContext, Value
from archivist_scratch.features import compact_input, paper_input
from archivist_scratch.network import Compact, Paper
from archivist_scratch.params import DetectParams
from archivist_scratch.plugin import COMPACT, PAPER
from archivist_scratch.regions import Judge, decide
from archivist_torch.degrade import luma
from archivist_torch.weights import load_network, read_metadata

Pixels = NDArray[np.float32]
Apply = Callable[[Pixels], Pixels]

OVERLAP = max(Compact.RADIUS, Paper.RADIUS)
"""Neighbouring tiles share the receptive field, so that tiles equal the whole."""
MULTIPLE = 32
"""Twice the stride: the paper's reflection padding needs two pixels at its coarsest scale."""
SCHEME_SIDE = 256
"""The short side to which the paper's program reduces every picture."""


def run(inputs: Mapping[str, Value], params: DetectParams, ctx: StepContext) -> Mapping[str, Value]:
    """Return ``mask``, ``probability`` and ``scores`` of an image.

    The probability is that of any damage; the mask is chosen from that of narrow damage, unless
    ``widest`` is 0 or the paper's network is asked, which knows no difference. A ``user_mask``
    among the inputs is respected: it becomes the mask, and nothing is detected.
    """
    image = inputs["image"]
    assert isinstance(image, Image)
    drawn = inputs.get("user_mask")
    if isinstance(drawn, Mask):
        return _as_drawn(drawn, image)
    grey = luma_of(image)
    answers = damage_probability(grey, params, ctx)
    probability, narrow = np.ascontiguousarray(answers[..., 0]), answers[..., -1]
    chosen = probability if params.widest == 0 else np.ascontiguousarray(narrow)
    del answers, narrow  # a large scan's maps are large
    decision = decide(chosen, params, _loaded(params, ctx).judge, grey)
    scores = {
        "damaged_share": float(decision.mask.mean()),
        "regions": float(decision.regions),
        "evidence": decision.evidence,
        "conviction": decision.conviction,
        "peak": float(probability.max()),
    }
    ctx.log.info("%d damaged regions, evidence %.0f px", decision.regions, decision.evidence)
    return {
        "mask": Mask(pixels=decision.mask),
        "probability": Probability(pixels=probability),
        "scores": Scores(scores),
    }


def luma_of(image: Image) -> Pixels:
    """Return the lightness (height, width), 0..1, of an image of one or three channels."""
    return luma(image.pixels) if image.pixels.shape[2] == 3 else image.pixels[..., 0]


def damage_probability(grey: Pixels, params: DetectParams, ctx: StepContext) -> Pixels:
    """Return the network's answers to a grey picture (height, width), one map for each, 0..1.

    The compact network's maps (height, width, 2) are of any damage and of narrow damage; the
    paper's is one.
    """
    apply = partial(_tiled, apply=partial(_infer, _loaded(params, ctx)), ctx=ctx)
    if params.scheme == "short_side_256":
        return by_short_side(grey, apply)
    return by_octaves(grey, apply, params.octaves or octaves_for(max(grey.shape)), ctx)


def octaves_for(side: int) -> int:
    """Return at how many sizes to look at a picture of this longer side in pixels.

    The network was trained on damage of 1 to about 12 px width, as in pictures of 500 to 1500 px.
    """
    return 1 if side <= 2000 else 2 if side <= 4000 else 3


def by_octaves(grey: Pixels, apply: Apply, octaves: int, ctx: StepContext) -> Pixels:
    """Apply a network at full size, half size and so on, and keep the highest probability."""
    height, width = grey.shape
    best = apply(grey)  # (height, width, answers)
    for octave in range(1, octaves):
        ctx.check_cancelled()
        ctx.progress(octave / octaves, f"size 1/{2**octave}")
        size = (max(1, width >> octave), max(1, height >> octave))
        small = apply(cv2.resize(grey, size, interpolation=cv2.INTER_AREA))
        for answer in range(best.shape[2]):
            risen = cv2.resize(small[..., answer], (width, height), interpolation=cv2.INTER_LINEAR)
            np.maximum(best[..., answer], risen, out=best[..., answer])
    return best


def by_short_side(grey: Pixels, apply: Apply) -> Pixels:
    """Apply a network the way the paper's program does, at a short side of 256 px.

    The reduction has no low-pass, so fine scratches mostly fall through; the map comes back by
    nearest neighbour, in blocks. Kept to measure what native resolution gains.
    """
    height, width = grey.shape
    factor = SCHEME_SIDE / min(height, width)
    size = tuple(max(16, 16 * round(side * factor / 16)) for side in (width, height))
    small = apply(cv2.resize(grey, size, interpolation=cv2.INTER_LINEAR))
    back = cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(back, np.float32).reshape(height, width, -1)


def _tiled(grey: Pixels, apply: Apply, ctx: StepContext) -> Pixels:
    mapped = ctx.map_tiles(
        np.ascontiguousarray(grey[..., None]), apply, overlap=OVERLAP, multiple_of=MULTIPLE
    )
    return np.clip(mapped, 0, 1, out=mapped)


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A network, how pictures are prepared for it, and the judge of its regions."""

    network: nn.Module
    prepare: Apply
    judge: Judge | None
    device: torch.device


def _loaded(params: DetectParams, ctx: StepContext) -> _Loaded:
    """Return the chosen network, loaded once per worker."""
    paper = params.network == "paper"
    name = (PAPER if paper else COMPACT).name

    def make() -> _Loaded:
        torch.set_num_threads(max(1, ctx.threads))
        path, device = ctx.weights(name), torch.device(ctx.device)
        network = load_network(Paper, path) if paper else load_network(Compact, path).folded()
        network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        judge = Judge.from_json(read_metadata(path).get("judge"))
        return _Loaded(network, paper_input if paper else compact_input, judge, device)

    return ctx.cached(f"archivist_scratch/{name}/{ctx.device}", make)


@torch.inference_mode()
def _infer(loaded: _Loaded, tile: Pixels) -> Pixels:
    """Apply a network to a tile (height, width, 1); float32, so that machines agree closely."""
    shown = torch.from_numpy(loaded.prepare(np.ascontiguousarray(tile[..., 0])))[None]
    shown = shown.to(loaded.device).contiguous(memory_format=torch.channels_last)
    return loaded.network(shown).sigmoid()[0].permute(1, 2, 0).cpu().numpy()


def _as_drawn(drawn: Mask, image: Image) -> Mapping[str, Value]:
    if drawn.pixels.shape != image.pixels.shape[:2]:
        raise BadInput(
            f"the drawn mask is {drawn.pixels.shape[1]} x {drawn.pixels.shape[0]} px, the picture "
            f"{image.width} x {image.height}; draw it on the picture at full size"
        )
    chosen = np.array(drawn.pixels, np.bool_)
    scores = {"damaged_share": float(chosen.mean()), "drawn_by_hand": 1.0}
    return {
        "mask": Mask(pixels=chosen),
        "probability": Probability(pixels=chosen.astype(np.float32)),
        "scores": Scores(scores),
    }
