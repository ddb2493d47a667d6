"""What makes a result worth a look: measures of risk, as data.

A measure reads numbers that plugins put out as scores, or that the engine knows, and says between
which two of them the risk goes from 0 to 1. A plugin that is not there has no scores and costs
nothing; one that puts out a score of these names is measured without a word here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from archivist.api.errors import ConfigError
from archivist.catalog.scored import Scored
from archivist.config import unknown

Read = Callable[[Scored], Iterable[tuple[float, str]]]
"""Yields numbers, and where each comes from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A measure of risk: 0 at ``calm``, 1 at ``alarming``, which may lie below it.

    Of several numbers the most alarming counts. ``say`` is a format for the number.
    """

    name: str
    title: str
    read: Read
    calm: float
    alarming: float
    weight: float = 1.0
    say: str = "{:.2f}"

    def risk(self, value: float) -> float:
        """Return the risk of a number, 0..1."""
        return min(1.0, max(0.0, (value - self.calm) / (self.alarming - self.calm)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a result is worth a look: a measure, its number and risk 0..1, and words."""

    measure: str
    value: float
    risk: float
    text: str


def scores(*patterns: str) -> Read:
    """Read the scores of these names; ``*`` stands for any letters, prefixes too."""

    def read(result: Scored) -> Iterator[tuple[float, str]]:
        for step in result.steps:
            for name, value in step.scores.items() if step.worked else ():
                if any(fnmatchcase(name.casefold(), pattern) for pattern in patterns):
                    yield value, f"{step.step}: {name}"

    return read


def lent(result: Scored) -> Iterator[tuple[float, str]]:
    """Read the scores of the photographs that steps could borrow from."""
    for step in result.steps:
        for value in step.references if step.worked else ():
            yield value, step.step


def invented(result: Scored) -> Iterator[tuple[float, str]]:
    """Read how many steps invented content."""
    steps = [step.step for step in result.steps if step.conjectural and step.worked]
    if steps:
        yield float(len(steps)), ", ".join(steps)


def flagged(result: Scored) -> Iterator[tuple[float, str]]:
    """Read how many checks of plugins want a person to look."""
    if result.flags:
        reasons = "; ".join(f"{flag.check}: {flag.reason}" for flag in result.flags)
        yield float(len(result.flags)), reasons


MEASURES: tuple[Measure, ...] = (
    Measure(
        name="findings",
        title="checks of plugins ask for a look",
        read=flagged,
        calm=0,
        alarming=1,
        say="{:.0f}",
    ),
    Measure(
        name="identity",
        title="a face moved away from the person it was",
        read=scores("*identity_distance*", "*identity_drift*", "refined_distance_most"),
        calm=0.05,
        alarming=0.4,
    ),
    Measure(
        name="change",
        title="share of the picture that was changed",
        read=scores("changed_share", "damaged_share", "*.changed_share"),
        calm=0.0,
        alarming=0.5,
        weight=0.7,
        say="{:.1%}",
    ),
    Measure(
        name="reference",
        title="the worst photograph that lent to it fits badly",
        read=lent,
        calm=0.8,
        alarming=0.2,
        weight=0.8,
    ),
    Measure(
        name="colour",
        title="colours that nothing vouches for",
        read=scores("*colour_confidence*", "*color_confidence*", "mean_confidence"),
        calm=0.9,
        alarming=0.3,
        weight=0.8,
    ),
    Measure(
        name="invented",
        title="steps that invent content",
        read=invented,
        calm=0,
        alarming=4,
        weight=0.5,
        say="{:.0f}",
    ),
    Measure(
        name="named",
        title="risk that a plugin puts out itself",
        read=scores("risk", "risk.*", "*.risk"),
        calm=0.0,
        alarming=1.0,
    ),
)
"""All measures; the weight says how much an alarming number counts in the whole."""


def weighted(weights: Mapping[str, float], *, where: str = "") -> dict[str, float]:
    """Return the weights of all measures, some given.

    Raises :class:`~archivist.api.errors.ConfigError` for an unknown name; ``where`` is the file.
    """
    known = {one.name: one.weight for one in MEASURES}
    for name in weights:
        if name not in known:
            raise ConfigError(unknown(name, known), where=where, key="review.weights")
    return known | dict(weights)


def assess(result: Scored, weights: Mapping[str, float]) -> tuple[float, tuple[Reason, ...]]:
    """Return the risk of a result, 0..1, and its reasons, the most alarming first.

    Risks add up as chances do: 1 minus the product of what each leaves.
    """
    left = 1.0
    reasons = []
    for measure in MEASURES:
        weight = weights[measure.name]
        found = [(measure.risk(value), value, where) for value, where in measure.read(result)]
        if not found or not weight:
            continue
        risk, value, where = max(found, key=lambda one: one[0])
        if risk > 0:
            left *= 1 - weight * risk
            said = f"{measure.title}: {measure.say.format(value)} ({where})"
            reasons.append(Reason(measure=measure.name, value=value, risk=weight * risk, text=said))
    return 1 - left, tuple(sorted(reasons, key=lambda one: -one.risk))
