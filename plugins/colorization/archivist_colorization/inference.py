"""Colour for a photograph of any size and shape, by the networks of the paper.

The authors' program crops every picture to 16:9. Here nothing is cropped: a copy of about the area
that the networks were trained for is padded by reflection to sides that fit, coloured, and cut
back. Only its colour goes on to :func:`archivist_colorization.recolour.recolour`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archivist_colorization.correspondence import SCALE
from archivist_colorization.lab import MIDDLE, lab_of_rgb
from archivist_colorization.lightness import Pixels, lightness_of
from archivist_colorization.matching import BEST
from archivist_colorization.networks import Exemplar, PaperNetworks, on_grid

Floats = NDArray[np.float32]

AREA = 216 * 384
"""Pixels of the working size: what the networks were trained on and the release computes."""

FITTING = (8, 16)
"""Heights and widths that the networks take are multiples of these..."""

SMALLEST = 32
"""...and at least this, for the deepest features are 16 times smaller and are padded again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coloured:
    """What networks say about a picture; all arrays cover the whole of it, each at its own size.

    ``ab`` (h, w, 2) is the colour, to be joined with lightness of any size; ``confidence`` (h, w)
    0..1. On a coarser grid (rows, columns): ``trust`` 0..1, how far the colour is an exemplar's;
    ``similarity``, cosine with the best match, -1..1; ``exemplar``, number of the exemplar that
    gave it, -1 without one; ``position`` (rows, columns, 2), x and y of the match in that exemplar,
    0..1 of its sides.
    """

    ab: Floats
    confidence: Floats
    trust: Floats
    similarity: Floats
    exemplar: NDArray[np.int64]
    position: Floats

    @classmethod
    def by_itself(cls, ab: Floats, confidence: Floats, grid: tuple[int, int]) -> Coloured:
        """Return colour that no exemplar had a part in."""
        nothing = np.zeros(grid, np.float32)
        return cls(
            ab=ab,
            confidence=confidence,
            trust=nothing,
            similarity=nothing,
            exemplar=np.full(grid, NOWHERE, np.int64),
            position=np.zeros((*grid, 2), np.float32),
        )


NOWHERE = -1
"""Number of the exemplar where there is none."""


def working_size(height: int, width: int, area: int = AREA) -> tuple[int, int]:
    """Return height and width of equal aspect with about ``area`` pixels; never enlarged."""
    factor = min(1.0, math.sqrt(area / (height * width)))
    return max(1, round(height * factor)), max(1, round(width * factor))


