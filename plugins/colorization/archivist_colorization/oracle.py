"""Prove the paper's networks against outputs of their authors' code.

``python -m archivist_colorization.oracle FILE.npz`` draws repeatable weights, runs the case
through feature, correspondence and colour network, and compares every array it knows. It prints
JSON and ends with 0 when each largest difference is below the limit of its array, else with 1.

A weight is ``RandomState(crc32("SALT/NETWORK/NAME")).standard_normal(shape)``, scaled by
:data:`RECIPES`. The salt is the name of the file without ``.npz``, or ``--salt``.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from archivist_colorization.checkpoint import FEATURES, MATCHING, RENDERING
from archivist_colorization.features import named
from archivist_colorization.lab import MIDDLE, lab_of_rgb, rgb_of_lab
from archivist_colorization.matching import Matches
from archivist_colorization.networks import PaperNetworks, on_grid
from archivist_torch.oracle import Report
from archivist_torch.weights import load_state

Array = NDArray[np.generic]
Case = Mapping[str, Array]

SIMILARITY_LIMIT = 1e-4
WARP_LIMIT = 0.02
CHAIN_LIMIT = 0.3
"""a and b of the whole chain, within +-128: random networks amplify rounding."""
ALONE_LIMIT = 0.05
"""a and b of the colour network alone, on the stored inputs."""
FEATURE_LIMIT = 1e-4
LAB_LIMIT = 1e-3
RGB_LIMIT = 1e-4


def oracle_networks(salt: str, make: Callable[[], PaperNetworks] = PaperNetworks) -> PaperNetworks:
    """Return the paper's networks with the weights of the case ``salt``."""
    with torch.device("meta"):
        networks = make()
    networks.to_empty(device="cpu")
    for name, network in (
        (FEATURES, networks.features),
        (MATCHING, networks.correspondence),
        (RENDERING, networks.colour),
    ):
        _fill(network, salt, name)
    return networks.eval()


def _fill(network: nn.Module, salt: str, title: str) -> None:
    state = {}
    for name, like in network.state_dict().items():
        source = np.random.RandomState(zlib.crc32(f"{salt}/{title}/{name}".encode()))
        drawn = RECIPES[title](name, source.standard_normal(tuple(like.shape)))
        state[name] = torch.from_numpy(np.asarray(drawn, np.float32))
    load_state(network, state, f"oracle weights {salt}/{title}")


def _feature_weight(name: str, r: NDArray[np.float64]) -> NDArray[np.float64]:
    if r.ndim == 1:
        return 0.02 * r
    return _per_input(r, 0.02 if name == "conv1_1.weight" else 1.35)


def _matching_weight(name: str, r: NDArray[np.float64]) -> NDArray[np.float64]:
    if r.shape == (1,):
        return 0.25 + 0.05 * r  # the slope of a PReLU
    return 0.02 * r if name.endswith("bias") else _per_input(r, 1.0)


def _colour_weight(name: str, r: NDArray[np.float64]) -> NDArray[np.float64]:
    if name.endswith("norm_ss.weight"):
        return 1 + 0.1 * r
    if name.endswith("bias"):
        return 0.3 * r
    return _per_input(r, {"conv10_ab.weight": 0.3, "conv1_1.0.weight": 0.05}.get(name, 0.8))


def _per_input(r: NDArray[np.float64], factor: float) -> NDArray[np.float64]:
    return factor * r / math.sqrt(math.prod(r.shape[1:]))


Recipe = Callable[[str, NDArray[np.float64]], NDArray[np.float64]]
RECIPES: Mapping[str, Recipe] = {
    FEATURES: _feature_weight,
    MATCHING: _matching_weight,
    RENDERING: _colour_weight,
}
"""Scales normal numbers ``r`` for each network, by the name of the entry."""


@torch.inference_mode()
def check(case: Case, networks: PaperNetworks) -> Report:
    """Compare all outputs that a case holds. Raises KeyError that names a missing input."""
    errors: dict[str, float] = {}
    limits: dict[str, float] = {}
    for name, stored, found, limit in _comparisons(case, networks):
        if stored not in case:
            continue
        expected = case[stored]
        same = found.shape == expected.shape
        errors[name] = float(np.abs(found - expected).max()) if same else math.inf
        limits[name] = limit
    return Report(errors, limits)


