"""Values of steps in the store: kept as files, known by digest, read back exactly.

Images lie as 16-bit TIFF, masks as PNG of 0 and 255, probabilities as 16-bit PNG, scores, faces and
references as JSON, everything else as npz. The digest of a value is of its shape and samples, never
of the file, so that another encoding is no other value.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from archivist.api.errors import SourceError, StoreError
from archivist.api.steps import Kind
from archivist.api.values import (
    Embedding,
    Faces,
    Image,
    Mask,
    Probability,
    References,
    Scores,
    TransferMap,
    Value,
)
from archivist.imaging.picture import quantise, to_float
from archivist.imaging.raster import value_digest as raster_digest
from archivist.imaging.storage import ArrayRaster
from archivist.model import Artifact
from archivist.store.blobs import BlobStore
from archivist.store.packing import ReadRegion, pack, packed_digest, unpack
from archivist.store.pictures import (
    StoredPicture,
    media_type_of,
    open_picture,
    write_image,
    write_map,
)

_KINDS: dict[type, Kind] = {
    Image: Kind.IMAGE,
    Mask: Kind.MASK,
    Probability: Kind.PROBABILITY,
    Faces: Kind.FACES,
    References: Kind.REFERENCES,
    TransferMap: Kind.TRANSFER_MAP,
    Embedding: Kind.EMBEDDING,
    Scores: Kind.SCORES,
}
PICTURES = (Kind.IMAGE, Kind.MASK, Kind.PROBABILITY)
"""The kinds whose values are rasters."""


def kind_of(value: Value) -> Kind:
    """Return the kind of a value."""
    return _KINDS[type(value)]


def value_digest(value: Value) -> str:
    """Return the SHA-256 (hex) of a value, images and probabilities as the 16 bits they wait in."""
    if isinstance(value, Image | Mask | Probability):
        return raster_digest(_picture_of(value).raster)
    return packed_digest(value)


def save(store: BlobStore, port: str, value: Value, *, kept: bool = True) -> Artifact:
    """Keep a value that a step made at a port; with ``kept`` False only tell its digest.

    Raises StoreError when the store cannot be written to.
    """
    if isinstance(value, Image | Mask | Probability):
        return save_picture(store, port, kind_of(value), _picture_of(value), kept=kept)
    kind, digest = kind_of(value), packed_digest(value)
    if not kept:
        return Artifact(port=port, kind=str(kind), digest=digest, kept=False)
    media_type, data = pack(value)
    return Artifact(
        port=port,
        kind=str(kind),
        digest=digest,
        blob=store.put_bytes(data),
        size=len(data),
        media_type=media_type,
    )


def save_picture(
    store: BlobStore,
    port: str,
    kind: Kind,
    picture: StoredPicture,
    *,
    kept: bool = True,
    digest: str | None = None,
) -> Artifact:
    """Keep a raster: uint16 images and probabilities, bool masks. Streams what is large.

    ``digest`` is that of the raster when it is known already. Raises StoreError.
    """
    raster = picture.raster
    height, width, _ = raster.shape
    digest = digest or raster_digest(raster)
    if not kept:
        return Artifact(
            port=port, kind=str(kind), digest=digest, kept=False, width=width, height=height
        )
    media_type = media_type_of(str(kind), raster)

    def write(path: Path) -> None:
        if kind is Kind.IMAGE:
            write_image(path, picture)
        else:
            write_map(path, raster, media_type)

    blob = store.put_by(write)
    return Artifact(
        port=port,
        kind=str(kind),
        digest=digest,
        blob=blob,
        size=store.size(blob),
        media_type=media_type,
        width=width,
        height=height,
    )


def load(store: BlobStore, artifact: Artifact, *, read_region: ReadRegion | None = None) -> Value:
    """Return a kept value whole, arrays read-only; references read by ``read_region``.

    Raises StoreError.
    """
    if artifact.kind not in PICTURES:
        try:
            data = store.read(_blob(artifact))
            return unpack(artifact.kind, artifact.media_type, data, read_region=read_region)
        except ValueError as error:
            raise _unreadable(artifact, error) from error
    picture = load_picture(store, artifact)
    height, width, _ = picture.raster.shape
    samples = picture.raster.read(0, height, 0, width)
    if artifact.kind == Kind.MASK:
        mask = np.ascontiguousarray(samples[:, :, 0], np.bool_)
        mask.setflags(write=False)
        return Mask(pixels=mask)
    pixels = to_float(np.ascontiguousarray(samples))
    pixels.setflags(write=False)
    if artifact.kind == Kind.PROBABILITY:
        return Probability(pixels=pixels[:, :, 0])
    return Image(pixels=pixels, colour=picture.colour, depth=picture.depth, icc=picture.icc)


def load_picture(
    store: BlobStore, artifact: Artifact, *, scratch: Path | None = None
) -> StoredPicture:
    """Open a kept image, mask or probability as a raster, large ones read by window.

    The blob is checked against its digest before. Raises StoreError.
    """
    blob = _blob(artifact)
    if not store.check(blob):
        raise StoreError(
            f"blob {blob} ({artifact.port}) is missing or damaged in {store.root}. "
            "Cure: run again to make it anew",
            code="blob-damaged",
        )
    try:
        return open_picture(store.path(blob), artifact.kind, scratch)
    except (SourceError, ValueError, KeyError, OSError) as error:
        raise _unreadable(artifact, error) from error


def _picture_of(value: Image | Mask | Probability) -> StoredPicture:
    if isinstance(value, Mask):
        return StoredPicture(raster=ArrayRaster(value.pixels), depth=8)
    raster = ArrayRaster(quantise(value.pixels))
    if isinstance(value, Probability):
        return StoredPicture(raster=raster)
    return StoredPicture(raster=raster, colour=value.colour, depth=value.depth, icc=value.icc)


def _blob(artifact: Artifact) -> str:
    if artifact.blob is None:
        raise StoreError(
            f"the {artifact.kind} of port {artifact.port!r} was not kept. Cure: add "
            f"{artifact.kind!r} to the kinds to keep, then run again",
            code="not-kept",
        )
    return artifact.blob


def _unreadable(artifact: Artifact, error: Exception) -> StoreError:
    return StoreError(
        f"the kept {artifact.kind} of port {artifact.port!r} cannot be read: {error}. "
        "Cure: run again to make it anew",
        code="blob-damaged",
    )
