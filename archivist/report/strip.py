"""A photograph step by step: what each one made of it, small, and how much it changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from archivist.api import Kind
from archivist.api.errors import StoreError
from archivist.api.values import Faces
from archivist.model import Artifact, Role, counted
from archivist.report import thumbnails, words
from archivist.report.changed import SHARES
from archivist.report.rows import ReportAsset, ReportStep
from archivist.store.artifacts import load, load_picture
from archivist.store.blobs import BlobStore

SIDE = 132
"""Longest side of a picture of the strip, in pixels: 5 kB each."""
_COMPARED = 640
"""Pictures are reduced to this side before they are compared, so that shares are about right."""
_VISIBLE = 1
"""Steps of 255 by which pixels may differ and count as the same: what rounding does."""
_LARGEST = 50_000_000
"""Pictures of more pixels are not read again for a strip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A step in the strip: a small ``picture`` of what it made, and ``said`` in a few words."""

    picture: str = ""
    said: str = ""


class Strips:
    """Draws strips from the values in the store; what was not kept is told in words alone."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store

    def of(self, asset: ReportAsset, scan: NDArray[np.uint8]) -> tuple[Shot, ...]:
        """Return a shot for each step of an asset; ``scan`` is the scan, (H, W, 1|3), small."""
        return tuple(self._shots(asset, scan))

    def _shots(self, asset: ReportAsset, scan: NDArray[np.uint8]) -> Iterator[Shot]:
        before, size = scan, (asset.height, asset.width)
        for step in asset.steps:
            if not step.worked:
                yield Shot()
                continue
            image = next((one for one in step.artifacts if one.kind == Kind.IMAGE), None)
            if image is None:
                yield self._aside(step)
                continue
            after = self._seen(image)
            grown = image.width / size[1] if size[1] and image.width else 1.0
            size = (image.height or size[0], image.width or size[1])
            yield Shot(
                picture="" if after is None else _small(after),
                said=_said(step, before, after, grown),
            )
            before = before if after is None else after

    def _aside(self, step: ReportStep) -> Shot:
        """Return the shot of a step that leaves the picture as it is."""
        for one in step.artifacts:
            if one.kind == Kind.MASK:
                seen = self._seen(one)
                picture = "" if seen is None else _small(seen)
                return Shot(picture=picture, said=_marked(step.scores))
            if one.kind == Kind.FACES:
                return Shot(said=self._faces(one))
            if one.kind == Kind.REFERENCES:
                return Shot(said=f"{sum(u.role == Role.CHOSEN for u in step.inputs)} chosen")
        return Shot()

    def _faces(self, artifact: Artifact) -> str:
        try:
            value = load(self._store, artifact) if artifact.kept else None
        except StoreError:
            value = None
        if not isinstance(value, Faces):
            return ""
        count = len(value.faces)
        return counted(count, "face")

    def _seen(self, artifact: Artifact) -> NDArray[np.uint8] | None:
        """Return a kept picture, reduced, in the colours of a page."""
        if not artifact.kept or artifact.width * artifact.height > _LARGEST:
            return None
        try:
            picture = load_picture(self._store, artifact)
        except StoreError:
            return None
        return thumbnails.to_srgb(thumbnails.reduce(picture.raster, _COMPARED), picture.icc)


def _small(pixels: NDArray[np.uint8]) -> str:
    factor = SIDE / max(pixels.shape[:2])
    if factor < 1:
        size = [max(1, round(side * factor)) for side in (pixels.shape[1], pixels.shape[0])]
        small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        pixels = np.asarray(small, np.uint8).reshape(size[1], size[0], -1)
    return thumbnails.jpeg_uri(pixels)


def _said(
    step: ReportStep, before: NDArray[np.uint8], after: NDArray[np.uint8] | None, grown: float
) -> str:
    """Return in a few words what a step changed: as it measured itself, else as it looks."""
    if round(grown, 2) != 1:
        return f"{grown:.3g} times as large"
    for name in SHARES:
        if name in step.scores:
            return f"{words.share(step.scores[name])} changed"
    if after is None or before.shape[:2] != after.shape[:2]:
        return ""
    apart = np.abs(before.astype(np.int16) - after.astype(np.int16)).max(axis=2)
    share = float((apart > _VISIBLE).mean())
    return f"about {words.share(share)} changed" if share else "nothing visible changed"


def _marked(scores: Mapping[str, float]) -> str:
    return f"{words.share(scores['damaged_share'])} marked" if "damaged_share" in scores else ""
