"""`archivist verify`: compare originals, outputs, stored files, weights with the record."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archivist.api.errors import UsageError
from archivist.cli.exits import Exit
from archivist.cli.fixity import Amount, amount, since_of, states_of, summary
from archivist.cli.ledger import keys_of, public_key_option
from archivist.cli.options import FILE, FOLDER, Place, catalog_options, place

if TYPE_CHECKING:
    from archivist.catalog.fixity import FixityState
    from archivist.catalog.session import Catalog
    from archivist.report.verify import Finding, Places

Locate = Callable[[str, str], "Path | None"]


@click.command()
@click.argument("paths", nargs=-1, type=FILE)
@click.option("--scans", type=FOLDER, help="Where the scans are now, if they were moved.")
@click.option("--threads", type=click.IntRange(1), default=4, help="Files read at the same time.")
@click.option(
    "--budget",
    metavar="TIME|BYTES",
    multiple=True,
    callback=amount,
    help="Read for so long (30min) or so much (20GiB), the oldest-checked first; and record it.",
)
@click.option(
    "--due",
    "within",
    metavar="TIME",
    callback=amount,
    help="What was checked within this time (30d) need not be read again.",
)
@click.option("--record", is_flag=True, help="Record each check, as --budget does.")
@click.option("--summary", "only_summary", is_flag=True, help="Only say how the checks stand.")
@public_key_option
@catalog_options
def verify(
    paths: tuple[Path, ...],
    scans: Path | None,
    threads: int,
    budget: Amount | None,
    within: Amount | None,
    record: bool,
    only_summary: bool,
    public_keys: tuple[Path, ...],
    out: Path | None,
    catalog_url: str | None,
    config_file: Path | None,
    as_json: bool,
) -> int:
    """Compare files with the record: all of them, or the scans and outputs under PATHS.

    Every digest is computed anew and nothing is changed. Each damage is named: missing, changed or
    unreadable; what cannot be looked at is "not checked". Without PATHS the ledger is checked too:
    records that were edited, deleted or put in behind archivist's back, and signatures; the
    journal, from which a lost catalog comes back; and by it each row of the other tables. Ends with
    exit code 0 only when all was checked and is fine, else with 3; "unsigned", and originals that
    were "replaced" by newer scans, are told and are no damage.

    With --budget, --due or --record each check is recorded. What the budget did not reach is "not
    checked", and the same command again goes on with it.
    """
    from archivist.catalog.session import open_catalog

    where = place(out, catalog_url, config_file)
    counts: Counter[tuple[str, str]] = Counter()
    recorded = bool(budget or within or record) and not only_summary
    if only_summary and (budget or record):
        raise UsageError(
            "--summary reads nothing, so that there is nothing to record. Cure: leave out "
            "--summary, or --budget and --record"
        )
    if paths and recorded:
        raise UsageError(
            "PATHS are read at once and not recorded. Cure: leave out PATHS, or --budget, --due "
            "and --record"
        )
    with open_catalog(
        where.catalog_url, write=recorded, create=False, home=where.journal_home
    ) as catalog:
        if only_summary:
            return summary(_states(catalog, where, scans, paths, within), as_json)
        if recorded:
            found = _within(catalog, where, scans, threads, public_keys, budget, within)
        else:
            found = _findings(catalog, where, scans, threads, paths, public_keys)
        for finding in found:
            counts[finding.subject, finding.condition] += finding.count
            if finding.condition != "fine":
                tell(finding, as_json)
    if recorded and not counts and not as_json:
        click.echo("Nothing is due: all was checked within that time, and is fine.")
        return Exit.FINE
    sum_up(counts, as_json)
    fine = all(condition in ("fine", "replaced", "unsigned") for _, condition in counts)
    return Exit.FINE if fine else Exit.SOME_FAILED


def _states(
    catalog: Catalog,
    where: Place,
    scans: Path | None,
    paths: tuple[Path, ...],
    within: Amount | None,
) -> list[FixityState]:
    """Return how the checks stand: of all files, or of the scans and outputs under paths."""
    from archivist.report.verify import fixity_of_paths

    since = since_of(within)
    if not paths:
        return list(states_of(catalog, since))
    return fixity_of_paths(catalog, _places(catalog, where, scans), paths, before=since)


def _findings(
    catalog: Catalog,
    where: Place,
    scans: Path | None,
    threads: int,
    paths: tuple[Path, ...],
    public_keys: tuple[Path, ...],
) -> Iterator[Finding]:
    from archivist.report.verify import verify as verify_all
    from archivist.report.verify import verify_paths
    from archivist.report.verify_journal import check_journal
    from archivist.report.verify_ledger import check_ledger
    from archivist.report.verify_tables import check_tables, mirror_of
    from archivist.step.record import record_digest

    places = _places(catalog, where, scans, threads)
    if paths:
        return verify_paths(catalog, places, paths)
    return chain(
        verify_all(catalog, places, record_digest=record_digest),
        check_ledger(catalog, keys_of(where, public_keys)),
        check_journal(catalog, where.journal_home),
        check_tables(mirror_of(catalog, where.journal_home)),
    )


def _within(
    catalog: Catalog,
    where: Place,
    scans: Path | None,
    threads: int,
    public_keys: tuple[Path, ...],
    budget: Amount | None,
    within: Amount | None,
) -> Iterator[Finding]:
    """Verify what is due as far as the budget goes, under a run of its own."""
    from archivist.catalog.rows import RunState
    from archivist.pipeline.replay import start_record
    from archivist.report.verify import Subject, check_records
    from archivist.report.verify_budget import WHOLE_NAME, Budget, Request, verify_within
    from archivist.report.verify_journal import check_journal
    from archivist.report.verify_ledger import check_ledger
    from archivist.report.verify_tables import mirror_of, table_checks
    from archivist.step.record import record_digest

    mirror = mirror_of(catalog, where.journal_home)
    places, limit = _places(catalog, where, scans, threads), budget or Amount()
    keys = keys_of(where, public_keys)
    request = Request(
        places=places,
        budget=Budget(seconds=limit.seconds, size=limit.size),
        since=since_of(within),
        whole={
            (Subject.RECORD, WHOLE_NAME): lambda: check_records(catalog, record_digest),
            (Subject.LEDGER, WHOLE_NAME): lambda: check_ledger(catalog, keys),
            (Subject.JOURNAL, WHOLE_NAME): lambda: check_journal(catalog, where.journal_home),
            **{(Subject.TABLE, name): check for name, check in table_checks(mirror)},
        },
    )
    record = start_record(
        catalog,
        where.settings,
        command="verify",
        operator="",
        scans=places.scans,
        out=places.out,
        facts={},
    )
    state = RunState.INTERRUPTED
    try:
        keep = partial(record.writer.add_checks, record.run)
        with mirror or nullcontext():
            yield from verify_within(catalog, request, keep)
        state = RunState.DONE
    finally:
        record.writer.finish_run(record.run, state)


def _places(catalog: Catalog, where: Place, scans: Path | None, threads: int = 1) -> Places:
    """Return the folders: those given, else those that the newest run recorded."""
    from archivist.catalog.queries import folders
    from archivist.report.verify import Places

    recorded = folders(catalog)
    root = scans or recorded.get("scans")
    out = where.out or recorded.get("out")
    return Places(
        scans=root and root.absolute(),
        out=out and out.absolute(),
        store=out and out.absolute() / ".archivist" / "store",
        weights=_finder(where.config_file),
        threads=threads,
    )


def _finder(config_file: Path | None) -> Locate:
    """Return what finds a weight file of the installed plugins by name and digest."""
    from archivist.api.errors import WeightsMissing
    from archivist.cli.weights import open_shelf
    from archivist.plugins import locate_weights, weight_digest

    shelf = open_shelf(config_file)

    def locate(name: str, digest: str) -> Path | None:
        weight = shelf.weights.get(name)
        if weight is None or weight_digest(weight, shelf.folders) != digest:
            return None
        try:
            return locate_weights(weight, shelf.folders)
        except WeightsMissing:
            return None

    return locate


def tell(finding: Finding, as_json: bool) -> None:
    """Print a finding."""
    from archivist.report.words import readable

    if as_json:
        facts = {"subject": finding.subject, "name": finding.name}
        facts |= {"condition": finding.condition, "detail": finding.detail}
        click.echo(json.dumps({"event": "finding", **facts}))
        return
    detail = f": {readable(finding.detail)}" if finding.detail else ""
    click.echo(f"{finding.condition:<11}  {finding.subject} {readable(finding.name)}{detail}")


def sum_up(counts: Counter[tuple[str, str]], as_json: bool) -> None:
    """Print how many findings there were, by (subject, condition)."""
    subjects = dict.fromkeys(subject for subject, _ in counts)
    table = {
        str(subject): {str(c): n for (s, c), n in sorted(counts.items()) if s == subject}
        for subject in subjects
    }
    if as_json:
        click.echo(json.dumps({"event": "result", "counts": table}))
        return
    if not table:
        click.echo("The catalog names nothing that could be checked.")
    for subject, conditions in table.items():
        found = ", ".join(f"{number:,} {condition}" for condition, number in conditions.items())
        click.echo(f"{subject + 's' if subject[-1] != 's' else subject}: {found}")
