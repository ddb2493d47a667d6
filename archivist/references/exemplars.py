"""Choose the photographs that lend their colours to one picture: the best few, or none.

What a reference of texture must be, an exemplar need not: a duplicate in colour is the best there
is, and neither finer detail nor matching points are asked for. It must be in colour, and near
enough. One that proves to show the same things goes before what only looks alike; with any such,
nothing else is taken, because its colours are evidence and the others' a likeness.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from archivist.api.errors import AssetError
from archivist.references.compare import Compare
from archivist.references.geometry import Agreement
from archivist.references.rows import Place
from archivist.references.rules import (
    Facts,
    Kin,
    Refusal,
    Rules,
    Tint,
    refuse_tint,
    same_object,
)
from archivist.references.select import (
    HALF_PROOF,
    Choice,
    Rank,
    Selection,
    Sighting,
    judge_all,
    select,
)

SeeTint = Callable[[Place], Tint]
"""Measures the colours of a place of the archive. Raises AssetError."""


def choose_exemplars(
    query: Facts,
    candidates: Mapping[str, Facts],
    found: Iterable[Sighting],
    compare: Compare,
    tint: SeeTint,
    rules: Rules,
    *,
    kin: Kin,
    rank: Rank | None = None,
) -> Selection:
    """Return the exemplars of a picture; arguments as of :func:`~.select.choose`."""

    def judge(candidate: Facts, one: Sighting) -> Choice | Refusal:
        return _look(query, candidate, one, compare, tint, rules)

    judged = judge_all(query, candidates, found, judge, rules, kin=kin)
    proven = tuple(one for one in judged.passed if one.agreement is not None)
    if proven:
        unneeded = tuple(_unneeded(one) for one in judged.passed if one.agreement is None)
        judged = replace(judged, passed=proven, refused=(*judged.refused, *unneeded))
    return select(query, candidates, judged, rules, rank=rank)


def score(cosine: float, agreement: Agreement | None) -> float:
    """Return how good an exemplar is, 0..1: above a half if it proves to show the same things.

    The other half is nearness, to which a proof adds as much by its points and by what they span.
    """
    near = min(1.0, max(0.0, cosine))
    if agreement is None:
        return near / 2
    proof = agreement.inliers / (agreement.inliers + HALF_PROOF) * (0.5 + agreement.share / 2)
    return 0.5 + (near + proof) / 4


def _look(
    query: Facts,
    candidate: Facts,
    one: Sighting,
    compare: Compare,
    tint: SeeTint,
    rules: Rules,
) -> Choice | Refusal:
    try:
        refusal = refuse_tint(candidate.asset, tint(one.reference), rules)
        agreement = None if refusal else compare(one.query, one.reference)
    except AssetError as error:
        return Refusal(candidate.asset, "unreadable", f"it cannot be looked at: {error}")
    if refusal is not None:
        return refusal
    if agreement is not None and agreement.inliers < rules.min_inliers:
        agreement = None
    if agreement is None and one.cosine < rules.min_alike:
        reason = (
            f"nothing proves that it shows the same things, and similarity {one.cosine:.2f} alone "
            f"is not enough; {rules.min_alike:g} is needed"
        )
        return Refusal(candidate.asset, "not near enough", reason)
    return Choice(
        place=one.reference,
        score=score(one.cosine, agreement),
        reason=_praise(agreement, one.cosine, same=same_object(query, candidate))
        + (", no original: an approved result" if candidate.made else ""),
        cosine=one.cosine,
        agreement=agreement,
    )


def _unneeded(one: Choice) -> Refusal:
    reason = f"similarity {one.cosine:.2f} only; others prove to show the same things"
    return Refusal(one.place.asset, "only alike", reason)


def _praise(agreement: Agreement | None, cosine: float, *, same: bool) -> str:
    known = ", same object" if same else ""
    if agreement is None:
        return f"in colour, looks alike: similarity {cosine:.2f}{known}"
    return (
        f"in colour, shows the same things: {agreement.inliers} matching points over "
        f"{agreement.share:.0%} of the picture, similarity {cosine:.2f}{known}"
    )
