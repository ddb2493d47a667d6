"""What the user may set, as data; imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass

from archivist.api import param


@dataclass(frozen=True, slots=True, kw_only=True)
class ColorizeParams:
    """Where colour may come from, and how sure it must be."""

    network: str = param(
        "compact",
        doc="Our own network, or the paper's in full size, whose released weights you import "
        "yourself. The paper's knows no automatic colour: it needs exemplars.",
        choices=("compact", "paper"),
    )
    when: str = param(
        "auto",
        doc="auto leaves colour photographs as they are, faded and muted ones too; always colours "
        "whatever it is given, such as a print whose stains or ink are taken for colour.",
        choices=("auto", "always"),
    )
    confidence: float = param(
        0.15,
        doc="Regions of less confidence stay neutral; the passage is soft. 0 colours everything.",
        low=0,
        high=1,
    )
    exemplars: float = param(
        1.0,
        doc="How much colour photographs of the archive count beside automatic colour; 0 leaves "
        "them out.",
        low=0,
        high=1,
    )
    automatic: bool = param(
        True,
        doc="Colour what no exemplar tells by what the network learnt; false leaves it neutral.",
    )
    saturation: float = param(
        1.0,
        doc="Factor of all chroma; the network is rather too pale than too gaudy.",
        low=0,
        high=2,
    )
    working_size: int = param(
        288,
        doc="Side in pixels of a square of the area at which colour is predicted; it is then "
        "brought to full size along the edges of the photograph.",
        low=96,
        high=1024,
    )
    carry: float = param(
        0.85,
        doc="In a sequence: how much of the colour comes from the frame before, where its motion "
        "can be followed. 0 colours each frame by itself.",
        low=0,
        high=0.98,
    )
