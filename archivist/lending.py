"""What photographs of an archive lend to each other, told by the names of values.

In a module of its own, because the steps that choose references are listed without loading the
values that travel between the stages.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Lends(StrEnum):
    """What a photograph of the archive lends to another."""

    TEXTURE = "texture"
    COLOUR = "colour"


LOOKALIKES: Mapping[str, Lends] = {
    "lookalikes": Lends.TEXTURE,
    "colour_lookalikes": Lends.COLOUR,
}
"""Inputs of steps that choose among the archive, and what for; the engine supplies them."""
EXEMPLARS = "exemplars"
"""The value that names photographs in colour, beside ``references``, that lend texture."""
EXEMPLAR_MAP = "exemplar_map"
"""The transfer map of colour, beside that of texture."""
_OF_COLOUR = {EXEMPLARS, EXEMPLAR_MAP, "colour_lookalikes"}


def lends(port: str) -> Lends:
    """Return what the photographs lend that a value of this name names or shows."""
    return Lends.COLOUR if port in _OF_COLOUR else Lends.TEXTURE
