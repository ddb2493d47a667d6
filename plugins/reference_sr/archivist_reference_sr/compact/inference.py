"""The compact network on pictures of any size, in windows that see as far as it does."""

from __future__ import annotations

from collections.abc import Callable

import torch

from archivist_reference_sr.compact.borrow import Borrowed
from archivist_reference_sr.compact.network import Compact
from archivist_reference_sr.picture import SCALE, Pixels, from_network, to_network
from archivist_torch.windows import Box, windows

TILE = 512
"""Default of the largest core, in pixels of the small picture: about 600 MB at work. A fourth of
the area is seen twice; with 256 it would be two fifths."""


def ready(network: Compact, device: torch.device) -> Compact:
    """Return the network on a device, for inference alone."""
    frozen = network.eval().requires_grad_(False).to(device=device)
    frozen.enlarger.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    frozen.joiner.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return frozen


@torch.inference_mode()
def enlarge(
    network: Compact,
    pixels: Pixels,
    borrowed: Borrowed,
    *,
    tile: int = TILE,
    pause: Callable[[], None] = lambda: None,
) -> Pixels:
    """Return pixels (height, width, 1 or 3), 0..1, four times as large, with what was borrowed.

    ``pause`` is called before each window; it may raise to stop.
    """
    height, width, channels = pixels.shape
    device = next(network.parameters()).device
    picture = to_network(pixels)
    result = torch.empty(3, height * SCALE, width * SCALE)
    halo = network.radius if bool(borrowed.similarity.any()) else network.enlarger.radius
    for window in windows(height, width, core=tile, halo=halo, multiple=1):
        pause()
        seen = (..., *window.seen)
        large = (..., *_times(window.seen))
        made = network(
            picture[seen].to(device).contiguous(memory_format=torch.channels_last),
            borrowed.detail[large][None].to(device),
            borrowed.similarity[seen][None, None].to(device),
        )
        result[(..., *_times(window.core))] = made[(0, ..., *_times(window.inner()))].cpu()
    return from_network(result, channels)


def _times(box: Box) -> Box:
    rows, columns = (slice(part.start * SCALE, part.stop * SCALE) for part in box)
    return rows, columns
