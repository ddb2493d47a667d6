"""The step ``triplet.restore``: an old photograph as it may have looked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from archivist.api import (
    Image,
    Mask,
    Probability,
    Scores,
    StepContext,
    Value,
    Verdict,
)
from archivist_torch.weights import load_network
from archivist_triplet import compose, inference
from archivist_triplet.compact import Triplet
from archivist_triplet.condition import THRESHOLD, Condition, assess
from archivist_triplet.inference import Restored
from archivist_triplet.paper.restore import PaperTriplet
from archivist_triplet.params import RestoreParams
from archivist_triplet.plugin import COMPACT, PAPER, RESTORE

Pixels = NDArray[np.float32]
Region = NDArray[np.bool_]
MENDED = ("tone", "noise", "print", "mixed")
"""The questions of :mod:`archivist_triplet.condition` that call for restoration. Blur and
compression alone do not: what the networks make of them lies further from the truth than the input,
by 0.5 and 1.8 dB on average (48 photographs each), and hardly ever nearer."""
OF_TONE = ("tone", "print", "mixed")
"""The questions whose answer can lie in the tone."""
Restore = Callable[[Pixels, Region, bool, StepContext], Restored]
"""Scan, mask, whether every pixel is wanted, context."""


def applies(inputs: Mapping[str, Value], params: RestoreParams, ctx: StepContext) -> Verdict:
    """Say whether the photograph is degraded or has masked pixels."""
    image, mask = _image_and_mask(inputs)
    if params.scope == "whole":
        return Verdict(needed=True, reason="the whole picture is wanted, whatever its condition")
    condition = assess(image.pixels)
    share = float(mask.mean())
    scores = {**condition.scores, "degraded": condition.degraded, "damaged_share": share}
    degraded = params.scope == "auto" and _worst(condition, MENDED) >= THRESHOLD
    reasons = [*condition.reasons] if degraded else []
    reasons += [f"{share:.2%} of the pixels are damaged"] if mask.any() else []
    needed = bool(reasons) or degraded
    reason = "; ".join(reasons) or _why_not(condition)
    return Verdict(needed=needed, reason=reason, scores=scores)


def run(
    inputs: Mapping[str, Value], params: RestoreParams, ctx: StepContext
) -> Mapping[str, Value]:
    """Return ``image``, ``change`` and ``scores``."""
    image, mask = _image_and_mask(inputs)
    if mask.all():
        ctx.log.warning("the whole picture is masked: there is nothing to fill it from")
        mask = np.zeros_like(mask)
    scan = np.broadcast_to(image.pixels, (*mask.shape, 3))
    whole, params = _decided(image.pixels, params)
    restored = _restorer(params, ctx)(scan, compose.widened(mask), whole, ctx)
    combine = compose.whole if whole else compose.masked
    result = combine(scan, restored, mask, params, ctx.seed)
    if image.pixels.shape[2] == 1:
        result, scan = image.pixels + compose.grey_of(result - scan), image.pixels
    difference = compose.change(scan, result)
    scores = {
        "restored_whole": float(whole),
        "tone_kept": float(params.tone == "keep"),
        "damaged_share": float(mask.mean()),
        "mean_change": float(difference.mean()),
        "changed_share": float((difference > 0.5 / 255).mean()),
    }
    return {
        "image": image.with_pixels(np.ascontiguousarray(result, np.float32)),
        "change": Probability(pixels=np.ascontiguousarray(difference, np.float32)),
        "scores": Scores(scores),
    }


def _decided(pixels: Pixels, params: RestoreParams) -> tuple[bool, RestoreParams]:
    """Return whether the whole picture is restored, and params that leave a sound tone alone.

    In scope auto a picture may be degraded by noise alone; then its tone is not changed.
    """
    if params.scope != "auto":
        return params.scope == "whole", params
    condition = assess(pixels)
    if _worst(condition, OF_TONE) < THRESHOLD:
        params = replace(params, tone="keep")
    return _worst(condition, MENDED) >= THRESHOLD, params


def _worst(condition: Condition, questions: tuple[str, ...]) -> float:
    """Return the worst answer to some questions; 0 where none could be asked."""
    return max((condition.scores.get(name, 0.0) for name in questions), default=0.0)


def _image_and_mask(inputs: Mapping[str, Value]) -> tuple[Image, Region]:
    """Return the image and its mask; an empty one where none was given."""
    image, mask = inputs["image"], inputs.get("mask")
    assert isinstance(image, Image)
    if not isinstance(mask, Mask):
        return image, np.zeros((image.height, image.width), np.bool_)
    return image, mask.pixels


def _why_not(condition: Condition) -> str:
    """Return why a picture without damage is left as it is."""
    if condition.degraded >= THRESHOLD:
        what = "; ".join(condition.reasons)
        return f"blurred or compressed and no more, which this step does not mend ({what})"
    return f"in good condition (degradation {condition.degraded:.2f}, limit {THRESHOLD:.2f})"


def _restorer(params: RestoreParams, ctx: StepContext) -> Restore:
    """Return the chosen networks as a function, loaded once per worker."""

    def make() -> Restore:
        torch.set_num_threads(max(1, ctx.threads))
        device = torch.device(ctx.device)
        if params.network == "compact":
            network = load_network(Triplet, ctx.weights(COMPACT.name)).to(device)
            return partial(_compact, network.to(memory_format=torch.channels_last))
        mode = params.network.removeprefix("paper_")
        path = ctx.weights(PAPER[params.network].name)
        paper = load_network(lambda: PaperTriplet(mode), path).to(device)
        return partial(_paper, paper)

    return ctx.cached(f"archivist_triplet/{params.network}/{ctx.device}", make)


def _compact(
    network: Triplet, scan: Pixels, mask: Region, everywhere: bool, ctx: StepContext
) -> Restored:
    tile, pause = RESTORE.tiling.size, ctx.check_cancelled
    return inference.restore(network, scan, mask, tile=tile, everywhere=everywhere, pause=pause)


@torch.inference_mode()
def _paper(
    network: PaperTriplet, scan: Pixels, mask: Region, everywhere: bool, ctx: StepContext
) -> Restored:
    """Restore by the paper's networks; they have no account of the scan, so it counts as one."""
    device = next(network.parameters()).device
    if mask.any() and network.mode == "quality":
        ctx.log.warning("the quality networks fill no damage; choose paper_scratch or paper_hr")
        mask = np.zeros_like(mask)
    picture = torch.tensor(scan, device=device).permute(2, 0, 1)[None] * 2 - 1
    damage = torch.from_numpy(mask.astype(np.float32)).to(device)[None, None]
    shown = network.restore(picture, damage if mask.any() else None, pause=ctx.check_cancelled)
    pixels = ((shown[0].permute(1, 2, 0) + 1) / 2).clamp(0, 1).cpu().numpy()
    return Restored(pixels, scan)
