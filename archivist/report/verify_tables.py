"""Compare the tables of the catalog, row by row, with what the journal says they hold.

The ledger answers for records; runs, scans, plans, outcomes, events and what hangs on them are in
no leaf of it. The journal has each change of theirs: carried out once more, it gives every row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from archivist.api.errors import CatalogError
from archivist.catalog.journal.joining import folder_of
from archivist.catalog.journal.mirror import COMPARED, Difference, Mirror
from archivist.catalog.journal.replay import Unusable
from archivist.catalog.journal.shards import Journal
from archivist.catalog.session import Catalog
from archivist.report.verify import Condition, Finding, Subject

_finding = partial(Finding, subject=Subject.TABLE)
_SHOWN = 60
"""Signs of a value that are shown."""
_CURE = (
    "Cure: move the catalog away and bring it back with archivist catalog rebuild; if the change "
    "was meant, archivist catalog journal --rewrite"
)


def mirror_of(catalog: Catalog, home: Path | None) -> Mirror | None:
    """Return what tables are compared with; None where no journal is kept."""
    folder = folder_of(catalog, home)
    return None if folder is None else Mirror(catalog, Journal(folder))


def table_checks(mirror: Mirror | None) -> Iterator[tuple[str, Callable[[], Iterator[Finding]]]]:
    """Yield the name of each table that is compared, and what compares it."""
    if mirror is not None:
        for name in COMPARED:
            yield name, partial(_check, mirror, name)


def check_tables(mirror: Mirror | None) -> Iterator[Finding]:
    """Compare all tables; yield a finding for each row that differs, and for each fine table."""
    with mirror or nullcontext():
        for _, check in table_checks(mirror):
            yield from check()


def _check(mirror: Mirror, name: str) -> Iterator[Finding]:
    """Compare one table."""
    fine = True
    try:
        for difference in mirror.differences(name):
            fine = False
            yield _row(name, difference)
    except (Unusable, CatalogError, OSError) as error:
        yield _finding(
            name=name,
            condition=Condition.NOT_CHECKED,
            detail=f"the journal does not tell what is in it: {error}. Cure: see the findings of "
            "the journal; where there is no room, name a larger folder with TMPDIR",
        )
        return
    if fine:
        yield _finding(name=name, condition=Condition.FINE)


def _row(table: str, one: Difference) -> Finding:
    named = ", ".join(f"{name} {value}" for name, value in one.key.items())
    finding = partial(_finding, name=f"{table}: {named}")
    if one.here is None:
        detail = f"the journal has this row, the catalog does not. {_CURE}"
        return finding(condition=Condition.MISSING, detail=detail)
    if one.there is None:
        detail = f"the catalog has this row, the journal does not. {_CURE}"
        return finding(condition=Condition.ADDED, detail=detail)
    told = "; ".join(
        f"{name} is {_shown(value)}, in the journal {_shown(one.there[name])}"
        for name, value in one.here.items()
        if value != one.there[name]
    )
    return finding(condition=Condition.CHANGED, detail=f"{told}. {_CURE}")


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
