"""Pairs of portraits as they are and as they aged, in files: so that another step can come between.

``python -m archivist_faces.training.prepare --data DIR --out PAIRS`` writes ``PAIRS/truth`` and
``PAIRS/aged``, and where the faces are to ``PAIRS/landmarks.npz``. Then
``archivist run PAIRS/aged --out PAIRS/restored --recipe restore`` makes of the aged ones what
refinement is given in a recipe, and ``archivist train face --pairs PAIRS`` learns from both.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from archivist_faces.training.pairs import LANDMARKS, Pair
from archivist_faces.training.portraits import (
    AS_PRINTS,
    Bytes,
    Portrait,
    read_material,
    read_portraits,
)
from archivist_torch import ageing
from archivist_torch.seeding import generator

AROUND = 1.5
"""How much of a portrait is kept, in sides of the face's crop: tone is judged by surroundings."""
SCALES = (0.4, 1.1)
"""Between these a portrait is scaled before it ages; faces on old photographs are often small."""


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--out", required=True, type=click.Path(path_type=Path))
@click.option("--split", default="train", type=click.Choice(["train", "val"]))
@click.option("--each", default=2, show_default=True, help="Ageings of each portrait.")
@click.option("--seed", default=1, show_default=True)
def main(data: Path, out: Path, split: str, each: int, seed: int) -> None:
    """Write aged portraits and their truth."""
    torch.set_num_threads(1)
    for folder in ("truth", "aged"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    landmarks = {}
    for name, pair in pairs(data, split, each, seed):
        for folder, pixels in (("truth", pair.truth), ("aged", pair.degraded)):
            cv2.imwrite(str(out / folder / name), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
        landmarks[name] = pair.landmarks
    np.savez(out / LANDMARKS, **landmarks)  # type: ignore[arg-type]


def pairs(data: Path, split: str, each: int, seed: int) -> Iterator[tuple[str, Pair]]:
    """Yield the name of a file, and a portrait as it is and aged, ``each`` times for every one."""
    material = read_material(data, split)
    portraits = read_portraits(data / "faces", split)
    for number, portrait in enumerate(portraits * each):
        rng = generator("face pairs", seed, number)
        scale = 1.0 if number < len(portraits) else float(rng.uniform(*SCALES))
        clean, marks = _surroundings(portrait, scale)
        batch = torch.from_numpy(clean.transpose(2, 0, 1).copy())[None].float() / 255
        aged = ageing.draw([number], batch, seed, AS_PRINTS, material)
        truth, pixels = (_bytes(x) for x in (aged.truth, aged.pixels))
        yield f"{number:04d}.png", Pair(degraded=pixels, truth=truth, landmarks=marks)


def _surroundings(portrait: Portrait, scale: float) -> tuple[Bytes, NDArray[np.float32]]:
    """Return a scaled part of a portrait around its face, and the landmarks in it."""
    middle, half = portrait.landmarks.mean(axis=0), AROUND * portrait.side / 2
    height, width = portrait.pixels.shape[:2]
    left, top = (max(0, int(m - half)) for m in middle)
    right, bottom = (min(e, int(m + half)) for m, e in zip(middle, (width, height), strict=True))
    part = portrait.pixels[top:bottom, left:right]
    size = (max(96, round(part.shape[1] * scale)), max(96, round(part.shape[0] * scale)))
    marks = (portrait.landmarks - (left, top)) * size / part.shape[1::-1]
    shown = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    return np.asarray(shown), marks.astype(np.float32)


def _bytes(pixels: torch.Tensor) -> Bytes:
    return (pixels[0].permute(1, 2, 0) * 255).round().clamp(0, 255).byte().numpy()


if __name__ == "__main__":
    main()
