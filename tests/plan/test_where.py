"""The language of --where: what fits, what does not, and how a mistake is shown."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archivist.api.errors import ConfigError
from archivist.api.values import Colour
from archivist.model import Asset, Header
from archivist.plan.facts import fact_names, facts_of
from archivist.plan.where import parse

NAMES = ("series", "width", "path", "status", "date", "title", "approved", "size_(cm)")
FACTS = {
    "series": "Harbour",
    "width": 1200,
    "path": "1905/quay.jpg",
    "date": "1905-03-12",
    "approved": True,
    "size_(cm)": "24.5",
}


def fits(text: str, **facts: object) -> bool:
    return parse(text, NAMES)({**FACTS, **facts})


@pytest.mark.parametrize(
    "text",
    [
        'series == "Harbour"',
        "series = 'Harbour'",
        'series != "Street"',
        "width > 1000",
        "width >= 1200 and width <= 1200.0",
        "-1 < width",
        'path like "1905/*"',
        'path like "*.JPG"',
        'path like "1905/qua?.[jt]pg"',
        'path not like "1906/*"',
        'series in ["Street", "Harbour"]',
        'series in ("Harbour",  "Street")',
        'series not in ["Street"]',
        'not series == "Street"',
        'series == "Street" or width > 1000',
        'NOT (series == "Street" AND width > 1000)',
        'date >= "1905-03" and date < "1906"',
        "approved",
        "approved == true",
        "`size_(cm)` > 24",
    ],
)
def test_an_expression_that_fits(text: str) -> None:
    assert fits(text)


@pytest.mark.parametrize(
    "text",
    [
        'series == "harbour"',
        "width > 1200",
        'path like "quay*"',
        "not approved",
        'series == "Harbour" and width < 1000',
        'series in ["Street"]',
        "title",
        "series > 3",
    ],
)
def test_an_expression_that_does_not_fit(text: str) -> None:
    assert not fits(text)


def test_and_binds_closer_than_or() -> None:
    assert fits('series == "Harbour" or series == "Street" and width > 5000')
    assert not fits('(series == "Harbour" or series == "Street") and width > 5000')


def test_a_number_in_a_text_fact_compares_as_a_number() -> None:
    assert fits("date < 200", date="90")
    assert not fits('date < "200"', date="90")


@pytest.mark.parametrize("sign", ["=", "<", "<=", ">", ">=", "like"])
def test_a_fact_that_is_absent_meets_no_comparison(sign: str) -> None:
    assert not fits(f'title {sign} "*"')


def test_a_fact_that_is_absent_differs_from_everything() -> None:
    assert fits('title != "Quay"')


def test_a_fact_with_several_values_fits_when_one_of_them_does() -> None:
    both = ("1905/quay.jpg", "copies/quay.jpg")
    assert fits('path like "copies/*"', path=both)
    assert fits('path == "1905/quay.jpg"', path=both)
    assert not fits('path != "1905/quay.jpg"', path=both)


def test_a_quote_may_stand_in_a_text_after_a_backslash() -> None:
    assert fits(r'title == "the \"Quay\" \\ east"', title='the "Quay" \\ east')


def test_a_glob_takes_a_newline_in_a_name() -> None:
    assert fits('path like "a*b"', path="a\nb")


def message_of(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(text, NAMES)
    return str(caught.value)


def test_an_unknown_name_is_answered_with_the_nearest_and_all_known_names() -> None:
    message = message_of('serie == "Harbour"')
    assert "write series" in message
    assert all(name in message for name in NAMES)


def test_a_text_without_quotes_is_answered_with_quotes() -> None:
    assert 'write "failed" in quotes' in message_of("status == failed")


@pytest.mark.parametrize(
    ("text", "marked", "says"),
    [
        ("width >> 3", ">", "expected a name"),
        ('width > 3 series = "x"', "series", "expected 'and', 'or' or the end"),
        ("width > 3 and", "", "the expression ends"),
        ("(width > 3", "", "expected ')'"),
        ('series in "Harbour"', '"Harbour"', "a list in brackets"),
        ("series like width", "width", "a pattern in quotes"),
        ("width not 3", "3", "'like' or 'in'"),
        ('series = "Harbour', '"', "opened and not closed"),
        ("width @ 3", "@", "no meaning"),
        ("width > 3px", "3", "no number"),
        ("", "", "the expression ends"),
    ],
)
def test_a_mistake_is_marked_where_it_stands(text: str, marked: str, says: str) -> None:
    message = message_of(text)
    assert says in message
    shown, marker = message.splitlines()[1:3]
    start = marker.index("^")
    assert shown[start : marker.rindex("^") + 1].strip() == marked


def test_the_marker_stands_below_the_right_line_of_several() -> None:
    lines = message_of('series = "Harbour"\nand widht > 3').splitlines()
    assert lines[1:3] == ["  and widht > 3", "      ^^^^^"]


def test_an_error_names_the_key_of_the_configuration() -> None:
    with pytest.raises(ConfigError, match=r"archive\.toml: recipes\.scratch\.overrides"):
        parse("x", NAMES, where="archive.toml", key="recipes.scratch.overrides")


def test_without_names_an_unknown_one_is_told_when_it_meets_facts() -> None:
    predicate = parse('serie == "Harbour"')
    with pytest.raises(ConfigError, match="write series"):
        predicate({"series": "Harbour"})


def test_brackets_without_end_are_refused_and_not_a_crash() -> None:
    assert "nested too deeply" in message_of("(" * 5000 + "width" + ")" * 5000)


def test_a_very_long_expression_is_no_problem() -> None:
    assert fits(" or ".join(["width == 1"] * 3000 + ["width == 1200"]))


comparisons = st.tuples(
    st.sampled_from(["a", "b"]), st.sampled_from(["==", "<", ">="]), st.integers(-3, 3)
)


def as_text(tree: object) -> str:
    if isinstance(tree, list):
        word, *parts = tree
        return "(not " + as_text(parts[0]) + ")" if word == "not" else joined(word, parts)
    name, sign, number = tree
    return f"{name} {sign} {number}"


def joined(word: str, parts: list[object]) -> str:
    return "(" + f" {word} ".join(as_text(part) for part in parts) + ")"


trees = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.tuples(st.just("not"), inner).map(list),
        st.tuples(st.sampled_from(["and", "or"]), inner, inner).map(list),
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(tree=trees, a=st.integers(-3, 3), b=st.integers(-3, 3))
def test_logic_agrees_with_that_of_python(tree: object, a: int, b: int) -> None:
    text = as_text(tree)
    assert parse(text, ("a", "b"))({"a": a, "b": b}) is eval(text, {"a": a, "b": b})


@settings(deadline=None)
@given(text=st.text(alphabet="ab ()[]<>=!'\"`,.-1e\\\n@", max_size=30))
def test_any_text_is_parsed_or_refused_with_a_marker(text: str) -> None:
    message = ""
    try:
        predicate = parse(text, ("a", "b"))
    except ConfigError as error:
        message = str(error)
    assert "^" in message or isinstance(predicate({"a": 1, "b": "x"}), bool)


def test_a_column_never_hides_a_fact_of_the_scan():
    header = Header(format="TIFF", width=900, height=600, colour=Colour.GREY, depth=8)
    asset = Asset(digest="d" * 64, page=0, pages=1, header=header, facts={"width": "24"})
    wide = parse("width > 100 and manifest_width < 30", fact_names(["width"]))
    assert wide(facts_of(asset, "a.tif"))
