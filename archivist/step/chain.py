"""What is handed from one member of a sequence to the next, within a unit and between units."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from archivist.api.errors import SourceError, StoreError
from archivist.api.steps import Kind
from archivist.api.values import Image
from archivist.hashing import digest_bytes
from archivist.imaging.raster import ArrayRaster
from archivist.model import FileWork, Handed, PageWork, Role, Status, Workshop, WorkUnit
from archivist.plugins import make_params
from archivist.step.held import Held
from archivist.step.keeping import recall
from archivist.step.page import PageDraft
from archivist.step.session import Session
from archivist.store.pictures import StoredPicture

Place = tuple[int, str]
"""(ordinal of a step, its output)."""
_SHOWN = 3
"""Members that failed in between and are named one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What a page finds of the members before it.

    ``anew`` maps the ordinal of a step that begins anew to the reason.
    """

    values: Mapping[Place, Held] = field(default_factory=dict)
    anew: Mapping[int, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class _Link:
    handed: Handed
    held: Held | None
    """None when the value is not in the store (any more)."""
    failed: list[str] = field(default_factory=list)
    """Members since then of which the step made nothing because they failed."""


class Chain:
    """Carries results through the files of a unit, in their order; idle without a sequence."""

    def __init__(self, unit: WorkUnit, workshop: Workshop, here: Session) -> None:
        self.goes_on = unit.sequence is not None
        """Whether there is a sequence in which something is handed on."""
        self._files, self._next = unit.files, 0
        self._workshop, self._here = workshop, here
        self._links: dict[Place, _Link] = {}
        name = digest_bytes(unit.uid.encode())[:16]
        self._scratch = Path(workshop.scratch) / f"sequence-{name}"
        for one in unit.handed:
            self._link(one)

    def works_on(self, file: FileWork) -> bool:
        """Tell whether anything is to be done with a file; of one that rests results are read."""
        return not (self.goes_on and file.rests)

    def reach(self, file: FileWork) -> None:
        """Go to a file: take the results of those that rest before it."""
        while self._next < len(self._files):
            passed = self._files[self._next]
            self._next += 1
            if passed is file:
                return
            for page in passed.pages:
                self._recall(passed, page)

    def before(self, work: PageWork) -> Before:
        """Return what a page may read of the members before it.

        One of another size begins anew: in a film that is another take, and nothing would fit.
        """
        size = work.asset.header.upright_size
        values: dict[Place, Held] = {}
        anew: dict[int, str] = {}
        for place, link in self._links.items():
            if link.handed.size != size:
                sizes = f"is {_size(link.handed.size)}, this one {_size(size)}"
                anew[place[0]] = f"begins anew: {link.handed.path} {sizes}"
            elif link.held is None:
                what = f"what was made of {link.handed.path} is not in the store any more"
                anew[place[0]] = f"begins anew: {what}"
            else:
                values[place] = replace(link.held, role=Role.BEFORE, note=_note(link))
        return Before(values=values, anew=anew)

    def miss(self, file: FileWork) -> None:
        """Take that a file could not be opened; what comes after it goes on from before it."""
        for link in self._links.values():
            link.failed.append(file.paths[0])

    def take(self, file: FileWork, page: PageWork, draft: PageDraft) -> None:
        """Take what was made of a page; where nothing was, what was made before stays."""
        path = _path(file, page)
        if draft.outcome.status is Status.FAILED:
            for link in self._links.values():
                link.failed.append(path)
        for (ordinal, _), made in draft.handed.items():
            handed = Handed(
                ordinal=ordinal,
                artifact=made.artifact,
                record=made.record,
                path=path,
                size=page.asset.header.upright_size,
                grown=made.held.grown,
            )
            self._link(handed, made.held if _in_memory(made.held) else None)

    def handed(self) -> tuple[Handed, ...]:
        """Return what the unit hands on; call it once, at its end."""
        for file in self._files[self._next :]:
            for page in file.pages:
                self._recall(file, page)
        shutil.rmtree(self._scratch, ignore_errors=True)
        return tuple(link.handed for link in self._links.values())

    def _recall(self, file: FileWork, page: PageWork) -> None:
        """Take the known results of a page that rests."""
        known, grown = {result.key: result for result in page.known}, 1
        for task in page.tasks:
            spec, result = self._here.plugins.steps.get(task.step), known.get(str(task.key))
            if spec is None or result is None:
                continue
            if any(one.kind == Kind.IMAGE for one in result.outputs):
                grown *= spec.scale(make_params(spec, task.params))
            for artifact in result.outputs:
                if artifact.port in spec.handed_on:
                    handed = Handed(
                        ordinal=task.ordinal,
                        artifact=artifact,
                        record=result.record,
                        path=_path(file, page),
                        size=page.asset.header.upright_size,
                        grown=grown,
                    )
                    self._link(handed)

    def _link(self, handed: Handed, held: Held | None = None) -> None:
        """Let a value be the newest of its place; without ``held`` it is read from the store."""
        place = handed.ordinal, handed.artifact.port
        self._links[place] = _Link(handed=handed, held=held or self._stored(handed))

    def _stored(self, one: Handed) -> Held | None:
        """Return a value as it comes from the store, if it is there."""
        if not one.artifact.kept:
            return None
        held = recall(one.artifact, one.record, self._workshop, self._scratch, _unreadable)
        held.grown = one.grown
        try:
            held.get()
        except StoreError:
            return None
        return held


def _unreadable(asset: str, region: tuple[int, int, int, int], longest: int = 0) -> Image:
    raise SourceError(f"{asset} was a reference of another picture", code="reference-unknown")


def _in_memory(held: Held) -> bool:
    """Tell whether a value outlives the scratch space of its file."""
    found = held.get()
    return not isinstance(found, StoredPicture) or isinstance(found.raster, ArrayRaster)


def _note(link: _Link) -> str:
    note = f"made of {link.handed.path}"
    if link.failed:
        names = ", ".join(link.failed[:_SHOWN])
        more = len(link.failed) - _SHOWN
        note += f"; {names}{f' and {more} more' if more > 0 else ''} failed"
    return note


def _path(file: FileWork, page: PageWork) -> str:
    number = f", page {page.asset.page + 1}" if page.asset.pages > 1 else ""
    return f"{file.paths[0]}{number}"


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]} px"
