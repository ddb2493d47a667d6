"""Unit vectors and assets by number."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from archivist.api.values import Embedding
from archivist.references.header import EmbeddingModel
from archivist.references.index import VectorIndex, open_index

DIMENSIONS = 16


@pytest.fixture
def model() -> EmbeddingModel:
    return EmbeddingModel(name="net", version="1", dimensions=DIMENSIONS)


@pytest.fixture
def asset() -> Callable[[int], str]:
    return lambda number: hashlib.sha256(str(number).encode()).hexdigest()


@pytest.fixture
def embedded(asset: Callable[[int], str]) -> Callable[..., list[tuple[str, Embedding]]]:
    """Make embeddings of assets by number, each with so many regions; the same each time."""

    def make(numbers: Iterable[int], regions: int = 1) -> list[tuple[str, Embedding]]:
        made = []
        for number in numbers:
            draw = np.random.default_rng(number)
            vectors = draw.standard_normal((regions, DIMENSIONS)).astype(np.float32)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            places = tuple((10 * at, 0, 100, 80) for at in range(regions))
            made.append((asset(number), Embedding(vectors=vectors, regions=places, model="net")))
        return made

    return make


@pytest.fixture
def index(tmp_path: Path, model: EmbeddingModel) -> VectorIndex:
    return open_index(tmp_path / "index", model)
