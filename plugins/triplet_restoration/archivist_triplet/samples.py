"""Training samples of the triplet: clean crops, aged crops with their truth, crops of real prints.

``python -m archivist_triplet.samples --data DIR --out sheet.png`` shows what training sees: rows of
clean, aged, damage mask, and beside them a real print to compare with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click
import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archivist_torch import ageing
from archivist_torch.damage_shapes.overlays import Overlays, read_overlays
from archivist_torch.data import Picture, read_folder
from archivist_torch.seeding import generator

SCALES = (0.4, 1.2)
"""Crops are taken at these scales: reduced ones show much of a picture in little space."""
GREY_SHARE = 0.1
"""Crops of photographs that are made grey."""
MOUNTED_SHARE = 0.12
"""Crops of photographs that get the plain border of a mounted print."""
OVERLAYS_OF_A_KIND = 100
"""More overlays of one kind are left out: 160 kB each, and each is bent and turned anyway."""


@dataclass(frozen=True, slots=True)
class Album:
    """RGB pictures of any sizes in one uint8 tensor, so that they move to a device as one.

    ``samples`` is flat; picture i begins at ``starts[i]`` and has ``sizes[i]`` = height, width.
    """

    samples: Tensor
    starts: tuple[int, ...]
    sizes: tuple[tuple[int, int], ...]

    @classmethod
    def pack(cls, pictures: Sequence[Picture]) -> Album:
        """Pack pictures; grey ones become RGB, alpha is dropped."""
        arrays = [_rgb(picture.pixels) for picture in pictures]
        lengths = [array.size for array in arrays]
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(int)
        flat = np.concatenate([array.reshape(-1) for array in arrays])
        sizes = tuple((array.shape[0], array.shape[1]) for array in arrays)
        return cls(torch.from_numpy(flat), tuple(starts.tolist()), sizes)

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, number: int) -> Tensor:
        """Return a view (height, width, 3) of one picture."""
        height, width = self.sizes[number]
        start = self.starts[number]
        return self.samples[start : start + height * width * 3].view(height, width, 3)

    def to(self, device: torch.device | str) -> Album:
        """Return the album with its pixels on a device."""
        return replace(self, samples=self.samples.to(device))


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What samples are made of; ``prints`` is None where no folder of real prints is given."""

    photos: Album
    prints: Album | None
    ageing: ageing.AgeingMaterial

    @classmethod
    def read(cls, data: Path, split: str, cache: Path | None = None) -> Material:
        """Read one split (train, val) of ``photos``, ``historic-prints``, ``damage-overlays``.

        Only photos are needed. Without prints, textures and tints are procedural; without overlays
        all damage is drawn. ``cache`` is a folder that keeps decoded pictures.
        Raises FileNotFoundError when there are no photos of that split.
        """
        if not (data / "photos").is_dir():
            raise FileNotFoundError(
                f"{data} has no folder 'photos'; put photographs there, and optionally"
                " 'historic-prints' (scans of old prints) and 'damage-overlays' beside it"
            )
        photos = Album.pack(read_folder(data / "photos", split, cache=cache))
        folder = data / "historic-prints"
        prints = read_folder(folder, split, cache=cache) if folder.is_dir() else []
        overlays = _overlays(data / "damage-overlays", split, cache)
        made = ageing.AgeingMaterial.from_prints([p.pixels for p in prints], overlays)
        return cls(photos=photos, prints=Album.pack(prints) if prints else None, ageing=made)


