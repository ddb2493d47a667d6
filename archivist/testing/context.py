"""A context for one call of a step outside the engine."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from archivist.api.errors import Cancelled, WeightsMissing
from archivist.api.steps import StepSpec
from archivist.plugins import default_weights_folder, find_weights

T = TypeVar("T")


@dataclass(kw_only=True)
class FakeContext:
    """A :class:`~archivist.api.context.StepContext` that needs no engine and keeps what it is told.

    ``folders`` are where imported weights lie (default: the user's folder). Set ``cancelled`` to
    see how a step takes it when the run is stopped. ``notes`` collects what the step reported.
    """

    spec: StepSpec
    device: str = "cpu"
    threads: int = 1
    seed: int = 0
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("archivist.testing"))
    folders: Sequence[Path] | None = None
    tile: int = 256
    cancelled: bool = False
    notes: list[tuple[float, str]] = field(default_factory=list)
    objects: dict[str, Any] = field(default_factory=dict)

    def weights(self, name: str) -> Path:
        """Return the verified file of a weight that the step declares."""
        for weight in self.spec.weights:
            if weight.name == name:
                return find_weights(weight, self.places)
        raise WeightsMissing(name, cure=f"declare it in the weights of step {self.spec.id!r}")

    @property
    def places(self) -> Sequence[Path]:
        """The folders in which imported weights are looked for."""
        return (default_weights_folder(),) if self.folders is None else self.folders

    def cached(self, key: str, make: Callable[[], T]) -> T:
        """Return the object of this key, making it once."""
        if key not in self.objects:
            self.objects[key] = make()
        found: T = self.objects[key]
        return found

    def map_tiles(
        self,
        pixels: NDArray[np.float32],
        fn: Callable[[NDArray[np.float32]], NDArray[np.float32]],
        *,
        overlap: int,
        multiple_of: int = 1,
        scale: int = 1,
    ) -> NDArray[np.float32]:
        """Apply ``fn`` to overlapping tiles and blend, as the engine does."""
        from archivist.imaging.tiles import map_tiles

        tiled: NDArray[np.float32] = map_tiles(
            pixels, fn, size=self.tile, overlap=overlap, multiple_of=multiple_of, scale=scale
        )
        return tiled

    def progress(self, fraction: float, note: str = "") -> None:
        """Keep the note. Raises ValueError for a fraction outside 0..1."""
        if not 0 <= fraction <= 1:
            raise ValueError(f"progress {fraction!r} is not within 0..1")
        self.notes.append((fraction, note))

    def check_cancelled(self) -> None:
        """Raise :class:`~archivist.api.errors.Cancelled` when ``cancelled`` is set."""
        if self.cancelled:
            raise Cancelled("the run was stopped")
