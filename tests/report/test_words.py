from __future__ import annotations

import pytest

from archivist.report import words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "unknown"),
        (0.0, "0 s"),
        (0.0123, "12 ms"),
        (3.14, "3.1 s"),
        (9.97, "10 s"),
        (59.6, "1 min 00 s"),
        (200, "3 min 20 s"),
        (3599.7, "1 h 00 min"),
        (5 * 3600 + 120, "5 h 02 min"),
        (72 * 3600, "3.0 days"),
    ],
)
def test_durations_read_as_people_say_them(seconds, text):
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1400, "1.4 kB"),
        (99_960, "100 kB"),
        (999_999, "1.0 MB"),
        (48_300_000, "48.3 MB"),
        (2_500_000_000_000, "2.5 TB"),
    ],
)
def test_sizes_read_as_file_managers_show_them(size, text):
    assert words.file_size(size) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0 %"), (0.000001, "< 0.01 %"), (0.0059, "0.59 %"), (0.054, "5.4 %"), (1.0, "100 %")],
)
def test_a_small_share_is_never_rounded_to_nothing(value, text):
    assert words.share(value) == text


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a\u202egpj.exe", r"a\u202egpj.exe"),
        ("a\x07b", r"a\x07b"),
        ("a\uf7e9b", r"a\xe9b"),
        ("Ærø/café 日本.jpg", "Ærø/café 日本.jpg"),
    ],
)
def test_what_cannot_be_seen_in_a_name_is_spelled_out(path, text):
    assert words.readable(path) == text
