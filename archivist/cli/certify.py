"""`archivist certify`: what an upgrade of a step would change, before the archive is run again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archivist.api.errors import UsageError
from archivist.cli.exits import Exit
from archivist.cli.options import FOLDER, catalog_options, place
from archivist.cli.replay import plugins_of, stopping, teller
from archivist.cli.spared import spare_archive

if TYPE_CHECKING:
    from archivist.catalog.certifications import Certification
    from archivist.pipeline.replay import Trial


@click.group()
def certify() -> None:
    """Try what is installed now on recorded results, and accept it as equivalent, or not."""


@certify.command("try")
@click.argument("name", metavar="STEP|PLUGIN|DISTRIBUTION")
@click.option(
    "--sample", type=click.IntRange(1), default=20, show_default=True, help="So many scans."
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Decides the sample."
)
@click.option(
    "--tolerance",
    type=click.FloatRange(0, 1),
    help="Largest difference of a sample, 0 to 1; by default what the steps declare.",
)
@click.option("--scans", type=FOLDER, help="Where the scans are now, if they were moved.")
@click.option("--pictures", type=FOLDER, help="Write a picture of each difference here.")
@click.option("--operator", default="", help="Who is responsible, for the record.")
@click.option("--scheduler", help="auto, serial, or tcp://HOST:PORT of a Dask scheduler.")
@click.option("--workers", type=click.IntRange(1), help="Worker processes.")
@catalog_options
def try_(
    name: str,
    sample: int,
    seed: int,
    tolerance: float | None,
    scans: Path | None,
    pictures: Path | None,
    operator: str,
    scheduler: str | None,
    workers: int | None,
    out: Path | None,
    catalog_url: str | None,
    config_file: Path | None,
    as_json: bool,
) -> int:
    """Do the recorded steps of a sample of scans again, with NAME as it is installed now.

    Only results that another version or other weights made take part; all other steps stay as
    recorded. Nothing published is touched. What would change, and by how much, is recorded.

    Ends with exit code 0 when all came out alike or within the tolerance, else with 3.
    """
    from archivist.catalog.session import open_catalog
    from archivist.pipeline.replay import Where, start_record, steps_named
    from archivist.pipeline.replay import certify as try_it

    at = place(out, catalog_url, config_file)
    plugins = plugins_of(at)
    steps_named(plugins, name)
    where = Where(
        settings=at.settings,
        scans=scans and scans.absolute(),
        out=at.out and at.out.absolute(),
        scheduler=scheduler or at.settings.schedule.scheduler,
        workers=workers or at.settings.schedule.workers or None,
        pictures=pictures and pictures.absolute(),
        tolerance=tolerance,
    )
    with open_catalog(at.catalog_url, write=True, create=False, home=at.journal_home) as catalog:
        spare_archive(catalog, at, pictures)
        record = start_record(
            catalog,
            at.settings,
            command="certify",
            operator=operator,
            scans=where.scans,
            out=where.out,
            facts={"asked": name, "sample": sample, "seed": seed},
        )
        with stopping() as (stop, lines):
            trial = try_it(
                catalog,
                plugins,
                where,
                name,
                sample=sample,
                seed=seed,
                note=teller(as_json, lines),
                record=record,
                stop=stop,
            )
    _sum_up(trial, name, as_json)
    if trial.stopped:
        return Exit.INTERRUPTED
    return Exit.FINE if _alike(trial) else Exit.SOME_FAILED


def _sum_up(trial: Trial, name: str, as_json: bool) -> None:
    from archivist.report.certifying import change_facts, result_lines

    pictures = [str(path) for path in trial.pictures]
    if as_json:
        facts = {"event": "result", "number": trial.number, "pictures": pictures}
        changes = [change_facts(one) for one in trial.changes]
        click.echo(json.dumps({**facts, "changes": changes, "results": dict(trial.results)}))
        return
    if not trial.results["counts"]:
        click.echo(f"No output in place was made by another version or other weights of {name}.")
        return
    for line in result_lines(trial.changes, trial.results):
        click.echo(line)
    for path in pictures:
        click.echo(f"Difference: {path}")
    if trial.number:
        how = f": archivist certify accept {trial.number} --by NAME" if _alike(trial) else "."
        click.echo(f"Recorded as {trial.number}{how}")


def _alike(trial: Trial) -> bool:
    """Tell whether everything came out alike, or within the tolerance."""
    return not {"different", "cannot be reproduced"}.intersection(trial.results["counts"])


@certify.command("list")
@catalog_options
def list_(
    out: Path | None, catalog_url: str | None, config_file: Path | None, as_json: bool
) -> None:
    """List all trials and decisions, oldest first."""
    from archivist.catalog.certifications import certifications
    from archivist.catalog.session import open_catalog
    from archivist.report.certifying import certification_facts, certification_lines

    at = place(out, catalog_url, config_file)
    with open_catalog(at.catalog_url, write=False) as catalog:
        found = certifications(catalog)
    if as_json:
        click.echo(json.dumps([certification_facts(one) for one in found]))
        return
    for one in found:
        for line in certification_lines(one):
            click.echo(line)
    if not found:
        click.echo("Nothing was tried yet: archivist certify try STEP --sample 20")


def _decision(name: str, decision: str, text: str) -> None:
    @certify.command(name, help=text)
    @click.argument("number", type=click.IntRange(1))
    @click.option("--by", required=True, help="Who decides.")
    @click.option("--reason", default="", help="Why; kept with the decision.")
    @catalog_options
    def command(
        number: int,
        by: str,
        reason: str,
        out: Path | None,
        catalog_url: str | None,
        config_file: Path | None,
        as_json: bool,
    ) -> None:
        from archivist.catalog.certifications import certification
        from archivist.catalog.session import open_catalog
        from archivist.pipeline.replay import start_record

        at = place(out, catalog_url, config_file)
        with open_catalog(
            at.catalog_url, write=True, create=False, home=at.journal_home
        ) as catalog:
            tried = certification(catalog, number)
            if decision == "accepted":
                _check(tried)
            record = start_record(
                catalog,
                at.settings,
                command="certify",
                operator=by,
                scans=None,
                out=None,
                facts={"asked": f"{name} {number}"},
            )
            made = record.writer.add_certification(
                record.run,
                name=tried.name,
                changes=tried.changes,
                results={**tried.results, "decides": number},
                decision=decision,
                by=by,
                reason=reason,
            )
            record.writer.finish_run(record.run)
        text = f"Trial {number} is {decision}; recorded as {made}."
        click.echo(json.dumps({"number": made}) if as_json else text)


def _check(tried: Certification) -> None:
    """Refuse to call equivalent what was not."""
    if not tried.equivalent:
        counts = ", ".join(f"{n} {verdict}" for verdict, n in tried.results["counts"].items())
        raise UsageError(
            f"trial {tried.number} does not show that they are equivalent: {counts}. Cure: run the "
            "archive again with the new version, or try again with a --tolerance that you can "
            "answer for"
        )


_decision(
    "accept",
    "accepted",
    "Accept trial NUMBER: what was made before counts as equivalent to what is installed now.",
)
_decision("reject", "rejected", "Reject trial NUMBER, or take back what was accepted.")
