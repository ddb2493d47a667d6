"""What the user may set, as data; imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass

from archivist.api import param


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectParams:
    """How scratches are looked for, and what counts as one."""

    network: str = param(
        "compact",
        doc="Our own small network, or the paper's, whose released weights you import yourself.",
        choices=("compact", "paper"),
    )
    scheme: str = param(
        "native",
        doc="Look at every pixel, or, as the paper's program does, at a copy whose short side is "
        "256 px, for comparison.",
        choices=("native", "short_side_256"),
    )
    octaves: int = param(
        0,
        doc="At how many sizes to look, each half the one before; broad damage of a large scan is "
        "seen in the small one. 0 chooses by size: one up to 2000 px, two up to 4000, else three.",
        low=0,
        high=4,
    )
    threshold: float = param(
        0.5, doc="Probability from which a pixel may belong to damage.", low=0.01, high=0.99
    )
    certainty: float = param(
        0.9,
        doc="Probability that at least one pixel of a region must reach for the region to count.",
        low=0.01,
        high=0.999,
    )
    plausibility: float = param(
        0.5,
        doc="How plausible a region must be as damage, by its clarity, size and surroundings.",
        low=0.0,
        high=1.0,
    )
    conviction: float = param(
        0.84,
        doc="Plausibility that the three best regions of a picture must reach together; else the "
        "whole picture counts as clean and its mask stays empty. A little more is demanded of "
        "pictures over 0.18 megapixels. Lower finds more, and errs more often.",
        low=0.0,
        high=0.999,
    )
    widest: float = param(
        24.0,
        doc="Widest damage that enters the mask, in thousandths of the short side, at least 14 px; "
        "0: any, by the network's answer about damage of all kinds. What is wider is a stain or a "
        "missing part, which cannot be filled from its rim, or no damage at all: a cloud, a lamb. "
        "It stays visible in the probability map.",
        low=0.0,
        high=1000.0,
    )
    least_region: int = param(5, doc="Smallest region that counts, in pixels.", low=1, high=100_000)
    least_evidence: float = param(
        10.0,
        doc="Sum of probability over all regions under which the picture counts as clean.",
        low=0.0,
        high=1e6,
    )
    dilation: int = param(
        1, doc="By how many pixels the mask grows over the soft edges of damage.", low=0, high=64
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairParams:
    """How masked pixels are filled."""

    method: str = param(
        "telea",
        doc="Fast marching (Telea 2004), or fluid dynamics (Navier-Stokes, Bertalmio 2001).",
        choices=("telea", "navier_stokes"),
    )
    radius: float = param(
        3.0, doc="How far around a pixel its filling looks, in pixels.", low=1.0, high=32.0
    )
