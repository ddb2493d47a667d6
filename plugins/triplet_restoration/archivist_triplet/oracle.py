"""Prove the paper's restoration networks against outputs of their authors' code.

``python -m archivist_triplet.oracle FILE.npz`` draws the weights by the recipe of
:mod:`archivist_torch.oracle`, runs every array of the file that belongs to these networks, and
prints JSON. It ends with 0 when every image differs by less than 1e-4 and every latent by less
than 1e-4 of its largest absolute value, else with 1. Arrays of other networks are not looked at.

Two kinds of error are printed. ``errors``, which decide, are those of each network by itself: it
gets the recorded output of the one before it where the file has it. ``chained`` are those of
whole pipelines that begin with the pixels. Chains amplify float32 rounding: on the same weights
their authors' code is 2.5e-4 away from its own result in float64 at the end of the scratch
pipeline. Cases were recorded with the AVX2 kernels of oneDNN, so these are used here too, unless
``ONEDNN_MAX_CPU_ISA`` says otherwise; quality and HR pipelines then agree bit for bit.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from archivist_torch.oracle import Comparison, compare, drawn_state
from archivist_torch.weights import load_state
from archivist_triplet.checkpoint import DECODERS, ENCODER, MAPPINGS, member
from archivist_triplet.paper.restore import Mode, make_mapping
from archivist_triplet.paper.vae import WIDTH, Vae

Array = NDArray[np.generic]
Network = Callable[[str], nn.Module]
"""Gives the network of a released file, with the recipe's weights."""

Pair = tuple[Tensor, Tensor]
"""What a network makes of the recorded output of the one before, and of the chained one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """The arrays of one pipeline, in the order in which they follow from each other.

    ``mapping`` and ``mask`` are empty where the latent goes to the decoder as it is.
    """

    pixels: str
    first: str
    latent: str
    image: str
    encoder: str = ENCODER
    decoder: str
    mapping: Mode | None = None
    mask: str = ""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of all arrays that can be checked; the last one is the image."""
        return tuple(dict.fromkeys((self.first, self.latent, self.image)))


PIPELINES = (
    Pipeline(
        pixels="q_in_u8",
        first="q_latent_a",
        latent="q_latent_b",
        image="q_out",
        decoder=DECODERS["quality"],
        mapping="quality",
    ),
    Pipeline(
        pixels="s_in_u8",
        mask="s_mask",
        first="s_latent_a",
        latent="s_latent_b",
        image="s_out",
        decoder=DECODERS["scratch"],
        mapping="scratch",
    ),
    Pipeline(
        pixels="s_in_u8",
        mask="s_mask",
        first="s_latent_a",
        latent="hr_latent_b",
        image="hr_out",
        decoder=DECODERS["hr"],
        mapping="hr",
    ),
    Pipeline(
        pixels="q_in_u8",
        first="vae_b_enc",
        latent="vae_b_enc",
        image="vae_b_rec",
        encoder=DECODERS["quality"],
        decoder=DECODERS["quality"],
    ),
)


def oracle_network(file: str, width: int = WIDTH) -> nn.Module:
    """Return the network of a released file (``VAE_A_quality``) with the recipe's weights."""
    modes = {folder: mode for mode, folder in MAPPINGS.items()}
    with torch.device("meta"):
        network = make_mapping(modes[file], width) if file in modes else Vae(width)
    network.to_empty(device="cpu")
    tag = f"restoration/{member(file)}"
    load_state(network, drawn_state(network.state_dict(), tag), tag)
    return network.eval()


@dataclass(frozen=True, slots=True)
class Result:
    """Errors of the networks one by one, which decide, and of the chains that they form."""

    single: Comparison
    chained: Comparison

    def to_json(self) -> str:
        """Return both as one line of JSON."""
        report = json.loads(self.single.to_json()) | {"chained": dict(self.chained.errors)}
        return json.dumps(report, sort_keys=True)


