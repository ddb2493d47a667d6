"""The first pass of a recipe with references: every picture of the archive is embedded and indexed.

It is the first step of the recipe, for all scans whatever the run is to treat, as a run of its own
without outputs. What the index holds already is not looked at again.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np

from archivist.api.errors import OutOfMemory, StoreError
from archivist.api.steps import Kind
from archivist.api.values import Embedding
from archivist.catalog import queries
from archivist.catalog.bulk import pages
from archivist.catalog.found import files_of_run
from archivist.catalog.plans import needs_work
from archivist.hashing import key_of
from archivist.model import Artifact, Recipe, Workshop
from archivist.pipeline.job import Desk, Watcher
from archivist.pipeline.planning import planner_for
from archivist.pipeline.rights import gate_of
from archivist.pipeline.working import work_off, workshop_for
from archivist.plan import PlannedFile, Planner, Summary, takes_lookalikes
from archivist.plugins import Plugins
from archivist.references.header import EmbeddingModel, IndexDamaged, read_header
from archivist.references.index import VectorIndex, open_index
from archivist.rights import Act
from archivist.store.artifacts import load
from archivist.store.blobs import BlobStore
from archivist.store.naming import NameTable

COMMAND = "embed"
"""What the run of the first pass is called in the catalog."""
_SHOWN = 16
"""Digits of a digest that tell indexes apart."""


def takes_references(recipe: Recipe, plugins: Plugins) -> bool:
    """Tell whether a recipe chooses references, so that the archive must be embedded before."""
    return any(takes_lookalikes(plugins.steps[step.step]) for step in recipe.steps)


def first_pass(recipe: Recipe) -> Recipe:
    """Return the recipe of the first pass: the step of a recipe that embeds the scan."""
    return replace(
        recipe,
        name=f"{recipe.name}: {COMMAND}",
        title="Describe every picture of the archive, to find those that look alike",
        steps=recipe.steps[:1],
        overrides=(),
        inputs={},
    )


def without_outputs(workshop: Workshop) -> Workshop:
    """Return a workshop of the first pass: it publishes nothing and keeps what it makes.

    Rights forbid nothing in it: what may not be restored may still lend.
    """
    return replace(workshop, profiles=(), keep=(*workshop.keep, Kind.EMBEDDING), denials="")


@dataclass(slots=True)
class ArchiveIndex:
    """The index of the pictures of an archive, made by one way of embedding them.

    ``work`` is the digest of that way (:func:`archivist.hashing.work_digest`): step, version,
    params and weights. Another way has a folder of its own, so that vectors are never mixed.
    """

    home: Path
    step: str
    version: int
    work: str
    index: VectorIndex | None = None
    """None as long as nothing is embedded."""

    @property
    def folder(self) -> Path:
        """Where the index lies."""
        return self.home / "index" / f"{self.step}-{self.version}-{self.work[:_SHOWN]}"

    def open(self, watcher: Watcher) -> None:
        """Open the index; a damaged one is made anew. Raises CatalogError for one not of ours."""
        try:
            header = read_header(self.folder)
            if header is not None:
                self.index = open_index(self.folder, header[0])
        except IndexDamaged as error:
            watcher.note(f"{error}. That is done now; nothing is lost")
            shutil.rmtree(self.folder)

    def lacks(self, desk: Desk) -> Iterator[PlannedFile]:
        """Yield the files that the run's scan saw and the index does not hold with all pages.

        One that may neither be restored nor lend is not even described.
        """
        gate = gate_of(desk.job)
        files = (
            file
            for file in files_of_run(desk.catalog, desk.run)
            if not gate.of(file).keys() >= {Act.RESTORATION, Act.REFERENCE}
        )
        for some in pages(files):
            uids = [asset.uid for file in some for asset in file.assets]
            missing = set(uids if self.index is None else self.index.missing(uids))
            for file in some:
                if any(asset.uid in missing for asset in file.assets):
                    yield PlannedFile(digest=file.digest, paths=file.paths, assets=file.assets)

    def failed(self, desk: Desk) -> dict[str, str]:
        """Return the pictures whose embedding failed in just this way before: uid -> reason.

        The same would come of it, unless there was too little memory.
        """
        found: dict[str, str] = {}
        for some in pages(self.lacks(desk)):
            keys = {a.uid: key_of(self.work, [("image", a.uid)]) for f in some for a in f.assets}
            for uid, (code, reason) in queries.failed_before(desk.catalog, keys).items():
                if code != OutOfMemory.code:
                    found[uid] = reason
        return found

    def take_in(self, desk: Desk) -> int:
        """Add what the store holds and the index does not; return how many vectors that are.

        A file of the store that is damaged is marked as deleted, so that it is made again.
        """
        found = self._stored(desk)
        first = next(found, None)
        if first is None:
            return 0
        if self.index is None:
            self.index = open_index(self.folder, self._model(first[1]))
        return self.index.append(chain([first], found))

    def _model(self, embedding: Embedding) -> EmbeddingModel:
        return EmbeddingModel(
            name=embedding.model,
            version=f"{self.step} {self.version}, {self.work[:_SHOWN]}",
            dimensions=int(embedding.vectors.shape[1]),
        )

    def _stored(self, desk: Desk) -> Iterator[tuple[str, Embedding]]:
        """Yield the kept embeddings of assets that the index does not hold."""
        for some in pages(self.lacks(desk)):
            uids = [asset.uid for file in some for asset in file.assets]
            keys = {key_of(self.work, [("image", uid)]): uid for uid in uids}
            for key, result in queries.known(desk.catalog, keys).items():
                for artifact in result.outputs:
                    if artifact.kind == Kind.EMBEDDING and artifact.kept:
                        yield from self._loaded(keys[key], artifact, desk)

    def _loaded(self, uid: str, artifact: Artifact, desk: Desk) -> Iterator[tuple[str, Embedding]]:
        try:
            value = load(BlobStore(self.home / "store"), artifact)
        except StoreError as error:
            desk.watcher.note(f"the embedding of {uid} is made anew: {error}")
            desk.writer.forget_blobs([str(artifact.blob)], reason="damaged or missing")
            return
        assert isinstance(value, Embedding)
        if np.isfinite(value.vectors).all() and value.vectors.any(axis=1).all():
            yield uid, value
        else:
            desk.watcher.note(f"{uid} cannot be compared: its embedding points nowhere")


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstPass:
    """The first pass as planned or carried out.

    ``desk`` is that of the run that goes on; ``pending`` scans were not embedded, because the run
    was stopped.
    """

    index: ArchiveIndex
    summary: Summary
    desk: Desk
    pending: int = 0


def plan_first(desk: Desk) -> FirstPass:
    """Return what the first pass of a recipe would do; what is embedded already is indexed."""
    index, planner = _prepare(desk)
    summary = Summary()
    for _ in summary.watch(planner.units(_worth_trying(index, desk))):
        pass
    return FirstPass(index=index, summary=summary, desk=desk)


def embed_archive(desk: Desk) -> FirstPass:
    """Carry out the first pass of a recipe, if anything is to be done.

    It is the run that was begun, because what leads to a result is recorded before it; another run
    then goes on with its scan.
    """
    index, planner = _prepare(desk)
    summary, recipe = Summary(), first_pass(desk.recipe)
    units = summary.watch(planner.units(_worth_trying(index, desk)))
    first = next((unit for unit in units if needs_work(unit)), None)
    if first is None:
        return FirstPass(index=index, summary=summary, desk=desk)
    desk.writer.make_first_pass(desk.run, command=COMMAND, recipe=recipe)
    desk.writer.store_plan(desk.run, recipe, chain([first], units))
    desk.watcher.note(f"Pass 1 of 2: {summary.units} scans are described, to find lookalikes")
    if not desk.stop.draining:
        inner = replace(desk, recipe=recipe)
        work_off(inner, summary, without_outputs(workshop_for(inner, NameTable())))
    index.take_in(desk)
    pending = queries.count_pending(desk.catalog, desk.run)
    if pending:
        return FirstPass(index=index, summary=summary, desk=desk, pending=pending)
    desk.writer.finish_run(desk.run)
    desk.watcher.note("Pass 2 of 2: references are chosen, and the recipe is carried out")
    return FirstPass(index=index, summary=summary, desk=_second(desk))


def _worth_trying(index: ArchiveIndex, desk: Desk) -> Iterator[PlannedFile]:
    """Return what the index lacks, without what failed before; say what that is."""
    failed = {} if desk.job.retry else index.failed(desk)
    if failed:
        uid, reason = next(iter(failed.items()))
        digest = uid.partition("#")[0]
        path = queries.paths_of(desk.catalog, [digest]).get(digest, (digest,))[0]
        desk.watcher.note(
            f"{len(failed)} pictures could not be described before (the first: {path}: {reason}). "
            "They lend nothing, and are not tried again until the step, its weights or the file "
            "changes. To try them now: --retry"
        )
    for file in index.lacks(desk):
        if any(asset.uid not in failed for asset in file.assets):
            yield file


def _second(desk: Desk) -> Desk:
    """Begin the run that goes on with the scan of the first pass."""
    run = desk.writer.start_run(
        command="run", operator=desk.job.who, settings=desk.job.facts(), recipe=desk.recipe
    )
    desk.writer.take_over_scan(run, of=desk.run)
    return replace(desk, run=run)


def _prepare(desk: Desk) -> tuple[ArchiveIndex, Planner]:
    """Return the index, with all that is embedded, and the planner of the first pass."""
    recipe = first_pass(desk.recipe)
    spec = desk.plugins.steps[recipe.steps[0].step]
    asked = {port.name for port in spec.outputs if port.kind is Kind.EMBEDDING}
    inner = replace(desk, recipe=recipe)
    # Also what a reviewer approved is looked at: its result stays, but it may lend its texture.
    planner = planner_for(inner, profiles=(), override=True, asked=asked)
    index = ArchiveIndex(
        home=desk.job.home, step=spec.id, version=spec.version, work=planner.work_of(0)
    )
    index.open(desk.watcher)
    index.take_in(desk)
    return index, planner
