"""Values that are no pictures as bytes: facts as JSON, arrays as npz; equal values, equal bytes."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archivist.api.values import (
    Colour,
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
from archivist.imaging.picture import quantise, to_float
from archivist.imaging.raster import value_digest as array_digest

Packable = Faces | References | TransferMap | Embedding | Scores
Arrays = Mapping[str, NDArray[Any]]

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


def unpack(kind: str, media_type: str, data: bytes) -> Packable:
    """Return the value of a kind from its bytes. Raises ValueError for bytes that are not it."""
    try:
        facts, arrays = _parts(media_type, data)
        return _PUT_TOGETHER[kind](facts, arrays)
    except (KeyError, TypeError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"these bytes are no {kind}: {error}") from error


def packed_digest(value: Packable) -> str:
    """Return the SHA-256 (hex) of a value: of its facts and arrays, not of a file."""
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
        facts = {"digests": list(value.digests), "stride": value.stride}
        arrays = {
            "source": value.source,
            "position": value.position,
            "similarity": value.similarity,
        }
        return facts, arrays
    return _references(value)


def _face(face: Face) -> dict[str, Any]:
    return {
        "box": list(face.box),
        "landmarks": [list(point) for point in face.landmarks],
        "score": face.score,
    }


def _references(value: References) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    rows, arrays = [], {}
    for number, reference in enumerate(value.references):
        image = reference.image
        rows.append(
            {
                "digest": reference.digest,
                "score": reference.score,
                "reason": reference.reason,
                "colour": str(image.colour),
                "depth": image.depth,
                "icc": image.icc is not None,
            }
        )
        arrays[f"pixels{number}"] = quantise(image.pixels)
        if image.icc is not None:
            arrays[f"icc{number}"] = np.frombuffer(image.icc, np.uint8)
    return {"snapshot": value.snapshot, "references": rows}, arrays


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
    regions = tuple((r[0], r[1], r[2], r[3]) for r in facts["regions"])
    return Embedding(vectors=arrays["vectors"], regions=regions, model=facts["model"])


def _transfer_map(facts: Mapping[str, Any], arrays: Arrays) -> TransferMap:
    return TransferMap(
        source=arrays["source"],
        position=arrays["position"],
        similarity=arrays["similarity"],
        digests=tuple(facts["digests"]),
        stride=facts["stride"],
    )


def _references_back(facts: Mapping[str, Any], arrays: Arrays) -> References:
    found = []
    for number, row in enumerate(facts["references"]):
        pixels = to_float(arrays[f"pixels{number}"])
        pixels.setflags(write=False)
        icc = arrays[f"icc{number}"].tobytes() if row["icc"] else None
        image = Image(pixels=pixels, colour=Colour(row["colour"]), depth=row["depth"], icc=icc)
        found.append(
            Reference(
                image=image, digest=row["digest"], score=float(row["score"]), reason=row["reason"]
            )
        )
    return References(references=tuple(found), snapshot=facts["snapshot"])


_PUT_TOGETHER: Mapping[str, Callable[[Mapping[str, Any], Arrays], Packable]] = {
    "scores": _scores,
    "faces": _faces,
    "embedding": _embedding,
    "transfer_map": _transfer_map,
    "references": _references_back,
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
