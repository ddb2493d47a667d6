"""Prove the paper's face stage against outputs of its authors' code.

``python -m archivist_faces.oracle FILE.npz`` checks every array of the file that it knows: the
generator with the weights of :mod:`archivist_torch.oracle` (``face_in_u8`` to ``face_out``), and
alignment, histogram matching and blending (``landmarks5`` to ``blended``). It prints JSON and ends
with 0 when each largest difference is below the limit of its array, else with 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray

from archivist_faces import authors_blend
from archivist_faces.alignment import place
from archivist_faces.checkpoint import MEMBERS, Side
from archivist_faces.generator import FaceGenerator
from archivist_faces.spectral import folded, stored_layout
from archivist_torch.oracle import Report, drawn_state
from archivist_torch.weights import load_state

Array = NDArray[np.generic]
Case = Mapping[str, Array]

GENERATOR_LIMIT = 1e-4
"""Of outputs in -1..1. In double precision: the authors' own float32 rounding is 6e-5."""

MATRIX_LIMIT = 1e-4
"""The authors fit the matrix in float32, which moves it by 1e-5."""

LEVEL_LIMIT = 1.5
"""Of 8 bits: a value on the border of two levels may fall to either."""

BLEND_LIMIT = 1e-4
"""Of 0..1, from the stored matrix and face: nothing but rounding to float32 (3e-8)."""

CHAIN_LIMIT = 0.01
"""Of 0..1, from the landmarks alone: two and a half levels of 8 bits."""


def oracle_generator(side: Side = 256, width: int = 64) -> FaceGenerator:
    """Return the generator with the recipe's weights of the checkpoint for ``side``."""
    with torch.device("meta"):
        network = FaceGenerator(width)
    network.to_empty(device="cpu")
    tag = f"face/{MEMBERS[side]}"
    stored = drawn_state(stored_layout(network.state_dict()), tag)
    load_state(network, folded(stored, tag), tag)
    return network.eval()


Comparison = tuple[str, Array, Array, float]
"""What is compared, the truth, what was found, the limit."""


def check(case: Case) -> Report:
    """Compare all arrays of a case that are known here; ValueError when there is none."""
    comparisons: list[Comparison] = []
    if "face_out" in case:
        comparisons += _generated(case)
    if "landmarks5" in case:
        comparisons += _blended(case)
    if not comparisons:
        raise ValueError("it holds neither face_out nor landmarks5")
    errors = {
        name: float(np.abs(np.subtract(found, truth, dtype=np.float64)).max())
        if found.shape == truth.shape
        else math.inf
        for name, truth, found, _ in comparisons
    }
    return Report(errors, {name: limit for name, _, _, limit in comparisons})


@torch.inference_mode()
def _generated(case: Case) -> Iterator[Comparison]:
    pixels = np.asarray(case["face_in_u8"], np.float32)
    batch = pixels if pixels.ndim == 4 else pixels[None]
    side: Side = 512 if max(batch.shape[2:]) >= 512 else 256
    found = oracle_generator(side).double()(torch.from_numpy(batch / 255 * 2 - 1).double()).numpy()
    truth = case["face_out"]
    yield "face_out", truth, found if truth.ndim == 4 else found[0], GENERATOR_LIMIT


def _blended(case: Case) -> Iterator[Comparison]:
    image, face = (np.asarray(case[name], np.uint8) for name in ("img_u8", "restored_face_u8"))
    matrix = place(np.asarray(case["landmarks5"], np.float64), face.shape[0]).matrix
    yield "matrix_face_to_image", case["matrix_face_to_image"], matrix, MATRIX_LIMIT
    cut = authors_blend.cut(image, matrix, face.shape[0])
    yield "aligned_u8", case["aligned_u8"], authors_blend.rounded(cut), LEVEL_LIMIT
    matched = authors_blend.match_histograms(face, cut)
    yield "histmatched_u8", case["histmatched_u8"], matched, LEVEL_LIMIT
    stored = np.asarray(case["matrix_face_to_image"], np.float64)
    stored_face = np.asarray(case["histmatched_u8"], np.uint8)
    alone = authors_blend.blend(image, stored_face, stored)
    yield "blended_alone", case["blended"], alone, BLEND_LIMIT
    yield "blended", case["blended"], authors_blend.blend(image, matched, matrix), CHAIN_LIMIT


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.pass_context
def main(ctx: click.Context, file: Path) -> None:
    """Compare the paper's face stage with the oracle FILE (.npz)."""
    try:
        with np.load(file) as stored:
            result = check(dict(stored))
    except (KeyError, ValueError) as problem:
        raise click.ClickException(f"{file} is no case of the face stage: {problem}") from problem
    click.echo(result.to_json())
    ctx.exit(0 if result.passed else 1)


if __name__ == "__main__":
    main()
