"""Vectors and rows as an index keeps them: mapped, checked, normalised, joined to batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archivist.api.errors import CatalogError
from archivist.api.values import Embedding
from archivist.references.header import EmbeddingModel, damaged, in_words
from archivist.references.rows import row_digest

VECTOR = np.dtype("<f2")
BATCH = 8192
"""Rows written by one append at a time: 21 MB at 1280 dimensions."""


def mapped(path: Path, kind: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Return the rows of a file that count, read-only and not read yet."""
    if 0 in shape:
        return np.empty(shape, kind)
    try:
        mapped: NDArray[Any] = np.memmap(path, kind, mode="r", shape=shape)
    except (OSError, ValueError) as error:
        raise damaged(path.parent, f"{path.name} is missing or too short") from error
    return mapped


def checked(asset: str, embedding: Embedding, model: EmbeddingModel) -> NDArray[Any]:
    """Return the vectors of an embedding as they are stored. Raises as append does."""
    vectors = np.asarray(embedding.vectors, np.float32)
    if embedding.model != model.name or vectors.shape[1:] != (model.dimensions,):
        raise CatalogError(
            f"the embedding of {asset} is of {embedding.model} with {vectors.shape[-1]} "
            f"dimensions, the index of {in_words(model)}. Cure: embed all pictures with one model"
        )
    return units(vectors, f"the embedding of {asset} has").astype(VECTOR)


def units(vectors: NDArray[np.float32], who: str) -> NDArray[np.float32]:
    """Return vectors of length 1. Raises ValueError that begins with ``who``."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (np.isfinite(lengths) & (lengths > 0)).all():
        raise ValueError(f"{who} a vector that is zero or not finite")
    return np.asarray(vectors / lengths, np.float32)


def batches(
    parts: Iterable[tuple[NDArray[Any], NDArray[Any]]],
) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Join the rows and vectors of assets to about BATCH rows, an asset never divided."""
    rows: list[NDArray[Any]] = []
    vectors: list[NDArray[Any]] = []
    count = 0
    for some_rows, some_vectors in parts:
        rows.append(some_rows)
        vectors.append(some_vectors)
        count += len(some_rows)
        if count >= BATCH:
            yield np.concatenate(rows), np.concatenate(vectors)
            rows, vectors, count = [], [], 0
    if rows:
        yield np.concatenate(rows), np.concatenate(vectors)


def is_whole(row: Any, vector: NDArray[Any]) -> bool:
    """Tell whether a row and its vector are as they were written."""
    digest = bytes(row["digest"]).ljust(32, b"\0")
    return row_digest(bytes(row["asset"]), row["region"], vector) == digest
