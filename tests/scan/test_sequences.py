"""Which files are a sequence by where they lie."""

from __future__ import annotations

import pytest

from archivist.api.errors import ConfigError
from archivist.scan import SequencePatterns


@pytest.mark.parametrize(
    ("patterns", "path", "pages", "name"),
    [
        (["film/*/"], "film/a/1.png", 1, "film/a"),
        (["film/*/"], "film/1.png", 1, ""),
        (["film/"], "film/a/b/1.png", 1, "film/a/b"),
        (["Film/"], "fILM/1.png", 1, "fILM"),
        (["film/*/", "!film/titles/"], "film/titles/1.png", 1, ""),
        (["letters/*.tif"], "letters/1.tif", 3, "letters/1.tif"),
        (["letters/*.tif"], "letters/1.tif", 1, ""),
        (["."], "1.png", 1, "."),
        (["."], "a/1.png", 1, "a"),
        ([], "film/1.png", 1, ""),
    ],
)
def test_patterns_name_folders_and_files_of_several_pages(patterns, path, pages, name):
    assert SequencePatterns(patterns).name_of(path, pages) == name


def test_patterns_that_fitted_no_file_are_known():
    patterns = SequencePatterns([".", "Film/*/", "reels/", "letters/*.tif", "!film/b/", "*.png"])
    for path, pages in (("film/b/1.png", 1), ("film/b/2.png", 1), ("letters/1.tif", 1)):
        patterns.name_of(path, pages)
    assert patterns.idle == ("reels/", "letters/*.tif", "*.png")


def test_what_is_no_pattern_is_named_with_its_key():
    with pytest.raises(ConfigError, match=r"scan\.sequences"):
        SequencePatterns(["!"])
