"""Who belongs to which sequence, and in which order: by the manifest, or by the folder.

Of each member only its name and digest are held; the files themselves stream twice.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from archivist.catalog.found import FoundFile, files_by_digest
from archivist.ordering import gaps, natural_key, numbers_in, told
from archivist.pipeline.job import Desk
from archivist.plan import looks_back
from archivist.scan import SequencePatterns

_LAST = sys.maxsize


@dataclass(frozen=True, slots=True)
class Member:
    """A file of a sequence: its place in the manifest, the path that it is in the sequence by."""

    position: int
    path: str
    digest: str


@dataclass(slots=True)
class Roll:
    """The members of the sequences of one plan.

    A recipe in which no step looks at the member before has none: all files are single then.
    """

    desk: Desk
    _patterns: SequencePatterns = field(init=False)
    _matter: bool = field(init=False)
    _members: defaultdict[str, list[Member]] = field(
        init=False, default_factory=lambda: defaultdict(list)
    )

    def __post_init__(self) -> None:
        self._patterns = SequencePatterns(self.desk.job.settings.scan.sequences)
        steps = self.desk.plugins.steps
        self._matter = looks_back([steps[step.step] for step in self.desk.recipe.steps])

    def single(self, files: Iterable[FoundFile]) -> Iterator[FoundFile]:
        """Yield the files that belong to no sequence; note the others."""
        for file in files:
            name, path = self._place(file) if self._matter else ("", "")
            if not name:
                yield file
                continue
            position = file.assets[0].facts.get("position", "")
            number = int(position) if position else _LAST
            self._members[name].append(Member(number, path, file.digest))

    def _place(self, file: FoundFile) -> tuple[str, str]:
        """Return the sequence of a file and the path by which it is in it; the manifest first."""
        first = file.assets[0]
        # Asked for all files, so that no pattern is told to fit nothing that does.
        places = [(self._patterns.name_of(path, first.pages), path) for path in file.paths]
        if name := first.facts.get("sequence", ""):
            return name, file.paths[0]
        return next(filter(lambda place: place[0], places), ("", ""))

    def sequences(self) -> Iterator[tuple[str, Iterator[FoundFile]]]:
        """Yield each sequence by name with its files in order, when :meth:`single` has ended."""
        self._tell_idle()
        for name in sorted(self._members, key=natural_key):
            members = sorted(
                self._members[name], key=lambda one: (one.position, natural_key(one.path))
            )
            self._tell_gaps(name, members)
            digests = [member.digest for member in members]
            yield name, files_by_digest(self.desk.catalog, self.desk.run, digests)

    def _tell_idle(self) -> None:
        """Note the patterns that declare nothing: a misspelt one would go unnoticed."""
        job = self.desk.job
        if job.sample or job.where is not None or not self._matter:
            return
        for pattern in self._patterns.idle:
            self.desk.watcher.note(
                f"scan.sequences: {pattern!r} fits no folder with scans and no file of several "
                "pages; patterns count from the folder of scans"
            )

    def _tell_gaps(self, name: str, members: Sequence[Member]) -> None:
        """Note the numbers that are missing; what follows goes on from the last one there is."""
        job = self.desk.job
        if job.sample or job.where is not None:
            return
        positions = [member.position for member in members]
        by_name = numbers_in([member.path for member in members]) if _LAST in positions else None
        missing = gaps(positions if _LAST not in positions else by_name or ())
        if missing:
            self.desk.watcher.note(
                f"sequence {name} lacks {told(missing)} (no such scan, or it was refused); what "
                "comes after goes on from the one before"
            )
