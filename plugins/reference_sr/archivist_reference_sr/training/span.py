"""The published weights of SPAN, as what training of the enlarger begins from.

    python -m archivist_reference_sr.training.span spanx4_ch48.param runs/span.safetensors

reads the form for inference that ncnn takes: a text that lists the layers, and beside it their
numbers, one layer after another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
from torch import Tensor

from archivist_reference_sr.compact.enlarger import Enlarger
from archivist_torch.weights import load_state, save_weights

HALF = b"\x47\x6b\x30\x01"
"""Comes before weights in float16 (0x01306B47, little-endian); biases are always float32."""
ALIGNED = 4
"""Weights fill up so many bytes."""
OUTPUTS, NUMBERS, CONSTANT = "0", "6", "2"
"""Keys of a convolution's outputs and weights, and of how many numbers a constant holds."""


@dataclass(slots=True)
class Numbers:
    """The numbers of a network, read from the front."""

    content: bytes
    read: int = 0

    def floats(self, count: int) -> Tensor:
        """Return the next ``count`` numbers in float32."""
        return self._next(count, "<f4")

    def weights(self, count: int) -> Tensor:
        """Return the next ``count`` weights.

        Raises ValueError for another type than float16.
        """
        start = self.read + len(HALF)
        if self.content[self.read : start] != HALF:
            raise ValueError("weights that are not in float16; give the file of the release")
        self.read = start
        found = self._next(count, "<f2")
        self.read += -self.read % ALIGNED
        return found

    def _next(self, count: int, kind: str) -> Tensor:
        if self.read + count * np.dtype(kind).itemsize > len(self.content):
            raise ValueError("the numbers are cut off; get the file again")
        found = np.frombuffer(self.content, kind, count, self.read)
        self.read += found.nbytes
        return torch.from_numpy(found.astype(np.float32))


def read_span(description: Path) -> Enlarger:
    """Return an enlarger with the weights of ``NAME.param`` and the ``NAME.bin`` beside it.

    Raises ValueError when they are not those of SPAN for enlarging four times, 48 channels.
    """
    network = Enlarger()
    own = network.state_dict()
    found = list(_layers(description))
    if [len(numbers) for numbers in found] != [value.numel() for value in own.values()]:
        raise ValueError(f"{description} is not SPAN x4 of 48 channels; give spanx4_ch48.param")
    shaped = {n: x.view(own[n].shape) for n, x in zip(own, found, strict=True)}
    load_state(network, shaped, str(description))
    return network


def _layers(description: Path) -> Iterator[Tensor]:
    """Yield weights and biases of all convolutions, in the order in which they work."""
    numbers = Numbers(description.with_suffix(".bin").read_bytes())
    for line in description.read_text(encoding="utf-8").splitlines():
        kind, *words = line.split()
        options = dict(word.split("=") for word in words if "=" in word)
        if kind == "MemoryData":
            numbers.floats(int(options[CONSTANT]))
        elif kind == "Convolution":
            yield numbers.weights(int(options[NUMBERS]))
            yield numbers.floats(int(options[OUTPUTS]))


@click.command()
@click.argument("description", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("destination", type=click.Path(path_type=Path))
def command(description: Path, destination: Path) -> None:
    """Convert DESCRIPTION, spanx4_ch48.param, for `archivist train ttsr --from DESTINATION`."""
    try:
        network = read_span(description)
    except (FileNotFoundError, ValueError) as problem:
        raise click.ClickException(str(problem)) from problem
    destination.parent.mkdir(parents=True, exist_ok=True)
    facts = {"converted_from": description.name, "licence": "Apache-2.0, hongyuanyu/SPAN"}
    save_weights(network.state_dict(), destination, facts)


if __name__ == "__main__":
    command()
