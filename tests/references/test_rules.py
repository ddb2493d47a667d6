"""What may be a reference: each rule alone, and all of them over an index at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archivist.api.values import Embedding
from archivist.lending import Lends
from archivist.references.eligible import Eligible
from archivist.references.geometry import Agreement
from archivist.references.index import VectorIndex
from archivist.references.rules import Facts, Kin, Rules, refuse, refuse_agreement, same_object

ONE, OTHER = Facts(asset="aa" * 32, date="1905"), Facts(asset="bb" * 32, date="1912")
AGREED = Agreement(
    inliers=50, matches=80, scale=2.0, share=0.4, in_query=(0, 0, 9, 9), in_reference=(0, 0, 9, 9)
)


@pytest.mark.parametrize(
    ("candidate", "kin", "rules", "rule", "words"),
    [
        (ONE, Kin(), Rules(), "itself", "the picture itself"),
        (OTHER, Kin(near={OTHER.asset: 6}), Rules(), "duplicate", "6 of 64 bits"),
        (OTHER, Kin(derived=frozenset({OTHER.asset})), Rules(), "derivative", "made from"),
        (OTHER, Kin(), Rules(excluded=frozenset({OTHER.asset})), "excluded", "by request"),
        (
            replace(OTHER, asset=f"{OTHER.asset}#3"),
            Kin(),
            Rules(excluded=frozenset({OTHER.asset})),
            "excluded",
            "by request",
        ),
        (OTHER, Kin(), Rules(rights=("CC0", "PD")), "rights", "not known; allowed: CC0, PD"),
        (replace(OTHER, rights="In copyright"), Kin(), Rules(rights=("CC0",)), "rights", "'In co"),
        (OTHER, Kin(), Rules(max_years=6), "date", "7 years lie between them; 6 are allowed"),
        (replace(OTHER, grey=True), Kin(), Rules(lends=Lends.COLOUR), "grey", "one channel"),
        (replace(OTHER, made=True), Kin(), Rules(lends=Lends.COLOUR), "made here", "invented"),
    ],
)
def test_each_rule_refuses_with_its_reason(
    candidate: Facts, kin: Kin, rules: Rules, rule: str, words: str
) -> None:
    refusal = refuse(ONE, candidate, kin, rules)
    assert refusal is not None
    assert (refusal.asset, refusal.rule) == (candidate.asset, rule)
    assert words in refusal.reason


@pytest.mark.parametrize(
    ("candidate", "kin", "rules"),
    [
        (OTHER, Kin(), Rules()),
        (OTHER, Kin(near={OTHER.asset: 7}), Rules()),
        (OTHER, Kin(near={OTHER.asset: 0}), Rules(lends=Lends.COLOUR)),
        (replace(OTHER, grey=True, made=True), Kin(), Rules()),
        (replace(OTHER, rights=" cc0 "), Kin(), Rules(rights=("CC0",))),
        (OTHER, Kin(), Rules(max_years=7)),
        (replace(OTHER, date=""), Kin(), Rules(max_years=0)),
    ],
    ids=[
        "no rule",
        "looks a little alike",
        "a duplicate lends its colours",
        "a grey output lends texture",
        "rights in other letters",
        "in time",
        "unknown date",
    ],
)
def test_what_no_rule_forbids_is_allowed(candidate: Facts, kin: Kin, rules: Rules) -> None:
    assert refuse(ONE, candidate, kin, rules) is None


@pytest.mark.parametrize(
    ("agreement", "rule", "words"),
    [
        (replace(AGREED, inliers=9), "nothing in common", "9 matching points"),
        (replace(AGREED, share=0.004), "overlap", "0.4% of the picture"),
        (replace(AGREED, scale=1.1), "not finer", "1.1 times this resolution; 1.2 is needed"),
    ],
)
def test_a_reference_must_show_the_same_in_finer_detail(
    agreement: Agreement, rule: str, words: str
) -> None:
    refusal = refuse_agreement("aa", agreement, Rules())
    assert refusal is not None
    assert refusal.rule == rule
    assert words in refusal.reason


def test_a_finer_picture_of_the_same_things_is_allowed() -> None:
    assert refuse_agreement("aa", AGREED, Rules()) is None


def test_the_same_object_is_known_by_its_number_and_not_by_a_missing_one() -> None:
    assert same_object(replace(ONE, object_id="O 12"), replace(OTHER, object_id="o  12"))
    assert not same_object(ONE, OTHER)


NUMBERS = st.integers(0, 7)


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    dates=st.lists(
        st.sampled_from(["", "1900", "c. 1905", "1910s", "1925"]), min_size=8, max_size=8
    ),
    rights=st.lists(st.sampled_from(["", "CC0", "PD"]), min_size=8, max_size=8),
    near=st.dictionaries(NUMBERS, st.integers(0, 12), max_size=3),
    derived=st.frozensets(NUMBERS, max_size=2),
    excluded=st.frozensets(NUMBERS, max_size=2),
    allowed=st.sampled_from([(), ("CC0",)]),
    gap=st.none() | st.integers(0, 20),
    grey=st.frozensets(NUMBERS, max_size=3),
    made=st.frozensets(NUMBERS, max_size=2),
    what=st.sampled_from(Lends),
)
def test_the_mask_of_an_index_says_what_the_rules_say_pair_by_pair(
    index: VectorIndex,
    embedded: Callable[..., list[tuple[str, Embedding]]],
    asset: Callable[[int], str],
    dates: list[str],
    rights: list[str],
    near: dict[int, int],
    derived: frozenset[int],
    excluded: frozenset[int],
    allowed: tuple[str, ...],
    gap: int | None,
    grey: frozenset[int],
    made: frozenset[int],
    what: Lends,
) -> None:
    index.append(embedded(range(9), 2))  # asset 8 is no longer in the archive
    facts = {
        asset(at): Facts(
            asset=asset(at),
            date=dates[at],
            rights=rights[at],
            grey=at in grey,
            made=at in made,
        )
        for at in range(8)
    }
    rules = Rules(
        lends=what, rights=allowed, max_years=gap, excluded=frozenset(map(asset, excluded))
    )
    kin = Kin(
        near={asset(at): bits for at, bits in near.items()}, derived=frozenset(map(asset, derived))
    )
    mask = Eligible(index, facts.values(), rules).mask(facts[asset(0)], kin, what)
    expected = index.mask_of(
        name for name, fact in facts.items() if refuse(facts[asset(0)], fact, kin, rules) is None
    )
    assert np.array_equal(mask, expected)


def test_the_snapshot_of_what_may_be_found_leaves_out_what_is_gone(
    index: VectorIndex,
    embedded: Callable[..., list[tuple[str, Embedding]]],
    asset: Callable[[int], str],
) -> None:
    index.append(embedded(range(3)))
    before = index.snapshot
    facts = {asset(at): Facts(asset=asset(at)) for at in range(3)}
    assert Eligible(index, facts.values(), Rules()).snapshot == before
    index.append(embedded([8]))
    assert index.snapshot != before
    assert Eligible(index, facts.values(), Rules()).snapshot == before
