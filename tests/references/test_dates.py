"""Years from the dates that catalogues write."""

from __future__ import annotations

import pytest

from archivist.references.dates import gap, years


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1905", (1905, 1905)),
        ("1905-07-12", (1905, 1905)),
        ("1905:07:12 10:00:00", (1905, 1905)),
        ("12.7.1905", (1905, 1905)),
        ("1914/1918", (1914, 1918)),
        ("between 1914 and 1918", (1914, 1918)),
        ("1920s", (1920, 1929)),
        ("192x", (1920, 1929)),
        ("c. 1910", (1905, 1915)),
        ("um 1910", (1905, 1915)),
        ("1910?", (1905, 1915)),
        ("", None),
        ("undated", None),
        ("inventory 190512", None),
    ],
)
def test_a_date_names_its_years(text: str, expected: tuple[int, int] | None) -> None:
    assert years(text) == expected


def test_the_gap_is_what_certainly_lies_between() -> None:
    assert gap((1905, 1910), (1915, 1915)) == gap((1915, 1915), (1905, 1910)) == 5
    assert gap((1905, 1910), (1908, 1920)) == 0
