"""Names of runs on the command line."""

from __future__ import annotations

from archivist.api import UsageError
from archivist.catalog import lineage, queries
from archivist.catalog.rows import RunRow
from archivist.catalog.session import Catalog


def run_named(catalog: Catalog, name: str) -> RunRow:
    """Return a run by its uid, the first digits of it, ``last``, or ``last~2`` (two before it).

    ``last`` counts only runs that restored. Raises UsageError.
    """
    back = name.removeprefix("last").removeprefix("~")
    if name.startswith("last") and (not back or back.isdecimal()):
        found = queries.runs(catalog, limit=int(back or 0) + 1, command="run")
        if len(found) > int(back or 0):
            return found[-1]
        raise UsageError(
            f"there is no run {name}: the catalog has {len(found)}. "
            "Cure: archivist status lists the runs"
        )
    fitting = lineage.runs_beginning(catalog, name)
    if len(fitting) == 1:
        return queries.run(catalog, fitting[0])
    known = ", ".join(fitting[:4])
    problem = f"several runs begin with {name}: {known}" if fitting else f"there is no run {name}"
    raise UsageError(
        f"{problem}. Cure: give more of its uid (archivist status lists them), or last, last~1"
    )
