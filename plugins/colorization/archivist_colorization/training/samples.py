"""Samples: a grey picture, its true colour, and an exemplar that may or may not help."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from archivist_colorization.compact.chroma import compressed
from archivist_colorization.compact.decoder import STRIDE
from archivist_colorization.compact.encoder import MULTIPLE
from archivist_colorization.compact.network import GRID
from archivist_colorization.lightness import LUMINANCE, scale_of
from archivist_colorization.training.material import Bytes, Material
from archivist_torch.degrade import blur, fade, grain, in_turn, jpeg, noise, sometimes, uneven
from archivist_torch.seeding import generator
from archivist_torch.training import Sample

Floats = NDArray[np.float32]
Rng = np.random.Generator


class Kind(IntEnum):
    """Where the exemplar of a sample comes from."""

    SELF = 1
    """The same picture, cut, turned and lit otherwise."""
    GROUP = 2
    """Another picture of the same place."""
    STRANGER = 3
    """Any other picture; it must do no harm."""


SHARES = {Kind.SELF: 0.38, Kind.GROUP: 0.27, Kind.STRANGER: 0.35}
RECOLOURED = 0.35
"""Share of self and group samples whose colours are changed, alike in both pictures, into ones that
only the exemplar can tell."""
PLAIN = 0.5
"""Share of samples whose grey is the exact lightness of the colours."""
PLAIN_VIEW = 0.7
"""The same of views, which are fewer."""
FRAME, ZOOM = (0.5, 1.0), (0.75, 1.15)
"""Shares of a picture's sides that a view shows, and how much larger it is than asked."""

AGED = in_turn(
    sometimes(0.5, fade((0.0, 0.2), (0.75, 1.0), (0.6, 1.6))),
    sometimes(0.3, uneven()),
    sometimes(0.4, blur((0.4, 1.4))),
    sometimes(0.4, grain((0.01, 0.05))),
    sometimes(0.4, noise((0.005, 0.04))),
    sometimes(0.3, jpeg((35, 95))),
)
"""What film, time and scanner do to the lightness of a print."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples by number, all of one size; ``size`` in pixels is a multiple of 32."""

    material: Material
    size: int
    seed: int

    def sample(self, index: int) -> Sample:
        """Return light, colour, exemplar's light and colour, and flags.

        Lights are float32 (1, size, size), grey levels 0..1. Colours are on the scale of the eye:
        (2, size / 4, size / 4), and (2, size / 8, size / 8) of the exemplar. Flags are the
        :class:`Kind`, and whether colours were changed.
        """
        rng = generator("colour", self.seed, index)
        kind = Kind(int(rng.choice(list(SHARES), p=list(SHARES.values()))))
        target, exemplar = self._pictures(kind, rng)
        seen = self._cut(target, rng)
        other = self._cut(exemplar, rng)
        if kind is Kind.SELF:
            other = _turned(other, rng)
        changed = kind in (Kind.SELF, Kind.GROUP) and rng.random() < RECOLOURED
        if changed:
            seen, other = _recoloured(seen, other, rng)
        other = _relit(other, rng)
        light = lightness(seen) if rng.random() < PLAIN else _filmed(seen, rng)
        return (
            light[None],
            _colour(seen, STRIDE),
            lightness(other)[None],
            _colour(other, GRID),
            np.array([kind, changed], np.int64),
        )

    def view(self, number: int) -> tuple[Floats, Floats]:
        """Return light (1, h, w) and colour (2, h / 4, w / 4) of a view by itself.

        It shows most of a picture, as the step would see it; pictures of the album take turns.
        """
        rng = generator("colour view", self.seed, number)
        seen = _framed(self.material.album[number % len(self.material.album)], self.size, rng)
        light = lightness(seen) if rng.random() < PLAIN_VIEW else _filmed(seen, rng)
        return light[None], _colour(seen, STRIDE)

    def _pictures(self, kind: Kind, rng: Rng) -> tuple[Bytes, Bytes]:
        album = self.material.album
        if kind is Kind.GROUP and self.material.groups:
            group = self.material.groups[rng.integers(len(self.material.groups))]
            one, other = (group[n] for n in rng.choice(len(group), 2, replace=False))
            return album[one], album[other]
        target = album[rng.integers(len(album))]
        other = album[rng.integers(len(album))] if kind is Kind.STRANGER else target
        return target, other

    def _cut(self, picture: Bytes, rng: Rng) -> Floats:
        """Return a random square of a picture, RGB 0..1, perhaps mirrored."""
        shorter = min(picture.shape[:2])
        side = min(shorter, round(self.size * rng.uniform(0.85, 1.4)))
        top, left = (int(rng.integers(0, length - side + 1)) for length in picture.shape[:2])
        square = picture[top : top + side, left : left + side]
        square = square[:, ::-1] if rng.random() < 0.5 else square
        way = cv2.INTER_AREA if side > self.size else cv2.INTER_LINEAR
        sized = cv2.resize(np.ascontiguousarray(square), (self.size, self.size), interpolation=way)
        return sized.astype(np.float32) / np.float32(255)


