"""`archivist review`: what should be looked at, and what people decide about it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archivist.cli.options import FOLDER, catalog_options, place
from archivist.model import counted

if TYPE_CHECKING:
    from archivist.cli.options import Place
    from archivist.review.deciding import Panel
    from archivist.review.desk import Desk


@click.group()
def review() -> None:
    """Look at results and decide about them. An approved result is not replaced by later runs.

    FILE is an output or a scan, whatever its name; a SHA-256 (eight digits are enough), an
    inventory number of the manifest, or a path as it was recorded.
    """


def _deciding(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add what all decisions take."""
    for decorate in (
        catalog_options,
        click.option("--page", type=click.IntRange(1), help="Only this page of several."),
        click.option("--reason", default="", help="Why; kept with the decision."),
        click.option("--by", required=True, help="The name of the person who decides."),
        click.argument("files", metavar="FILE...", nargs=-1, required=True),
    ):
        function = decorate(function)
    return function


@review.command()
@_deciding
def approve(**options: Any) -> None:
    """Approve results: later runs keep them, unless --override asks to redo them.

    What is approved is the file in place now; a result that replaces it is not. Where the
    configuration asks for several approvals, each must come from another person.
    """
    _decide("approve", **options)


@review.command()
@click.option(
    "--redo",
    metavar="STEP.PARAM=VALUE",
    multiple=True,
    help="Make it again with this param; may be given again.",
)
@_deciding
def reject(redo: tuple[str, ...], **options: Any) -> None:
    """Reject results, with a reason. With --redo the next run makes them again with other params.

    These params stay in force for the photograph until it is rejected again.
    """
    _decide("reject", redo=redo, **options)


@review.command()
@_deciding
def note(**options: Any) -> None:
    """Keep a remark with results; it decides nothing."""
    _decide("note", **options)


@review.command("list")
@click.argument("files", metavar="[FILE...]", nargs=-1)
@click.option("--limit", type=click.IntRange(1), default=100, help="At most so many.")
@click.option("--by", help="Only by this person.")
@click.option("--decision", type=click.Choice(["approve", "reject", "note"]), help="Only these.")
@catalog_options
def list_(
    files: Sequence[str],
    limit: int,
    by: str | None,
    decision: str | None,
    out: Path | None,
    catalog_url: str | None,
    config_file: Path | None,
    as_json: bool,
) -> None:
    """List what people decided, newest first: of all results or of those of FILEs."""
    from archivist.catalog.standing import newest_reviews
    from archivist.cli.tables import print_table
    from archivist.review.words import review_cells, review_rows

    where = _place(files, out, catalog_url, config_file)
    with _panel(where, write=False) as panel:
        assets = [one.uid for name in files for one in _named(panel, name, None).assets]
        found = newest_reviews(
            panel.catalog, assets=assets or None, by=by, decision=decision, limit=limit
        )
        rows = review_rows(panel, found)
    if as_json:
        for row in rows:
            click.echo(json.dumps(row, ensure_ascii=False))
    elif rows:
        names = ("When (UTC)", "Decision", "By", "Photograph", "Stands", "Redo", "Reason")
        print_table(names, review_cells(rows))
    else:
        click.echo("Nobody has reviewed anything here.")


@review.command()
@click.option("--limit", type=click.IntRange(1), default=25, help="At most so many.")
@click.option("--run", metavar="RUN", help="Only what this run published: its uid, last, last~1.")
@catalog_options
def queue(
    limit: int,
    run: str | None,
    out: Path | None,
    catalog_url: str | None,
    config_file: Path | None,
    as_json: bool,
) -> None:
    """List the results that nobody has decided about, the riskiest first, each with its reasons."""
    from archivist.report.run_names import run_named
    from archivist.review.waiting import queue as waiting
    from archivist.review.words import queue_lines, waiting_facts

    where = place(out, catalog_url, config_file)
    with _panel(where, write=False) as panel:
        uid = None if run is None else run_named(panel.catalog, run).uid
        found = waiting(panel.catalog, panel.policy, limit=limit, run=uid)
    if as_json:
        for one in found:
            click.echo(json.dumps(waiting_facts(one), ensure_ascii=False))
        return
    for line in queue_lines(found):
        click.echo(line)
    if not found:
        click.echo("Nothing waits: every result is decided about, or equals its scan.")


@review.command()
@catalog_options
def measures(
    out: Path | None, catalog_url: str | None, config_file: Path | None, as_json: bool
) -> None:
    """List the measures of risk that order the queue, with their weights in force."""
    from archivist.cli.tables import print_table
    from archivist.config import load
    from archivist.review.measures import MEASURES, weighted

    weights = weighted(load(config_file).review.weights)
    rows = [(one.name, weights[one.name], one.calm, one.alarming, one.title) for one in MEASURES]
    names = ("name", "weight", "calm", "alarming", "title")
    if as_json:
        for row in rows:
            click.echo(json.dumps(dict(zip(names, row, strict=True))))
    else:
        print_table(("Name", "Weight", "No risk at", "Full risk at", "What"), rows)


