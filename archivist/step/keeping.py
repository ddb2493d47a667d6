"""Values into the store and back."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from archivist.api.steps import Kind
from archivist.api.values import Value
from archivist.model import Artifact, KnownResult, Workshop
from archivist.step.held import Held, role_of
from archivist.store.artifacts import PICTURES, load, load_picture, save, save_picture
from archivist.store.blobs import BlobStore
from archivist.store.packing import ReadRegion
from archivist.store.pictures import StoredPicture

ALWAYS = (Kind.REFERENCES,)
"""Kinds that are kept whatever the configuration says: small, and needed to go on."""


@lru_cache(maxsize=2)
def store_of(root: str) -> BlobStore:
    """Return the store in a folder."""
    return BlobStore(Path(root))


def keep(port: str, held: Held, workshop: Workshop, *, always: bool = False) -> Artifact:
    """Keep a value if its kind is to be kept, else only note its digest. Raises StoreError.

    ``always`` keeps it whatever its kind: the next member of a sequence needs it to go on.
    """
    store = store_of(workshop.store)
    kept = always or held.kind in (*ALWAYS, *workshop.keep)
    found = held.get()
    if isinstance(found, StoredPicture):
        return save_picture(store, port, held.kind, found, kept=kept, digest=held.digest)
    return save(store, port, found, kept=kept)


def is_there(known: KnownResult, workshop: Workshop) -> bool:
    """Tell whether everything that was kept of a result is still in the store."""
    store = store_of(workshop.store)
    return all(store.has(item.blob) for item in known.outputs if item.blob is not None)


def recall(
    artifact: Artifact, maker: str, workshop: Workshop, scratch: Path, read_region: ReadRegion
) -> Held:
    """Return a kept value; it is read and checked when something asks for it.

    References get their pixels by ``read_region``.
    """
    store, kind = store_of(workshop.store), Kind(artifact.kind)

    def read_picture() -> StoredPicture:
        return load_picture(store, artifact, scratch=scratch)

    def read_value() -> Value:
        return load(store, artifact, read_region=read_region)

    return Held(
        kind=kind,
        digest=artifact.digest,
        role=role_of(kind),
        load=read_picture if kind in PICTURES else read_value,
        maker=maker,
    )
