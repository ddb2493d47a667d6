"""Which files form an ordered sequence by where they lie."""

from __future__ import annotations

from collections.abc import Sequence

from archivist.scan.patterns import compile_patterns

WHOLE = (".", "./", "/")
"""Patterns that declare the folder of scans itself and all in it; a ``.gitignore`` has none."""


class SequencePatterns:
    """The patterns ``scan.sequences``, in the form of ``.gitignore``, without regard to case.

    The files in a folder that matches (or that lies in one) are a sequence; of a file that matches
    by itself the pages are one. Raises ConfigError for what is no pattern.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self._all = any(pattern in WHOLE for pattern in patterns)
        rest = [pattern for pattern in patterns if pattern not in WHOLE]
        self._spec = compile_patterns(rest, "scan.sequences", "'film/*/' or 'letters/*.tif'")
        self._folders: dict[str, bool] = {}
        self._idle = {
            pattern: compile_patterns([pattern], "scan.sequences", "'film/*/'")
            for pattern in rest
            if not pattern.startswith("!")
        }

    @property
    def idle(self) -> tuple[str, ...]:
        """The patterns that fitted none of the files so far."""
        return tuple(self._idle)

    def name_of(self, path: str, pages: int = 1) -> str:
        """Return the name of the sequence that a file belongs to, empty when it is in none."""
        folder = path.rpartition("/")[0]
        if folder not in self._folders:
            declared = folder and self._fits(folder.casefold() + "/")
            self._folders[folder] = self._all or bool(declared)
        if self._folders[folder]:
            return folder or "."
        return path if pages > 1 and self._fits(path.casefold()) else ""

    def _fits(self, path: str) -> bool:
        for pattern in [one for one, spec in self._idle.items() if spec.match_file(path)]:
            del self._idle[pattern]
        return self._spec.match_file(path)
