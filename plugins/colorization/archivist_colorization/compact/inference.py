"""Colour for a photograph of any size by the compact network, and where it came from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from archivist_colorization.compact.automatic import automatic
from archivist_colorization.compact.chroma import compressed, expanded
from archivist_colorization.compact.decoder import FOUND, HIGHEST, STRIDE, Guess
from archivist_colorization.compact.encoder import compared
from archivist_colorization.compact.framing import Floats, laid, reduced
from archivist_colorization.compact.network import (
    BESIDE,
    GRID,
    TEMPERATURE,
    Compact,
    blended,
    lent,
    values,
)
from archivist_colorization.inference import Coloured, shares
from archivist_colorization.lab import lab_of_rgb
from archivist_colorization.lightness import Pixels, lightness_of
from archivist_colorization.matching import Matches, best_of, match

NEAR = 6.0
"""What counts as the right colour: no further off than this, about CIEDE2000 at equal lightness."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A colour photograph, ready to be matched: 0.4 MB.

    ``vectors`` (VECTOR, rows * columns) of length 1; ``values`` (4, rows * columns): what is
    averaged, see :func:`.network.values`.
    """

    vectors: Tensor
    values: Tensor
    rows: int
    columns: int


@torch.inference_mode()
def describe(network: Compact, rgb: Pixels, area: int) -> Described:
    """Describe a colour photograph (h, w, 3; uint8 or uint16)."""
    small = reduced(rgb, area)
    rows, columns = (-(-side // GRID) for side in small.shape[:2])
    light = reduced(lightness_of(rgb), area)
    vectors = network.matcher(compared(network.encoder(laid(network, light))))
    ab = cv2.resize(lab_of_rgb(small)[..., 1:], (columns, rows), interpolation=cv2.INTER_AREA)
    planes = torch.from_numpy(compressed(ab).transpose(2, 0, 1).copy()).to(vectors.device)
    return Described(
        vectors=vectors[0, :, :rows, :columns].flatten(1),
        values=values(planes.flatten(1)),
        rows=rows,
        columns=columns,
    )


@torch.inference_mode()
def colour(
    network: Compact,
    pixels: Pixels,
    exemplars: Iterable[Described],
    *,
    area: int,
    weight: float = 1.0,
    invent: bool = True,
    pause: Callable[[], None] = lambda: None,
) -> Coloured:
    """Colour a photograph, grey (h, w) or RGB (h, w, 3), of which the lightness counts.

    ``weight`` 0..1 is how much exemplars count; without ``invent`` what they do not tell has
    neither colour nor confidence. ``pause`` is called between exemplars.
    """
    whole = lightness_of(pixels)
    light = reduced(whole, area)
    size = light.shape[:2]
    maps = network.encoder(laid(network, light))
    sizes: list[tuple[int, int]] = []
    found = _matched(network, maps, exemplars, sizes, pause) if weight > 0 else None
    if found is None:
        guess = network(maps).alone
        alone = automatic(network, whole, area, guess) if invent else _nothing(guess)
        return _coloured(alone, size, None, None, sizes)
    grid = maps[1].shape[2:]
    lending = lent(found.values, found.similarity).unflatten(1, grid)[None]
    answer = network(maps, lending)
    assert answer.trust is not None
    assert answer.beside is not None
    trust = network.trusted(answer.trust, lending[:, FOUND - 1 :]) * weight
    alone = answer.alone
    alone = automatic(network, whole, area, alone) if invent else _nothing(alone)
    beside = network.calibrated(answer.beside, BESIDE)
    return _coloured(blended(alone, beside, trust), size, found, trust, sizes)


def confidence_of(scale: Floats) -> Floats:
    """Return the chance that colour is within NEAR of the truth, for logarithms of scales.

    Errors are taken to be distributed as exp(-r / scale) in the plane of colours.
    """
    ratio = NEAR / np.exp(scale)
    return np.asarray(1 - (1 + ratio) * np.exp(-ratio), np.float32)


def _matched(
    network: Compact,
    maps: list[Tensor],
    exemplars: Iterable[Described],
    sizes: list[tuple[int, int]],
    pause: Callable[[], None],
) -> Matches | None:
    target = network.matcher(compared(maps))[0].flatten(1)

    def one_by_one() -> Iterable[Matches]:
        for number, one in enumerate(exemplars):
            pause()
            sizes.append((one.rows, one.columns))
            yield match(target, one.vectors, one.values, temperature=TEMPERATURE, number=number)

    stream = iter(one_by_one())
    first = next(stream, None)
    return None if first is None else best_of(_chained(first, stream))


def _chained(first: Matches, rest: Iterable[Matches]) -> Iterable[Matches]:
    yield first
    yield from rest


def _nothing(guess: Guess) -> Guess:
    return Guess(torch.zeros_like(guess.colour), torch.full_like(guess.scale, HIGHEST))


def _coloured(
    guess: Guess,
    size: tuple[int, int],
    found: Matches | None,
    trust: Tensor | None,
    sizes: list[tuple[int, int]],
) -> Coloured:
    rows, columns = size[0] // STRIDE, size[1] // STRIDE
    planes = guess.colour[0, :, :rows, :columns].float().cpu().numpy().transpose(1, 2, 0)
    scale = guess.scale[0, 0, :rows, :columns].float().cpu().numpy()
    height, width = (-(-side // GRID) for side in size)
    if found is None or trust is None:
        return Coloured.by_itself(expanded(planes), confidence_of(scale), (height, width))
    grid = (trust.shape[2], trust.shape[3])
    number, place, similarity = (
        x.view(grid)[:height, :width].float().cpu().numpy()
        for x in (found.exemplar, found.position, found.similarity)
    )
    return Coloured(
        ab=expanded(planes),
        confidence=confidence_of(scale),
        trust=trust[0, 0, :height, :width].float().cpu().numpy(),
        similarity=similarity,
        exemplar=number.astype(np.int64),
        position=shares(place.astype(np.int64), number.astype(np.int64), sizes),
    )
