"""Tables for people: framed on a terminal, plain aligned text in a pipe, so that grep works."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click


def print_table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write rows under their headers to standard output."""
    texts = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _framed(headers, texts)
        return
    widths = [max(map(len, column)) for column in zip(headers, *texts, strict=True)]
    for row in (headers, *texts):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        click.echo("  ".join(cells).rstrip())


def _framed(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(*headers, header_style="bold")
    for row in rows:
        table.add_row(*map(escape, row))
    Console().print(table)
