"""How often each kind of ageing occurs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AgeingSettings:
    """Probabilities of the kinds of ageing; all in 0..1 unless said otherwise.

    The first group acts on the whole picture, each kind by its own probability. The second group is
    structured damage: ``undamaged`` samples have none, the others 1 to ``most_damage`` pieces, each
    of a kind drawn by these relative weights (their sum need not be 1).
    """

    pristine: float = 0.03
    """Samples left exactly as they are: the network must learn to leave good pictures alone."""

    toning: float = 0.55
    """Monochrome and toned, as nearly all prints before 1950; the truth becomes grey."""
    fading: float = 0.65
    """Raised blacks, sunk whites, gamma."""
    yellowing: float = 0.3
    """A cast of the paper, stronger in the lights."""
    contrast: float = 0.25
    """Loss of contrast about a mid-tone."""
    uneven: float = 0.4
    """Uneven light, fading or darkening from borders."""
    grain: float = 0.35
    """Film grain."""
    paper: float = 0.45
    """Texture of paper and emulsion."""
    blur: float = 0.3
    """Gaussian or box blur."""
    noise: float = 0.25
    """Gaussian, speckle, or salt and pepper."""
    jpeg: float = 0.45
    """Compression of the scan."""
    low_resolution: float = 0.2
    """Shrunk and enlarged."""

    undamaged: float = 0.3
    most_damage: int = 4
    """A count, at least 1."""
    fold: float = 0.13
    crack: float = 0.14
    tear: float = 0.06
    stain: float = 0.14
    dust: float = 0.18
    scratch: float = 0.17
    hair: float = 0.08
    lost: float = 0.14

    def __post_init__(self) -> None:
        """Raise ValueError where a probability is outside 0..1 or a count below 1."""
        for name in self.__slots__:
            if name != "most_damage" and not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"AgeingSettings.{name} is {getattr(self, name)}; use 0..1")
        if self.most_damage < 1:
            raise ValueError("AgeingSettings.most_damage must be at least 1; use undamaged=1.0")
