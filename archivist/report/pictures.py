"""The pictures of the cards, made from the scans, the outputs and the kept masks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archivist.api import ArchivistError
from archivist.imaging.decode import decode
from archivist.model import text_to_path
from archivist.report import thumbnails
from archivist.report.cards import Pair
from archivist.report.rows import ReportAsset, ReportFile, ReportRun, Result
from archivist.report.thumbnails import Pixels


_DETAIL = 0.75
"""Longest side of a detail as a share of the side of a whole picture: half the bytes."""
_DETAIL_BELOW = 0.6
"""A detail that would show more than this share of each side is left out."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Seen:
    """A decoded picture, or in ``note`` the words why there is none."""

    pixels: Pixels | None = None
    icc: bytes | None = None
    note: str = ""


class StoredPictures:
    """Makes pairs from the files of a run; what is missing or broken becomes words, never an error.

    ``side`` is the longest side of a picture in pixels. Two pictures are worked on ahead: decoding
    leaves the interpreter free, and two large scans fit into memory.
    """

    def __init__(
        self, run: ReportRun, store: Path, *, side: int = 640, max_pixels: int = 250_000_000
    ) -> None:
        self._run, self._store = run, store
        self._side, self._max_pixels = side, max_pixels

    def pairs(self, assets: list[ReportAsset]) -> Iterator[Pair]:
        """Yield the pictures of each asset in turn."""
        ahead: deque[Future[Pair]] = deque()
        with ThreadPoolExecutor(max_workers=2) as pool:
            try:
                for asset in assets:
                    ahead.append(pool.submit(self.pair, asset))
                    if len(ahead) > 2:
                        yield ahead.popleft().result()
                while ahead:
                    yield ahead.popleft().result()
            finally:
                # The page may be full before the last asset.
                pool.shutdown(wait=True, cancel_futures=True)

    def pair(self, asset: ReportAsset) -> Pair:
        """Return the pictures of one asset."""
        scan = self._scan(asset)
        if asset.result is Result.UNCHANGED:
            return self._alone(scan, "No step changed this picture.")
        result = self._result(asset)
        if scan.pixels is None or result.pixels is None:
            there = result if scan.pixels is None else scan
            return self._alone(there, " ".join(filter(None, (scan.note, result.note))), scan)
        before = thumbnails.reduce(scan.pixels, self._side)
        after = thumbnails.reduce(result.pixels, self._side)
        mask = self._mask(asset, scan.pixels.shape[:2])
        weight = mask if mask is not None and mask.any() else thumbnails.difference(before, after)
        details = self._details(scan, result, weight)
        return Pair(
            before=_uri(before, scan.icc),
            after=_uri(after, result.icc),
            mask="" if mask is None else thumbnails.mask_uri(mask, self._side),
            detail_before=details[0],
            detail_after=details[1],
            width=before.shape[1],
            height=before.shape[0],
        )

    def _alone(self, seen: _Seen, note: str, scan: _Seen | None = None) -> Pair:
        if seen.pixels is None:
            return Pair(note=" ".join(dict.fromkeys(filter(None, (seen.note, note)))))
        small = thumbnails.reduce(seen.pixels, self._side)
        uri = _uri(small, seen.icc)
        size = {"width": small.shape[1], "height": small.shape[0]}
        if scan is None or scan.pixels is not None:
            return Pair(before=uri, note=note, **size)
        return Pair(after=uri, note=note, **size)

    def _scan(self, asset: ReportAsset) -> _Seen:
        path = self._run.scans / text_to_path(asset.path)
        return self._read(path, asset.page, "scan")

    def _result(self, asset: ReportAsset) -> _Seen:
        if not asset.files:
            return _Seen(note="No output was written.")
        file = _best(asset.files)
        return self._read(self._run.out / text_to_path(file.path), asset.page, "result")

    def _read(self, path: Path, page: int, what: str) -> _Seen:
        try:
            picture = decode(path.read_bytes(), page, max_pixels=self._max_pixels)
        except FileNotFoundError:
            return _Seen(note=f"The {what} is no longer at its place.")
        except OSError as error:
            return _Seen(note=f"The {what} cannot be read: {error.strerror}.")
        except (ArchivistError, ValueError, MemoryError) as error:
            return _Seen(note=f"The {what} cannot be shown: {error}")
        return _Seen(pixels=picture.pixels, icc=picture.icc)

    def _mask(self, asset: ReportAsset, size: tuple[int, ...]) -> NDArray[np.bool_] | None:
        artifact = asset.mask
        if artifact is None or artifact.blob is None:
            return None
        return None

    def _details(
        self, scan: _Seen, result: _Seen, weight: NDArray[np.generic]
    ) -> tuple[str, str]:
        """Return the same window of both, as it is, where ``weight`` (of any size) is largest.

        Empty when the sizes differ, or when the whole picture is hardly larger than a window.
        """
        before, after = scan.pixels, result.pixels
        if before is None or after is None or before.shape[:2] != after.shape[:2]:
            return "", ""
        height, width = before.shape[:2]
        factor = _DETAIL * self._side / max(height, width)
        if factor > _DETAIL_BELOW:
            return "", ""
        y, x = thumbnails.busiest_corner(weight, factor)
        rows = slice(round(y * height), round(y * height) + round(height * factor))
        columns = slice(round(x * width), round(x * width) + round(width * factor))
        return (
            _uri(thumbnails.to_eight_bits(before[rows, columns]), scan.icc),
            _uri(thumbnails.to_eight_bits(after[rows, columns]), result.icc),
        )


def _uri(pixels: NDArray[np.uint8], icc: bytes | None) -> str:
    return thumbnails.jpeg_uri(thumbnails.to_srgb(pixels, icc))


def _best(files: tuple[ReportFile, ...]) -> ReportFile:
    """Return the output that keeps most: the largest one; access copies are smaller."""
    return max(files, key=lambda file: file.size)
