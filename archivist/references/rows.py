"""The rows of the index: which region of which asset a vector describes, and a digest of each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Region = tuple[int, int, int, int]
"""x, y, width, height in pixels of the upright scan."""

ASSET_BYTES = 36
"""The 32 bytes of a SHA-256, then the number of the page and 1, or 0 for a file of one page."""

ROW = np.dtype([("asset", f"S{ASSET_BYTES}"), ("region", "<i4", 4), ("digest", "S32")])
"""84 bytes a row. Vectors lie in a file of their own, so that reading rows reads no vectors."""


@dataclass(frozen=True, slots=True)
class Place:
    """A region of an asset, known by its ``uid`` (SHA-256 in hex, ``#page`` behind it)."""

    asset: str
    region: Region


def asset_bytes(uid: str) -> bytes:
    """Return the bytes that stand for the uid of an asset in a row.

    Raises ValueError for text that is no uid.
    """
    digest, mark, page = uid.partition("#")
    code = bytes.fromhex(digest)
    if len(code) != 32 or (mark and not page.isdecimal()):
        raise ValueError(f"{uid!r} is no asset: a SHA-256 in hex is, with #page for one of several")
    return code + (int(page) + 1 if mark else 0).to_bytes(4, "big")


def asset_uid(code: bytes) -> str:
    """Return the uid of an asset from its bytes; NULs at the end may be missing, as numpy does."""
    whole = code.ljust(ASSET_BYTES, b"\0")
    page = int.from_bytes(whole[32:], "big")
    return whole[:32].hex() if page == 0 else f"{whole[:32].hex()}#{page - 1}"


def row_digest(asset: bytes, region: Sequence[int], vector: NDArray[Any]) -> bytes:
    """Return the SHA-256 of a row: of its asset, its region and its vector as stored."""
    place = asset.ljust(ASSET_BYTES, b"\0") + np.asarray(region, "<i4").tobytes()
    return hashlib.sha256(place + np.ascontiguousarray(vector).tobytes()).digest()


def make_rows(
    asset: bytes, regions: Sequence[Region], vectors: NDArray[Any]
) -> Iterator[tuple[bytes, Region, bytes]]:
    """Yield the rows of one asset, one a region, as ROW takes them."""
    for region, vector in zip(regions, vectors, strict=True):
        yield asset, region, row_digest(asset, region, vector)


def place_of(row: Any) -> Place:
    """Return the place that one row of dtype ROW tells."""
    x, y, width, height = (int(value) for value in row["region"])
    return Place(asset_uid(bytes(row["asset"])), (x, y, width, height))
