"""`archivist status`: which runs there were, how the archive stands, what failed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archivist.cli.options import catalog_options, place
from archivist.model import counted

if TYPE_CHECKING:
    from archivist.catalog.rows import RunRow
    from archivist.catalog.session import Catalog

_FAILURES = 20
"""So many failures, and photographs to look at, are listed; the report has all."""


@click.command()
@click.option("--runs", "limit", type=click.IntRange(1), default=10, help="How many runs to list.")
@catalog_options
def status(
    limit: int, out: Path | None, catalog_url: str | None, config_file: Path | None, as_json: bool
) -> None:
    """Show the newest runs, how many photographs ended how, and what failed last."""
    from archivist.catalog.session import open_catalog

    where = place(out, catalog_url, config_file)
    with open_catalog(where.catalog_url, write=False) as catalog:
        facts = _facts(catalog, limit)
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False))
    else:
        _show(facts)


def _facts(catalog: Catalog, limit: int) -> dict[str, Any]:
    from archivist.catalog.alike import count_alike
    from archivist.catalog.moved import left_over
    from archivist.catalog.queries import (
        count_pending,
        failures,
        flagged,
        refusals,
        runs,
        totals,
    )
    from archivist.model import Status

    rows = runs(catalog, limit=limit)
    newest = next(iter(runs(catalog, limit=1, command="run")), None)
    failed = failures(catalog, newest.uid, limit=_FAILURES) if newest else ()
    return {
        "archive": totals(catalog),
        "runs": [_run(catalog, row) for row in rows],
        "similar": count_alike(catalog),
        "left_over": sum(1 for _ in left_over(catalog)),
        "fixity": _fixity(catalog),
        "pending_units": count_pending(catalog, newest.uid) if newest else 0,
        "failures": [
            {"paths": list(one.paths), "code": one.code, "reason": one.message} for one in failed
        ],
        "refused": [
            {"path": row.path, "code": row.code, "reason": row.reason}
            for row in refusals(catalog, limit=_FAILURES, status=Status.FAILED)
        ],
        "flagged": [
            {
                "paths": list(row.paths),
                "page": row.asset.page + 1,
                "pages": row.asset.pages,
                "check": flag.check,
                "step": flag.step,
                "reason": flag.reason,
            }
            for row in flagged(catalog, limit=_FAILURES)
            for flag in row.flags
        ],
    }


def _fixity(catalog: Catalog) -> list[dict[str, Any]]:
    """Return how the checks of files stand, nothing when none was ever recorded."""
    from archivist.catalog.fixity import was_ever_checked
    from archivist.cli.fixity import fixity_facts, since_of, states_of

    if not was_ever_checked(catalog):
        return []
    return [fixity_facts(one) for one in states_of(catalog, since_of(None))]


def _run(catalog: Catalog, row: RunRow) -> dict[str, Any]:
    from archivist.catalog.queries import run_counts

    counts = {one.status: one.count for one in run_counts(catalog, row.uid) if not one.step}
    seconds = None if row.finished is None else (row.finished - row.started).total_seconds()
    return {
        "uid": row.uid,
        "command": row.command,
        "state": str(row.state),
        "operator": row.operator,
        "recipe": row.recipe,
        "started": row.started.isoformat(),
        "finished": row.finished.isoformat() if row.finished else None,
        "seconds": seconds,
        "assets": counts,
    }


def _show_scans(facts: dict[str, Any]) -> None:
    """Say what may want a look among the scans, and where it is listed."""
    if facts["similar"]:
        click.echo(
            f"\nNear duplicates: {counted(facts['similar'], 'pair')} of scans "
            "(archivist query --similar)"
        )
    if facts["left_over"]:
        click.echo(
            f"\nLeft over: {counted(facts['left_over'], 'output')} of scans that are gone, "
            "replaced or renamed (archivist query --left-over)"
        )


def _show(facts: dict[str, Any]) -> None:
    from archivist.cli.tables import print_table
    from archivist.report.words import duration, readable

    if not facts["runs"]:
        click.echo("No run yet. Begin with: archivist run SCANS --out DIR")
        return
    ended = ", ".join(f"{number:,} {name}" for name, number in sorted(facts["archive"].items()))
    click.echo(f"Photographs: {ended or 'none'}\n")
    rows = [
        (
            run["started"][:16].replace("T", " "),
            run["command"],
            run["state"],
            run["recipe"] or "",
            ", ".join(f"{number:,} {name}" for name, number in sorted(run["assets"].items())),
            duration(run["seconds"]) if run["seconds"] is not None else "",
            run["uid"],
        )
        for run in facts["runs"]
    ]
    print_table(("Started (UTC)", "Command", "State", "Recipe", "Assets", "Took", "Run"), rows)
    _show_scans(facts)
    for one in facts["fixity"]:
        checked = one["total"] - one["never"]
        oldest = f", the oldest {one['oldest'][:10]}" if one["oldest"] else ""
        click.echo(
            f"\nFixity of {one['subject']}s: {checked:,} of {one['total']:,} checked{oldest}; "
            f"{one['damaged']:,} damaged",
            nl=False,
        )
    if facts["fixity"]:
        click.echo()
    if facts["pending_units"]:
        verb = "is" if facts["pending_units"] == 1 else "are"
        units = counted(facts["pending_units"], "unit")
        click.echo(f"\n{units} {verb} not done: the same command goes on.")
    if facts["failures"]:
        click.echo("\nFailed in the newest run:")
    for failure in facts["failures"]:
        names = ", ".join(readable(path) for path in failure["paths"])
        click.echo(f"  {names}: {readable(failure['reason'])} [{failure['code']}]")
    if facts["refused"]:
        click.echo("\nRefused by the newest scan:")
    for one in facts["refused"]:
        click.echo(f"  {readable(one['path'])}: {readable(one['reason'])} [{one['code']}]")
    if _FAILURES in (len(facts["failures"]), len(facts["refused"])):
        click.echo("  ... there may be more: archivist report lists all")
    if facts["flagged"]:
        click.echo("\nTo be looked at:")
    for flag in facts["flagged"]:
        names = ", ".join(readable(path) for path in flag["paths"])
        names += f" page {flag['page']}" if flag["pages"] > 1 else ""
        click.echo(f"  {names}: {readable(flag['reason'])} [{flag['check']}]")