def _framed(picture: Bytes, size: int, rng: Rng) -> Floats:
    """Return a part of a picture in its own proportions, about ``size`` x ``size`` px, RGB 0..1."""
    share = rng.uniform(*FRAME)
    height, width = (round(side * share) for side in picture.shape[:2])
    top, left = (
        int(rng.integers(0, whole - part + 1))
        for whole, part in zip(picture.shape[:2], (height, width), strict=True)
    )
    part = picture[top : top + height, left : left + width]
    part = part[:, ::-1] if rng.random() < 0.5 else part
    factor = size * rng.uniform(*ZOOM) / np.sqrt(height * width)
    wide, high = (max(MULTIPLE, round(s * factor / MULTIPLE) * MULTIPLE) for s in (width, height))
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    sized = cv2.resize(np.ascontiguousarray(part), (wide, high), interpolation=way)
    return sized.astype(np.float32) / np.float32(255)


def lightness(rgb: Floats) -> Floats:
    """Return the grey levels 0..1 (h, w) with the luminance of RGB (h, w, 3)."""
    return _encoded(_linear(rgb) @ LUMINANCE.astype(np.float32))


def _filmed(rgb: Floats, rng: Rng) -> Floats:
    """Return the grey that some film would give: blind to red, or to blue, or neither; then age."""
    weights = rng.dirichlet((1.5, 3.0, 1.5)).astype(np.float32)
    return AGED(_encoded(_linear(rgb) @ weights), rng)


def _recoloured(one: Floats, other: Floats, rng: Rng) -> tuple[Floats, Floats]:
    """Give both pictures other colours in the same way, at their old lightness."""
    angle, factor = rng.uniform(0, 2 * np.pi), rng.uniform(0.6, 1.3)
    turn = factor * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shift = rng.normal(0, 8, 2) * (rng.random() < 0.4)
    made = []
    for rgb in (one, other):
        lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2Lab)
        lab[..., 1:] = lab[..., 1:] @ turn.T.astype(np.float32) + shift.astype(np.float32)
        made.append(np.clip(cv2.cvtColor(lab, cv2.COLOR_Lab2RGB), 0, 1))
    return made[0], made[1]


def _relit(rgb: Floats, rng: Rng) -> Floats:
    """Give an exemplar other light: brightness, contrast, a little saturation and cast."""
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2Lab)
    lab[..., 0] = 100 * np.clip(lab[..., 0] / 100, 0, 1) ** np.float32(np.exp(rng.normal(0, 0.25)))
    lab[..., 1:] = lab[..., 1:] * rng.uniform(0.85, 1.15) + rng.normal(0, 1.5, 2)
    return np.clip(cv2.cvtColor(lab, cv2.COLOR_Lab2RGB), 0, 1)


def _turned(rgb: Floats, rng: Rng) -> Floats:
    """Turn and stretch a picture a little."""
    size = rgb.shape[0]
    move = cv2.getRotationMatrix2D((size / 2, size / 2), rng.normal(0, 8), rng.uniform(0.8, 1.3))
    move[0, 1] += rng.normal(0, 0.08)
    return cv2.warpAffine(rgb, move, (size, size), borderMode=cv2.BORDER_REFLECT)


def _colour(rgb: Floats, stride: int) -> Floats:
    """Return colour on the scale of the eye (2, h / stride, w / stride), averaged."""
    ab = cv2.cvtColor(rgb, cv2.COLOR_RGB2Lab)[..., 1:]
    size = (rgb.shape[1] // stride, rgb.shape[0] // stride)
    low = cv2.resize(ab, size, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(compressed(low).transpose(2, 0, 1), np.float32)


_LEVELS = np.linspace(0, 1, 4097)
_ENCODED = np.interp(_LEVELS, scale_of(np.dtype(np.uint16)).light, np.linspace(0, 1, 65536))


def _linear(rgb: Floats) -> Floats:
    light = scale_of(np.dtype(np.uint16)).light.astype(np.float32)
    return light[(rgb * 65535 + 0.5).astype(np.int32)]


def _encoded(linear: Floats) -> Floats:
    return np.interp(np.sqrt(linear), np.sqrt(_LEVELS), _ENCODED).astype(np.float32)
