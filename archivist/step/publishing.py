"""From the pages of a file to its outputs: what the store needs to know to publish them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from archivist import __version__
from archivist.imaging.metadata import HistoryEvent
from archivist.model import FileWork, Task, Workshop, now, publication_key
from archivist.step.page import PageDraft
from archivist.step.session import Session
from archivist.step.source import Scan
from archivist.step.worked import worked_at
from archivist.store.exiftool import program
from archivist.store.job import PageResult, PublishJob
from archivist.store.naming import NameTable
from archivist.store.publish import Staged, stage

SOFTWARE = f"archivist {__version__}"


def stage_outputs(
    file: FileWork, scan: Scan, pages: Sequence[PageDraft], workshop: Workshop, here: Session
) -> Staged:
    """Write the outputs of a file under temporary names. Raises PublishError; nothing is left."""
    if not workshop.profiles:
        return Staged(publications=(), moves=())
    # The time of the work, not of the writing: publishing the same work again gives equal bytes.
    when = file.when or worked_at(time for page in pages for time in page.worked) or now()
    job = PublishJob(
        out=Path(workshop.out),
        scan=scan.path,
        digest=scan.digest,
        paths=file.paths,
        pages=tuple(_page(page, file, number, when) for number, page in enumerate(pages)),
        profiles=workshop.profiles,
        software=SOFTWARE,
        when=when,
        max_pixels=workshop.max_pixels,
        data=scan.data,
        names=NameTable(workshop.names),
        threads=here.threads,
        codecs=here.plugins.codecs,
        exiftool=program(workshop.exiftool),
    )
    images = [page.image.digest for page in pages if page.image]
    synthetic = any(page.synthetic for page in pages)
    profiles = {profile.name: profile for profile in workshop.profiles}
    staged = stage(job)
    keyed = (
        replace(
            done,
            key=publication_key(images, profiles[done.profile], done.source, synthetic=synthetic),
        )
        for done in staged.publications
    )
    return Staged(publications=tuple(keyed), moves=staged.moves)


def _page(draft: PageDraft, file: FileWork, number: int, when: datetime) -> PageResult:
    assert draft.page is not None  # a page that could not be opened is never published
    assert draft.image is not None
    picture = draft.image.picture
    return PageResult(
        header=file.pages[number].asset.header,
        colour=picture.colour,
        icc=picture.icc,
        raster=picture.raster,
        alpha=draft.page.alpha,
        associated=draft.page.associated,
        changed=draft.changed,
        synthetic=draft.synthetic,
        events=tuple(_event(task, when) for task in draft.edits) if draft.changed else (),
    )


def _event(task: Task, when: datetime) -> HistoryEvent:
    params = json.dumps(dict(task.params), sort_keys=True)
    return HistoryEvent(
        action="edited",
        agent=f"{SOFTWARE} {task.step} {task.version}",
        when=when,
        parameters=params,
    )