@torch.inference_mode()
def prepare_exemplar(networks: PaperNetworks, rgb: Pixels, area: int = AREA) -> Exemplar:
    """Describe a colour photograph (h, w, 3; uint8 or uint16) for :func:`colour`.

    A description takes about 5 MB, whatever the size of the photograph.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3:
        raise ValueError(f"an exemplar has shape {rgb.shape}; give a colour photograph (h, w, 3)")
    small = _shrunk(rgb, area)
    device = _device(networks)
    return networks.exemplar(
        _framed(small).to(device),
        _framed(_lab(small)).to(device),
        _cells(small.shape[0], small.shape[1]),
    )


@torch.inference_mode()
def colour(
    networks: PaperNetworks,
    pixels: Pixels,
    exemplars: Iterable[Exemplar],
    *,
    previous: Pixels | None = None,
    temperature: float = BEST,
    area: int = AREA,
) -> Coloured:
    """Colour a photograph by exemplars, of which one at a time is looked at.

    ``pixels`` is grey (h, w) or RGB (h, w, 3), of which only the lightness is used; uint8 or
    uint16. ``previous`` is the RGB result of the frame before it in a film. The confidence is the
    paper's: the similarity of the match. Raises ValueError when there is no exemplar, or when
    ``previous`` is of another size.
    """
    if previous is not None and previous.shape[:2] != pixels.shape[:2]:
        raise ValueError(
            f"the previous frame is {previous.shape[1]} x {previous.shape[0]} px, this one "
            f"{pixels.shape[1]} x {pixels.shape[0]} px; all frames of a sequence need one size"
        )
    light = _lightness(pixels, area)
    height, width = light.shape[:2]
    device = _device(networks)
    framed = _framed(light).to(device)
    before = None if previous is None else _framed(_lab(_shrunk(previous, area))).to(device)
    # Exemplars may be prepared one by one while the generator is consumed, so their sizes are
    # noted as they pass.
    sizes: list[tuple[int, int]] = []
    found = networks.matches(framed, _noting(exemplars, sizes), temperature)
    full = framed.shape[2:]
    similarity = on_grid(found.similarity, *full)
    ab = networks(framed, on_grid(found.values, *full), similarity, before)
    grid = (full[0] // SCALE, full[1] // SCALE)
    rows, columns = _cells(height, width)
    chosen = found.exemplar.view(grid)[:rows, :columns].cpu().numpy()
    place = found.position.view(grid)[:rows, :columns].cpu().numpy()
    cosine = found.similarity.view(grid)[:rows, :columns].float().cpu().numpy()
    return Coloured(
        ab=_unpadded(ab, height, width),
        confidence=np.clip(_unpadded(similarity, height, width)[..., 0], 0, 1),
        trust=np.ones_like(cosine),
        similarity=cosine,
        exemplar=chosen,
        position=shares(place, chosen, sizes),
    )


def _noting(exemplars: Iterable[Exemplar], sizes: list[tuple[int, int]]) -> Iterable[Exemplar]:
    for one in exemplars:
        sizes.append((one.rows, one.columns))
        yield one


def shares(
    place: NDArray[np.int64], chosen: NDArray[np.int64], sizes: list[tuple[int, int]]
) -> Floats:
    """Return x and y, 0..1, of the middles of grid cells that are counted row by row."""
    rows, columns = (np.array(side)[chosen] for side in zip(*sizes, strict=True))
    x, y = (place % columns + 0.5) / columns, (place // columns + 0.5) / rows
    return np.stack([x, y], axis=-1).astype(np.float32)


def _lightness(pixels: Pixels, area: int) -> Floats:
    """Return L minus 50 (h, w, 1) at working size."""
    grey = _shrunk(lightness_of(pixels), area)
    linear = lab_of_rgb(np.repeat(grey[..., None], 3, axis=2))[..., :1]
    return np.asarray(linear - MIDDLE, np.float32)


def _shrunk(pixels: Pixels, area: int) -> Floats:
    """Return pixels as float32 0..1 at working size."""
    height, width = working_size(*pixels.shape[:2], area)
    floats = pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)
    return np.asarray(cv2.resize(floats, (width, height), interpolation=cv2.INTER_AREA))


def _cells(height: int, width: int) -> tuple[int, int]:
    return -(-height // SCALE), -(-width // SCALE)


def padded(picture: Floats, multiples: tuple[int, int], smallest: int) -> Tensor:
    """Return (1, channels, h, w), reflected below and to the right up to sides that fit."""
    lacking = [
        max(smallest, -(-side // unit) * unit) - side
        for side, unit in zip(picture.shape[:2], multiples, strict=True)
    ]
    whole = np.pad(picture, ((0, lacking[0]), (0, lacking[1]), (0, 0)), mode="reflect")
    return torch.from_numpy(np.ascontiguousarray(whole.transpose(2, 0, 1))[None])


def _framed(picture: Floats) -> Tensor:
    return padded(picture, FITTING, SMALLEST)


def _lab(rgb: Floats) -> Floats:
    """Return L minus 50, a, b."""
    return lab_of_rgb(rgb) - np.array([MIDDLE, 0, 0], np.float32)


def _unpadded(x: Tensor, height: int, width: int) -> Floats:
    return np.ascontiguousarray(x[0, :, :height, :width].float().cpu().numpy().transpose(1, 2, 0))


def _device(networks: PaperNetworks) -> torch.device:
    return next(networks.parameters()).device
