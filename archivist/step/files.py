"""One file from scan to output: open it, carry its pages through the recipe, publish them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from archivist.api.errors import AssetError, SourceError
from archivist.model import AssetOutcome, FileWork, Publication, Status, Workshop
from archivist.step.held import Held
from archivist.step.page import PageDraft, PageRun
from archivist.step.publishing import publish_file
from archivist.step.session import Session
from archivist.step.source import OpenedPage, Scan, check_unchanged, open_page, open_scan


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Opened:
    """A file that was read, or why it could not be. The first page is decoded ahead."""

    file: FileWork
    scan: Scan | None = None
    first: OpenedPage | None = None
    scratch: Path
    problem: AssetError | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FileDraft:
    """A file whose steps are done and whose output is still to be written."""

    opened: Opened
    pages: tuple[PageDraft, ...]
    carry: dict[tuple[int, str], Held] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOutcome:
    """How the assets of one file ended, and what was published."""

    assets: tuple[AssetOutcome, ...]
    publications: tuple[Publication, ...] = ()


def open_file(file: FileWork, workshop: Workshop, here: Session) -> Opened:
    """Read and check a file and decode its first page; never raises for what the file does."""
    scratch = Path(workshop.scratch) / file.digest
    try:
        scan = open_scan(file, workshop)
        first = open_page(scan, file.pages[0].asset, workshop, scratch, here.plugins.codecs)
    except AssetError as error:
        return Opened(file=file, scratch=scratch, problem=error)
    except OSError as error:
        problem = SourceError(f"cannot be read: {error.strerror or error}", code="unreadable")
        return Opened(file=file, scratch=scratch, problem=problem)
    except MemoryError:
        problem = SourceError(
            "does not fit into memory. Cure: fewer workers (--workers 1) or more memory",
            code="out-of-memory",
        )
        return Opened(file=file, scratch=scratch, problem=problem)
    return Opened(file=file, scan=scan, first=first, scratch=scratch)


def compute_file(
    opened: Opened,
    workshop: Workshop,
    here: Session,
    previous: Mapping[tuple[int, str], Held],
) -> FileDraft:
    """Carry the pages of a file through their tasks. ``previous`` are a sequence's last values."""
    if opened.scan is None:
        return FileDraft(opened=opened, pages=())
    pages = []
    carry: dict[tuple[int, str], Held] = {}
    for number, work in enumerate(opened.file.pages):
        run = PageRun(work, workshop, here, opened.scratch, previous)
        try:
            page = opened.first if number == 0 else None
            page = page or open_page(
                opened.scan, work.asset, workshop, opened.scratch, here.plugins.codecs
            )
        except AssetError as error:
            pages.append(run.failed_to_open(error))
            continue
        draft = run.carry_out(page)
        pages.append(draft)
        carry.update(draft.made)
    return FileDraft(opened=opened, pages=tuple(pages), carry=carry)


def finish_file(draft: FileDraft, workshop: Workshop, here: Session) -> FileOutcome:
    """Publish a file whose pages all ended well; give back its scratch space."""
    try:
        return _finish(draft, workshop, here)
    finally:
        shutil.rmtree(draft.opened.scratch, ignore_errors=True)


def _finish(draft: FileDraft, workshop: Workshop, here: Session) -> FileOutcome:
    opened = draft.opened
    if opened.problem is not None or opened.scan is None:
        problem = opened.problem or SourceError("was not opened")
        return FileOutcome(
            assets=tuple(_failed(page.asset.uid, problem) for page in opened.file.pages)
        )
    outcomes = tuple(page.outcome for page in draft.pages)
    if any(outcome.status is Status.FAILED for outcome in outcomes):
        return FileOutcome(assets=_spoiled(outcomes))
    try:
        publications = publish_file(opened.file, opened.scan, draft.pages, workshop, here)
        check_unchanged(opened.scan)
    except AssetError as error:
        return FileOutcome(
            assets=tuple(
                replace(outcome, status=Status.FAILED, code=error.code, message=str(error))
                for outcome in outcomes
            )
        )
    return FileOutcome(assets=outcomes, publications=tuple(publications))


def _spoiled(outcomes: tuple[AssetOutcome, ...]) -> tuple[AssetOutcome, ...]:
    """Fail the good pages of a file with a bad one: a file is published whole or not at all."""
    bad = [n for n, outcome in enumerate(outcomes) if outcome.status is Status.FAILED]
    message = f"page {bad[0] + 1} of the same file failed, so the file was not published"
    return tuple(
        outcome
        if outcome.status is Status.FAILED
        else replace(outcome, status=Status.FAILED, code="page-failed", message=message)
        for outcome in outcomes
    )


def _failed(asset: str, problem: AssetError) -> AssetOutcome:
    return AssetOutcome(asset=asset, status=Status.FAILED, code=problem.code, message=str(problem))
