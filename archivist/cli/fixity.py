"""Fixity on the command line: budgets, what is due, and how the checks stand."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from archivist.cli.exits import Exit

if TYPE_CHECKING:
    from archivist.catalog.fixity import FixityState
    from archivist.catalog.session import Catalog

_TIMES = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_SIZES = {f"{prefix}B": 1000.0**n for n, prefix in enumerate(("", "k", "M", "G", "T"))}
_SIZES |= {f"{prefix}iB": 1024.0**n for n, prefix in enumerate(("K", "M", "G", "T"), start=1)}
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+)")


@dataclass(frozen=True, slots=True)
class Amount:
    """So much time or so many bytes; what is not limited is infinite."""

    seconds: float = math.inf
    size: float = math.inf


def amount(
    context: click.Context, param: click.Parameter, value: str | tuple[str, ...] | None
) -> Amount | None:
    """Return the amount that an option means, or several together; None where it is not given.

    Raises click.BadParameter with the forms that are taken.
    """
    texts = (value,) if isinstance(value, str) else value or ()
    sizes = param.multiple if isinstance(param, click.Option) else False
    return smallest([_amount(text, sizes=sizes) for text in texts]) if texts else None


def _amount(text: str, *, sizes: bool) -> Amount:
    found = _AMOUNT.fullmatch(text.strip())
    number = float(found[1]) if found else 0.0
    units = {name.lower(): name for name in (*_TIMES, *(_SIZES if sizes else ()))}
    unit = units.get(found[2].lower(), "") if found else ""
    if not number or not unit:
        bytes_too = " or of bytes, such as 20GiB or 500MB" if sizes else ""
        raise click.BadParameter(
            f"{text!r} is no amount. Cure: more than 0 of time, such as 30min, 2h or 7d{bytes_too}"
        )
    if unit in _TIMES:
        return Amount(seconds=number * _TIMES[unit])
    return Amount(size=number * _SIZES[unit])


def smallest(amounts: Sequence[Amount]) -> Amount:
    """Return the limits that several amounts set together."""
    return Amount(
        seconds=min((one.seconds for one in amounts), default=math.inf),
        size=min((one.size for one in amounts), default=math.inf),
    )


def since_of(within: Amount | None) -> datetime:
    """Return the time before which a check is too old; without a limit every one is."""
    from archivist.model import now

    return now() - timedelta(seconds=0.0 if within is None else within.seconds)


def summary(states: Sequence[FixityState], as_json: bool) -> int:
    """Print how checks stand; return the exit code."""
    if as_json:
        click.echo(json.dumps([fixity_facts(one) for one in states]))
    else:
        from archivist.cli.tables import print_table
        from archivist.report.words import file_size, moment

        rows = [
            (
                one.subject,
                f"{one.total:,}",
                file_size(one.size),
                f"{one.total - one.never:,}",
                f"{one.due:,}",
                f"{one.damaged:,}",
                moment(one.oldest) or "never",
                moment(one.newest) or "never",
            )
            for one in states
        ]
        heads = ("What", "Files", "Size", "Ever checked", "Due", "Damaged", "Oldest", "Newest")
        print_table(heads, rows)
    fine = not any(one.due or one.damaged for one in states)
    return Exit.FINE if fine else Exit.SOME_FAILED


def states_of(catalog: Catalog, since: datetime) -> Iterator[FixityState]:
    """Yield how the checks of originals, outputs and stored files stand."""
    from archivist.catalog import fixity

    for subject in (fixity.ORIGINAL, fixity.OUTPUT, fixity.STORED):
        yield fixity.state(catalog, subject, before=since)


def fixity_facts(one: FixityState) -> dict[str, Any]:
    """Return how the checks of a subject stand as plain values."""
    return {
        "subject": one.subject,
        "total": one.total,
        "bytes": one.size,
        "never": one.never,
        "due": one.due,
        "damaged": one.damaged,
        "oldest": one.oldest.isoformat() if one.oldest else None,
        "newest": one.newest.isoformat() if one.newest else None,
    }
