"""Prove the paper's detector against outputs of its authors' code.

``python -m archivist_scratch.oracle FILE.npz`` draws the weights by the recipe of
:mod:`archivist_torch.oracle`, runs the arrays ``det_in_u8`` through the network and compares with
``det_logits`` and ``det_prob``. It prints JSON and ends with 0 when all differences are below
1e-4, else with 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray

from archivist_scratch.network import Paper
from archivist_torch.oracle import Comparison, compare, drawn_state
from archivist_torch.weights import load_state

TAG = "detection/FT_Epoch_latest.pt"
"""The released checkpoint: names the stream of oracle weights and the member of its archive."""


def oracle_network(first: int = 64) -> Paper:
    """Return the paper's detector with the recipe's weights; ``first`` is its base width."""
    network = Paper(first=first)
    load_state(network, drawn_state(network.state_dict(), TAG), TAG)
    return network.eval()


@torch.inference_mode()
def outputs(network: Paper, grey: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
    """Return logits and probabilities for uint8 input (channels, height, width) or with batch."""
    batch = grey if grey.ndim == 4 else grey[None]
    logits = network(torch.from_numpy(batch.astype(np.float32) / 255 * 2 - 1))
    return {"det_logits": logits.numpy(), "det_prob": logits.sigmoid().numpy()}


def check(case: Mapping[str, NDArray[np.generic]], network: Paper) -> Comparison:
    """Compare the network's outputs with those of a case; a batch axis of one may be absent."""
    found = outputs(network, np.asarray(case["det_in_u8"], np.uint8))
    shaped = {
        name: value if case[name].shape == value.shape else np.squeeze(value, 0)
        for name, value in found.items()
    }
    return compare({name: case[name] for name in shaped}, shaped)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True))
@click.pass_context
def main(ctx: click.Context, file: Path) -> None:
    """Compare the paper's detector with the oracle FILE (.npz)."""
    with np.load(file) as case:
        result = check(case, oracle_network())
    click.echo(result.to_json())
    ctx.exit(0 if result.passed else 1)


if __name__ == "__main__":
    main()
