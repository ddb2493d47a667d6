"""``python -m archivist_faces.training.identity_fit``: fit the projection of the descriptor.

Every portrait is a person. Its crop is aged many times, its landmarks a little off each time, as a
detector's are. What varies within a person is whitened away, what varies between persons is kept.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray

from archivist_faces.alignment import crop, place
from archivist_faces.identity import DIMENSIONS, SIDE, IdentityNet, prepared
from archivist_faces.training.portraits import (
    AS_PRINTS,
    Portrait,
    read_material,
    read_portraits,
)
from archivist_torch import ageing
from archivist_torch.efficientnet import load_efficientnet
from archivist_torch.seeding import generator
from archivist_torch.weights import save_weights

VIEWS = 12
"""Ageings of each person, beside the portrait as it is."""
OFF = 0.012
"""Landmarks are off by so much of the crop's side (deviation); measured on worn faces: 0.018."""
SHRINK = 1.5
"""Times the mean variance within persons, added to each direction: few persons, many of those."""

Array = NDArray[np.float64]


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--cache", type=click.Path(path_type=Path), default=None)
@click.option("--seed", default=1, show_default=True)
def main(data: Path, out: Path, cache: Path | None, seed: int) -> None:
    """Fit the descriptor, write it to OUT and tell how well it separates held-out persons."""
    torch.set_num_threads(1)
    network = IdentityNet(load_efficientnet()).eval()
    people, features = described(network, data, "train", seed, cache)
    weight, bias = discriminant(features, people)
    with torch.no_grad():
        network.project.weight.copy_(torch.from_numpy(weight))
        network.project.bias.copy_(torch.from_numpy(bias))
    people, features = described(network, data, "val", seed, cache)
    figures = separation(features @ weight.T + bias, people)
    facts = {"converted_from": "efficientnet-lite0-57934424.pth", "persons": str(people.max() + 1)}
    facts |= {name: f"{value:.4f}" for name, value in figures.items()}
    digest = save_weights(network.state_dict(), out, facts, torch.float16)
    click.echo(f"{out}: {out.stat().st_size} bytes, sha256 {digest}")
    for name, value in figures.items():
        click.echo(f"{name}: {value:.4f}")


@torch.inference_mode()
def described(
    network: IdentityNet, data: Path, split: str, seed: int, cache: Path | None = None
) -> tuple[NDArray[np.intp], Array]:
    """Return the number of the person and the features of every view of a split."""
    material = read_material(data, split, cache)
    portraits = read_portraits(data / "faces", split, cache)
    found = [
        network.features(views(portrait, number, seed, material)).double().numpy()
        for number, portrait in enumerate(portraits)
    ]
    people = np.repeat(np.arange(len(found)), [len(one) for one in found])
    return people, np.concatenate(found)


def views(
    portrait: Portrait, number: int, seed: int, material: ageing.AgeingMaterial
) -> torch.Tensor:
    """Return a person's crops as the network sees them, the first as the portrait is."""
    rng = generator("identity", seed, number)
    pixels = portrait.pixels.astype(np.float32) / 255
    sides = [SIDE * 2, *(int(rng.integers(64, 256)) for _ in range(VIEWS))]
    shown = []
    for view, side in enumerate(sides):
        off = rng.normal(0, OFF if view else 0, (5, 2)) * portrait.side
        seen = crop(pixels, place(portrait.landmarks + off, side))
        if view:
            batch = torch.from_numpy(seen.transpose(2, 0, 1).copy())[None]
            aged = ageing.draw([number * 100 + view], batch, seed, AS_PRINTS, material)
            seen = aged.pixels[0].permute(1, 2, 0).contiguous().numpy()
        shown.append(prepared(seen))
    return torch.stack(shown)


def discriminant(features: Array, people: NDArray[np.intp]) -> tuple[Array, Array]:
    """Return weight (DIMENSIONS, features) and bias of the projection."""
    middle = features.mean(axis=0)
    centred = features - middle
    means = np.stack([centred[people == one].mean(axis=0) for one in np.unique(people)])
    within = np.cov((centred - means[people]).T)
    values, directions = np.linalg.eigh(within)
    whiten = directions / np.sqrt(values + SHRINK * values.mean())
    between = np.cov((means @ whiten).T)
    strength, axes = np.linalg.eigh(between)
    chosen = axes[:, ::-1][:, :DIMENSIONS]
    weight = (whiten @ chosen).T
    weight /= np.sqrt(strength[::-1][:1])
    return weight, -weight @ middle


def separation(vectors: Array, people: NDArray[np.intp]) -> dict[str, float]:
    """Return how distances of views to the first views tell persons apart.

    ``same_95``: 95 % of the distances within a person lie below; ``other_01`` and ``other_05``:
    so many hundredths of those between persons do; ``area`` under the ROC; ``equal_error``.
    """
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    first = np.flatnonzero(np.r_[True, np.diff(people) > 0])
    apart = 1 - np.delete(unit, first, axis=0) @ unit[first].T
    mine = np.delete(people, first)[:, None] == people[first]
    same, other = np.sort(apart[mine]), np.sort(apart[~mine])
    ranks = np.searchsorted(other, same) / len(other)
    missed = 1 - np.searchsorted(same, other, "right") / len(same)
    mistaken = np.arange(1, len(other) + 1) / len(other)
    return {
        "same_50": float(np.quantile(same, 0.5)),
        "same_95": float(np.quantile(same, 0.95)),
        "other_01": float(np.quantile(other, 0.01)),
        "other_05": float(np.quantile(other, 0.05)),
        "area": float(1 - ranks.mean()),
        "equal_error": float(np.maximum(missed, mistaken).min()),
    }


if __name__ == "__main__":
    main()
