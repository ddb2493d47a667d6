"""A drawn face, and detection networks with their shipped weights."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from archivist_faces.mtcnn import Mtcnn, load

Picture = NDArray[np.float32]
Draw = Callable[[NDArray[np.uint8], tuple[int, int], int], None]


@pytest.fixture(scope="session")
def mtcnn() -> Mtcnn:
    return load()


@pytest.fixture(scope="session")
def draw() -> Draw:
    """Return a function that draws a face of some radius around a point."""

    def face(canvas: NDArray[np.uint8], centre: tuple[int, int], radius: int) -> None:
        def spot(x: float, y: float, half: tuple[float, float], tone: int) -> None:
            middle = round(centre[0] + x * radius), round(centre[1] + y * radius)
            axes = round(half[0] * radius), round(half[1] * radius)
            cv2.ellipse(canvas, middle, axes, 0, 0, 360, tone, -1, cv2.LINE_AA)

        spot(0, 1.6, (1.3, 0.7), 70)  # shoulders
        spot(0, -0.25, (0.95, 1.1), 45)  # hair
        spot(0, 0.05, (0.75, 1), 205)
        for side in (-1, 1):
            spot(side * 0.32, -0.27, (0.22, 0.05), 70)  # brow
            spot(side * 0.32, -0.12, (0.2, 0.1), 150)
            spot(side * 0.32, -0.12, (0.16, 0.075), 240)
            spot(side * 0.32, -0.12, (0.075, 0.075), 30)
            spot(side * 0.09, 0.33, (0.05, 0.04), 100)  # nostril
        spot(0, 0.2, (0.08, 0.2), 190)  # nose
        spot(0, 0.58, (0.26, 0.09), 110)  # mouth

    return face


@pytest.fixture(scope="session")
def portrait(draw: Draw) -> Picture:
    """Return a drawn portrait (160, 160, 1) of radius 40 around (80, 80)."""
    canvas = np.full((160, 160), 120, np.uint8)
    draw(canvas, (80, 80), 40)
    soft = cv2.GaussianBlur(canvas, (0, 0), 1.3)
    return (soft.astype(np.float32) / 255)[..., None]
