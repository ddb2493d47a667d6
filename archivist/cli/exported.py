"""Exports of a run, told to people and to programs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from archivist.pipeline import ExportResult

MOST_FAILURES = 20
"""Failures told one by one; the JSON has all of them."""


def export_facts(results: Iterable[ExportResult]) -> list[dict[str, object]]:
    """Return exports for programs."""
    return [
        {
            "exporter": one.export.exporter.id,
            "place": str(one.export.place),
            "state": str(one.state),
            "made": one.counts.made,
            "kept": one.counts.kept,
            "removed": one.counts.removed,
            "failed": [{"path": path, "reason": reason} for path, reason in one.counts.failed],
            "error": one.error or None,
        }
        for one in results
    ]


def tell_exports(results: Iterable[ExportResult], *, err: bool = False) -> None:
    """Say where exports lie and what became of them; what went wrong goes to stderr.

    All of it goes there with ``err``, where the output is for programs.
    """
    from archivist.report.words import readable

    for one in results:
        name, failed = one.export.exporter.id, one.counts.failed
        for path, reason in failed[:MOST_FAILURES]:
            click.echo(f"  failed   {name}: {readable(path)}: {readable(reason)}", err=True)
        if len(failed) > MOST_FAILURES:
            click.echo(f"  failed   {name}: {len(failed) - MOST_FAILURES} more", err=True)
        if one.error:
            click.echo(f"Error: the export {name} was not made: {one.error}", err=True)
        click.echo(f"Export {name}: {_said(one)}: {one.export.place}", err=err)


def _said(one: ExportResult) -> str:
    from archivist.pipeline import ExportState

    if one.state is ExportState.LEFT:
        return "left for the next run"
    if one.state is ExportState.CURRENT:
        return "up to date"
    if one.error:
        return "not made"
    counts = one.counts
    more = f", {counts.removed} removed" if counts.removed else ""
    return f"{counts.made} made, {counts.kept} kept{more}, {len(counts.failed)} failed"