Comparison = tuple[str, str, Array, float]
"""What is compared, the array that holds the truth, what was found, the limit."""


def _comparisons(case: Case, networks: PaperNetworks) -> Iterator[Comparison]:
    yield from _colour_space(case)
    yield from _features(case, networks)
    for suffix in sorted(n.removeprefix("ab_t") for n in case if n.startswith("ab_t")):
        yield from _chain(case, networks, suffix)


def _colour_space(case: Case) -> Iterator[Comparison]:
    for letter in "ab":
        pixels, stored = case.get(f"{letter}_rgb_u8"), f"i{letter}_lab"
        if pixels is not None:
            lab = lab_of_rgb(np.asarray(pixels, np.float64) / 255)
            lab[..., 0] -= MIDDLE
            yield stored, stored, lab.transpose(2, 0, 1), LAB_LIMIT
    rgb = _exemplar_rgb(case).squeeze(0).numpy()
    yield "ref_rgb_from_lab", "ref_rgb_from_lab", rgb, RGB_LIMIT


def _features(case: Case, networks: PaperNetworks) -> Iterator[Comparison]:
    grey = ((_tensor(case, "ia_lab")[:, :1] + MIDDLE) / 100).expand(-1, 3, -1, -1)
    for letter, rgb in (("A", grey), ("B", _exemplar_rgb(case))):
        for level, x in named(networks.features(rgb)).items():
            name = f"feat{letter}_mean_{level}"
            yield name, name, x.mean(dim=(2, 3))[0].numpy(), FEATURE_LIMIT


def _chain(case: Case, networks: PaperNetworks, suffix: str) -> Iterator[Comparison]:
    """Run everything for one temperature, and the colour network alone on what is stored."""
    light = _tensor(case, "ia_lab")[:, :1]
    previous = _tensor(case, "last_lab")
    found = _matches(case, networks, light, float(suffix))
    height, width = light.shape[2:]
    warped = on_grid(found.values, height, width)
    similarity = on_grid(found.similarity, height, width)
    yield f"similarity_t{suffix}", "similarity", similarity[0].numpy(), SIMILARITY_LIMIT
    yield f"warp_lab_t{suffix}", f"warp_lab_t{suffix}", warped[0].numpy(), WARP_LIMIT
    ab = networks(light, warped, similarity, previous)
    yield f"ab_t{suffix}", f"ab_t{suffix}", ab[0].numpy(), CHAIN_LIMIT
    if f"warp_lab_t{suffix}" in case and "similarity" in case:
        stored = _tensor(case, f"warp_lab_t{suffix}"), _tensor(case, "similarity")
        alone = networks(light, *stored, previous)
        yield f"ab_t{suffix}_alone", f"ab_t{suffix}", alone[0].numpy(), ALONE_LIMIT


def _matches(case: Case, networks: PaperNetworks, light: Tensor, temperature: float) -> Matches:
    exemplar = networks.exemplar(_exemplar_rgb(case), _tensor(case, "ib_lab"))
    return networks.matches(light, [exemplar], temperature)


def _exemplar_rgb(case: Case) -> Tensor:
    lab = np.asarray(case["ib_lab"], np.float64).transpose(1, 2, 0)
    lab = lab + np.array([MIDDLE, 0, 0])
    return torch.from_numpy(rgb_of_lab(lab).transpose(2, 0, 1)[None].astype(np.float32))


def _tensor(case: Case, name: str) -> Tensor:
    return torch.from_numpy(np.asarray(case[name], np.float32))[None]


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--salt", help="Salt of the weights; by default the name of FILE without .npz.")
@click.pass_context
def main(ctx: click.Context, file: Path, salt: str | None) -> None:
    """Compare the paper's colorization networks with the oracle FILE (.npz)."""
    try:
        with np.load(file) as stored:
            case = dict(stored)
        result = check(case, oracle_networks(salt or file.stem))
    except (KeyError, ValueError) as problem:
        raise click.ClickException(f"{file} is no case of these networks: {problem}") from problem
    click.echo(result.to_json())
    ctx.exit(0 if result.passed else 1)


if __name__ == "__main__":
    main()
