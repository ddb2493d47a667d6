"""The compact networks over a picture of any size, tile by tile, equal to the whole.

Two passes. The first gathers what the mapping must know of the whole picture: the means that
describe it, and, where there is damage, keys and values of every sound position and queries of
every damaged one. Then attention fills the damaged positions, and the second pass restores.
Where all of a picture is restored, its tone is then agreed with the guess. Memory is linear in the
area: 10 bytes a pixel for keys and values, and the tile in work.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archivist_torch.windows import Window, windows
from archivist_triplet.attention import attend
from archivist_triplet.compact import (
    MULTIPLE,
    STRIDE,
    Begun,
    Mapping,
    Triplet,
    fill_smoothly,
    halved,
    reduced,
)
from archivist_triplet.tone_guess import agreed

Pixels = NDArray[np.float32]
HALF = 2 * STRIDE
"""Pixels per position of the mapping's half-size features, where attention works."""
SMALLEST = 256
"""No tile is cut smaller than this when memory is short."""


@dataclass(frozen=True, slots=True, eq=False)
class Restored:
    """Pixels (height, width, 3), 0..1, as the networks restore them, and as VAE1 explains the scan.

    What lies between the scan and ``explained`` was never in the latent: finest detail.
    """

    pixels: Pixels
    explained: Pixels


@dataclass(frozen=True, slots=True, eq=False)
class _Whole:
    """What the first pass gathered: the steering, and what attention brings to which position."""

    steer: Tensor
    place: Tensor
    """int64 of half size (height, width): the row of ``brought``, or -1."""
    brought: Tensor


@torch.inference_mode()
def restore(
    network: Triplet,
    pixels: Pixels,
    mask: NDArray[np.bool_],
    *,
    tile: int,
    everywhere: bool = True,
    pause: Callable[[], None] = lambda: None,
) -> Restored:
    """Restore pixels (height, width, 3), values 0..1, with damage where ``mask`` is True.

    Not ``everywhere``: tiles without damage in sight are left as they are, in both results.
    ``tile`` is the side of a tile's core; when a device runs out of memory it is halved.
    ``pause`` is called before each tile; it may raise to stop.
    """
    height, width = mask.shape
    below, right = -height % MULTIPLE, -width % MULTIPLE
    damage = torch.from_numpy(np.pad(mask, ((0, below), (0, right)), mode="symmetric"))
    shown = np.pad(pixels, ((0, below), (0, right), (0, 0)), mode="symmetric")
    picture = torch.from_numpy(shown).permute(2, 0, 1)[None] * 2 - 1
    picture = fill_smoothly(picture, damage[None, None].float())
    while True:
        try:
            whole = _gather(network, picture, damage, tile, pause)
            both = _apply(network, picture, damage, whole, tile, everywhere, pause)
            break
        except torch.OutOfMemoryError:
            if tile <= SMALLEST:
                raise
            tile //= 2
    restored, explained = (part[:height, :width] for part in both)
    if everywhere:
        seen = picture[..., :height, :width], damage[None, None, :height, :width]
        restored = agreed(network.guess, *seen, torch.from_numpy(restored)).numpy()
    return Restored(restored, explained)


def _gather(
    network: Triplet, picture: Tensor, damage: Tensor, tile: int, pause: Callable[[], None]
) -> _Whole:
    mapping, device = network.mapping, next(network.parameters()).device
    total, count = torch.zeros(1, 1, device=device), torch.zeros(1, 1, device=device)
    place = torch.full((damage.shape[0] // HALF, damage.shape[1] // HALF), -1)
    keys, values, queries = [], [], []
    holes = 0
    for window in _windows(damage, tile, Mapping.RADIUS):
        pause()
        latent, share = _encoded(network, picture, damage, window)
        inner = (..., *window.inner(STRIDE))
        summed, number = mapping.describe(latent[inner], share[inner])
        total, count = total + summed, count + number
        if damage.any():
            half = mapping.begin(latent, share).half[(0, slice(None), *window.inner(HALF))]
            hole = halved(share)[(0, 0, *window.inner(HALF))] > 0
            key, value = mapping.sources(half[:, ~hole])
            keys.append(key), values.append(value), queries.append(mapping.ask(half[:, hole]))
            number = int(hole.sum())
            place[window.core_at(HALF)][hole.cpu()] = torch.arange(holes, holes + number)
            holes += number
    steer = mapping.context(total / count.clamp(min=1))
    brought = torch.zeros(0, mapping.value.out_features, device=device)
    if holes and sum(map(len, keys)):
        brought = attend(torch.cat(queries), torch.cat(keys), torch.cat(values))
    return _Whole(steer, place.to(device), brought)


def _apply(
    network: Triplet,
    picture: Tensor,
    damage: Tensor,
    whole: _Whole,
    tile: int,
    everywhere: bool,
    pause: Callable[[], None],
) -> tuple[Pixels, Pixels]:
    restored = ((picture[0].permute(1, 2, 0) + 1) / 2).numpy()
    explained = restored.copy()
    for window in _windows(damage, tile, Triplet.RADIUS):
        if not everywhere and not damage[window.seen].any():
            continue
        pause()
        latent, share = _encoded(network, picture, damage, window)
        begun = network.mapping.begin(latent, share)
        brought = _placed(whole, window, begun)
        mapped = network.mapping.finish(latent, begun, whole.steer, brought)
        restored[window.core] = _pixels(network.vae_b.decoder(mapped), window)
        explained[window.core] = _pixels(network.vae_a.decoder(latent), window)
    return restored, explained


def _windows(damage: Tensor, tile: int, halo: int) -> list[Window]:
    height, width = damage.shape
    return list(windows(height, width, core=tile, halo=halo, multiple=MULTIPLE))


def _encoded(
    network: Triplet, picture: Tensor, damage: Tensor, window: Window
) -> tuple[Tensor, Tensor]:
    """Return the latent of what a window sees, and the share of damage at its positions."""
    device = next(network.parameters()).device
    seen = picture[(..., *window.seen)].to(device).contiguous(memory_format=torch.channels_last)
    share = reduced(damage[window.seen][None, None].to(device))
    return network.vae_a.encoder(seen), share


def _placed(whole: _Whole, window: Window, begun: Begun) -> Tensor:
    """Return what attention brings, laid out as the features of a window; zero elsewhere."""
    brought = torch.zeros_like(begun.half)
    place = whole.place[window.seen_at(HALF)]
    if len(whole.brought):
        holes = place >= 0
        brought[0, :, holes] = whole.brought[place[holes]].T
    return brought


def _pixels(shown: Tensor, window: Window) -> Pixels:
    """Return the core of decoded pixels (1, 3, h, w), -1..1, as (h, w, 3), 0..1."""
    core = shown[(0, slice(None), *window.inner())]
    return ((core.permute(1, 2, 0) + 1) / 2).clamp(0, 1).cpu().numpy()
