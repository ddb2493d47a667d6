"""`archivist doctor`: look at everything a run needs, and say how to mend what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import click

from archivist.cli.exits import Exit
from archivist.cli.options import catalog_option, config_option, json_option, out_option
from archivist.model import counted


@click.command()
@out_option
@catalog_option
@config_option
@json_option
def doctor(
    out: Path | None, catalog_url: str | None, config_file: Path | None, as_json: bool
) -> int:
    """Check Python, libraries, plugins, weights, devices, disk, configuration and catalog.

    Each problem comes with its cure. Ends with exit code 3 when there is a problem.
    """
    from dataclasses import asdict

    from archivist.cli.checkup import State, examine
    from archivist.cli.tables import print_table

    findings = examine(out=out, catalog_url=catalog_url, config_file=config_file)
    problems = [finding for finding in findings if finding.state is State.PROBLEM]
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        rows = [(finding.subject, finding.state, finding.detail) for finding in findings]
        print_table(("What", "State", "Detail"), rows)
        click.echo()
        for finding in problems:
            click.echo(f"{finding.subject}: {finding.detail}\n    Cure: {finding.cure}")
        click.echo(_verdict(len(problems)))
    return Exit.SOME_FAILED if problems else Exit.FINE


def _verdict(problems: int) -> str:
    if not problems:
        return "Everything that a run needs is in order."
    return f"{counted(problems, 'problem')} to mend."
