"""Verdicts on outputs that were made again, in words and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from archivist.catalog.replays import Replayed, ReplayRow, Verdict
from archivist.report.words import moment, number, readable, share

VERDICT_WORDS: Mapping[Verdict, str] = {
    Verdict.BIT: "the same file, byte by byte",
    Verdict.PIXEL: "the same picture in another container",
    Verdict.TOLERANCE: "no sample differs by more than the steps declare",
    Verdict.DIFFERENT: "another picture",
    Verdict.IMPOSSIBLE: "something that is needed is missing",
}


def verdict_lines(one: Replayed) -> Iterator[str]:
    """Yield a verdict as lines: the first names the output, the others are indented."""
    yield f"{one.verdict:<20}  {readable(one.path)}"
    yield from (f"    {line}" for line in detail_lines(one.detail))


def detail_lines(detail: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is known beside a verdict."""
    if "largest" in detail:
        yield measured(detail)
    if "tolerance" in detail:
        yield f"declared tolerance {number(detail['tolerance'])} (values from 0 to 1)"
    if detail.get("departed"):
        yield f"{detail['departed']} is the first step that made something else"
    if detail.get("note"):
        yield readable(str(detail["note"]))
    for one in detail.get("missing", ()):
        yield readable(str(one))


def measured(detail: Mapping[str, Any]) -> str:
    """Return the measures of a difference in words."""
    ratio = f"{detail['psnr']:.1f} dB" if "psnr" in detail else "infinite"
    return (
        f"{share(detail['share'])} of the pixels differ, by {detail['mean'] * 255:.3g} of 255 on "
        f"average, {detail['largest'] * 255:.3g} at most; PSNR {ratio}"
    )


def row_words(row: ReplayRow) -> str:
    """Return a recorded replay in one sentence, for an audit."""
    one = row.replayed
    told = "; ".join(detail_lines(one.detail))
    by = f" by {row.operator}" if row.operator else ""
    machine = row.environment.get("archivist")
    on = f", archivist {machine}" if machine else ""
    return f"{moment(row.at)}{by}{on}: {one.path} {one.verdict}{f' ({told})' if told else ''}"


def verdict_facts(one: Replayed) -> dict[str, Any]:
    """Return a verdict as plain JSON values; differences run from 0 to 1, PSNR in decibels."""
    return {
        "source": one.source,
        "path": one.path,
        "profile": one.profile,
        "output_digest": one.output_digest,
        "verdict": str(one.verdict),
        **one.detail,
    }
