"""Plans of ageing, drawn for each sample on the CPU, and their application to a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from archivist_torch.ageing.damage import Piece, draw_pieces, lay_pieces
from archivist_torch.ageing.kinds import (
    DAMAGE_KINDS,
    DAMAGED_AT,
    KINDS,
    OPERATIONS,
    PICTURE_KINDS,
)
from archivist_torch.ageing.masks import observed_mask
from archivist_torch.ageing.material import AgeingMaterial
from archivist_torch.ageing.settings import AgeingSettings
from archivist_torch.ageing.tone import Parameters, grey, stack
from archivist_torch.damage_shapes.strokes import Shape
from archivist_torch.seeding import generator

MEDIUM = (0.4, 0.7)
"""Strengths at which :func:`only` shows a kind."""
DAMAGE = "damage"
"""Name of the step of a plan that lays the pieces of damage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that is drawn for one sample; holds no tensor, so that workers can send it.

    ``steps`` are names of operations (or :data:`DAMAGE`) in the order of their application,
    ``parameters`` theirs by name, ``pieces`` the structured damage, ``strengths`` 0..1 by kind.
    """

    steps: tuple[str, ...]
    parameters: dict[str, Parameters]
    pieces: tuple[Piece, ...]
    strengths: dict[str, float]
    mask_seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Aged:
    """A batch of aged pictures and everything known about them.

    ``pixels`` and ``truth`` are float32 (B, 3, H, W), 0..1: the truth of a toned sample is grey.
    ``mask`` (true damage that hides content) and ``observed`` (as a detector would give it) are
    bool (B, 1, H, W). ``severity`` (B, len(KINDS)), 0..1, is 0 where a kind is absent. ``kinds``
    names the kinds of each sample in the order of :data:`KINDS`.
    """

    pixels: Tensor
    truth: Tensor
    mask: Tensor
    observed: Tensor
    severity: Tensor
    kinds: tuple[tuple[str, ...], ...]


def draw(
    indices: Sequence[int],
    clean: Tensor,
    seed: int,
    settings: AgeingSettings,
    material: AgeingMaterial,
) -> Aged:
    """Age clean pictures (B, 3, H, W), float32 0..1; picture i is sample number ``indices[i]``."""
    shape = _shape(clean, indices)
    return apply(clean, [plan(i, shape, seed, settings, material) for i in indices], material)


def only(
    kind: str, indices: Sequence[int], clean: Tensor, seed: int, material: AgeingMaterial
) -> Aged:
    """Age clean pictures by one of :data:`KINDS` alone, at a medium random strength.

    Raises ValueError for a name that is no kind.
    """
    shape = _shape(clean, indices)
    return apply(clean, [plan_only(kind, i, shape, seed, material) for i in indices], material)


def plan(
    index: int, shape: Shape, seed: int, settings: AgeingSettings, material: AgeingMaterial
) -> Plan:
    """Draw what happens to sample number ``index`` of pictures of ``shape`` (height, width)."""
    rng = generator("ageing", seed, index)
    if rng.random() < settings.pristine:
        return _plan(rng, shape, [], material)
    happens = rng.random(len(PICTURE_KINDS)) < [getattr(settings, name) for name in PICTURE_KINDS]
    kinds = [name for name, so in zip(PICTURE_KINDS, happens, strict=True) if so]
    weights = np.array([getattr(settings, name) for name in DAMAGE_KINDS])
    if rng.random() >= settings.undamaged and weights.any():
        count = min(settings.most_damage, int(rng.geometric(0.45)))
        kinds += rng.choice(DAMAGE_KINDS, count, p=weights / weights.sum()).tolist()
    return _plan(rng, shape, [(kind, rng.random()) for kind in kinds], material)


def plan_only(kind: str, index: int, shape: Shape, seed: int, material: AgeingMaterial) -> Plan:
    """Draw one kind at a medium strength for sample number ``index``."""
    if kind not in KINDS:
        raise ValueError(f"there is no kind of ageing {kind!r}; there are {', '.join(KINDS)}")
    rng = generator("ageing", kind, seed, index)
    return _plan(rng, shape, [(kind, rng.uniform(*MEDIUM))], material)


@torch.no_grad()
def apply(clean: Tensor, plans: Sequence[Plan], material: AgeingMaterial) -> Aged:
    """Apply one plan to each of the clean pictures (B, 3, H, W), on their device."""
    toned = [row for row, one in enumerate(plans) if "toning" in one.steps]
    truth, pixels = clean.clone(), clean.clone()
    truth[toned] = grey(clean[toned]).expand(-1, 3, -1, -1)
    mask = torch.zeros_like(clean[:, :1], dtype=torch.bool)
    for number in range(max((len(one.steps) for one in plans), default=0)):
        for name, rows in _by_step(plans, number).items():
            if name == DAMAGE:
                for row in rows:
                    pixels[row], mask[row] = lay_pieces(pixels[row], list(plans[row].pieces))
            else:
                parameters = stack([plans[row].parameters[name] for row in rows], clean.device)
                pixels[rows] = OPERATIONS[name].apply(pixels[rows], parameters, material)
    return Aged(
        pixels=pixels,
        truth=truth,
        mask=mask,
        observed=_observed(mask, plans),
        severity=_severity(plans).to(clean.device),
        kinds=tuple(tuple(k for k in KINDS if k in one.strengths) for one in plans),
    )


def _plan(
    rng: np.random.Generator,
    shape: Shape,
    strengths: list[tuple[str, float]],
    material: AgeingMaterial,
) -> Plan:
    """Draw parameters, pieces of damage and the order of steps."""
    moments: dict[str, float] = {}
    parameters: dict[str, Parameters] = {}
    pieces: list[Piece] = []
    for kind, strength in strengths:
        if kind in OPERATIONS:
            parameters[kind] = OPERATIONS[kind].draw(rng, strength)
            moments[kind] = rng.uniform(*OPERATIONS[kind].when)
        else:
            pieces += draw_pieces(kind, shape, rng, strength, material.overlays)
    if pieces:
        moments[DAMAGE] = rng.uniform(*DAMAGED_AT)
    strongest: dict[str, float] = {}
    for kind, strength in strengths:  # damage of one kind can come twice
        strongest[kind] = max(strength, strongest.get(kind, 0.0))
    return Plan(
        steps=tuple(sorted(moments, key=moments.__getitem__)),
        parameters=parameters,
        pieces=tuple(pieces),
        strengths=strongest,
        mask_seed=int(rng.integers(2**31)),
    )


def _by_step(plans: Sequence[Plan], number: int) -> dict[str, list[int]]:
    """Group the rows of a batch by what their step ``number`` is."""
    groups: dict[str, list[int]] = {}
    for row, one in enumerate(plans):
        if number < len(one.steps):
            groups.setdefault(one.steps[number], []).append(row)
    return groups


def _observed(mask: Tensor, plans: Sequence[Plan]) -> Tensor:
    there = mask.cpu()
    seen = [
        observed_mask(there[row : row + 1], generator("observed", one.mask_seed))
        for row, one in enumerate(plans)
    ]
    return torch.cat(seen).to(mask.device) if seen else mask


def _severity(plans: Sequence[Plan]) -> Tensor:
    rows = [[one.strengths.get(kind, 0.0) for kind in KINDS] for one in plans]
    return torch.tensor(rows, dtype=torch.float32).reshape(len(plans), len(KINDS))


def _shape(clean: Tensor, indices: Sequence[int]) -> Shape:
    """Check a batch and return (height, width)."""
    if clean.ndim != 4 or clean.shape[1] != 3 or not clean.is_floating_point():
        raise ValueError(
            f"ageing takes float pictures (B, 3, H, W), 0..1, not {tuple(clean.shape)}"
            f" of {clean.dtype}; divide uint8 by 255 and repeat grey to three channels"
        )
    if len(indices) != len(clean):
        raise ValueError(f"{len(indices)} sample numbers for {len(clean)} pictures")
    return clean.shape[-2], clean.shape[-1]
