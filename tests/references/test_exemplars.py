"""Exemplars of colour: in colour and near enough; what proves to show the same goes first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from archivist.api.errors import SourceError
from archivist.lending import Lends
from archivist.references.exemplars import choose_exemplars, score
from archivist.references.geometry import Agreement
from archivist.references.rows import Place
from archivist.references.rules import Facts, Kin, Rules, Tint
from archivist.references.select import Selection, Sighting

ASKING = Facts(asset="query", object_id="O1", width=100, height=80)
WHOLE = (0, 0, 100, 80)
SAME = Agreement(inliers=60, matches=90, scale=0.5, share=0.5, in_query=WHOLE, in_reference=WHOLE)
COLOUR, TONED = Tint(chroma=20.0, spread=6.0), Tint(chroma=14.0, spread=1.2)
Seen = tuple[float, Agreement | None, Tint]


def chosen(seen: Mapping[str, Seen], *facts: Facts, rules: Rules | None = None) -> Selection:
    """Choose among assets with this similarity, agreement and tint."""
    known = {name: Facts(asset=name) for name in seen} | {fact.asset: fact for fact in facts}
    return choose_exemplars(
        ASKING,
        known,
        [Sighting(Place("query", WHOLE), Place(name, WHOLE), seen[name][0]) for name in seen],
        lambda _, reference: seen[reference.asset][1],
        lambda reference: seen[reference.asset][2],
        rules or Rules(lends=Lends.COLOUR),
        kin=Kin(),
    )


def names(selection: Selection) -> list[str]:
    return [choice.place.asset for choice in selection.choices]


def rules_of(selection: Selection) -> dict[str, str]:
    return {refusal.asset: refusal.rule for refusal in selection.refused}


def test_what_looks_alike_and_is_in_colour_is_taken_without_matching_points() -> None:
    selection = chosen({"a": (0.7, None, COLOUR)})
    assert names(selection) == ["a"]
    assert selection.choices[0].reason == "in colour, looks alike: similarity 0.70"


def test_finer_detail_is_not_asked_for() -> None:
    (choice,) = chosen({"small": (0.7, replace(SAME, scale=0.3), COLOUR)}).choices
    assert choice.reason == (
        "in colour, shows the same things: 60 matching points over 50% of the picture, "
        "similarity 0.70"
    )


@pytest.mark.parametrize(
    ("seen", "rule"),
    [
        ((0.9, SAME, TONED), "toned"),
        ((0.9, SAME, Tint(chroma=0.5, spread=0.2)), "grey"),
        ((0.45, None, COLOUR), "not near enough"),
        ((0.45, replace(SAME, inliers=9), COLOUR), "not near enough"),
    ],
)
def test_with_none_that_fits_the_reason_says_why(seen: Seen, rule: str) -> None:
    selection = chosen({"a": seen})
    assert (selection.choices, rules_of(selection)) == ((), {"a": rule})
    assert selection.reason == f"none of the 1 most similar pictures fits ({rule} 1)"


def test_matching_points_prove_what_the_similarity_does_not() -> None:
    assert names(chosen({"a": (0.35, SAME, COLOUR)})) == ["a"]


def test_beside_a_proof_what_only_looks_alike_is_left_out() -> None:
    selection = chosen({"alike": (0.9, None, COLOUR), "same": (0.5, SAME, COLOUR)})
    assert names(selection) == ["same"]
    assert rules_of(selection) == {"alike": "only alike"}


def test_the_same_object_comes_first() -> None:
    seen = {"better": (0.9, SAME, COLOUR), "same": (0.6, SAME, COLOUR)}
    assert names(chosen(seen, Facts(asset="same", object_id="o1"))) == ["same", "better"]


def test_toned_prints_do_not_use_up_the_looks() -> None:
    seen: dict[str, Seen] = {f"toned {n}": (0.9, SAME, TONED) for n in range(5)}
    seen["colour"] = (0.6, SAME, COLOUR)
    assert names(chosen(seen, rules=Rules(lends=Lends.COLOUR, looks=1))) == ["colour"]


def test_a_picture_that_cannot_be_read_is_refused_and_the_next_is_taken() -> None:
    def tint(reference: Place) -> Tint:
        if reference.asset == "gone":
            raise SourceError("it is gone", code="reference-gone")
        return COLOUR

    selection = choose_exemplars(
        ASKING,
        {name: Facts(asset=name) for name in ("gone", "there")},
        [Sighting(Place("query", WHOLE), Place(name, WHOLE), 0.8) for name in ("gone", "there")],
        lambda *_: SAME,
        tint,
        Rules(lends=Lends.COLOUR),
        kin=Kin(),
    )
    assert names(selection) == ["there"]
    assert rules_of(selection) == {"gone": "unreadable"}


def test_any_proof_is_worth_more_than_any_likeness() -> None:
    weakest = replace(SAME, inliers=10, share=0.0)
    assert score(1.0, None) < score(0.0, weakest) < score(0.9, SAME) < 1
