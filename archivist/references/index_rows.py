"""The rows of an index by number, by asset and by place, and the digests over them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archivist.hashing import canonical_json
from archivist.references.header import FORMAT, EmbeddingModel
from archivist.references.rows import ROW, Place, asset_bytes, asset_uid
from archivist.references.search import Allowed


class IndexRows:
    """What is held by an index, without its vectors: rows of dtype ROW, of one model."""

    model: EmbeddingModel

    def _hold(self, rows: NDArray[Any]) -> None:
        """Let these be the rows."""
        self._rows, self._owners = rows, np.ascontiguousarray(rows["asset"])
        self.__dict__.pop("_order", None)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, asset: str) -> bool:
        return len(self.rows_of([asset])) > 0

    @property
    def snapshot(self) -> str:
        """The digest (SHA-256, hex) of the model and of all rows, whatever their order."""
        return self.snapshot_of(None)

    def snapshot_of(self, allowed: Allowed | None) -> str:
        """Return the digest of the model and of the allowed rows (bool, (rows,)).

        Rows enter by their own digests, sorted: workers finish in any order, and the same archive
        must give the same snapshot. Each row was digested when it was added, so that this reads 84
        bytes a row and no vector.
        """
        digests = self._rows["digest"] if allowed is None else self._rows["digest"][allowed]
        state = hashlib.sha256(canonical_json([FORMAT, asdict(self.model)]))
        state.update(np.sort(digests).tobytes())
        return state.hexdigest()

    def missing(self, assets: Iterable[str]) -> tuple[str, ...]:
        """Return the assets, in their order, of which the index has no vector."""
        assets = tuple(assets)
        first, last = self._found(assets)
        return tuple(name for name, here in zip(assets, first < last, strict=True) if not here)

    def state(self, count: int | None = None) -> str:
        """Return the digest (SHA-256, hex) of the model and of the first rows in their order."""
        state = hashlib.sha256(canonical_json([FORMAT, asdict(self.model)]))
        state.update(self._rows[:count].tobytes())
        return state.hexdigest()

    def first_rows(self, assets: Iterable[str]) -> NDArray[np.intp]:
        """Return the number of the first row of each asset, -1 for one that is not here."""
        first, last = self._found(assets)
        here = first < last
        rows = np.full(len(first), -1, np.intp)
        rows[here] = self._order[first[here]]
        return rows

    def places(self, rows: NDArray[np.intp]) -> list[Place]:
        """Return the places that the rows of these numbers describe."""
        found = self._rows[rows]
        regions = map(tuple, found["region"].tolist())
        return list(map(Place, map(asset_uid, found["asset"].tolist()), regions))

    def numbers_of(self, places: Sequence[Place]) -> list[int]:
        """Return the numbers of the rows that describe places. Raises KeyError for one of none."""
        first, last = self._found(place.asset for place in places)
        numbers = []
        for place, low, high in zip(places, first, last, strict=True):
            rows = self._order[low:high]
            here = rows[(self._rows["region"][rows] == place.region).all(axis=1)]
            if len(here) == 0:
                raise KeyError(place)
            numbers.append(int(here[0]))
        return numbers

    def rows_of(self, assets: Iterable[str]) -> NDArray[np.intp]:
        """Return the numbers of the rows of these assets, asset after asset."""
        first, last = self._found(assets)
        spans = [self._order[low:high] for low, high in zip(first, last, strict=True)]
        return np.concatenate(spans) if spans else np.empty(0, np.intp)

    def mask_of(self, assets: Iterable[str]) -> Allowed:
        """Return a bool for every row, true for the rows of these assets."""
        mask = np.zeros(len(self), np.bool_)
        mask[self.rows_of(assets)] = True
        return mask

    @cached_property
    def _order(self) -> NDArray[np.intp]:
        """The numbers of the rows in the order of their assets."""
        return np.argsort(self._owners, kind="stable")

    def _found(self, assets: Iterable[str]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return where in the order the rows of each asset begin and end."""
        codes = np.array([asset_bytes(asset) for asset in assets], ROW["asset"])
        first = np.searchsorted(self._owners, codes, "left", self._order)
        return first, np.searchsorted(self._owners, codes, "right", self._order)
