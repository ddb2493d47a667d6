"""Structured damage: pieces of damage drawn on the CPU, laid over pictures on any device.

The paper blends scratch textures by addition, lighten-only and screen at random opacity, and paints
holes with feathered edges. Dark damage gets their counterparts: subtract, darken-only, multiply.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archivist_torch.damage_shapes import areas, paper, strokes
from archivist_torch.damage_shapes.overlays import Overlays, lay
from archivist_torch.damage_shapes.strokes import Alpha, Shape
from archivist_torch.degrade import smooth_field

Draw = Callable[[Shape, np.random.Generator], Alpha]
Blend = Callable[[Tensor, Tensor, Tensor], Tensor]

BLENDS: Mapping[str, Blend] = {
    "paint": lambda under, cover, colour: under + cover * (colour - under),
    "add": lambda under, cover, colour: under + cover * colour,
    "lighten": lambda under, cover, colour: torch.maximum(under, cover * colour),
    "screen": lambda under, cover, colour: 1 - (1 - under) * (1 - cover * colour),
    "subtract": lambda under, cover, colour: under - cover * (1 - colour),
    "darken": lambda under, cover, colour: torch.minimum(under, 1 - cover * (1 - colour)),
    "multiply": lambda under, cover, colour: under * (1 - cover * (1 - colour)),
}
BRIGHT, DARK = ("add", "lighten", "screen"), ("subtract", "darken", "multiply")

OPAQUE, VISIBLE = 0.4, 0.06
"""A pixel is damaged where at least this much is covered and some channel is changed by that."""
MOST_COVERED = 0.15
"""Share of a picture that one piece of damage may hide."""

SHAPES: Mapping[str, tuple[tuple[Draw, float], ...]] = {
    "fold": ((paper.fold, 0.8), (strokes.crease, 0.2)),
    "crack": ((paper.split, 0.65), (paper.craquelure, 0.2), (strokes.crack, 0.15)),
    "tear": ((paper.rip, 0.8), (areas.tear, 0.2)),
    "stain": ((areas.stain, 1.0),),
    "dust": ((areas.dust, 1.0),),
    "scratch": ((strokes.long_scratch, 0.7), (strokes.scuff, 0.3)),
    "hair": ((strokes.hair, 1.0),),
    "lost": ((paper.loss, 0.5), (areas.patch, 0.25), (areas.flakes, 0.25)),
}
"""What may be drawn for each kind, with probabilities."""

LAID: Mapping[str, tuple[str, ...]] = {
    "stain": ("stain",),
    "dust": ("dirt", "spots", "sprinkles"),
    "scratch": ("scratches",),
    "hair": ("hair", "hair-short", "lint"),
    "lost": ("smut", "dots"),
}
"""Overlays that show each kind; where there are some, half of the pieces are laid from them."""

BRIGHT_SHARE: Mapping[str, float] = {
    "fold": 0.85, "crack": 0.7, "tear": 0.85, "stain": 0.15, "dust": 0.55, "scratch": 0.7,
    "hair": 0.5, "lost": 0.65,
}  # fmt: skip
"""How often the damage is brighter than what it covers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One piece of damage: coverage float32 (H, W) 0..1 with the opacity already in it.

    ``mode`` is a key of :data:`BLENDS`, ``colour`` red, green, blue. ``hides`` tells whether
    content under it is lost or falsified; translucent pieces never enter the damage mask.
    """

    cover: Alpha
    mode: str
    colour: NDArray[np.float32]
    hides: bool


def draw_pieces(
    kind: str, shape: Shape, rng: np.random.Generator, strength: float, overlays: Overlays
) -> list[Piece]:
    """Draw damage of one kind at a strength 0..1; a fold brings its shading with it."""
    cover = _cover(kind, shape, rng, overlays)
    whole = kind in {"lost", "tear"}  # nothing is left there, so it is even, painted and opaque
    if not whole and rng.random() < 0.3:
        cover = cover * (0.5 + 0.5 * smooth_field(shape, int(rng.integers(3, 20)), rng))
    bright = bool(rng.random() < BRIGHT_SHARE[kind])
    if kind == "stain":
        return [_stain(cover, rng, strength, bright)]
    opacity = 0.45 + 0.55 * strength * np.sqrt(rng.random())
    mode = "paint"
    if whole:
        opacity = 0.85 + 0.15 * strength
    elif rng.random() < 0.4:
        mode = str(rng.choice(BRIGHT if bright else DARK))
    piece = _piece(cover * opacity, mode, _colour(rng, bright), hides=True)
    return [_shading(cover, rng, strength), piece] if kind == "fold" else [piece]


def lay_pieces(pixels: Tensor, pieces: list[Piece]) -> tuple[Tensor, Tensor]:
    """Lay pieces over one picture (3, H, W); return it and the damage mask (1, H, W), bool.

    Damaged is what lies under pieces that hide content, is covered by at least :data:`OPAQUE` and
    visibly changed.
    """
    before, hidden = pixels, torch.zeros_like(pixels[:1])
    for piece in pieces:
        cover = torch.from_numpy(piece.cover).to(pixels.device)[None]
        colour = torch.from_numpy(piece.colour).to(pixels.device)[:, None, None]
        blended = BLENDS[piece.mode](pixels, cover, colour).clamp(0, 1)
        pixels = torch.where(cover > 0, blended, pixels)
        if piece.hides:
            hidden = torch.maximum(hidden, cover)
    changed = (pixels - before).abs().amax(0, keepdim=True)
    return pixels, (hidden >= OPAQUE) & (changed >= VISIBLE)


def _cover(kind: str, shape: Shape, rng: np.random.Generator, overlays: Overlays) -> Alpha:
    """Draw a coverage; where too much of the picture would be lost, again, up to three times."""
    for _ in range(3):
        cover = _any_cover(kind, shape, rng, overlays)
        if kind == "stain" or cover.mean() <= MOST_COVERED:
            return cover
    return np.zeros(shape, np.float32)


def _any_cover(kind: str, shape: Shape, rng: np.random.Generator, overlays: Overlays) -> Alpha:
    laid = [name for name in LAID.get(kind, ()) if name in overlays]
    if laid and rng.random() < 0.5:
        return lay(overlays, shape, rng, laid)
    draws, shares = zip(*SHAPES[kind], strict=True)
    draw: Draw = draws[rng.choice(len(draws), p=shares)]
    return draw(shape, rng)


def _stain(cover: Alpha, rng: np.random.Generator, strength: float, bright: bool) -> Piece:
    """Make a translucent stain: brown and yellow discolouration or, where bright, bleaching."""
    if bright:
        return _piece(cover * (0.15 + 0.4 * strength), "paint", _colour(rng, True), hides=False)
    warm = rng.uniform(0.3, 0.85) * np.array([1, rng.uniform(0.75, 1), rng.uniform(0.45, 0.9)])
    mode = "multiply" if rng.random() < 0.8 else "paint"
    opacity = (0.25 + 0.55 * strength) * (1.0 if mode == "multiply" else 0.7)
    return _piece(cover * opacity, mode, warm, hides=False)


def _shading(cover: Alpha, rng: np.random.Generator, strength: float) -> Piece:
    """Make the soft shadow or sheen along a fold, where the paper no longer lies flat."""
    soft = cv2.GaussianBlur(cover, (0, 0), rng.uniform(2, 7))
    soft = soft / max(float(soft.max()), 1e-6)
    offset = rng.uniform(-4, 4, 2)
    move = np.array([[1, 0, offset[0]], [0, 1, offset[1]]])
    soft = cv2.warpAffine(soft, move, soft.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
    mode = "multiply" if rng.random() < 0.65 else "screen"
    level = 0.1 if mode == "multiply" else 0.8
    colour = np.full(3, level, np.float32)
    return _piece(soft * rng.uniform(0.08, 0.15 + 0.25 * strength), mode, colour, hides=False)


def _colour(rng: np.random.Generator, bright: bool) -> NDArray[np.float64]:
    """Draw the colour of bare paper or of dirt."""
    warmth = rng.uniform(0.02, 0.2 if bright else 0.4)
    hue = np.array([1, 1 - warmth * rng.uniform(0.25, 0.5), 1 - warmth])
    return hue * (rng.uniform(0.75, 1) if bright else rng.uniform(0.02, 0.25))


def _piece(cover: NDArray[np.floating], mode: str, colour: object, *, hides: bool) -> Piece:
    return Piece(
        cover=np.ascontiguousarray(np.clip(cover, 0, 1), np.float32),
        mode=mode,
        colour=np.asarray(colour, np.float32),
        hides=hides,
    )
