"""One file from scan to output: open it, carry its pages through the recipe, publish them."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path

from archivist.api.errors import AssetError, PublishError, SourceError
from archivist.model import (
    AssetOutcome,
    FileWork,
    Publication,
    SetAside,
    Status,
    Workshop,
    shortened,
)
from archivist.step.aside import is_long, set_aside
from archivist.step.chain import Chain
from archivist.step.page import PageDraft, PageRun
from archivist.step.publishing import stage_outputs
from archivist.step.rights import Rested, check_begin, check_publish
from archivist.step.room import make_room
from archivist.step.session import Session
from archivist.step.source import OpenedPage, Scan, check_unchanged, open_page, open_scan
from archivist.step.withheld import Withheld, check_approved, check_as_approved
from archivist.store.atomic import discard
from archivist.store.beside import note_meant
from archivist.store.placing import cured
from archivist.store.publish import Staged, settle


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

    @property
    def samples(self) -> int:
        """How many samples its outputs are made of."""
        return sum(prod(page.image.raster.shape) for page in self.pages if page.image is not None)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StagedFile:
    """A file that waits for its outputs to get their names; it holds no pixels any more.

    Without ``output`` nothing is to be published.
    """

    assets: tuple[AssetOutcome, ...]
    output: Staged | None = None
    scan: Path | None = None
    digest: str = ""
    approved: frozenset[str] = frozenset()
    published: frozenset[str] = frozenset()
    rested: Rested = field(default_factory=Rested)
    set_aside: tuple[SetAside, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOutcome:
    """How the assets of one file ended, and what was published."""

    assets: tuple[AssetOutcome, ...]
    publications: tuple[Publication, ...] = ()
    set_aside: tuple[SetAside, ...] = ()


def open_file(file: FileWork, workshop: Workshop, here: Session) -> Opened:
    """Read and check a file and decode its first page; never raises for what the file does."""
    scratch = Path(workshop.scratch) / file.digest
    try:
        check_begin(file, workshop)
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


def compute_file(opened: Opened, workshop: Workshop, here: Session, chain: Chain) -> FileDraft:
    """Carry the pages of a file through their tasks; ``chain`` brings what a sequence hands on."""
    chain.reach(opened.file)
    if opened.scan is None:
        chain.miss(opened.file)
        return FileDraft(opened=opened, pages=())
    pages = []
    long = is_long(opened.file, workshop)
    for number, work in enumerate(opened.file.pages):
        before = chain.before(work)
        run = PageRun(
            work,
            workshop,
            here,
            opened.scratch,
            previous=before.values,
            anew=before.anew,
            in_sequence=chain.goes_on,
        )
        try:
            page = opened.first if number == 0 else None
            page = page or open_page(
                opened.scan, work.asset, workshop, opened.scratch, here.plugins.codecs
            )
            draft = run.carry_out(page)
            chain.take(opened.file, work, draft)
            pages.append(set_aside(draft, opened.scratch, number) if long else draft)
        except AssetError as error:
            pages.append(run.failed_to_open(error))
            chain.take(opened.file, work, pages[-1])
    return FileDraft(opened=opened, pages=tuple(pages))


def stage_file(draft: FileDraft, workshop: Workshop, here: Session) -> StagedFile:
    """Write the outputs of a file whose pages all ended well; give back its scratch space."""
    try:
        return _stage(draft, workshop, here)
    finally:
        shutil.rmtree(draft.opened.scratch, ignore_errors=True)


def _stage(draft: FileDraft, workshop: Workshop, here: Session) -> StagedFile:
    opened = draft.opened
    if opened.problem is not None or opened.scan is None:
        problem = opened.problem or SourceError("was not opened")
        return StagedFile(
            assets=tuple(_failed(page.asset.uid, problem) for page in opened.file.pages)
        )
    outcomes = tuple(page.outcome for page in draft.pages)
    if any(outcome.status is Status.FAILED for outcome in outcomes):
        return StagedFile(assets=_spoiled(outcomes))
    try:
        output = stage_outputs(opened.file, opened.scan, draft.pages, workshop, here)
    except AssetError as error:
        return StagedFile(assets=_unpublished(outcomes, error))
    return StagedFile(
        assets=outcomes,
        output=output,
        scan=opened.scan.path,
        digest=opened.scan.digest,
        approved=opened.file.approved,
        published=opened.file.published,
        rested=Rested.joined([page.rested for page in draft.pages]),
    )


def finish_files(files: Sequence[StagedFile], workshop: Workshop) -> list[FileOutcome]:
    """Publish staged files together, then prove that their scans are what they were.

    What rights forbid by now is not published, nor what would replace an approved result. What
    something else made of an output is kept beside it.
    """
    files = [_made_room(_allowed(file, workshop), workshop) for file in files]
    problems = iter(settle([file.output for file in files if file.output is not None]))
    return [_finish(file, None if file.output is None else next(problems)) for file in files]


def _allowed(file: StagedFile, workshop: Workshop) -> StagedFile:
    if file.output is None:
        return file
    try:
        check_publish(file.digest, file.rested, workshop)
        check_approved(file.digest, workshop)
        check_as_approved(file.output.publications, file.approved)
    except Withheld as error:
        drop_files([file])
        return StagedFile(assets=_unpublished(file.assets, error))
    return file


def _made_room(file: StagedFile, workshop: Workshop) -> StagedFile:
    """Keep beside the outputs of a file what is not archivist's own and would be overwritten."""
    if file.output is None or not file.published:
        return file
    asset = file.assets[0].asset
    kept: list[SetAside] = []
    try:
        for move in file.output.moves:
            with cured(move.target):
                found = make_room(move.target, asset, file.published, workshop)
                kept += [found] if found else []
        with cured(Path(workshop.meant)):
            note_meant(Path(workshop.meant), (o.output_digest for o in file.output.publications))
    except AssetError as error:
        drop_files([file])
        return StagedFile(assets=_unpublished(file.assets, error), set_aside=tuple(kept))
    return replace(file, set_aside=tuple(kept))


def _finish(file: StagedFile, problem: PublishError | None) -> FileOutcome:
    if file.output is None or file.scan is None:
        return FileOutcome(assets=file.assets, set_aside=file.set_aside)
    try:
        if problem is not None:
            raise problem
        check_unchanged(file.scan, file.digest)
    except AssetError as error:
        return FileOutcome(assets=_unpublished(file.assets, error), set_aside=file.set_aside)
    return FileOutcome(
        assets=file.assets, publications=file.output.publications, set_aside=file.set_aside
    )


def drop_files(files: Iterable[StagedFile]) -> None:
    """Remove what was written for files that are not finished any more."""
    for file in files:
        if file.output is not None:
            discard(file.output.moves)


def _unpublished(outcomes: tuple[AssetOutcome, ...], error: AssetError) -> tuple[AssetOutcome, ...]:
    return tuple(
        replace(outcome, status=_status(error), code=error.code, message=shortened(str(error)))
        for outcome in outcomes
    )


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
    return AssetOutcome(
        asset=asset, status=_status(problem), code=problem.code, message=str(problem)
    )


def _status(error: AssetError) -> Status:
    return error.status if isinstance(error, Withheld) else Status.FAILED
