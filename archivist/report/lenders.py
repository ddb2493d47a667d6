"""Which photographs lent texture to a result, and where: transfer maps as people see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archivist.api.errors import StoreError
from archivist.api.values import TransferMap
from archivist.model import Artifact, InputUse, Role
from archivist.store.artifacts import load
from archivist.store.blobs import BlobStore

COLOURS = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)
"""Told apart by the colour-blind too (Okabe and Ito, 2008); from the eighth on they repeat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportReference:
    """A photograph that a step might borrow from; ``note`` says which region, and why.

    ``path`` is empty when no file of the archive has this content any more.
    """

    uid: str
    path: str = ""
    page: int = 0
    inventory: str = ""
    title: str = ""
    format: str = ""
    score: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lender:
    """A line of the legend: a photograph, its colour, and what it lent."""

    name: str
    inventory: str = ""
    colour: str
    share: float
    """Part of the picture that it lent texture to, 0..1."""
    similarity: float
    """Mean over that part, 0..1."""
    reason: str = ""
    picture: str = ""


def uids_of(uses: Sequence[InputUse]) -> dict[str, InputUse]:
    """Return the photographs that a step might borrow from, by uid, in their order."""
    return {use.asset: use for use in uses if use.role == Role.REFERENCE}


def load_map(store: BlobStore, artifact: Artifact) -> TransferMap:
    """Return a kept transfer map. Raises StoreError."""
    value = load(store, artifact)
    if not isinstance(value, TransferMap):
        raise StoreError(f"the {artifact.kind} of {artifact.port!r} is no transfer map")
    return value


def lenders(
    value: TransferMap, references: Mapping[str, ReportReference], pictures: Mapping[str, str]
) -> tuple[Lender, ...]:
    """Return those that lent something, the most first; ``pictures`` are data URIs by uid."""
    found = []
    for number, uid in enumerate(value.assets):
        lent = value.source == number
        if not lent.any():
            continue
        one = references.get(uid, ReportReference(uid=uid))
        red, green, blue = COLOURS[number % len(COLOURS)]
        found.append(
            Lender(
                name=one.path or f"photograph {uid[:12]}",
                inventory=one.inventory,
                colour=f"#{red:02x}{green:02x}{blue:02x}",
                share=float(lent.mean()),
                similarity=float(value.similarity[lent].mean()),
                reason=one.note,
                picture=pictures.get(uid, ""),
            )
        )
    return tuple(sorted(found, key=lambda lender: -lender.share))


def at_size(
    value: TransferMap, height: int, width: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return source and similarity of the nearest cell for each pixel of a small picture."""
    rows = ((np.arange(height) + 0.5) * value.source.shape[0] / height).astype(np.intp)
    columns = ((np.arange(width) + 0.5) * value.source.shape[1] / width).astype(np.intp)
    cells = np.ix_(rows, columns)
    return value.source[cells], value.similarity[cells]
