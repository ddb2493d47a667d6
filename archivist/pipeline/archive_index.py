"""The index of an archive: which embeddings it holds, which it lacks, and which failed before."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from archivist.api.errors import OutOfMemory, StoreError
from archivist.api.steps import Kind
from archivist.api.values import Embedding
from archivist.catalog import queries
from archivist.catalog.bulk import pages
from archivist.catalog.found import files_of_run
from archivist.hashing import key_of
from archivist.model import Artifact
from archivist.pipeline.job import Desk, Watcher
from archivist.pipeline.rights import gate_of
from archivist.plan import PlannedFile
from archivist.references.header import EmbeddingModel, IndexDamaged, read_header
from archivist.references.index import VectorIndex, open_index
from archivist.rights import Act
from archivist.store.artifacts import load
from archivist.store.blobs import BlobStore

_SHOWN = 16
"""Digits of a digest that tell indexes apart."""


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
