"""The back of a mounted print: toned board, foxing, pencil and a stamp."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from damage import Picture, Strokes, blend, noise

PENCIL = np.array([0.33, 0.32, 0.32], np.float32)
INK = np.array([0.30, 0.22, 0.42], np.float32)


def verso(shape: tuple[int, int], lines: Sequence[str], rng: np.random.Generator) -> Picture:
    """Return a back (height, width, 3) with written lines; the last one is the stamped number."""
    height, width = shape
    board = np.array([0.80, 0.74, 0.62], np.float32)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    tone = 0.012 * noise(shape, 4, rng) + 0.02 * noise(shape, 120, rng)
    tone -= 0.10 * np.maximum(abs(x), abs(y)).astype(np.float32) ** 6
    back = (board + tone[:, :, None]).astype(np.float32)
    for _ in range(70):
        back = _foxed(back, rng)
    for number, line in enumerate(lines[:-1]):
        back = _written(back, line, (0.06, 0.18 + 0.11 * number), rng)
    return np.clip(_stamped(back, lines[-1], rng), 0, 1)


def _foxed(back: Picture, rng: np.random.Generator) -> Picture:
    height, width = back.shape[:2]
    spots = Strokes((height, width))
    spots.spot(rng.uniform(0, width), rng.uniform(0, height), rng.lognormal(0.9, 0.6), 1.0, rng)
    soft = cv2.GaussianBlur(spots.opacity(), (0, 0), 1.6)
    return blend(back, np.array([0.55, 0.38, 0.22], np.float32), rng.uniform(0.15, 0.5) * soft)


def _written(
    back: Picture, text: str, place: tuple[float, float], rng: np.random.Generator
) -> Picture:
    height, width = back.shape[:2]
    mask = np.zeros((height * 2, width * 2), np.uint8)
    start = (int(place[0] * width * 2), int(place[1] * height * 2))
    cv2.putText(mask, text, start, cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, 2.1, 255, 3, cv2.LINE_AA)
    turn = cv2.getRotationMatrix2D(start, rng.uniform(0.5, 2.5), 1)
    mask = cv2.warpAffine(mask, turn, (width * 2, height * 2))
    ink = cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    grain = np.clip(0.75 + 0.3 * noise((height, width), 3, rng), 0.2, 1)
    return blend(back, PENCIL, ink * grain)


def _stamped(back: Picture, text: str, rng: np.random.Generator) -> Picture:
    height, width = back.shape[:2]
    mask = np.zeros((height * 2, width * 2), np.uint8)
    left, top = int(1.35 * width), int(1.45 * height)
    cv2.rectangle(mask, (left, top), (left + 520, top + 120), 255, 5, cv2.LINE_AA)
    cv2.putText(
        mask, text, (left + 30, top + 82), cv2.FONT_HERSHEY_DUPLEX, 2.0, 255, 5, cv2.LINE_AA
    )
    turn = cv2.getRotationMatrix2D((left, top), -3.0, 1)
    mask = cv2.warpAffine(mask, turn, (width * 2, height * 2))
    ink = cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    uneven = np.clip(0.65 + 0.35 * noise((height, width), 30, rng), 0.1, 1)
    return blend(back, INK, 0.85 * ink * uneven)
