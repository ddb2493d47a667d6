"""The step ``ttsr.upscale``: a larger picture, and where its texture came from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import overload

import numpy as np
import torch
from numpy.typing import NDArray

from archivist.api import (
    Image,
    Reference,
    References,
    StepContext,
    TransferMap,
    Value,
    Verdict,
)
from archivist_reference_sr import inference as paper
from archivist_reference_sr.compact import inference as compact
from archivist_reference_sr.compact.borrow import Borrowed, borrow
from archivist_reference_sr.compact.network import Compact
from archivist_reference_sr.matching import NONE, Matches
from archivist_reference_sr.network import TTSR
from archivist_reference_sr.params import UpscaleParams
from archivist_reference_sr.picture import SCALE, SMALLEST, Pixels
from archivist_reference_sr.plugin import COMPACT, PAPER
from archivist_torch.weights import load_network

Enlarge = Callable[[Pixels, "Readable", UpscaleParams, StepContext], tuple[Pixels, "Sourced"]]
Sourced = tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.float32]]
"""Number of the reference, -1 for none; x, y in it (height, width, 2); similarity."""


def run(
    inputs: Mapping[str, Value], params: UpscaleParams, ctx: StepContext
) -> Mapping[str, Value] | Verdict:
    """Return ``image``, ``params.scale`` times as large, and ``transfer_map``.

    Without a reference it may be a verdict that enlarging is not needed, if the params want that.
    """
    image, given = inputs["image"], inputs.get("references")
    assert isinstance(image, Image)
    references = given.references if isinstance(given, References) else ()
    usable = [n for n, one in enumerate(references) if _large_enough(one, ctx)]
    if not usable and params.without_references == "skip":
        reason = "no photograph of the archive shows the same things in finer detail"
        return Verdict(needed=False, reason=reason)
    if not usable:
        ctx.log.info("no reference: nothing is borrowed")
    lenders = [references[n] for n in usable]
    shown = Readable(lenders)
    pixels, sourced = _enlarger(params, ctx)(image.pixels, shown, params, ctx)
    if params.scale != SCALE:
        pixels = halved(pixels)
    return {
        "image": image.with_pixels(np.ascontiguousarray(np.clip(pixels, 0, 1), np.float32)),
        "transfer_map": transfer_map(sourced, lenders, shown.steps, params.scale),
    }


class Readable(Sequence[Pixels]):
    """References that are read when they are asked for, and not kept.

    One that shows things finer than the result can is read reduced. ``steps`` are the pixels of
    the scan for one of what was read, by number, once it was.
    """

    def __init__(self, references: Sequence[Reference]) -> None:
        self._references = references
        self.steps = [1.0] * len(references)

    def __len__(self) -> int:
        return len(self._references)

    @overload
    def __getitem__(self, number: int) -> Pixels: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[Pixels]: ...
    def __getitem__(self, number: int | slice) -> Pixels | Sequence[Pixels]:
        if isinstance(number, slice):
            return [self[n] for n in range(*number.indices(len(self)))]
        reference = self._references[number]
        longest, finer = max(reference.region[2:]), (reference.scale or 0) / SCALE
        pixels = reference.read(math.ceil(longest / finer) if finer > 1 else 0).pixels
        self.steps[number] = longest / max(pixels.shape[:2])
        return pixels


def transfer_map(
    sourced: Sourced, references: Sequence[Reference], steps: Sequence[float], stride: int
) -> TransferMap:
    """Return where texture came from, in pixels of the upright scans of the references.

    ``steps`` are pixels of the scan for one of those that positions count in.
    """
    source, position, similarity = sourced
    corners = np.array([one.region[:2] for one in references] or [(0, 0)], np.float64)
    ends = np.array([one.region[2:] for one in references] or [(1, 1)], np.float64)
    borrowed = source != NONE
    number = np.where(borrowed, source, 0)
    scaled = (position + 0.5) * np.array(steps or [1.0])[number][..., None]
    inside = np.clip(np.floor(scaled), 0, ends[number] - 1) + corners[number]
    return TransferMap(
        source=np.ascontiguousarray(source, np.int32),
        position=np.ascontiguousarray(np.where(borrowed[..., None], inside, 0), np.int32),
        similarity=np.ascontiguousarray(np.clip(similarity, 0, 1) * borrowed, np.float32),
        assets=tuple(one.asset for one in references),
        stride=stride,
    )


def halved(pixels: Pixels) -> Pixels:
    """Return the means of blocks of 2x2 pixels: sides are even."""
    height, width, channels = pixels.shape
    blocks = pixels.reshape(height // 2, 2, width // 2, 2, channels)
    return np.asarray(blocks.mean(axis=(1, 3)), np.float32)


def _large_enough(reference: Reference, ctx: StepContext) -> bool:
    width, height = reference.region[2:]
    if min(width, height) >= SMALLEST:
        return True
    ctx.log.warning(
        "reference %s left out: %d x %d px is less than one patch of %d x %d px",
        reference.asset[:12],
        width,
        height,
        SMALLEST,
        SMALLEST,
    )
    return False


def _enlarger(params: UpscaleParams, ctx: StepContext) -> Enlarge:
    """Return the chosen network as a function; weights are loaded once per worker."""

    def make() -> Enlarge:
        torch.set_num_threads(max(1, ctx.threads))
        device = torch.device(ctx.device)
        if params.network == "compact":
            own = compact.ready(load_network(Compact, ctx.weights(COMPACT.name)), device)
            return lambda *call: _compact(own, *call)
        network = paper.ready(load_network(TTSR, ctx.weights(PAPER.name)), device)
        return lambda *call: _paper(network, *call)

    return ctx.cached(f"archivist_reference_sr/{params.network}/{ctx.device}", make)


def _compact(
    network: Compact,
    pixels: Pixels,
    references: Readable,
    params: UpscaleParams,
    ctx: StepContext,
) -> tuple[Pixels, Sourced]:
    pause = ctx.check_cancelled
    found = borrow(
        network.describer,
        pixels,
        references,
        fast=params.matching == "fast",
        least=params.least_similarity,
        pause=pause,
    )
    made = compact.enlarge(network, pixels, found, tile=2 * params.tile, pause=pause)
    return made, _sourced(found)


def _sourced(found: Borrowed) -> Sourced:
    position = torch.stack([found.x, found.y], dim=-1).double()
    return found.source.cpu().numpy(), position.cpu().numpy(), found.similarity.cpu().numpy()


def _paper(
    network: TTSR,
    pixels: Pixels,
    references: Readable,
    params: UpscaleParams,
    ctx: StepContext,
) -> tuple[Pixels, Sourced]:
    found = paper.enlarge(
        network,
        pixels,
        references,
        fast=params.matching == "fast",
        tile=params.tile,
        pause=ctx.check_cancelled,
    )
    return found.pixels, _matched(found.matches)


def _matched(matches: Matches) -> Sourced:
    middle = (SCALE - 1) / 2
    position = torch.stack([matches.column, matches.row], dim=-1).double() * SCALE + middle
    return (
        matches.source.cpu().numpy(),
        position.cpu().numpy(),
        matches.similarity.clamp(0, 1).cpu().numpy(),
    )
