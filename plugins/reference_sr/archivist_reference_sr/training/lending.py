"""What references lend to training pictures: computed once, as the step itself does it.

Every picture of a group borrows from the ones that agree with it most, and from an unrelated one;
photographs borrow from themselves, turned, scaled, warped and in other light, and from unrelated
ones. A *lesson* is a small picture, its truth, and what was lent.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from archivist_reference_sr.compact.align import Aligner
from archivist_reference_sr.compact.borrow import borrow
from archivist_reference_sr.compact.describer import Describer
from archivist_reference_sr.picture import SCALE
from archivist_reference_sr.training.pairs import Bytes, Reduce
from archivist_torch import degrade
from archivist_torch.data import Picture
from archivist_torch.seeding import generator

LOG = logging.getLogger(__name__)

FOUND = 3
"""References that a picture of a group gets, as in the step's recipe."""
SIMILARITIES = 250
"""Levels in which similarity is kept."""


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """A picture to enlarge and what it may use.

    ``small`` and ``truth`` are bytes (height, width, 3); ``detail`` int8 of truth's shape, in
    levels of 255; ``similarity`` uint8 (height, width), in 250ths. ``kind`` is found, self or
    unrelated.
    """

    kind: str
    small: Bytes
    truth: Bytes
    detail: NDArray[np.int8]
    similarity: Bytes


def lesson(
    kind: str, truth: Bytes, references: Sequence[Bytes], describer: Describer, small: Bytes
) -> Lesson:
    """Return what a picture borrows from references (height, width, 3)."""
    shown = (np.asarray(r, np.float32) / 255 for r in references)
    found = borrow(describer, np.asarray(small, np.float32) / 255, shown, fast=True)
    detail = (found.detail * 127.5).round().clamp(-127, 127).permute(1, 2, 0)
    return Lesson(
        kind,
        small,
        truth,
        np.ascontiguousarray(detail.numpy().astype(np.int8)),
        np.rint(found.similarity.numpy() * SIMILARITIES).astype(np.uint8),
    )


def whole(pixels: Bytes) -> Bytes:
    """Return a picture cut to multiples of 4."""
    height, width = (side // SCALE * SCALE for side in pixels.shape[:2])
    return np.ascontiguousarray(pixels[:height, :width])


def ranked(picture: Bytes, others: Sequence[Bytes], reduce: Reduce) -> list[int]:
    """Return the numbers of the ``others`` that agree most with a picture, best first."""
    small = reduce(picture, np.random.default_rng(0))
    aligner = Aligner(np.asarray(small, np.float32) / 255)
    agreeing = [aligner.estimate(np.asarray(o, np.float32) / 255)[1] for o in others]
    return [n for n in np.argsort(agreeing)[::-1] if agreeing[n] > 0]


def of_group(
    pictures: Sequence[Picture], strangers: Sequence[Bytes], describer: Describer, reduce: Reduce
) -> Iterator[Lesson]:
    """Yield the lessons of one group: the best reference alone, the best three, a stranger."""
    shown = [whole(p.pixels) for p in pictures]
    for number, truth in enumerate(shown):
        rng = generator("ttsr-lesson", pictures[number].name)
        small = reduce(truth, rng)
        others = shown[:number] + shown[number + 1 :]
        best = [others[n] for n in ranked(truth, others, reduce)]
        for few in {min(1, len(best)), min(FOUND, len(best))} - {0}:
            yield lesson("found", truth, best[:few], describer, small)
        stranger = strangers[rng.integers(len(strangers))]
        yield lesson("unrelated", truth, [stranger], describer, small)


def of_photo(
    truth: Bytes, stranger: Bytes | None, describer: Describer, reduce: Reduce, seed: int
) -> Lesson:
    """Return the lesson of a photograph: from a stranger, or from itself seen otherwise."""
    rng = generator("ttsr-self", seed)
    truth = whole(truth)
    small = reduce(truth, rng)
    if stranger is not None:
        return lesson("unrelated", truth, [stranger], describer, small)
    return lesson("self", truth, [seen_otherwise(truth, rng)], describer, small)


def seen_otherwise(pixels: Bytes, rng: np.random.Generator) -> Bytes:
    """Return a picture from another standpoint, in another light, by another camera."""
    height, width = pixels.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    centre = corners.mean(0)
    turn = np.radians(rng.normal(0, 8))
    factor = np.exp(rng.uniform(-0.15, 0.5))
    spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    moved = (corners - centre) @ spin.T * factor
    moved += rng.normal(0, 0.05, (4, 2)) * (height, width)
    moved -= moved.min(0)
    size = [int(length) for length in np.ceil(moved.max(0))]
    matrix = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
    seen = cv2.warpPerspective(
        pixels, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    light = np.asarray(seen, np.float32) / 255
    light = np.clip(light ** np.exp(rng.normal(0, 0.2)), 0, 1) * rng.uniform(0.8, 1.1)
    light = light * np.exp(rng.normal(0, 0.05, 3)).astype(np.float32)
    camera = degrade.in_turn(
        degrade.sometimes(0.3, degrade.blur((0.3, 0.8))),
        degrade.sometimes(0.5, degrade.noise((0.002, 0.015))),
        degrade.sometimes(0.5, degrade.jpeg((75, 98))),
    )
    taken = camera(np.ascontiguousarray(np.clip(light, 0, 1), np.float32), rng)
    return np.clip(np.rint(taken * 255), 0, 255).astype(np.uint8)


def kept(path: Path, make: Callable[[], Iterator[Lesson]]) -> list[Lesson]:
    """Return lessons from a file, or make them and keep them there."""
    if not path.exists():
        made = list(make())
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays = {
            f"{number:05d}-{one.kind}-{name}": getattr(one, name)
            for number, one in enumerate(made)
            for name in ("small", "truth", "detail", "similarity")
        }
        part = path.with_suffix(".part.npz")
        np.savez(part, **arrays)
        part.replace(path)
        LOG.info("%d lessons kept in %s", len(made), path)
        return made
    with np.load(path) as stored:
        names = sorted({name.rpartition("-")[0] for name in stored.files})
        return [
            Lesson(
                name.split("-")[1],
                *(stored[f"{name}-{part}"] for part in ("small", "truth", "detail", "similarity")),
            )
            for name in names
        ]
