"""A comparison of two runs as text and as JSON."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator
from typing import Any

from archivist.model import counted
from archivist.report.audit_json import run_facts
from archivist.report.comparing_rows import Changed, Comparison, OutputDifference, Verdict
from archivist.report.measuring import Measure
from archivist.report.words import moment, readable, share

WIDTH = 100
_SHOWN = 40
"""Outputs that the text names; JSON has all that were listed."""
_TAGS = 4
DIFF_SCHEMA = "archivist-diff"
DIFF_VERSION = 1
"""Raised when a name is taken away or changes its meaning; new names may come without it."""


def diff_lines(found: Comparison) -> Iterator[str]:
    """Yield the lines of a comparison, at most a hundred columns wide where words allow it."""
    for name, run in (("first", found.first), ("second", found.second)):
        recipe = f", recipe {run.recipe}" if run.recipe else ""
        yield f"{name.ljust(8)}{run.uid}, {moment(run.started)}{readable(recipe)}, {run.state}"
    yield f"{counted(found.assets, 'photograph')} treated by either"
    area = ""
    for one in found.changed:
        if one.area != area:
            area = one.area
            yield from ("", f"--- {area} ".ljust(WIDTH, "-"))
        yield from _changed(one)
    if not found.changed:
        yield from ("", "Settings, versions, params, weights and environments are the same.")
    yield from ("", "--- outputs ".ljust(WIDTH, "-"))
    for verdict in Verdict:
        if found.counts.get(verdict):
            yield f"  {found.counts[verdict]:>8,} {verdict}"
    for output in found.outputs[:_SHOWN]:
        yield from _output(output)
    if len(found.outputs) > _SHOWN:
        yield f"  ... {len(found.outputs) - _SHOWN} more; --json and --html name them"


def _changed(one: Changed) -> Iterator[str]:
    count = f"  ({one.count:,} photographs)" if one.count > 1 else ""
    line = f"  {readable(one.name)}: {readable(one.first)} -> {readable(one.second)}{count}"
    if len(line) <= WIDTH:
        yield line
        return
    yield f"  {readable(one.name)}:{count}"
    for text in (one.first, one.second):
        yield from textwrap.wrap(
            readable(text), WIDTH - 6, initial_indent="    - ", subsequent_indent="      "
        )


def _output(one: OutputDifference) -> Iterator[str]:
    page = f" page {one.page + 1}" if one.pages > 1 else ""
    yield f"  {one.verdict}: {readable(one.path)}{page}"
    if one.measure is not None:
        yield f"      {measured(one.measure)}"
    if one.verdict is Verdict.WITHIN:
        yield f"      declared tolerance {one.tolerance:.4g} (values from 0 to 1)"
    if one.note:
        yield f"      {readable(one.note)}"
    for tag, (first, second) in list(one.metadata.items())[:_TAGS]:
        yield f"      {readable(tag)}: {readable(first)} -> {readable(second)}"
    if len(one.metadata) > _TAGS:
        yield f"      and {len(one.metadata) - _TAGS} more tags of another fate"


def measured(one: Measure) -> str:
    """Return a measure in words."""
    ratio = "infinite" if math.isinf(one.psnr) else f"{one.psnr:.1f} dB"
    return (
        f"{share(one.share)} of the pixels differ, by {one.mean * 255:.3g} of 255 on average, "
        f"{one.largest * 255:.3g} at most; PSNR {ratio}"
    )


def diff_facts(found: Comparison) -> dict[str, Any]:
    """Return a comparison as plain JSON values; differences run from 0 to 1, PSNR in decibels."""
    return {
        "schema": DIFF_SCHEMA,
        "version": DIFF_VERSION,
        "first": run_facts(found.first),
        "second": run_facts(found.second),
        "assets": found.assets,
        "changed": [
            {
                "area": one.area,
                "name": one.name,
                "first": one.first,
                "second": one.second,
                "count": one.count,
            }
            for one in found.changed
        ],
        "counts": {str(verdict): found.counts.get(verdict, 0) for verdict in Verdict},
        "outputs": [_facts(one) for one in found.outputs],
    }


def _facts(one: OutputDifference) -> dict[str, Any]:
    found = one.measure
    return {
        "source": one.source,
        "path": one.path,
        "page": one.page + 1,
        "verdict": str(one.verdict),
        "measure": None
        if found is None
        else {
            "share": found.share,
            "mean": found.mean,
            "largest": found.largest,
            "psnr": None if math.isinf(found.psnr) else found.psnr,
        },
        "tolerance": one.tolerance,
        "note": one.note,
        "metadata": {tag: list(pair) for tag, pair in one.metadata.items()},
    }
