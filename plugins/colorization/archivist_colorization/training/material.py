"""What a training run reads: photographs held small in memory, groups of the same place apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from archivist_colorization.inference import working_size
from archivist_colorization.toning import assess
from archivist_torch.data import Picture, read_folder

Bytes = NDArray[np.uint8]

AREA = 288 * 288
"""Pixels at which pictures are held: 0.25 MB each."""
PHOTOS, GROUPS, FACES = "photos", "reference-groups", "faces"
LEAST = 4.0
"""Of :attr:`.Toning.far`: pictures with less colour, grey ones among them, teach little."""
HELD_OUT = ("opensfm-lund", "buddha")
"""Groups for validation alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Colour pictures (h, w, 3), uint8, of about AREA pixels; ``held_out`` ones for validation.

    ``album`` holds all to learn from, ``groups`` the numbers in it of those that show one place.
    """

    album: Sequence[Bytes]
    groups: Sequence[Sequence[int]]
    held_out_photos: Sequence[Bytes]
    held_out_groups: dict[str, Sequence[Bytes]]

    @classmethod
    def read(cls, data: Path, cache: Path) -> Material:
        """Read ``data/photos`` and, where they are, ``reference-groups`` and ``faces``.

        Grey and toned pictures teach no colour and are left out. Raises FileNotFoundError when
        there are no photographs of a split.
        """
        album = _coloured(read_folder(data / PHOTOS, "train", cache=cache))
        if (data / FACES).is_dir():
            album += _coloured(read_folder(data / FACES, "train", cache=cache))
        groups, held_out = [], {}
        for name, pictures in _groups(data).items():
            if name in HELD_OUT:
                held_out[name] = pictures
            elif len(pictures) > 1:
                groups.append(range(len(album), len(album) + len(pictures)))
                album += pictures
        others = [small(one.pixels) for one in read_folder(data / PHOTOS, "val", cache=cache)]
        return cls(album=album, groups=groups, held_out_photos=others, held_out_groups=held_out)


def small(pixels: Bytes, area: int = AREA) -> Bytes:
    """Return a picture as RGB, reduced to about ``area`` pixels."""
    rgb = np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels[..., :3]
    height, width = working_size(*rgb.shape[:2], area)
    return np.asarray(cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _coloured(pictures: Sequence[Picture]) -> list[Bytes]:
    reduced = [small(one.pixels) for one in pictures]
    return [one for one in reduced if assess(one).far >= LEAST]


def _groups(data: Path) -> dict[str, list[Bytes]]:
    """Return the pictures of each group by its name; a group lies in one folder."""
    found: dict[str, list[Picture]] = {}
    if (data / GROUPS).is_dir():
        for split in ("train", "val"):
            try:
                pictures = read_folder(data / GROUPS, split)
            except FileNotFoundError:
                continue
            for one in pictures:
                found.setdefault(one.name.split("/")[0], []).append(one)
    return {name: _coloured(pictures) for name, pictures in sorted(found.items())}
