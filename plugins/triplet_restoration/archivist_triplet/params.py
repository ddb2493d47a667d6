"""What the user may set, as data; imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass

from archivist.api import param


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreParams:
    """How a photograph is restored, and how much of it may change."""

    network: str = param(
        "compact",
        doc="Our own networks, or the paper's for quality alone, for scratches, or for scratches "
        "at high resolution, whose released weights you import yourself.",
        choices=("compact", "paper_quality", "paper_scratch", "paper_hr"),
    )
    scope: str = param(
        "auto",
        doc="Restore the whole picture, or only masked pixels. auto: the whole of a degraded "
        "picture, only masked pixels of a sound one, nothing of a sound one without a mask.",
        choices=("auto", "whole", "masked"),
    )
    strength: float = param(
        1.0, doc="How much of the correction is applied; 0 leaves the scan as it is.", low=0, high=1
    )
    tone: str = param(
        "restore",
        doc="restore: contrast and colour as the networks see them, faded brown prints in neutral "
        "grey; in scope auto only where the tone is off. keep_toning: contrast restored, the hue "
        "of a toned print kept. keep: contrast, brightness and cast of the scan as a whole stay; "
        "only local faults are mended.",
        choices=("restore", "keep_toning", "keep"),
    )
    grain: float = param(
        0.5,
        doc="How much of what the networks cannot account for stays outside damage: the finest "
        "detail, and with it grain of the film and texture of the paper.",
        low=0,
        high=1,
    )
    filled_grain: float = param(
        1.0,
        doc="How much grain filled places are given, as a share of what the calm parts of the "
        "picture have at the same lightness; clean pictures have none to give.",
        low=0,
        high=1,
    )
