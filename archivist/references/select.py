"""Choose the references of one picture: the best few, each with score and reason, or none.

Nothing is better than a bad reference: what does not pass every rule is refused, with the reason,
and where all are refused the choice is empty and says why.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from archivist.api.errors import AssetError
from archivist.api.extensions import Candidate, ReferenceQuery
from archivist.references.compare import Compare
from archivist.references.geometry import Agreement
from archivist.references.rows import Place
from archivist.references.rules import (
    WITHOUT_COLOUR,
    Facts,
    Kin,
    Refusal,
    Rules,
    refuse,
    refuse_agreement,
    same_object,
    unproven,
)
from archivist.references.search import Match

HALF_PROOF = 20
"""Matching points that count as half of a proof; each further one adds less."""
FINEST = 4.0
"""Resolution, against the query's, beyond which more is no further gain: the scale of the step."""

NOT_SIMILAR = "not similar"
"""The rule that refuses a picture before it is looked at."""

Rank = Callable[[ReferenceQuery, Sequence[Candidate]], Sequence[Candidate] | None]
"""The hook ``archivist_rank_references`` as the plugin manager offers it."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A region of the query, and a place of the archive that looks like it; cosine -1..1."""

    query: Place
    reference: Place
    cosine: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A chosen reference: which region of which asset, how well it fits (0..1), and why."""

    place: Place
    score: float
    reason: str
    cosine: float
    agreement: Agreement | None
    """How the pictures agree; None for an exemplar that only looks alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What became of the pictures that were looked at, in no order of worth."""

    passed: tuple[Choice, ...]
    refused: tuple[Refusal, ...]


Judge = Callable[[Facts, Sighting], "Choice | Refusal"]
"""Looks at a picture that the facts allow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The references of one picture, best first; ``reason`` says how it came to so many or none."""

    choices: tuple[Choice, ...]
    refused: tuple[Refusal, ...]
    reason: str


def sightings(queries: Sequence[Place], found: Sequence[Sequence[Match]]) -> tuple[Sighting, ...]:
    """Join what a search found for the regions of one picture: each asset once, where it fits best.

    The most similar come first, equal ones in the order of their assets.
    """
    every = [
        Sighting(query, match.place, match.cosine)
        for query, matches in zip(queries, found, strict=True)
        for match in matches
    ]
    every.sort(key=lambda one: (-one.cosine, one.reference.asset, one.query.region))
    best: dict[str, Sighting] = {}
    for one in every:
        best.setdefault(one.reference.asset, one)
    return tuple(best.values())


def choose(
    query: Facts,
    candidates: Mapping[str, Facts],
    found: Iterable[Sighting],
    compare: Compare,
    rules: Rules,
    *,
    kin: Kin,
    rank: Rank | None = None,
) -> Selection:
    """Return the references of a picture.

    ``candidates`` are the facts of all that ``found`` names, the most similar first. Of those that
    the facts allow, the same object's before others, the first ``rules.looks`` are compared by
    ``compare``, the only part that reads pixels; one that cannot be read is refused like any other.
    What passes is ordered the same object first, then by score; ``rank`` may order or drop it.
    """

    def judge(candidate: Facts, one: Sighting) -> Choice | Refusal:
        return _look(query, candidate, one, compare, rules)

    judged = judge_all(query, candidates, found, judge, rules, kin=kin)
    return select(query, candidates, judged, rules, rank=rank)


def judge_all(
    query: Facts,
    candidates: Mapping[str, Facts],
    found: Iterable[Sighting],
    judge: Judge,
    rules: Rules,
    *,
    kin: Kin,
) -> Judged:
    """Return what passes and what does not, arguments as of :func:`choose`."""
    refused: list[Refusal] = []
    allowed: list[tuple[Facts, Sighting]] = []
    for one in found:
        candidate = candidates.get(one.reference.asset)
        refusal = _forbidden(query, candidate, one, kin, rules)
        if refusal is not None:
            refused.append(refusal)
        elif candidate is not None:
            allowed.append((candidate, one))
    allowed.sort(key=lambda pair: not same_object(query, pair[0]))
    passed: list[Choice] = []
    looks = rules.looks
    for candidate, one in allowed:
        if not looks:
            break
        verdict = judge(candidate, one)
        if isinstance(verdict, Choice):
            passed.append(verdict)
        else:
            refused.append(verdict)
        looks -= not (isinstance(verdict, Refusal) and verdict.rule in WITHOUT_COLOUR)
    return Judged(passed=tuple(passed), refused=tuple(refused))


def select(
    query: Facts,
    candidates: Mapping[str, Facts],
    judged: Judged,
    rules: Rules,
    *,
    rank: Rank | None = None,
) -> Selection:
    """Return the best of what passed: the same object first, then by score, as ``rank`` agrees."""
    ordered = _ordered(query, candidates, judged.passed, rank)
    chosen = tuple(ordered[: rules.count])
    return Selection(
        choices=chosen, refused=judged.refused, reason=_why(chosen, judged.passed, judged.refused)
    )


def score(agreement: Agreement) -> float:
    """Return how good a reference is, 0..1.

    The proof (inliers, saturating) is multiplied by what it is worth: half for showing the same
    things, a quarter each for how much finer and for how much of the picture.
    """
    proof = agreement.inliers / (agreement.inliers + HALF_PROOF)
    finer = min(1.0, max(0.0, math.log(agreement.scale, FINEST)))
    return proof * (0.5 + 0.25 * finer + 0.25 * agreement.share)


def _forbidden(
    query: Facts, candidate: Facts | None, one: Sighting, kin: Kin, rules: Rules
) -> Refusal | None:
    if candidate is None:
        asset = one.reference.asset
        return Refusal(asset, "gone", "it is in the index, but no longer in the archive")
    if one.cosine < rules.min_cosine:
        reason = f"similarity {one.cosine:.2f} is below {rules.min_cosine:g}"
        return Refusal(candidate.asset, NOT_SIMILAR, reason)
    return refuse(query, candidate, kin, rules)


def _look(
    query: Facts, candidate: Facts, one: Sighting, compare: Compare, rules: Rules
) -> Choice | Refusal:
    try:
        agreement = compare(one.query, one.reference)
    except AssetError as error:
        return Refusal(candidate.asset, "unreadable", f"it cannot be compared: {error}")
    if agreement is None:
        return unproven(candidate.asset, 0)
    refusal = refuse_agreement(candidate.asset, agreement, rules)
    if refusal is not None:
        return refusal
    value = score(agreement)
    if value < rules.floor:
        reason = f"its score {value:.2f} is below {rules.floor:g}"
        return Refusal(candidate.asset, "score", reason)
    return Choice(
        place=one.reference,
        score=value,
        reason=_praise(agreement, one.cosine, same=same_object(query, candidate)),
        cosine=one.cosine,
        agreement=agreement,
    )


def _ordered(
    query: Facts, candidates: Mapping[str, Facts], passed: Sequence[Choice], rank: Rank | None
) -> list[Choice]:
    def key(choice: Choice) -> tuple[bool, float, str]:
        other = candidates[choice.place.asset]
        return not same_object(query, other), -choice.score, other.asset

    ordered = sorted(passed, key=key)
    if rank is None or not ordered:
        return ordered
    offered = [
        Candidate(
            digest=choice.place.asset,
            score=choice.score,
            reason=choice.reason,
            facts=_as_text(candidates[choice.place.asset]),
        )
        for choice in ordered
    ]
    asked = ReferenceQuery(
        digest=query.asset, width=query.width, height=query.height, facts=_as_text(query)
    )
    ranked = rank(asked, offered)
    if ranked is None:
        return ordered
    by_asset = {choice.place.asset: choice for choice in ordered}
    return [by_asset[candidate.digest] for candidate in ranked]


def _as_text(facts: Facts) -> dict[str, str]:
    named = {"rights": facts.rights, "object_id": facts.object_id, "date": facts.date}
    return {name: value for name, value in named.items() if value}


def _praise(agreement: Agreement, cosine: float, *, same: bool) -> str:
    return (
        f"shows the same things {agreement.scale:.2g} times as fine: {agreement.inliers} matching "
        f"points over {agreement.share:.0%} of the picture, similarity {cosine:.2f}"
        + (", same object" if same else "")
    )


def _why(chosen: Sequence[Choice], passed: Sequence[Choice], refused: Sequence[Refusal]) -> str:
    if chosen:
        return f"{len(chosen)} of {len(passed)} that fit"
    if passed:
        return f"{len(passed)} fit, a plugin chose none"
    if not refused:
        return "no other picture of the archive may be a reference"
    counts = Counter(refusal.rule for refusal in refused)
    words = ", ".join(f"{rule} {count}" for rule, count in counts.most_common())
    return f"none of the {len(refused)} most similar pictures fits ({words})"
