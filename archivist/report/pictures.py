"""The pictures of the cards, made from the scans, the outputs and the kept masks."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock

import cv2
import numpy as np
from numpy.typing import NDArray

from archivist.api import ArchivistError, CodecSpec
from archivist.imaging.plugged import open_any
from archivist.imaging.raster import SourceRaster
from archivist.model import text_to_path
from archivist.report import thumbnails
from archivist.report.cards import Pair
from archivist.report.lenders import ReportReference
from archivist.report.overlays import Overlay, Overlays
from archivist.report.rows import ReportAsset, ReportRun, Result
from archivist.report.strip import Shot, Strips
from archivist.store.blobs import BlobStore

_DETAIL = 0.75
"""Longest side of a detail as a share of the side of a whole picture: half the bytes."""
_DETAIL_BELOW = 0.6
"""A detail that would show more than this share of each side is left out."""
_PORTRAIT = 120
_LARGE = 50_000_000
"""Scans of more pixels are opened one at a time: JPEG and PNG are decoded whole."""
_AHEAD = 2
UNCHANGED = "No step changed this picture."
DENIED = "Its rights forbid a restoration, so it is not shown here."


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """An open picture, and it made small."""

    raster: SourceRaster
    small: NDArray[np.uint8]

    def uri(self) -> str:
        """Return the small picture in the colours of a page."""
        return thumbnails.jpeg_uri(thumbnails.to_srgb(self.small, self.raster.icc))

    def window(self, y: float, x: float, factor: float, enlarge: int = 1) -> str:
        """Return the window at (y, x), in shares of the whole, as it is or plainly enlarged."""
        height, width, _ = self.raster.shape
        # A strip of film or a line scan may be a few pixels high: at least one is shown.
        rows, columns = max(1, round(factor * height)), max(1, round(factor * width))
        y0, x0 = min(round(y * height), height - rows), min(round(x * width), width - columns)
        pixels = self.raster.read(y0, y0 + rows, x0, x0 + columns)
        eight = thumbnails.to_eight_bits(np.ascontiguousarray(pixels))
        if enlarge > 1:
            size = (columns * enlarge, rows * enlarge)
            larger = cv2.resize(eight, size, interpolation=cv2.INTER_CUBIC)
            eight = np.asarray(larger, np.uint8).reshape(size[1], size[0], -1)
        return thumbnails.jpeg_uri(thumbnails.to_srgb(eight, self.raster.icc))


class StoredPictures:
    """Makes pairs from the files of a run; what is missing or broken becomes words, never an error.

    ``side`` is the longest side of a picture in pixels; ``store`` is the folder of kept masks, or
    None; ``codecs`` read the formats of plugins. Two photographs are worked on at a time, because
    decoding leaves the interpreter free.
    """

    def __init__(
        self,
        run: ReportRun,
        store: Path | None,
        *,
        side: int = 640,
        max_pixels: int = 1_000_000_000,
        codecs: Mapping[str, CodecSpec] | None = None,
    ) -> None:
        self._run, self._store = run, None if store is None else BlobStore(store)
        self.side, self._max_pixels = side, max_pixels
        self._codecs = codecs or {}
        self._one_large = Lock()

    def pairs(self, assets: list[ReportAsset]) -> Iterator[Pair]:
        """Yield the pictures of each asset in turn."""
        ahead: deque[Future[Pair]] = deque()
        pool = ThreadPoolExecutor(max_workers=_AHEAD)
        try:
            for asset in assets:
                ahead.append(pool.submit(self.pair, asset))
                if len(ahead) > _AHEAD:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            # The page may be full before the last asset.
            pool.shutdown(wait=True, cancel_futures=True)

    def pair(self, asset: ReportAsset) -> Pair:
        """Return the pictures of one asset."""
        with ExitStack() as stack:
            scratch = None
            if asset.width * asset.height > _LARGE:
                stack.enter_context(self._one_large)
                folder = tempfile.TemporaryDirectory(prefix="archivist-report-")
                scratch = Path(stack.enter_context(folder))
            return self._pair(asset, stack, scratch)

    def _pair(self, asset: ReportAsset, stack: ExitStack, scratch: Path | None) -> Pair:
        if asset.result is Result.DENIED:
            return Pair(note=DENIED)
        path = self._run.scans / text_to_path(asset.path)
        codec = self._codecs.get(asset.format)
        scan = self._see(path, asset.page, "scan", stack, scratch, codec)
        if asset.result is Result.UNCHANGED:
            return _alone(scan, None, UNCHANGED)
        result: _Seen | str = "No output was written."
        if asset.files:
            # Access copies are smaller than the copy that keeps everything.
            largest = max(asset.files, key=lambda file: file.size)
            path = self._run.out / text_to_path(largest.path)
            result = self._see(path, asset.page, "result", stack, scratch, codec)
        if isinstance(scan, str) or isinstance(result, str):
            return _alone(scan, result, "")
        return self._both(asset, scan, result, stack)

    def _both(self, asset: ReportAsset, scan: _Seen, result: _Seen, stack: ExitStack) -> Pair:
        mask = self._mask(asset, stack)
        details = self._details(scan, result, mask)
        shown = max((scan, result), key=lambda one: one.small.shape[1])
        return Pair(
            before=scan.uri(),
            after=result.uri(),
            mask="" if mask is None else thumbnails.overlay_uri(mask),
            overlays=self._overlays(asset, result, stack),
            shots=self._shots(asset, scan),
            detail_before=details[0],
            detail_after=details[1],
            width=shown.small.shape[1],
            height=shown.small.shape[0],
        )

    def _overlays(self, asset: ReportAsset, result: _Seen, stack: ExitStack) -> tuple[Overlay, ...]:
        """Return what can be laid over the result."""
        if self._store is None:
            return ()
        height, width, _ = result.small.shape
        return Overlays(self._store).of(
            asset, (height, width), lambda one: self._portrait(one, stack)
        )

    def _shots(self, asset: ReportAsset, scan: _Seen) -> tuple[Shot, ...]:
        """Return what each step made of the scan."""
        if self._store is None:
            return ()
        return Strips(self._store).of(asset, thumbnails.to_srgb(scan.small, scan.raster.icc))

    def _portrait(self, reference: ReportReference, stack: ExitStack) -> str:
        """Return a reference as a small picture for the legend, empty when it cannot be read."""
        path = self._run.scans / text_to_path(reference.path)
        codec = self._codecs.get(reference.format)
        seen = self._see(path, reference.page, "reference", stack, None, codec, side=_PORTRAIT)
        return "" if isinstance(seen, str) else seen.uri()

    def _see(
        self,
        path: Path,
        page: int,
        what: str,
        stack: ExitStack,
        scratch: Path | None,
        codec: CodecSpec | None = None,
        *,
        side: int = 0,
    ) -> _Seen | str:
        """Return the picture, or a sentence that says why there is none."""
        try:
            raster = stack.enter_context(
                open_any(path, page, codec, max_pixels=self._max_pixels, scratch=scratch)
            )
            return _Seen(raster, thumbnails.reduce(raster, side or self.side))
        except FileNotFoundError:
            return f"The {what} is no longer at its place."
        except OSError as error:
            return f"The {what} cannot be read: {error.strerror or error}."
        except (ArchivistError, ValueError, MemoryError) as error:
            return f"The {what} cannot be shown: {error}"

    def _mask(self, asset: ReportAsset, stack: ExitStack) -> NDArray[np.uint8] | None:
        """Return how much of each small pixel the mask covers; None without a mask."""
        artifact = asset.mask
        if artifact is None or artifact.blob is None or self._store is None:
            return None
        seen = self._see(self._store.path(artifact.blob), 0, "mask", stack, None)
        return None if isinstance(seen, str) else seen.small[:, :, 0]

    def _details(
        self, scan: _Seen, result: _Seen, mask: NDArray[np.uint8] | None
    ) -> tuple[str, str]:
        """Return the same window of both: where the mask, or else the change, is largest.

        A scan that was enlarged is shown plainly enlarged beside its result. Empty when the sizes
        differ otherwise, or when the whole picture is hardly larger than a window.
        """
        height, width, _ = result.raster.shape
        enlarged, rest = divmod(height, scan.raster.shape[0])
        same = rest == 0 and scan.raster.shape[1] * enlarged == width
        factor = _DETAIL * self.side / max(height, width)
        if factor > _DETAIL_BELOW or not same:
            return "", ""
        found = mask is not None and bool(mask.any())
        weight = mask if found else thumbnails.difference(scan.small, result.small)
        assert weight is not None
        y, x = thumbnails.busiest_corner(weight, factor)
        return scan.window(y, x, factor, enlarged), result.window(y, x, factor)


def _alone(scan: _Seen | str, result: _Seen | str | None, note: str) -> Pair:
    """Return the one picture that there is, with the words that belong to it."""
    missing = " ".join(text for text in (scan, result) if isinstance(text, str))
    there = scan if isinstance(scan, _Seen) else result
    if not isinstance(there, _Seen):
        return Pair(note=missing, whole=False)
    height, width, _ = there.small.shape
    pair = Pair(width=width, height=height, note=missing or note, whole=not missing)
    uri = there.uri()
    return replace(pair, before=uri) if there is scan else replace(pair, after=uri)
