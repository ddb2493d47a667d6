"""Values that are no pictures as bytes: facts as JSON, arrays as npz; equal values, equal bytes.

References lie without their pixels, which are in the archive: what reads them is given anew.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from archivist.api.errors import StoreError
from archivist.api.values import (
    Embedding,
    Face,
    Faces,
    Image,
    Reference,
    References,
    Scores,
    TransferMap,
)
from archivist.hashing import canonical_json, digest_json
from archivist.imaging.raster import value_digest as array_digest

Packable = Faces | References | TransferMap | Embedding | Scores
Arrays = Mapping[str, NDArray[Any]]
Region = tuple[int, int, int, int]


class ReadRegion(Protocol):
    """Decodes regions of the scans of an archive."""

    def __call__(self, asset: str, region: Region, longest: int = 0) -> Image:
        """Return a region of an upright scan by the uid of its asset, reduced if wanted."""


JSON, NPZ = "application/json", "application/x-npz"
_FACTS = "facts"
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time of a zip member: a real one would make equal values unequal files."""


def pack(value: Packable) -> tuple[str, bytes]:
    """Return (media type, bytes) of a value."""
    facts, arrays = taken_apart(value)
    if not arrays:
        return JSON, canonical_json(facts)
    return NPZ, _npz(facts, arrays)


def unpack(
    kind: str, media_type: str, data: bytes, *, read_region: ReadRegion | None = None
) -> Packable:
    """Return the value of a kind from its bytes. Raises ValueError for bytes that are not it.

    References read their pixels by ``read_region``; without it they can be listed, not read.
    """
    try:
        facts, arrays = _parts(media_type, data)
        if kind == "references":
            return _references_back(facts, read_region or _not_at_hand)
        return _PUT_TOGETHER[kind](facts, arrays)
    except (KeyError, TypeError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"these bytes are no {kind}: {error}") from error


def packed_digest(value: Packable) -> str:
    """Return the SHA-256 (hex) of a value: of its facts and arrays, not of a file.

    Of references it is that of their assets and regions in order: scores, reasons and the snapshot
    may differ where the pixels that a later step sees are the same.
    """
    if isinstance(value, References):
        return digest_json([[one.asset, one.region] for one in value.references])
    facts, arrays = taken_apart(value)
    return digest_json([facts, {name: array_digest(array) for name, array in arrays.items()}])


def taken_apart(value: Packable) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the facts (as JSON has them) and the arrays of a value."""
    if isinstance(value, Scores):
        return {"values": {name: float(score) for name, score in value.values.items()}}, {}
    if isinstance(value, Faces):
        return {"faces": [_face(face) for face in value.faces]}, {}
    if isinstance(value, Embedding):
        regions = [list(region) for region in value.regions]
        return {"model": value.model, "regions": regions}, {"vectors": value.vectors}
    if isinstance(value, TransferMap):
        facts = {"assets": list(value.assets), "stride": value.stride}
        arrays = {
            "source": value.source,
            "position": value.position,
            "similarity": value.similarity,
        }
        return facts, arrays
    return _references(value), {}


def _face(face: Face) -> dict[str, Any]:
    return {
        "box": list(face.box),
        "landmarks": [list(point) for point in face.landmarks],
        "score": face.score,
    }


def _references(value: References) -> dict[str, Any]:
    rows = [
        {
            "asset": one.asset,
            "region": list(one.region),
            "score": one.score,
            "reason": one.reason,
            "near": None if one.near is None else list(one.near),
            "scale": one.scale,
            "facts": dict(one.facts),
        }
        for one in value.references
    ]
    return {"snapshot": value.snapshot, "reason": value.reason, "references": rows}


# --- back -----------------------------------------------------------------------------------


def _scores(facts: Mapping[str, Any], _: Arrays) -> Scores:
    return Scores({name: float(score) for name, score in facts["values"].items()})


def _faces(facts: Mapping[str, Any], _: Arrays) -> Faces:
    return Faces(
        tuple(
            Face(
                box=_floats(face["box"]),
                landmarks=tuple(_floats(point) for point in face["landmarks"]),
                score=float(face["score"]),
            )
            for face in facts["faces"]
        )
    )


def _floats(values: list[float]) -> Any:
    return tuple(float(value) for value in values)


def _embedding(facts: Mapping[str, Any], arrays: Arrays) -> Embedding:
    regions = tuple(map(_region, facts["regions"]))
    return Embedding(vectors=arrays["vectors"], regions=regions, model=facts["model"])


def _transfer_map(facts: Mapping[str, Any], arrays: Arrays) -> TransferMap:
    return TransferMap(
        source=arrays["source"],
        position=arrays["position"],
        similarity=arrays["similarity"],
        assets=tuple(facts["assets"]),
        stride=facts["stride"],
    )


def _references_back(facts: Mapping[str, Any], read: ReadRegion) -> References:
    rows = (_reference(row, read) for row in facts["references"])
    return References(references=tuple(rows), snapshot=facts["snapshot"], reason=facts["reason"])


def _reference(row: Mapping[str, Any], read: ReadRegion) -> Reference:
    region = _region(row["region"])
    return Reference(
        asset=row["asset"],
        region=region,
        score=float(row["score"]),
        reason=row["reason"],
        read=partial(read, row["asset"], region),
        near=None if row["near"] is None else _region(row["near"]),
        scale=None if row["scale"] is None else float(row["scale"]),
        facts=row["facts"],
    )


def _region(numbers: Sequence[int]) -> Region:
    x, y, width, height = numbers
    return x, y, width, height


def _not_at_hand(asset: str, region: Region, longest: int = 0) -> Image:
    raise StoreError(
        f"the scan of reference {asset} is not at hand where its record is read. "
        "Cure: archivist run, which knows where the scans lie",
        code="not-at-hand",
    )


_PUT_TOGETHER: Mapping[str, Callable[[Mapping[str, Any], Arrays], Packable]] = {
    "scores": _scores,
    "faces": _faces,
    "embedding": _embedding,
    "transfer_map": _transfer_map,
}


# --- files ----------------------------------------------------------------------------------


def _npz(facts: Mapping[str, Any], arrays: Arrays) -> bytes:
    held = {_FACTS: np.frombuffer(canonical_json(facts), np.uint8), **arrays}
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name in sorted(held):
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(held[name]), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, member.getvalue())
    return stream.getvalue()


def _parts(media_type: str, data: bytes) -> tuple[dict[str, Any], Arrays]:
    if media_type == JSON:
        return json.loads(data), {}
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    for array in arrays.values():
        array.setflags(write=False)
    return json.loads(arrays.pop(_FACTS).tobytes()), arrays
