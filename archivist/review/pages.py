"""The pages that reviewers see, drawn on the server; they need no other file and no network."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from jinja2 import Environment

from archivist.config import ReviewSettings
from archivist.report.html import package_text, page_environment, page_globals
from archivist.review.desk import Desk, Sheet

LISTED = 60
"""Photographs of the queue that are listed beside the one that is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What came of the last decision: words, and whether it went well."""

    text: str
    good: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a person had typed when a decision was refused, so that nothing is typed twice."""

    by: str = ""
    reason: str = ""
    redo: str = ""


def draw(
    desk: Desk, sheet: Sheet | None, *, base: str, message: Message | None, draft: Draft
) -> str:
    """Return the page of a photograph, or that nothing waits. ``base`` is the path of the pages."""
    return (
        _environment()
        .get_template("review.html.j2")
        .render(
            archive=desk.archive,
            queue=desk.queue[:LISTED],
            waiting=len(desk.queue),
            sheet=sheet,
            base=base,
            message=message,
            draft=draft,
            policy=desk.policy,
            needed=_needed(sheet, desk.policy),
        )
    )


def draw_problem(title: str, text: str) -> str:
    """Return a page that says what went wrong."""
    return _environment().get_template("problem.html.j2").render(title=title, text=text)


def _needed(sheet: Sheet | None, policy: ReviewSettings) -> int:
    """Return how many more approvals a result needs."""
    return 0 if sheet is None else policy.approvals - len(sheet.standing.approvals)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = page_environment("archivist.review", "archivist.report")
    style = package_text("archivist.report", "report.css")
    style += package_text("archivist.review", "review.css")
    script = package_text("archivist.report", "compare.js")
    script += package_text("archivist.review", "review.js")
    environment.globals.update(page_globals(style, script))
    return environment


def script_digest() -> str:
    """Return the digest of the script of the pages, as a content security policy names it."""
    return str(_environment().globals["script_digest"])