def clean_crop(
    material: Material,
    index: int,
    size: int,
    *,
    seed: int = 0,
    scales: tuple[float, float] = SCALES,
) -> Tensor:
    """Return clean crop number ``index``: uint8 (3, size, size), some grey, some mounted."""
    rng = generator("clean crop", seed, index)
    piece = _crop(material.photos, size, rng, scales)
    if rng.random() < GREY_SHARE:
        piece = np.repeat(cv2.cvtColor(piece, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    if rng.random() < MOUNTED_SHARE:
        piece = _mounted(piece, rng)
    return _planes(piece)


def print_crop(
    material: Material,
    index: int,
    size: int,
    *,
    seed: int = 0,
    scales: tuple[float, float] = SCALES,
) -> Tensor:
    """Return crop number ``index`` of a real print, uint8 (3, size, size); geometry as for clean.

    Raises ValueError where the material has no prints.
    """
    if material.prints is None:
        raise ValueError("there are no real prints; add a folder 'historic-prints' to the data")
    return _planes(_crop(material.prints, size, generator("print crop", seed, index), scales))


def _crop(
    album: Album, size: int, rng: np.random.Generator, scales: tuple[float, float]
) -> NDArray[np.uint8]:
    """Cut a square at a random scale, turned by quarters and mirrored."""
    picture = album[int(rng.integers(len(album)))].cpu().numpy()
    scale = float(np.exp(rng.uniform(*np.log(scales))))
    side = min(round(size / scale), *picture.shape[:2])
    top, left = (int(rng.integers(length - side + 1)) for length in picture.shape[:2])
    piece = picture[top : top + side, left : left + side]
    how = cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
    piece = cv2.resize(piece, (size, size), interpolation=how)
    # A print lies on its side now and then; upside down is rare and adds nothing.
    piece = np.rot90(piece, rng.choice([0, 1, 3], p=[0.7, 0.15, 0.15]))
    return np.ascontiguousarray(piece[:, ::-1] if rng.random() < 0.5 else piece)


def _mounted(piece: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Lay the picture on a light mount that shows along one or two sides."""
    out = piece.copy()
    level = np.uint8(rng.integers(215, 256))
    for side in rng.choice(4, int(rng.integers(1, 3)), replace=False):
        turned = np.rot90(out, side)  # a view: writing to it writes to the picture
        turned[: max(1, round(len(piece) * rng.uniform(0.03, 0.18)))] = level
    return out


def _overlays(folder: Path, split: str, cache: Path | None) -> Overlays:
    if not folder.is_dir():
        return {}
    found = read_overlays(folder, split, cache=cache)
    return {
        kind: maps[:: len(maps) // OVERLAYS_OF_A_KIND + 1] for kind, maps in sorted(found.items())
    }


def _rgb(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels[..., :3]


def _planes(piece: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(piece.transpose(2, 0, 1)))


def sheet(
    material: Material, indices: Sequence[int], size: int, seed: int, kind: str | None
) -> NDArray[np.uint8]:
    """Return a contact sheet, RGB: a row for each sample, clean, aged, mask, a real print."""
    clean = torch.stack([clean_crop(material, index, size, seed=seed) for index in indices])
    pixels = clean.float() / 255
    if kind is None:
        settings = ageing.AgeingSettings()
        aged = ageing.draw(indices, pixels, seed, settings, material.ageing)
    else:
        aged = ageing.only(kind, indices, pixels, seed, material.ageing)
    columns = [clean, (aged.pixels * 255).round().byte(), aged.mask.expand_as(clean).byte() * 255]
    if material.prints is not None:
        columns.append(torch.stack([print_crop(material, i, size, seed=seed) for i in indices]))
    rows = torch.cat(columns, 3)
    return torch.cat(list(rows), 1).permute(1, 2, 0).numpy()


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--count", default=8, show_default=True, type=click.IntRange(1, 200))
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@click.option("--size", default=192, show_default=True, type=click.IntRange(16, 2048))
@click.option("--kind", type=click.Choice(ageing.KINDS), help="Show this kind of ageing alone.")
@click.option("--split", default="train", show_default=True, type=click.Choice(["train", "val"]))
@click.option("--cache", type=click.Path(path_type=Path), help="Folder of packed pictures.")
def main(
    data: Path,
    out: Path,
    count: int,
    seed: int,
    size: int,
    kind: str | None,
    split: str,
    cache: Path | None,
) -> None:
    """Write a contact sheet of training samples: clean, aged, mask and, beside, real prints."""
    try:
        material = Material.read(data, split, cache)
    except FileNotFoundError as problem:
        raise click.ClickException(str(problem)) from problem
    pixels = sheet(material, range(count), size, seed, kind)
    if not cv2.imwrite(str(out), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)):
        raise click.ClickException(f"{out} cannot be written; is its folder there?")


if __name__ == "__main__":
    main()
