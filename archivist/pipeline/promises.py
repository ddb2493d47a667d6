"""What workers must know of the outputs that lie in place: what is approved, what is our own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice

from archivist.catalog import queries
from archivist.catalog.found import outputs_published
from archivist.model import FileWork, WorkUnit
from archivist.pipeline.job import Desk

_UNITS = 64
"""Units looked up together; a span of a sequence has up to as many pages itself."""


@dataclass(frozen=True, slots=True)
class Promises:
    """Adds to the units of a plan what the catalog knows of the outputs in their places.

    It is asked when a unit is handed out: an approval may be younger than the plan.
    """

    desk: Desk

    def fill(self, units: Iterable[WorkUnit]) -> Iterator[WorkUnit]:
        """Yield the units, with what is approved and what was ever published in their places."""
        stream = iter(units)
        while page := list(islice(stream, _UNITS)):
            files = [file for unit in page for file in unit.files]
            approved = self._approved(files)
            published = outputs_published(
                self.desk.catalog, (path for file in files for path in file.paths)
            )
            for unit in page:
                filled = (_filled(file, approved, published) for file in unit.files)
                yield replace(unit, files=tuple(filled))

    def _approved(self, files: Iterable[FileWork]) -> dict[str, frozenset[str]]:
        """Return the outputs that are approved, by the SHA-256 of the scan; none to override."""
        if self.desk.job.override:
            return {}
        uids = [page.asset.uid for file in files for page in file.pages]
        policy = self.desk.job.settings.review
        return {
            uid.partition("#")[0]: frozenset(one.results)
            for uid, one in queries.approved(self.desk.catalog, uids, policy).items()
        }


def _filled(
    file: FileWork,
    approved: Mapping[str, frozenset[str]],
    published: Mapping[str, frozenset[str]],
) -> FileWork:
    return replace(
        file,
        approved=approved.get(file.digest, frozenset()),
        published=frozenset().union(*(published.get(path, frozenset()) for path in file.paths)),
    )
