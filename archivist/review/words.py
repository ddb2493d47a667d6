"""What is decided and what waits, as rows for programs and as words for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from archivist.catalog.queries import paths_of, standings
from archivist.catalog.rows import Approval
from archivist.report.words import readable
from archivist.review.deciding import Decided, Panel
from archivist.review.waiting import Waiting


def decided_facts(one: Decided) -> dict[str, object]:
    """Return a decision for programs."""
    return {
        "asset": one.asset.uid,
        "paths": list(one.paths),
        "decision": str(one.opinion.decision),
        "by": one.opinion.by,
        "reason": one.opinion.reason,
        "results": list(one.standing.results),
        "redo": one.redo,
        "state": str(one.standing.state),
        "approvals": [approval.reviewer for approval in one.standing.approvals],
    }


def sentence(one: Decided, needed: int) -> str:
    """Return a decision for people; ``needed`` approvals pin a result."""
    name, by = readable(one.name), readable(one.opinion.by)
    count = len(one.standing.approvals)
    said = {
        "open": "nobody has decided about it",
        "approved": "approved, later runs keep it",
        "awaiting": f"{count} of {needed} approvals; another person must approve too",
        "rejected": "rejected",
    }[one.standing.state]
    if one.opinion.decision == "note":
        return f"{name}: noted by {by}; {said}."
    if one.redo:
        said += ", the next run makes it again with other params"
    return f"{name}: {said} ({by})."


def review_rows(panel: Panel, found: Sequence[Approval]) -> list[dict[str, Any]]:
    """Return reviews for programs, with where their results stand now."""
    stand = standings(panel.catalog, {one.asset for one in found}, panel.policy)
    lay = standings(panel.catalog, {one.asset for one in found}, panel.policy, own=True)
    paths = paths_of(panel.catalog, {one.asset.partition("#")[0] for one in found})
    return [
        {
            "at": one.at.isoformat(timespec="seconds"),
            "decision": str(one.decision),
            "by": one.reviewer,
            "reason": one.reason,
            "asset": one.asset,
            "paths": list(paths.get(one.asset.partition("#")[0], ())),
            "outputs": [file.path for file in lay[one.asset].files],
            "results": list(one.results),
            "redo": one.redo,
            "wanted": one.wanted,
            "in_place": one.speaks_of(stand[one.asset].results),
            "state": str(stand[one.asset].state),
        }
        for one in found
    ]


def review_cells(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Return the cells of a table of reviews: when, what, who, of what, how it stands, why."""
    return [
        (
            row["at"][:16].replace("T", " "),
            row["decision"],
            readable(row["by"]),
            readable(next(iter([*row["paths"], *row["outputs"]]), row["asset"][:12])),
            row["state"] if row["in_place"] else "of an earlier result",
            row["wanted"],
            readable(row["reason"]),
        )
        for row in rows
    ]


def waiting_facts(one: Waiting) -> dict[str, Any]:
    """Return a result of the queue for programs."""
    return {
        "asset": one.result.asset.uid,
        "paths": list(one.result.paths),
        "outputs": [file.path for file in one.standing.files],
        "results": list(one.standing.results),
        "state": str(one.standing.state),
        "approvals": [approval.reviewer for approval in one.standing.approvals],
        "risk": round(one.risk, 4),
        "reasons": [
            {
                "measure": why.measure,
                "value": why.value,
                "risk": round(why.risk, 4),
                "text": why.text,
            }
            for why in one.reasons
        ],
    }


def queue_lines(found: Sequence[Waiting]) -> Iterator[str]:
    """Yield each result with its risk, and below it its reasons."""
    for one in found:
        by = ", ".join(approval.reviewer for approval in one.standing.approvals)
        told = f" (approved by {readable(by)})" if by else ""
        yield f"{one.risk:5.2f}  {readable(one.name)}{told}"
        for why in one.reasons:
            yield f"       {why.risk:4.2f} {readable(why.text)}"
