"""The condition of a photograph: whether it is degraded, and by what.

One question for each kind of degradation: is the tone off, is there noise, blur, compression, does
it look like an old print, does it look aged by many things at once? Each is answered by a logistic
regression on measures and on their squares (too much contrast is no more a sign of age than too
little is of health), and the worst answer counts. One question for all would miss much: prints are
calmer than sound photographs, and grain is not. They learnt from sound photographs, the same aged
by this project's ageing, and scans of real prints; :mod:`archivist_triplet.condition_fit` does
that. No network, no torch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archivist_triplet.measures import FLOOR, measure

Pixels = NDArray[np.float32]
Numbers = NDArray[np.float64]

THRESHOLD = 0.5
"""From this on a photograph counts as degraded. The fit moves its bias so that, at this value,
98 % of sound training photographs and their variants count as sound, by fits without them."""
FURTHEST = 4.0
"""No measure counts as further than this many standard deviations from the mean."""
SMALLEST = 32
"""Sides in pixels; nothing can be said of smaller pictures."""
LEAST_RANGE = 2 / 255
"""Pictures whose tones differ by less show nothing."""
JUDGES = Path(__file__).with_name("condition.json")

LOGARITHMS = frozenset(
    {"clipped_black", "clipped_white", "tint", "colourfulness", "beyond_tint", "colour_noise"}
    | {"noise", "grain", "coarse_grain", "outliers", "light_specks", "dark_specks", "detail"}
    | {f"{which}_{what}" for which in ("least", "most") for what in ("noise", "grain")}
    | {"least_coarse_grain", "most_coarse_grain"}
)
"""Measures that are logarithms of what they are named after."""

TOLD: dict[str, tuple[str, ...]] = {
    "tone": ("contrast_range", "tint"),
    "noise": ("noise", "grain"),
    "blur": ("edge_steepness",),
    "compression": ("blockiness",),
    "print": ("contrast_range", "tint", "grain"),
    "mixed": ("contrast_range", "grain", "edge_steepness"),
}
"""The measures by which the answer to each question is told."""
WORDS = {
    "contrast_range": "contrast range {:.2f}",
    "tint": "tint {:.2f}",
    "noise": "noise {:.3f}",
    "grain": "grain {:.3f}",
    "edge_steepness": "steepness of edges {:.2f}",
    "blockiness": "blocks of compression {:.2f}",
}
"""How measures are told: shares of white, but those of steepness and blocks."""


@dataclass(frozen=True, slots=True)
class Condition:
    """How degraded a photograph is, 0 (sound) .. 1, what tells so, strongest first, and by what.

    ``scores`` holds the measures that can be told, as a share of white where they are one, and
    how degraded the photograph is by each question alone.
    """

    degraded: float
    reasons: tuple[str, ...]
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """A fitted regression: for each measure its mean, scale, weight and weight of its square."""

    means: tuple[float, ...]
    scales: tuple[float, ...]
    weights: tuple[float, ...]
    square_weights: tuple[float, ...]
    bias: float

    def logits(self, measures: Numbers) -> Numbers:
        """Return the logits (...,) of measures (..., len(means)); above 0 is degraded."""
        apart = standardised(measures, np.array(self.means), np.array(self.scales))
        added = apart * self.weights + np.square(apart) * self.square_weights
        return np.asarray(added.sum(axis=-1) + self.bias)


def to_json(judges: Mapping[str, Judge]) -> str:
    """Return judges as JSON text, one column of one judge a line, to six digits."""
    rows = {
        name: {
            column: [float(f"{value:.6g}") for value in np.atleast_1d(values).tolist()]
            for column, values in asdict(judge).items()
        }
        for name, judge in judges.items()
    }
    lines = (
        f' "{name}": {{\n' + ",\n".join(f'  "{c}": {json.dumps(v)}' for c, v in row.items()) + "}"
        for name, row in rows.items()
    )
    return "{\n" + ",\n".join(lines) + "\n}\n"


def from_json(text: str) -> dict[str, Judge]:
    """Return the judges that :func:`to_json` wrote."""
    return {
        name: Judge(
            bias=stored.pop("bias")[0],
            **{column: tuple(values) for column, values in stored.items()},
        )
        for name, stored in json.loads(text).items()
    }


def assess(pixels: Pixels) -> Condition:
    """Judge a photograph: float32 (height, width, 1 or 3), values 0..1, of any size.

    Pictures that are tiny, or of one tone, count as sound: there is nothing to restore.
    """
    if min(pixels.shape[:2]) < SMALLEST:
        return Condition(0.0, (), {})
    measures = measure(pixels)
    if measures["contrast_range"] < LEAST_RANGE:
        return Condition(0.0, (), {"contrast_range": measures["contrast_range"]})
    values = np.array(list(measures.values()))
    answers = {name: float(judge.logits(values)) for name, judge in shipped_judges().items()}
    told = {name: readable(name, measures[name]) for name in WORDS}
    found = {name: float(logistic(answer)) for name, answer in answers.items()}
    return Condition(max(found.values()), _reasons(found, told), told | found)


@cache
def shipped_judges() -> dict[str, Judge]:
    """Return the judges that come with the package, by question."""
    return from_json(JUDGES.read_text(encoding="utf-8"))


def readable(name: str, value: float) -> float:
    """Return a measure as it can be told to people: logarithms undone."""
    return float(np.exp(value) - FLOOR) if name in LOGARITHMS else value


def standardised(measures: Numbers, means: Numbers, scales: Numbers) -> Numbers:
    """Return measures as standard deviations from their means, at most FURTHEST."""
    return np.clip((measures - means) / scales, -FURTHEST, FURTHEST)


def logistic(logit: float | Numbers) -> float | Numbers:
    """Return 1 / (1 + exp(-logit)), without overflow."""
    return 0.5 * (1 + np.tanh(np.asarray(logit) / 2))


def _reasons(found: Mapping[str, float], told: Mapping[str, float]) -> tuple[str, ...]:
    """Tell by which measures the questions whose answer is yes were answered, strongest first."""
    yes = sorted((name for name in found if found[name] >= THRESHOLD), key=lambda n: -found[n])
    named = dict.fromkeys(measure for name in yes for measure in TOLD[name])
    return tuple(WORDS[measure].format(told[measure]) for measure in named)
