"""Prove the paper's network against outputs of its authors' code.

``python -m archivist_reference_sr.oracle FILE.npz`` draws the weights by the recipe below, enlarges
the arrays ``lr_u8``, ``lrsr_u8``, ``ref_u8`` and ``refsr_u8`` (height, width, 3) and compares every
output that the file holds. It prints JSON and ends with 0 when no value differs by 1e-4 or more
and every index is the same, or the second-best similarity is within 1e-5 of the best; else with 1.

Recipe: entry NAME is drawn from ``RandomState(crc32("SALT/NAME")).standard_normal(shape)`` and
scaled by its kind (:func:`drawn_state`). The salt is given by ``--salt``, or is the
name of the file without its ending.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archivist_reference_sr.network import TTSR, Output
from archivist_torch.oracle import Array, Comparison, compare
from archivist_torch.weights import load_state

INPUTS = ("lr_u8", "lrsr_u8", "ref_u8", "refsr_u8")
NO_OUTPUTS = (*INPUTS, "hr_u8", "top2_gap")
PUBLISHED = "ttsr-visible-a"
"""The salt that is tried when that of the file's name does not fit: the file may be renamed."""
CLEAR = 1e-5
"""Least distance of the best similarity from the second best at which the index must agree."""
FIXED = "LTE.sub_mean."
BIAS = 0.02
GAINS = (("LTE.", 1.2), (".RB", 0.5), ("", 0.8))
"""What a name contains, and the gain of its weights; the first that fits counts."""


def drawn_state(layout: Mapping[str, Tensor], salt: str) -> dict[str, Tensor]:
    """Draw a state dict of the names and shapes of ``layout``; the fixed layer keeps its values."""
    return {
        name: value if name.startswith(FIXED) else _drawn(name, tuple(value.shape), salt)
        for name, value in layout.items()
    }


def _drawn(name: str, shape: tuple[int, ...], salt: str) -> Tensor:
    z = np.random.RandomState(zlib.crc32(f"{salt}/{name}".encode())).standard_normal(shape)
    gain = next(gain for part, gain in GAINS if part in name)
    scale = BIAS if name.endswith(".bias") else gain / math.sqrt(math.prod(shape[1:]))
    return torch.from_numpy((z * scale).astype(np.float32))


def oracle_network(salt: str) -> TTSR:
    """Return the paper's network with the recipe's weights."""
    network = TTSR()
    load_state(network, drawn_state(network.state_dict(), salt), salt)
    return network.eval()


@torch.inference_mode()
def outputs(network: TTSR, case: Mapping[str, Array]) -> dict[str, Array]:
    """Return all outputs for the inputs of a case, whole; sampled arrays are cut out later.

    Raises KeyError when an input is missing.
    """
    found = network(*(_tensor(case[name]) for name in INPUTS))
    levels = network.LTE(found.picture)
    arrays = {"sr": found.picture[0], "S": found.attention[0], "hard_index": _index(found, case)}
    for number, texture in enumerate(found.textures, start=1):
        arrays[f"T_lv{number}"] = texture[0]
    for number, level in enumerate(levels, start=1):
        arrays[f"lte_sr_lv{number}"] = level[0]
    return {name: value.numpy() for name, value in arrays.items()}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a case showed.

    ``indices`` counts those that are equal, tied (another is as good) and wrong; ``unchecked``
    names arrays that no output of ours explains.
    """

    comparison: Comparison
    indices: Mapping[str, int]
    unchecked: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether the picture was compared, all values agree and no index is wrong."""
        compared = "sr" in self.comparison.errors
        return compared and self.comparison.passed and not self.indices.get("wrong")

    def to_json(self, salt: str) -> str:
        """Return the verdict as one line of JSON."""
        report = json.loads(self.comparison.to_json()) | {
            "passed": self.passed,
            "indices": dict(self.indices),
            "unchecked": self.unchecked,
            "salt": salt,
        }
        return json.dumps(report, sort_keys=True)


def check(case: Mapping[str, Array], network: TTSR) -> Verdict:
    """Compare with every output that a case holds."""
    whole = outputs(network, case)
    names = [name for name in case if name not in NO_OUTPUTS]
    found = {name: _sampled(name, whole) for name in names}
    known = {name: value for name, value in found.items() if value is not None}
    indices = _indices(case, known.pop("hard_index")) if "hard_index" in known else {}
    comparison = compare({name: case[name] for name in known}, known)
    return Verdict(comparison, indices, tuple(name for name in names if found[name] is None))


def _tensor(pixels: Array) -> Tensor:
    values = np.asarray(pixels, np.float32) / 127.5 - 1
    return torch.from_numpy(values).permute(2, 0, 1)[None].contiguous()


def _index(found: Output, case: Mapping[str, Array]) -> Tensor:
    (matches,) = found.matches
    return matches.row * (case["refsr_u8"].shape[1] // 4) + matches.column


def _sampled(name: str, whole: Mapping[str, Array]) -> Array | None:
    """Cut ``T_lv3_ch4`` (every 4th channel) or ``T_lv3_mean`` (means of channels) out of T_lv3."""
    if name in whole:
        return whole[name]
    stem, _, how = name.rpartition("_")
    step = re.fullmatch(r"ch(\d+)", how)
    if stem not in whole or not (step or how == "mean"):
        return None
    values = whole[stem]
    return values[:: int(step[1])] if step else values.mean((1, 2))


def _indices(case: Mapping[str, Array], found: Array) -> dict[str, int]:
    differ: NDArray[np.bool_] = np.squeeze(case["hard_index"]) != found
    clear = np.squeeze(case["top2_gap"]) >= CLEAR
    return {
        "equal": int((~differ).sum()),
        "tied": int((differ & ~clear).sum()),
        "wrong": int((differ & clear).sum()),
    }


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--salt", help="Names the weights; by default the name of FILE.")
@click.pass_context
def main(ctx: click.Context, file: Path, salt: str | None) -> None:
    """Compare the paper's network with the oracle FILE (.npz)."""
    with np.load(file) as stored:
        case = dict(stored)
    missing = [name for name in INPUTS if name not in case]
    if missing:
        raise click.UsageError(f"{file} is no oracle file of TTSR: it lacks {', '.join(missing)}")
    salts = (salt,) if salt else (file.stem, PUBLISHED)
    for name in salts:
        verdict = check(case, oracle_network(name))
        if verdict.passed:
            break
    click.echo(verdict.to_json(name))
    ctx.exit(0 if verdict.passed else 1)


if __name__ == "__main__":
    main()
