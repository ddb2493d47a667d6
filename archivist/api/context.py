"""What a step may ask of the engine while it runs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

T = TypeVar("T")


class StepContext(Protocol):
    """The engine as a step sees it; one for each call of ``run``."""

    @property
    def device(self) -> str:
        """Where to compute: ``cpu`` or ``cuda`` (a worker sees only its own GPU)."""

    @property
    def threads(self) -> int:
        """How many CPU threads this worker may use."""

    @property
    def seed(self) -> int:
        """The seed of all randomness of this call, 0 <= seed < 2**63, derived from the step key."""

    @property
    def log(self) -> logging.Logger:
        """A logger whose messages, from INFO on, are kept with the record of this step."""

    def weights(self, name: str) -> Path:
        """Return the verified file of a declared weight, which the record then names as used.

        Raises :class:`~archivist.api.errors.WeightsMissing` or ``WeightsCorrupt``.
        """

    def cached(self, key: str, make: Callable[[], T]) -> T:
        """Return the worker's object of this key, making it once per worker: a loaded network.

        Ask where the network is needed: the record names the weights that it was made of.
        """

    def map_tiles(
        self,
        pixels: NDArray[np.float32],
        fn: Callable[[NDArray[np.float32]], NDArray[np.float32]],
        *,
        overlap: int,
        multiple_of: int = 1,
        scale: int = 1,
    ) -> NDArray[np.float32]:
        """Apply ``fn`` to overlapping tiles of (height, width, channels) pixels and blend.

        ``fn`` gets a tile (h, w, c) and returns (h * scale, w * scale, any channels). Tiles are
        padded by reflection to a multiple of ``multiple_of``; on an out-of-memory error the tile
        is halved and tried again.
        """

    def progress(self, fraction: float, note: str = "") -> None:
        """Say how far this call is, 0..1."""

    def check_cancelled(self) -> None:
        """Raise :class:`~archivist.api.errors.Cancelled` when the run was stopped."""
