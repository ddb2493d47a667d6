"""Make confidence mean what it says, and colour no stronger than it is sure: after the training.

A network is surer of pictures that it learnt from than of others. On pictures that were held out
nine numbers are fitted: for the automatic colour, how the expected error follows from the network's
own scale, and how much of the chroma is worth keeping at each (4); for that of exemplars, the
expected error (2), and from how much trust and similarity on it is the better one (3).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from archivist_colorization.compact.chroma import compressed
from archivist_colorization.compact.decoder import Guess
from archivist_colorization.compact.encoder import compared
from archivist_colorization.compact.network import ALONE, BESIDE, MOST_CHROMA, Compact
from archivist_colorization.training.task import attended, distance
from archivist_colorization.training.validation import Held

Numbers = NDArray[np.float64]
CAUTION = 2.0
"""How much more a stranger's colour may not be taken than that of the same place be missed."""
STEPS = 30
"""Of Newton's method; it settles within ten."""


@torch.inference_mode()
def calibrate(network: Compact, photos: Sequence[Held], pairs: Sequence[tuple[Held, Held]]) -> None:
    """Fit the calibration of a network, in place.

    ``photos`` are coloured by themselves, the first of each of ``pairs`` by the second.
    """
    network.eval()
    network.calibration.copy_(network.calibration.new_tensor([[0, 1, 1, 0], [0, 1, 1, 0]]))
    network.trusting.copy_(network.trusting.new_tensor([0, 1, 0]))
    scale, colour, truth = _gathered([(_alone(network, one), one) for one in photos])
    keep, fade = _chroma(scale, colour, truth)
    kept = np.clip(keep + fade * scale, 0, MOST_CHROMA)[:, None]
    row = [*_expected(scale, np.linalg.norm(colour * kept - truth, axis=1)), keep, fade]
    network.calibration[ALONE] = network.calibration.new_tensor(row)
    if pairs:
        found = [(beside, one) for _, beside, _, one in _answers(network, pairs)]
        scale, colour, truth = _gathered(found)
        row = [*_expected(scale, np.linalg.norm(colour - truth, axis=1)), 1.0, 0.0]
        network.calibration[BESIDE] = network.calibration.new_tensor(row)
        strangers = list(zip(photos, [*photos[7:], *photos[:7]], strict=True))
        network.trusting.copy_(_trust(network, pairs, strangers))


def _alone(network: Compact, one: Held) -> Guess:
    return network(network.encoder(one.light)).alone


def _answers(
    network: Compact, pairs: Sequence[tuple[Held, Held]]
) -> Iterator[tuple[Guess, Guess, Tensor, Held]]:
    """Yield the automatic guess, the exemplar's, cues (3, n) for trust in it, and the picture."""
    for one, other in pairs:
        maps, others = network.encoder(one.light), network.encoder(other.light)
        found = attended(network, compared(maps), compared(others), other.colour)
        answer = network(maps, found)
        assert answer.beside is not None
        assert answer.trust is not None
        cues = torch.stack([torch.ones_like(found[0, 3]), answer.trust[0, 0], found[0, 3]])
        alone = network.calibrated(answer.alone, ALONE)
        yield alone, answer.beside, cues.flatten(1), one


def _trust(
    network: Compact,
    pairs: Sequence[tuple[Held, Held]],
    strangers: Sequence[tuple[Held, Held]],
) -> Tensor:
    """Return the logistic regression of where the exemplar's colour is nearer, on the cues.

    Places weigh by how much it matters there, strangers CAUTION times as much as pictures of one
    place.
    """
    cues, nearer, weight = [], [], []
    for group, caution in ((pairs, 1.0), (strangers, CAUTION)):
        gaps = []
        for alone, beside, seen, one in _answers(network, group):
            truth = torch.from_numpy(compressed(one.lab[..., 1:]).transpose(2, 0, 1).copy())[None]
            worse, better = (
                functional.avg_pool2d(distance(x.colour, truth), 2) for x in (alone, beside)
            )
            gaps.append((worse - better).flatten().numpy().astype(np.float64))
            cues.append(seen.T.numpy().astype(np.float64))
        gap = np.concatenate(gaps)
        nearer.append(gap > 0)
        weight.append(caution * np.abs(gap) / np.abs(gap).sum())
    found = _logistic(np.concatenate(cues), np.concatenate(nearer), np.concatenate(weight))
    return network.trusting.new_tensor(found.tolist())


def _logistic(cues: Numbers, yes: NDArray[np.bool_], weight: Numbers) -> Numbers:
    """Return the weights of a logistic regression, by Newton's method."""
    weights = np.array([0.0, 1.0, 0.0])
    for _ in range(STEPS):
        chance = 0.5 * (1 + np.tanh(cues @ weights / 2))
        slope = cues.T @ (weight * (chance - yes)) + 1e-4 * (weights - [0, 1, 0])
        bend = (cues * (weight * chance * (1 - chance))[:, None]).T @ cues + 1e-4 * np.eye(3)
        weights -= np.clip(np.linalg.solve(bend, slope), -2, 2)
    return weights


def _gathered(found: Sequence[tuple[Guess, Held]]) -> tuple[Numbers, Numbers, Numbers]:
    """Return scales (n), colours (n, 2) and true ones of all places."""
    scales = [guess.scale.flatten().numpy() for guess, _ in found]
    colours = [guess.colour[0].flatten(1).T.numpy() for guess, _ in found]
    truths = [compressed(one.lab[..., 1:]).reshape(-1, 2) for _, one in found]
    parts = (np.concatenate(part).astype(np.float64) for part in (scales, colours, truths))
    scale, colour, truth = parts
    return scale, colour, truth


def _chroma(scale: Numbers, colour: Numbers, truth: Numbers) -> tuple[float, float]:
    """Return ``keep`` and ``fade`` of the best factor, see :meth:`.Compact.calibrated`."""
    some = slice(None, None, max(1, len(scale) // 50_000))
    scale, colour, truth = scale[some], colour[some], truth[some]

    def off(keep: float, fade: float) -> float:
        factor = np.clip(keep + fade * scale, 0, MOST_CHROMA)[:, None]
        return float(np.linalg.norm(colour * factor - truth, axis=1).mean())

    tried = [(k, f) for k in np.linspace(0.3, 1.7, 15) for f in np.linspace(-0.6, 0, 13)]
    best = min(tried, key=lambda pair: off(*pair))
    return float(best[0]), float(best[1])


def _expected(scale: Numbers, off: Numbers) -> tuple[float, float]:
    """Return a and b so that exp(a + b * scale) fits errors best, by their likelihood."""
    design = np.stack([np.ones_like(scale), scale], axis=1)
    weights = np.array([0.0, 1.0])
    for _ in range(STEPS):
        ratio = off * np.exp(-np.clip(design @ weights, -3, 6))
        slope = design.T @ (2 - ratio) / len(off)
        bend = (design * ratio[:, None]).T @ design / len(off) + 1e-6 * np.eye(2)
        weights -= np.clip(np.linalg.solve(bend, slope), -1, 1)
    return float(weights[0]), float(weights[1])
