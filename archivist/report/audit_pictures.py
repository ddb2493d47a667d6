"""The pictures of an audit's page: scan, result, map, masks, and the references with regions."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from archivist.api import ArchivistError, CodecSpec
from archivist.imaging.plugged import open_any
from archivist.model import text_to_path
from archivist.report import thumbnails
from archivist.report.audit_overlays import overlays_of
from archivist.report.audit_rows import AuditFile, AuditInput, Photograph
from archivist.report.overlays import Overlay
from archivist.report.synthesis_view import layer_uris, still
from archivist.store.artifacts import PICTURES

SIDE, SMALL = 960, 260
"""Longest sides, in pixels, of the two large pictures and of all others."""
_FRAME = (230, 159, 0)
_MAX_PIXELS = 1 << 40
_MOST = 24
"""Small pictures of one photograph."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPictures:
    """Data URIs; ``artifacts`` by blob, ``references`` by number. Empty where there is none."""

    scan: str = ""
    result: str = ""
    still: str = ""
    layers: tuple[str, ...] = ()
    width: int = 0
    height: int = 0
    note: str = ""
    artifacts: Mapping[str, str] = field(default_factory=dict)
    references: tuple[str, ...] = ()
    overlays: tuple[Overlay, ...] = ()
    """What can be laid over the result beside the map."""


def pictures_of(one: Photograph, codecs: Mapping[str, CodecSpec]) -> AuditPictures:
    """Return the pictures of a photograph; what is missing becomes words, never an error."""
    with tempfile.TemporaryDirectory(prefix="archivist-audit-") as folder:
        return _Maker(one, codecs, Path(folder)).pictures()


class _Maker:
    def __init__(self, one: Photograph, codecs: Mapping[str, CodecSpec], scratch: Path) -> None:
        self._one, self._codecs, self._scratch = one, codecs, scratch
        self._notes: list[str] = []

    def pictures(self) -> AuditPictures:
        asset = self._one.asset
        scan = self._small(self._one.scan.file, asset.page, SIDE, "scan")
        after = self._result() if self._one.files else None
        found = self._one.origins.synthesis
        shape = next((one.shape for one in (scan, after) if one is not None), (0, 0, 0))
        return AuditPictures(
            scan="" if scan is None else thumbnails.jpeg_uri(scan),
            result="" if after is None else thumbnails.jpeg_uri(after),
            still=""
            if found is None or after is None
            else thumbnails.jpeg_uri(still(found, after)),
            layers=() if found is None else layer_uris(found),
            width=shape[1],
            height=shape[0],
            note=" ".join(self._notes),
            artifacts=self._artifacts(),
            references=tuple(self._reference(one) for one in self._one.references[:_MOST]),
            overlays=() if after is None else overlays_of(self._one, after.shape[:2]),
        )

    def _result(self) -> NDArray[np.uint8] | None:
        """Return the output made small; where it is gone, the picture that it was written from."""
        path, page = self._largest()
        found = self._small(path, page, SIDE, "result")
        last = [
            (step, one.path)
            for step in self._one.steps
            for one in step.artifacts
            if step.worked and one.artifact.kind == "image"
        ]
        if found is not None or not last:
            return found
        step, stored = last[-1]
        if stored is None or not stored.is_file():
            return None
        self._notes.append(f"Shown is the picture that {step.record.step} made, from the store.")
        return self._small(stored, 0, SIDE, "stored picture")

    def _largest(self) -> tuple[Path | None, int]:
        """Return the output to be shown, and the page in it; access copies are smaller."""
        files, asset = self._one.files, self._one.asset
        if not files:
            return None, 0
        largest = max(files, key=_size)
        same = [f for f in files if _profile(f) == _profile(largest)]
        if len(same) == asset.pages > 1:
            return same[asset.page].place.file, 0
        return largest.place.file, asset.page

    def _small(
        self, path: Path | None, page: int, side: int, what: str, *, srgb: bool = True
    ) -> NDArray[np.uint8] | None:
        """Return a picture made small, in the colours of a page; None after noting why not."""
        if path is None:
            self._notes.append(f"It is not known where the {what} lies.")
            return None
        codec = self._codecs.get(self._one.asset.header.format) if srgb else None
        try:
            with open_any(
                path, page, codec, max_pixels=_MAX_PIXELS, scratch=self._scratch
            ) as raster:
                small = thumbnails.reduce(raster, side)
                return thumbnails.to_srgb(small, raster.icc) if srgb else small
        except FileNotFoundError:
            self._notes.append(f"The {what} is no longer at its place.")
        except OSError as error:
            self._notes.append(f"The {what} cannot be read: {error.strerror or error}.")
        except (ArchivistError, ValueError, MemoryError) as error:
            self._notes.append(f"The {what} cannot be shown: {error}")
        return None

    def _artifacts(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for step in self._one.steps:
            for one in step.artifacts:
                blob = one.artifact.blob
                drawn = one.artifact.kind in PICTURES and one.path is not None and blob is not None
                if not drawn or len(found) >= _MOST:
                    continue
                image = one.artifact.kind == "image"
                small = self._small(one.path, 0, SMALL, one.artifact.kind, srgb=image)
                if small is not None and blob is not None:
                    found[blob] = thumbnails.jpeg_uri(small)
        return found

    def _reference(self, one: AuditInput) -> str:
        """Return a reference with a frame around the region that was borrowed from."""
        scan = self._one.scan
        if scan.file is None or not one.paths:
            return ""
        root = Path(*scan.file.parts[: len(scan.file.parts) - len(Path(scan.path).parts)])
        number = int(one.use.asset.partition("#")[2] or 0)
        path = root / text_to_path(one.paths[0])
        try:
            with open_any(
                path, number, None, max_pixels=_MAX_PIXELS, scratch=self._scratch
            ) as raster:
                height, width, _ = raster.shape
                small = thumbnails.to_srgb(thumbnails.reduce(raster, SMALL), raster.icc)
        except (ArchivistError, OSError, ValueError, MemoryError):
            return ""
        return thumbnails.jpeg_uri(_framed(small, one.use.region, width, height))


def _framed(
    small: NDArray[np.uint8], region: tuple[int, int, int, int] | None, width: int, height: int
) -> NDArray[np.uint8]:
    canvas = np.array(np.broadcast_to(small, (*small.shape[:2], 3)))  # a copy, to draw on
    if region is None:
        return canvas
    x, y, w, h = region
    fx, fy = small.shape[1] / width, small.shape[0] / height
    corner, end = (round(x * fx), round(y * fy)), (round((x + w) * fx) - 1, round((y + h) * fy) - 1)
    cv2.rectangle(canvas, corner, end, _FRAME, 2)
    return canvas


def _size(file: AuditFile) -> int:
    return file.written.publication.size


def _profile(file: AuditFile) -> str:
    return file.written.publication.profile
