"""Which files that the catalog names are not there: a quick look that opens none of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from archivist.catalog.session import Catalog
from archivist.report.verify import Places, Subject, originals_of, outputs_of, stored_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """How many files of a kind are named, how many of them are not there, and one of those."""

    subject: Subject
    named: int
    missing: int
    example: str = ""


def absent_files(catalog: Catalog, places: Places) -> Iterator[Absent]:
    """Yield originals, outputs and stored files, each where its folder is known."""
    for subject, folder, expected in (
        (Subject.ORIGINAL, places.scans, originals_of),
        (Subject.OUTPUT, places.out, outputs_of),
        (Subject.STORED, places.store, stored_of),
    ):
        if folder is None:
            continue
        named = missing = 0
        example = ""
        for one in expected(catalog, folder):
            named += 1
            if not one.path.is_file():
                missing += 1
                example = example or one.name
        yield Absent(subject=subject, named=named, missing=missing, example=example)
