"""Which paths are taken: include and exclude patterns of a scan."""

from __future__ import annotations

from collections.abc import Sequence

from pathspec import GitIgnoreSpec

from archivist.api.errors import ConfigError


class Patterns:
    """Include and exclude patterns in the form of ``.gitignore``, without regard to case.

    Folding case is what archives need: ``*.tif`` shall take ``SCAN_001.TIF`` of an old scanner.
    """

    def __init__(self, include: Sequence[str], exclude: Sequence[str]) -> None:
        self._include = compile_patterns(include, "scan.include") if include else None
        self._exclude = compile_patterns(exclude, "scan.exclude")

    def takes(self, path: str) -> bool:
        """Whether a file is to be scanned."""
        folded = path.casefold()
        if self._exclude.match_file(folded):
            return False
        return self._include is None or self._include.match_file(folded)

    def enters(self, folder: str) -> bool:
        """Whether a folder is to be looked into."""
        return not self._exclude.match_file(folder.casefold() + "/")


def compile_patterns(
    patterns: Sequence[str], key: str, example: str = "'*.tif', '1905/' or '!keep.jpg'"
) -> GitIgnoreSpec:
    """Return patterns in lower case as one. Raises ConfigError that names the ``key``."""
    for pattern in patterns:
        try:
            GitIgnoreSpec.from_lines([pattern])
        except ValueError as error:
            raise ConfigError(
                f"{pattern!r} is no pattern ({error}). Cure: write it as in a .gitignore file, "
                f"for instance {example}",
                key=key,
            ) from error
    return GitIgnoreSpec.from_lines([pattern.casefold() for pattern in patterns])
