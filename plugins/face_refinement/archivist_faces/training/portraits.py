"""Portraits to learn from: read, looked at by the detector, and those that are no face left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from archivist_faces.alignment import Placement, crop, place
from archivist_faces.mtcnn import Mtcnn, detect, load
from archivist_torch.ageing import AgeingMaterial, AgeingSettings
from archivist_torch.damage_shapes.overlays import Overlays, read_overlays
from archivist_torch.data import Picture, read_folder

Bytes = NDArray[np.uint8]

HELD_OUT = 0.16
"""Share of portraits, by name, that no training sees."""
SURE = 0.97
"""Score below which the face of a training portrait is not believed: flowers, backs of heads."""
LEAST_SIDE = 96
"""Side in pixels of a face's crop below which a portrait teaches nothing."""
LEAST_SHARPNESS = 0.21
"""Of a portrait, as :func:`sharpness` tells; half of our portraits lie above 0.42."""
PRINTS, OVERLAYS = 200, 40
"""So many prints are measured, and so many overlays of a kind kept; more make no other samples."""
TENSORS = ("white", "grain", "paper", "tints")
AS_PRINTS = AgeingSettings(
    pristine=0.04,
    toning=0.5,
    fading=0.35,
    yellowing=0.15,
    contrast=0.15,
    uneven=0.15,
    grain=0.5,
    paper=0.35,
    blur=0.5,
    noise=0.5,
    jpeg=0.5,
    low_resolution=0.5,
    undamaged=0.75,
    most_damage=2,
)
"""How portraits are aged: faces on old photographs are soft, coarse and grainy above all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Portrait:
    """A portrait, uint8 RGB (h, w, 3), and the landmarks (5, 2) of its largest face."""

    name: str
    pixels: Bytes
    landmarks: NDArray[np.float32]

    @property
    def side(self) -> float:
        """The side of the face's crop, in pixels of the portrait."""
        return place(self.landmarks, 1).scale

    def placed(self, side: int) -> Placement:
        """Return where a crop of ``side`` px of this face lies in the portrait."""
        return place(self.landmarks, side)


def read_portraits(folder: Path, split: str, cache: Path | None = None) -> list[Portrait]:
    """Read one split (train, val) of a folder of portraits; pictures without a sure face are left.

    With ``cache`` the faces found are kept in that folder and read from there the next time.
    Raises FileNotFoundError when none is left.
    """
    packed = cache / f"portraits-{split}.npz" if cache else None
    if packed and packed.exists():
        with np.load(packed) as kept:
            return [_unpacked(name, kept) for name in kept["names"]]
    pictures = read_folder(folder, split, held_out=HELD_OUT)
    found = list(_with_faces(pictures, load()))
    if not found:
        raise FileNotFoundError(f"{folder} shows no face in its {split!r} part; add portraits")
    if packed:
        packed.parent.mkdir(parents=True, exist_ok=True)
        arrays = {f"pixels/{one.name}": one.pixels for one in found}
        arrays |= {f"landmarks/{one.name}": one.landmarks for one in found}
        np.savez(packed, names=np.array([one.name for one in found]), **arrays)  # type: ignore[arg-type]
    return found


def read_material(data: Path, split: str, cache: Path | None = None) -> AgeingMaterial:
    """Return what ageing is made of: of prints and overlays of ``data`` where they are given.

    With ``cache`` it is kept in that folder and read from there the next time.
    """
    packed = cache / f"material-{split}.npz" if cache else None
    if packed and packed.exists():
        return _material(packed)
    prints, damage = data / "historic-prints", data / "damage-overlays"
    overlays: Overlays = read_overlays(damage, split) if damage.is_dir() else {}
    few = {kind: alphas[:OVERLAYS] for kind, alphas in overlays.items()}
    shown = read_folder(prints, split) if prints.is_dir() else []
    step = len(shown) // PRINTS + 1
    made = AgeingMaterial.from_prints([p.pixels for p in shown[::step]], few)
    if packed:
        packed.parent.mkdir(parents=True, exist_ok=True)
        arrays = {name: getattr(made, name).numpy() for name in TENSORS}
        arrays |= {f"{kind}/{n}": a for kind, all_ in few.items() for n, a in enumerate(all_)}
        np.savez(packed, **arrays)  # type: ignore[arg-type]
    return made


def _unpacked(name: str, kept: np.lib.npyio.NpzFile) -> Portrait:
    return Portrait(
        name=str(name), pixels=kept[f"pixels/{name}"], landmarks=kept[f"landmarks/{name}"]
    )


def _material(packed: Path) -> AgeingMaterial:
    with np.load(packed) as kept:
        overlays: Overlays = {}
        for name in kept.files:
            if "/" in name:
                overlays.setdefault(name.split("/")[0], []).append(kept[name])
        tensors = {name: torch.from_numpy(kept[name]) for name in TENSORS}
        return AgeingMaterial(**tensors, overlays=overlays)


def _with_faces(pictures: Sequence[Picture], network: Mtcnn) -> Iterator[Portrait]:
    for picture in pictures:
        rgb = picture.pixels[..., None] if picture.pixels.ndim == 2 else picture.pixels[..., :3]
        rgb = np.ascontiguousarray(np.broadcast_to(rgb, (*rgb.shape[:2], 3)))
        found = detect(network, rgb.astype(np.float32) / 255)
        sizes = (found.boxes[:, 2] - found.boxes[:, 0]) * (found.scores >= SURE)
        if not len(found) or sizes.max() <= 0:
            continue
        one = Portrait(
            name=picture.name, pixels=rgb, landmarks=found.landmarks[int(sizes.argmax())]
        )
        if one.side >= LEAST_SIDE and sharpness(one) >= LEAST_SHARPNESS:
            yield one


def sharpness(portrait: Portrait) -> float:
    """Return how much of a face's contrast is fine detail, at a crop of 128 px: 0.1 .. 0.9."""
    seen = crop(portrait.pixels.astype(np.float32) / 255, portrait.placed(128))
    face = cv2.cvtColor(seen, cv2.COLOR_RGB2GRAY)[24:-24, 24:-24]
    return float(cv2.Laplacian(face, cv2.CV_32F).std() / (face.std() + 0.02))
