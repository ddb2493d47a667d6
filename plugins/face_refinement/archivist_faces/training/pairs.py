"""Prepared pairs: portraits that another step has restored, their truths, and their landmarks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from archivist_faces.training.portraits import Bytes

LANDMARKS = "landmarks.npz"
"""Name of the file, in the folder of the pairs, that holds the landmarks (5, 2) of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A degraded picture and its truth, uint8 RGB of one size, and the face's landmarks (5, 2)."""

    degraded: Bytes
    truth: Bytes
    landmarks: NDArray[np.float32]


def read_pairs(folder: Path) -> list[Pair]:
    """Read ``truth`` and ``restored`` (or ``aged`` where that is missing) of prepared pairs.

    Raises FileNotFoundError when the folder has no truth or no landmarks, ValueError when sizes
    differ.
    """
    others = folder / ("restored" if (folder / "restored").is_dir() else "aged")
    truths = sorted((folder / "truth").glob("*.png"))
    if not truths:
        raise FileNotFoundError(f"{folder} has no truth; run archivist_faces.training.prepare")
    if not (folder / LANDMARKS).exists():
        raise FileNotFoundError(
            f"{folder} has no {LANDMARKS}; run archivist_faces.training.prepare again with the"
            " options of then, what was restored stays as it is"
        )
    with np.load(folder / LANDMARKS) as landmarks:
        return [_pair(path, others / path.name, landmarks) for path in truths]


def _pair(path: Path, other: Path, landmarks: np.lib.npyio.NpzFile) -> Pair:
    truth, degraded = _rgb(path), _rgb(other)
    if truth.shape != degraded.shape or path.name not in landmarks:
        raise ValueError(
            f"{path.name} differs in size in {other.parent}, or is not in {LANDMARKS}; prepare the"
            " pairs again"
        )
    return Pair(degraded=degraded, truth=truth, landmarks=landmarks[path.name])


def _rgb(path: Path) -> Bytes:
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise FileNotFoundError(f"{path} cannot be read; restore the aged portraits again")
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))
