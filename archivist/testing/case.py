"""A step under examination: how it is called, and what is remembered between the checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archivist.api.errors import Unsupported
from archivist.api.steps import StepSpec
from archivist.api.values import Colour, Image, Value
from archivist.testing.context import FakeContext
from archivist.testing.running import as_params, run_values
from archivist.testing.samples import sample_image


@dataclass(kw_only=True)
class Case:
    """A step with the params and the context in which all checks call it.

    The context's cache is kept between calls, as in a worker, so a network is loaded once.
    """

    spec: StepSpec
    params: Any
    device: str
    folders: Sequence[Path] | None
    module: str | None
    make_inputs: Callable[[Image], Mapping[str, Value]]
    objects: dict[str, Any] = field(default_factory=dict)
    _colour: Colour | None = None

    def context(self, *, seed: int = 7) -> FakeContext:
        """Return a fresh context that shares the cached objects."""
        return FakeContext(
            spec=self.spec,
            device=self.device,
            seed=seed,
            folders=self.folders,
            objects=self.objects,
        )

    def run(
        self, image: Image, *, inputs: Mapping[str, Value] | None = None
    ) -> Mapping[str, Value]:
        """Run the step on an image. Raises what the step raises."""
        given = self.make_inputs(image) if inputs is None else inputs
        return run_values(self.spec, self.params, given, self.context())

    def ordinary(self) -> Image:
        """Return a fresh sample that the step takes: in colour, else in grey.

        Raises Unsupported when it takes neither.
        """
        if self._colour is None:
            self._colour = self._accepted()
        return sample_image(colour=self._colour)

    def _accepted(self) -> Colour:
        try:
            self.run(sample_image())
        except Unsupported:
            self.run(sample_image(colour=Colour.GREY))
            return Colour.GREY
        return Colour.RGB

    def made_params(self) -> Any:
        """Return the params as the step gets them."""
        return as_params(self.spec, self.params)
