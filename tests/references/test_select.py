"""The choice: the best few with reasons, or none with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from archivist.api.errors import SourceError
from archivist.api.extensions import Candidate, ReferenceQuery
from archivist.references.compare import Comparer
from archivist.references.geometry import Agreement
from archivist.references.rows import Place
from archivist.references.rules import Facts, Kin, Rules
from archivist.references.search import Match
from archivist.references.select import Selection, Sighting, choose, score, sightings

ASKING = Facts(asset="query", object_id="O1", width=100, height=80)
WHOLE = (0, 0, 100, 80)
AGREED = Agreement(inliers=60, matches=90, scale=2.0, share=0.5, in_query=WHOLE, in_reference=WHOLE)
Found = dict[str, Agreement | None]


def chosen(
    agreements: Found, *, facts: Sequence[Facts] = (), rules: Rules | None = None, **more: object
) -> Selection:
    """Choose among assets that look alike in the order given, with these agreements."""
    known = {name: Facts(asset=name) for name in agreements} | {fact.asset: fact for fact in facts}
    found = [
        Sighting(Place("query", WHOLE), Place(name, WHOLE), 0.9 - 0.01 * at)
        for at, name in enumerate(agreements)
    ]
    return choose(
        ASKING,
        known,
        found,
        lambda _, reference: agreements[reference.asset],
        rules or Rules(),
        **{"kin": Kin(), **more},  # type: ignore[arg-type]
    )


def names(selection: Selection) -> list[str]:
    return [choice.place.asset for choice in selection.choices]


def test_the_best_come_first_and_no_more_than_asked_for() -> None:
    found: Found = {
        "weak": replace(AGREED, inliers=20),
        "strong": replace(AGREED, inliers=200),
        "fine": replace(AGREED, scale=4.0),
        "middle": AGREED,
    }
    selection = chosen(found, rules=Rules(count=3))
    assert names(selection) == ["strong", "fine", "middle"]
    assert selection.reason == "3 of 4 that fit"


def test_the_same_object_comes_first() -> None:
    found: Found = {"other": replace(AGREED, inliers=300), "same": AGREED}
    selection = chosen(found, facts=[Facts(asset="same", object_id="o1")])
    assert names(selection) == ["same", "other"]
    assert selection.choices[0].reason.endswith("same object")


def test_the_same_object_is_looked_at_though_others_look_more_alike() -> None:
    found: Found = {"a": AGREED, "b": AGREED, "same": AGREED}
    facts = [Facts(asset="same", object_id="O1")]
    assert names(chosen(found, facts=facts, rules=Rules(looks=1))) == ["same"]


def test_a_reason_tells_the_figures() -> None:
    (choice,) = chosen({"a": AGREED}).choices
    assert choice.reason == (
        "shows the same things 2 times as fine: 60 matching points over 50% of the picture, "
        "similarity 0.90"
    )


@pytest.mark.parametrize(
    ("agreement", "rule"),
    [
        (None, "nothing in common"),
        (replace(AGREED, scale=1.0), "not finer"),
        (replace(AGREED, inliers=10, scale=1.2, share=0.01), "score"),
    ],
)
def test_below_the_floor_there_is_none_with_the_reason(
    agreement: Agreement | None, rule: str
) -> None:
    selection = chosen({"a": agreement})
    assert selection.choices == ()
    assert [refusal.rule for refusal in selection.refused] == [rule]
    assert selection.reason == f"none of the 1 most similar pictures fits ({rule} 1)"


def test_without_other_pictures_the_reason_says_so() -> None:
    assert chosen({}).reason == "no other picture of the archive may be a reference"


def test_what_is_not_similar_is_not_compared() -> None:
    compared = []
    found = [Sighting(Place("query", WHOLE), Place("a", WHOLE), 0.2)]
    selection = choose(
        ASKING,
        {"a": Facts(asset="a")},
        found,
        lambda *places: compared.append(places),
        Rules(min_cosine=0.3),
        kin=Kin(),
    )
    assert compared == []
    assert selection.refused[0].reason == "similarity 0.20 is below 0.3"


def test_an_asset_that_is_gone_is_refused() -> None:
    found = [Sighting(Place("query", WHOLE), Place("a", WHOLE), 0.9)]
    selection = choose(ASKING, {}, found, lambda *_: AGREED, Rules(), kin=Kin())
    assert [refusal.rule for refusal in selection.refused] == ["gone"]


def test_a_duplicate_is_refused_even_when_it_was_found() -> None:
    selection = chosen({"a": AGREED}, kin=Kin(near={"a": 2}))
    assert [refusal.rule for refusal in selection.refused] == ["duplicate"]


def test_a_reference_that_cannot_be_read_is_refused_and_the_others_stay() -> None:
    def compare(_: Place, reference: Place) -> Agreement:
        if reference.asset == "a":
            raise SourceError("the file is gone")
        return AGREED

    known = {name: Facts(asset=name) for name in "ab"}
    found = [Sighting(Place("query", WHOLE), Place(name, WHOLE), 0.9) for name in "ab"]
    selection = choose(ASKING, known, found, compare, Rules(), kin=Kin())
    assert names(selection) == ["b"]
    assert selection.refused[0].reason == "it cannot be compared: the file is gone"


def test_a_plugin_may_order_and_drop_what_passed() -> None:
    asked: list[ReferenceQuery] = []

    def rank(query: ReferenceQuery, offered: Sequence[Candidate]) -> Sequence[Candidate]:
        asked.append(query)
        return [one for one in reversed(offered) if one.digest != "b"]

    found: Found = {
        "a": replace(AGREED, inliers=90),
        "b": replace(AGREED, inliers=80),
        "c": replace(AGREED, inliers=70),
    }
    assert names(chosen(found, rank=rank)) == ["c", "a"]
    assert (asked[0].digest, asked[0].width, asked[0].facts) == ("query", 100, {"object_id": "O1"})


def test_a_plugin_that_has_no_opinion_leaves_the_order() -> None:
    found: Found = {"a": AGREED, "b": replace(AGREED, inliers=90)}
    assert names(chosen(found, rank=lambda *_: None)) == ["b", "a"]


@pytest.mark.parametrize("better", [{"inliers": 61}, {"scale": 2.1}, {"share": 0.6}])
def test_a_score_grows_with_proof_detail_and_overlap(better: dict[str, float]) -> None:
    assert 0 < score(AGREED) < score(replace(AGREED, **better)) <= 1  # type: ignore[arg-type]


def test_regions_of_a_picture_are_joined_each_asset_where_it_fits_best() -> None:
    regions = [Place("query", WHOLE), Place("query", (0, 0, 50, 40))]
    far, near = Place("a", WHOLE), Place("a", (50, 0, 50, 40))
    found = sightings(
        regions, [[Match(far, 0.5), Match(Place("b", WHOLE), 0.4)], [Match(near, 0.8)]]
    )
    assert found == (
        Sighting(regions[1], near, 0.8),
        Sighting(regions[0], Place("b", WHOLE), 0.4),
    )


def test_a_picture_is_read_once_for_many_comparisons() -> None:
    reads: list[Place] = []

    def read(place: Place) -> NDArray[np.uint8]:
        reads.append(place)
        return np.random.default_rng(len(reads)).integers(0, 255, (48, 48)).astype(np.uint8)

    compare = Comparer(read, kept=3)
    query = Place("query", (0, 0, 48, 48))
    for name in "abcab":
        compare(query, Place(name, (0, 0, 48, 48)))
    assert [place.asset for place in reads] == ["query", "a", "b", "c", "a", "b"]
