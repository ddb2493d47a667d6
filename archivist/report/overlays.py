"""What can be laid over a result: what was borrowed, faces, how sure a step is of its colours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from archivist.api import Kind
from archivist.api.errors import StoreError
from archivist.api.values import Face, Faces
from archivist.lending import Lends, lends
from archivist.model import Artifact
from archivist.report import thumbnails
from archivist.report.lenders import Lender, ReportReference, at_size, lenders, load_map
from archivist.report.rows import ReportAsset, ReportStep
from archivist.store.artifacts import load, load_picture
from archivist.store.blobs import BlobStore

LABELS = {Lends.TEXTURE: "Borrowed", Lends.COLOUR: "Exemplars"}
OPACITY = {Lends.TEXTURE: 200, Lends.COLOUR: 130}
"""The colours that were lent must stay visible."""
Portrait = Callable[[ReportReference], str]
"""Draws a reference small, as a data URI; empty when it cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """A translucent picture over a result. ``key`` names it in the page, ``label`` for people.

    ``lenders`` are the photographs that it shows, ``note`` says how to read it.
    """

    key: str
    label: str
    uri: str
    lenders: tuple[Lender, ...] = ()
    note: str = ""


class Overlays:
    """Draws the overlays of results from the values in the store; what is damaged is left out."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store

    def of(
        self, asset: ReportAsset, size: tuple[int, int], portrait: Portrait
    ) -> tuple[Overlay, ...]:
        """Return the overlays of a result that is shown with this height and width."""
        found = [self._borrowed(asset, what, size, portrait) for what in Lends]
        found += [self._confidence(asset, size), self._faces(asset, size)]
        return tuple(one for one in found if one is not None)

    def _borrowed(
        self, asset: ReportAsset, what: Lends, size: tuple[int, int], portrait: Portrait
    ) -> Overlay | None:
        made = asset.newest_made("transfer_map", lambda _, one: lends(one.port) is what)
        if made is None or made[1].blob is None:
            return None
        try:
            value = load_map(self._store, made[1])
        except StoreError:
            return None  # `archivist verify` is for damage
        known = {one.uid: one for one in made[0].references}
        pictures = {
            uid: portrait(known[uid])
            for number, uid in enumerate(value.assets)
            if uid in known and (value.source == number).any()
        }
        found = lenders(value, known, pictures)
        if not found:
            return None
        uri = thumbnails.borrowed_uri(*at_size(value, *size), opacity=OPACITY[what])
        return Overlay(key=str(what), label=LABELS[what], uri=uri, lenders=found)

    def _confidence(self, asset: ReportAsset, size: tuple[int, int]) -> Overlay | None:
        artifact = asset.newest(
            "probability", lambda step, one: step.conjectural and one.port == "confidence"
        )
        graded = self._graded(artifact, size)
        if graded is None:
            return None
        note = f"How sure the step is of the colours; {graded.mean():.0%} on average"
        uri = thumbnails.confidence_uri(graded)
        return Overlay(key="confidence", label="Confidence", uri=uri, note=note)

    def _faces(self, asset: ReportAsset, size: tuple[int, int]) -> Overlay | None:
        found = list(self._found(asset))
        if not found:
            return None
        change = self._graded(asset.newest("probability", _redraws), size)
        boxes = [_box(face, scan, size) for face, scan in found]
        redrawn = [change is not None and bool(_inside(change, box).any()) for box in boxes]
        uri = thumbnails.faces_uri(size, boxes, redrawn, change)
        return Overlay(key="faces", label="Faces", uri=uri, note=_counted(redrawn))

    def _found(self, asset: ReportAsset) -> Iterator[tuple[Face, tuple[int, int]]]:
        """Yield the faces that were found first, and the size of the picture they lie on."""
        height, width = asset.height, asset.width
        for step in asset.steps:
            for artifact in step.artifacts if step.worked else ():
                if artifact.kind == Kind.FACES and artifact.kept:
                    try:
                        value = load(self._store, artifact)
                    except StoreError:
                        return
                    if isinstance(value, Faces):
                        yield from ((face, (height, width)) for face in value.faces)
                    return
                if artifact.kind == Kind.IMAGE and artifact.width:
                    height, width = artifact.height, artifact.width

    def _graded(
        self, artifact: Artifact | None, size: tuple[int, int]
    ) -> NDArray[np.float32] | None:
        """Return a graded map, 0..1, in the size in which it is shown."""
        if artifact is None or artifact.blob is None:
            return None
        try:
            small = thumbnails.reduce(load_picture(self._store, artifact).raster, max(size))
        except StoreError:
            return None
        shown = cv2.resize(small[:, :, 0], size[::-1], interpolation=cv2.INTER_LINEAR)
        graded: NDArray[np.float32] = shown.astype(np.float32) / np.float32(255)
        return graded


def _redraws(step: ReportStep, artifact: Artifact) -> bool:
    """Tell whether a map says where a step invented in faces that were found before."""
    faces = any(use.role == Kind.FACES for use in step.inputs)
    return step.conjectural and faces and artifact.port == "change"


def _box(face: Face, scan: tuple[int, int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return a face as x0, y0, x1, y1 in the shown picture."""
    down, across = size[0] / max(1, scan[0]), size[1] / max(1, scan[1])
    x, y, width, height = face.box
    corner = round(x * across), round(y * down)
    return *corner, round((x + width) * across), round((y + height) * down)


def _inside(change: NDArray[np.float32], box: tuple[int, int, int, int]) -> NDArray[np.float32]:
    x0, y0, x1, y1 = (max(0, side) for side in box)
    return change[y0:y1, x0:x1]


def _counted(redrawn: Sequence[bool]) -> str:
    new, old = sum(redrawn), len(redrawn) - sum(redrawn)
    as_before = "it was" if old == 1 else "they were"
    told = [f"{new} drawn anew (filled)"] if new else []
    told += [f"{old} found and left as {as_before} (framed)"] if old else []
    return "Faces: " + ", ".join(told)