@review.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0: a free one.")
@click.option(
    "--listen",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="Another address of this machine lets other desks in, unencrypted.",
)
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="HOST[:PORT]",
    help="Also answer to this name, as a browser at another desk writes it; may be given again.",
)
@click.option("--by", default="", help="The reviewer's name, filled in beforehand.")
@click.option("--limit", type=click.IntRange(1), default=200, help="At most so many in the queue.")
@click.option("--scans", type=FOLDER, help="Where the scans are now, if they were moved.")
@catalog_options
def serve(
    port: int,
    listen: str,
    names: tuple[str, ...],
    by: str,
    limit: int,
    scans: Path | None,
    out: Path | None,
    catalog_url: str | None,
    config_file: Path | None,
    as_json: bool,
) -> None:
    """Show the queue as web pages at this machine: look, compare, decide.

    The pages are served on 127.0.0.1, to whoever knows the address that is printed. Ctrl-C ends it.
    Decisions are recorded at once, also while a run goes on. From another desk a tunnel of SSH
    reaches them; where its port is another, --name says so.
    """
    from archivist.review.server import address, leaves_machine, serving
    from archivist.review.site import Site

    desk = _desk(place(out, catalog_url, config_file), scans, limit)
    desk.refresh()
    site = Site(desk=desk, by=by)
    with serving(site, port, listen=listen, names=names) as server:
        where = address(site, server, names)
        if leaves_machine(listen):
            click.echo(
                "Warning: the pages leave this machine unencrypted. Who sees the address on its "
                "way through the network can decide too; a tunnel of SSH keeps it from them.",
                err=True,
            )
        waiting = len(desk.queue)
        if as_json:
            click.echo(json.dumps({"address": where, "waiting": waiting}))
        else:
            click.echo(f"{counted(waiting, 'result')} to review. Open {where} and end with Ctrl-C.")
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()


def _desk(where: Place, scans: Path | None, limit: int) -> Desk:
    from archivist.api.errors import UsageError
    from archivist.catalog.queries import runs
    from archivist.catalog.session import open_catalog
    from archivist.plugins import load_plugins
    from archivist.review.desk import Desk

    chosen = where.settings.plugins
    plugins = load_plugins(chosen.allow or None, chosen.block)
    with open_catalog(where.catalog_url, write=False) as catalog:
        newest = runs(catalog, limit=1)
    if not newest:
        raise UsageError("the catalog has no run yet. Cure: archivist run SCANS --out DIR")
    out = where.out or Path(str(newest[0].settings.get("out", "")))
    return Desk(
        url=where.catalog_url,
        out=out,
        store=out / ".archivist" / "store",
        policy=where.settings.review,
        specs=plugins.steps,
        codecs=plugins.codecs,
        scans=scans,
        limit=limit,
    )


# --- behind the commands --------------------------------------------------------------------


def _place(
    files: Sequence[str], out: Path | None, catalog_url: str | None, config_file: Path | None
) -> Place:
    """Return where things are; without --out the folder in which the first FILE lies."""
    from archivist.report.named import folder_of

    if out is None and not catalog_url and files:
        out = folder_of(files[0])
    return place(out, catalog_url, config_file)


@contextlib.contextmanager
def _panel(where: Place, *, write: bool) -> Iterator[Panel]:
    from archivist.catalog.beside import open_to_decide
    from archivist.catalog.session import open_catalog
    from archivist.plugins import load_plugins
    from archivist.review.deciding import Panel

    chosen = where.settings.plugins
    specs = load_plugins(chosen.allow or None, chosen.block).steps if write else {}
    with (
        open_to_decide(where.catalog_url, home=where.journal_home)
        if write
        else open_catalog(where.catalog_url, write=False)
    ) as catalog:
        yield Panel(catalog=catalog, policy=where.settings.review, specs=specs, out=where.out)


def _named(panel: Panel, name: str, page: int | None) -> Any:
    from archivist.report.named import named

    return named(panel.catalog, name, out=panel.out, page=None if page is None else page - 1)


def _decide(
    decision: str,
    *,
    files: Sequence[str],
    by: str,
    reason: str,
    page: int | None,
    out: Path | None,
    catalog_url: str | None,
    config_file: Path | None,
    as_json: bool,
    redo: tuple[str, ...] = (),
) -> None:
    from archivist.catalog.rows import Decision
    from archivist.review.deciding import Opinion
    from archivist.review.words import decided_facts, sentence

    opinion = Opinion(decision=Decision(decision), by=by, reason=reason, redo=redo)
    where = _place(files, out, catalog_url, config_file)
    with _panel(where, write=True) as panel:
        found = panel.decide([_named(panel, name, page) for name in files], opinion)
        needed = panel.policy.approvals
    if as_json:
        facts = [decided_facts(one) for one in found]
        click.echo(json.dumps({"reviewed": len(found), "results": facts}, ensure_ascii=False))
        return
    for one in found:
        click.echo(sentence(one, needed))
