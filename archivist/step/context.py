"""The engine as a step sees it: the context of one call."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from archivist.api.errors import Cancelled, WeightsMissing
from archivist.api.steps import StepSpec
from archivist.imaging.tiles import map_tiles
from archivist.model import shortened
from archivist.plugins import find_weights
from archivist.step.session import Session

T = TypeVar("T")
parent_log = logging.getLogger("archivist.step")

LOG_LINES = 200
"""Messages kept with a record; a step that says more is cut, so that the catalog stays small."""
LOG_LENGTH = 8000
"""Characters kept of a message: room for the traceback of an error."""


class _Lines(logging.Handler):
    """Keeps the formatted messages of one call."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
        except Exception as error:  # noqa: BLE001 - the step's own words; logging never raises
            text = f"{record.msg} (cannot be filled in: {error})"
        text = shortened(text, LOG_LENGTH)
        # Handlers after this one get a message that can be formatted.
        record.msg, record.args = text, None
        if len(self.lines) < LOG_LINES:
            self.lines.append(f"{record.levelname.lower()}: {text}")


@dataclass(slots=True, kw_only=True)
class WorkerContext:
    """Implements :class:`archivist.api.StepContext` for one call of a step."""

    spec: StepSpec
    session: Session
    seed: int
    folders: Sequence[Path]
    tile_used: int = 0
    """Side of the tiles that ``map_tiles`` ended up with, 0 when it was not called."""
    _opened: set[str] = field(default_factory=set)
    _making: set[str] | None = None
    """The weights that belong to the object of the worker that is being made."""
    _lines: _Lines | None = None
    _log: logging.Logger | None = None

    @property
    def device(self) -> str:
        """``cpu`` or ``cuda``."""
        return self.session.device_for(self.spec)

    @property
    def threads(self) -> int:
        """How many CPU threads this worker may use."""
        return self.session.threads

    @property
    def log(self) -> logging.Logger:
        """A logger of this call alone, from INFO on; messages also reach the worker's log."""
        if self._log is None:
            # INFO, whatever the worker's own log takes: the record has it all.
            self._log = logging.Logger(f"archivist.step.{self.spec.id}", logging.INFO)
            self._log.parent = parent_log
            self._lines = _Lines()
            self._log.addHandler(self._lines)
        return self._log

    @property
    def lines(self) -> tuple[str, ...]:
        """The messages so far."""
        return tuple(self._lines.lines) if self._lines is not None else ()

    def weights(self, name: str) -> Path:
        """Return the verified file of a declared weight."""
        for weight in self.spec.weights:
            if weight.name == name:
                path = find_weights(weight, self.folders)
                self._note_opened(name)
                return path
        declared = ", ".join(weight.name for weight in self.spec.weights) or "none"
        cure = f"declare it in the StepSpec of {self.spec.id} (declared: {declared})"
        raise WeightsMissing(name, cure=cure)

    def cached(self, key: str, make: Callable[[], T]) -> T:
        """Return the worker's object of this key, making it once.

        Who asks for a network uses the weights that were opened when it was made.
        """

        def noting() -> tuple[T, frozenset[str]]:
            outer, self._making = self._making, set()
            try:
                return make(), frozenset(self._making)
            finally:
                self._making = outer

        made, weights = self.session.cached(f"{self.spec.id}:{key}", noting)
        for name in weights:
            self._note_used(name)
        return made

    @property
    def used_weights(self) -> frozenset[str]:
        """The names of the weights that the step opened, in this call or for what it holds."""
        return frozenset(self._opened | self.session.held_weights[self.spec.id])

    def _note_opened(self, name: str) -> None:
        # Opened for no object of the worker: the step may keep it where the engine does not see.
        if self._making is None:
            self.session.held_weights[self.spec.id].add(name)
        self._note_used(name)

    def _note_used(self, name: str) -> None:
        self._opened.add(name)
        if self._making is not None:
            self._making.add(name)

    def map_tiles(
        self,
        pixels: NDArray[np.float32],
        fn: Callable[[NDArray[np.float32]], NDArray[np.float32]],
        *,
        overlap: int,
        multiple_of: int = 1,
        scale: int = 1,
    ) -> NDArray[np.float32]:
        """Apply ``fn`` to overlapping tiles and blend; see the protocol."""

        def counted(tile: NDArray[np.float32]) -> NDArray[np.float32]:
            self.check_cancelled()
            self.tile_used = max(tile.shape[:2])
            return fn(tile)

        return map_tiles(
            pixels,
            counted,
            size=self.spec.tiling.size,
            overlap=overlap,
            multiple_of=multiple_of,
            scale=scale,
        )

    def progress(self, fraction: float, note: str = "") -> None:
        """Say how far this call is; shown at debug level."""
        parent_log.debug("%s %.0f %% %s", self.spec.id, 100 * fraction, note)

    def check_cancelled(self) -> None:
        """Raise :class:`Cancelled` when the run was stopped."""
        if self.session.cancelled.is_set():
            raise Cancelled("the run was stopped; the same command goes on with this asset")
