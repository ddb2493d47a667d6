"""What searches found, kept beside the index: in an archive that is as it was none is repeated.

Nothing is lost with these files. They hold for one state, a digest of all that a search depends on;
in another state they begin anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archivist.durable import replace_with, write_at
from archivist.hashing import canonical_json
from archivist.references.index import VectorIndex
from archivist.references.select import Sighting

FORMAT = 1
ENTRY = np.dtype([("picture", "<i4"), ("near", "<i4"), ("found", "<i4"), ("cosine", "<f8")])
"""One sighting: the first row of the picture that looked, of its region, of what it found.

20 bytes each; a picture that found nothing has one entry that found row -1.
"""


class FoundBefore:
    """The sightings of pictures in one state of an archive; ``name`` tells searches apart.

    What cannot be read, or is of another state, counts as nothing found yet. Raises OSError.
    """

    def __init__(self, index: VectorIndex, name: str, state: str) -> None:
        self._index, self._state = index, state
        self._entries_file = index.folder / f"found-{name}.bin"
        self._header = index.folder / f"found-{name}.json"
        kept = _kept(self._header, self._entries_file, state)
        self._digest = hashlib.sha256(kept.tobytes())
        self._count = len(kept)
        order = np.argsort(kept["picture"], kind="stable")
        self._kept, self._pictures = kept[order], kept["picture"][order]

    def of(self, assets: Sequence[str]) -> dict[str, tuple[Sighting, ...]]:
        """Return the sightings of those assets that have looked before, in the order found."""
        rows = self._index.first_rows(assets)
        first = np.searchsorted(self._pictures, rows, "left")
        last = np.searchsorted(self._pictures, rows, "right")
        looked = (rows >= 0) & (first < last)
        return {
            asset: self._sightings(self._kept[low:high])
            for asset, here, low, high in zip(assets, looked, first, last, strict=True)
            if here
        }

    def add(self, found: Mapping[str, Sequence[Sighting]]) -> None:
        """Keep what assets of the index found, durably; :meth:`of` tells it after the next open."""
        pictures = self._index.first_rows(found)
        parts = [
            self._rows(int(picture), sightings)
            for picture, sightings in zip(pictures, found.values(), strict=True)
        ]
        if not parts:
            return
        data = np.array([row for part in parts for row in part], ENTRY).tobytes()
        write_at(self._entries_file, self._count * ENTRY.itemsize, data)
        self._count += len(data) // ENTRY.itemsize
        self._digest.update(data)
        facts = {"format": FORMAT, "state": self._state, "entries": self._count}
        replace_with(self._header, canonical_json({**facts, "digest": self._digest.hexdigest()}))

    def _sightings(self, entries: NDArray[Any]) -> tuple[Sighting, ...]:
        entries = entries[entries["found"] >= 0]
        near, found = (self._index.places(entries[name]) for name in ("near", "found"))
        return tuple(map(Sighting, near, found, entries["cosine"].tolist()))

    def _rows(
        self, picture: int, sightings: Sequence[Sighting]
    ) -> list[tuple[int, int, int, float]]:
        if not sightings:
            return [(picture, picture, -1, 0.0)]
        near = self._index.numbers_of([one.query for one in sightings])
        found = self._index.numbers_of([one.reference for one in sightings])
        cosines = (one.cosine for one in sightings)
        return [(picture, *numbers) for numbers in zip(near, found, cosines, strict=True)]


def _kept(header: Path, entries: Path, state: str) -> NDArray[Any]:
    """Return the whole entries of a state, none where anything is wrong with them."""
    nothing = np.empty(0, ENTRY)
    try:
        facts = json.loads(header.read_bytes())
        if (facts["format"], facts["state"]) != (FORMAT, state):
            return nothing
        kept = np.fromfile(entries, ENTRY, int(facts["entries"]))
        whole = hashlib.sha256(kept.tobytes()).hexdigest() == facts["digest"]
        return kept if whole else nothing
    except (OSError, ValueError, KeyError, TypeError):
        return nothing