def check(case: Mapping[str, Array], network: Network = oracle_network) -> Result:
    """Compare the networks' outputs with all arrays of the case that belong to them.

    Raises ValueError when there is none, or when the input of one is missing.
    """
    expected: dict[str, Array] = {}
    single: dict[str, Array] = {}
    chained: dict[str, Array] = {}
    for pipeline in PIPELINES:
        wanted = [name for name in pipeline.outputs if name in case and name not in expected]
        for name, values in _run(pipeline, case, wanted, network):
            scale = 1.0 if name == pipeline.image else float(np.abs(case[name]).max()) or 1.0
            expected[name] = np.asarray(case[name], np.float64) / scale
            for found, value in zip((single, chained), values, strict=True):
                found[name] = _shaped_as(case[name], value.double().numpy() / scale)
    if not expected:
        known = dict.fromkeys(name for pipeline in PIPELINES for name in pipeline.outputs)
        raise ValueError(f"the case holds none of the arrays {', '.join(known)}")
    return Result(compare(expected, single), compare(expected, chained))


@torch.inference_mode()
def _run(
    pipeline: Pipeline, case: Mapping[str, Array], wanted: list[str], network: Network
) -> Iterator[tuple[str, Pair]]:
    """Give the arrays that are wanted; each network is let go before the next one is made."""
    if not wanted:
        return
    pixels = _pixels(_input(case, pipeline.pixels, wanted))
    latents = _both(_half(network(pipeline.encoder), "encoder"), (pixels, pixels))
    if pipeline.first in wanted:
        yield pipeline.first, latents
    if wanted == [pipeline.first]:
        return
    if pipeline.mapping is not None:
        latents = _recorded(case, pipeline.first, latents)
        mask = _mask(_input(case, pipeline.mask, wanted)) if pipeline.mask else None
        mapping = network(MAPPINGS[pipeline.mapping])
        latents = _both(lambda latent: mapping(latent, mask), latents)
        del mapping
        if pipeline.latent in wanted:
            yield pipeline.latent, latents
    if pipeline.image in wanted:
        decoder = _half(network(pipeline.decoder), "decoder")
        yield pipeline.image, _both(decoder, _recorded(case, pipeline.latent, latents))


def _half(network: nn.Module, name: str) -> nn.Module:
    return network.get_submodule(name)


def _both(network: Callable[[Tensor], Tensor], inputs: Pair) -> Pair:
    first = network(inputs[0])
    return first, first if inputs[0] is inputs[1] else network(inputs[1])


def _recorded(case: Mapping[str, Array], name: str, latents: Pair) -> Pair:
    """Return the recorded latent, where there is one that fits, and the chained one."""
    values = case.get(name)
    if values is None or values.size != latents[1].numel():
        return latents
    return torch.from_numpy(np.asarray(values, np.float32)).reshape(latents[1].shape), latents[1]


def _input(case: Mapping[str, Array], name: str, wanted: list[str]) -> Array:
    if name not in case:
        raise ValueError(f"{', '.join(wanted)} cannot be checked: the case lacks {name}")
    return case[name]


def _pixels(values: Array) -> Tensor:
    batch = values if values.ndim == 4 else values[None]
    return torch.from_numpy(batch.astype(np.float32) / 255 * 2 - 1)


def _mask(values: Array) -> Tensor:
    return torch.from_numpy(values.astype(np.float32)).reshape(-1, 1, *values.shape[-2:])


def _shaped_as(expected: Array, value: Array) -> Array:
    """Return ``value`` without its batch axis of one where ``expected`` has none."""
    return value if value.ndim == expected.ndim else np.squeeze(value, 0)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.pass_context
def main(ctx: click.Context, file: Path) -> None:
    """Compare the paper's restoration networks with the oracle FILE (.npz)."""
    os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX2")  # read at the first convolution
    try:
        with np.load(file) as case:
            result = check(case)
    except (ValueError, OSError, BadZipFile) as problem:
        raise click.ClickException(f"{file}: {problem}") from problem
    click.echo(result.to_json())
    ctx.exit(0 if result.single.passed else 1)


if __name__ == "__main__":
    main()
