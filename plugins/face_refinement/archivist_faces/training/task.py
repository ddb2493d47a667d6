"""What the generator is trained for: pixels, features of EfficientNet-Lite0, and identity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from archivist_faces.training.light import in_its_light
from archivist_faces.training.likeness import LUMA, Likeness, laid, likeness_loss
from archivist_faces.training.samples import Samples
from archivist_torch.device import Compute
from archivist_torch.perceptual import PerceptualLoss, feature_distance
from archivist_torch.training import Batch, Sample

LUMA_WEIGHT = 1.0
"""Of lightness beside RGB: it is what is seen, and most old photographs have nothing else."""
FEATURES = 0.05
"""Of the features. Pixels alone make faces soft; at 0.2 skin gets a texture that was not there."""
LIKENESS = 1.0
"""Of the identity."""
EVERY = 4
"""Of so many samples one is a whole face, the others are windows of 160 px, which hold none.

A whole face is as large as the step sees it, 192 to 288 px, and costs 2.3 windows in the mean: so a
step costs a third more than with windows alone. With faces alone it would cost more than twice as
much, though windows of many faces teach skin and grain as well.
"""
SHOWN = 12
"""Windows that validation looks at."""
FACES = 40
"""Whole faces that validation looks at; with fewer, a share of 95 % could not be told."""
NO_FURTHER = 1e-6
"""By so much, by rounding alone, a face may have gone away from its truth."""


class RefinementTask:
    """Difference of pixels and of features to the truth in the input's light, and of identity."""

    def __init__(self, samples: Samples, held_out: Samples, compute: Compute) -> None:
        self.samples, self.compute = samples, compute
        self.features = PerceptualLoss().to(compute.device)
        self.likeness = Likeness().to(compute.device)
        self.shown = [_stacked([held_out.sample(index)]) for index in range(SHOWN)]
        self.faces = [_tensors(held_out.whole(index)) for index in range(FACES)]

    def batch(self, indices: Sequence[int]) -> Batch:
        """Return windows and their truths, and of each whole face what its sample holds.

        Windows are (n, 3, size, size), faces (3, side, side), each of its own side.
        """
        windows = [self.samples.sample(i) for n, i in enumerate(indices) if n % EVERY]
        faces = [self.samples.whole(i) for i in indices[::EVERY]]
        return (*_stacked(windows), *(part for face in faces for part in _tensors(face)))

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Return the loss of a batch, the mean over its samples."""
        windows, rest = batch[:2], batch[2:]
        losses = [self._window_loss(network, windows) * len(windows[0])]
        faces = [rest[n : n + 3] for n in range(0, len(rest), 3)]
        losses += [self._face_loss(network, face) for face in faces]
        return torch.stack(losses).sum() / (len(windows[0]) + len(faces))

    def _window_loss(self, network: nn.Module, windows: Batch) -> Tensor:
        face, wanted = _lesson(windows)
        return self._seen_loss(face + network(face).float(), wanted)

    def _face_loss(self, network: nn.Module, one: Batch) -> Tensor:
        face, wanted = _lesson([part[None] for part in one[:2]])
        correction = network(face).float()
        before, after = self.likeness(face, laid(face, correction), wanted, one[2])
        seen = self._seen_loss(face + correction, wanted)
        return seen + LIKENESS * likeness_loss(before, after)

    def _seen_loss(self, made: Tensor, wanted: Tensor) -> Tensor:
        return difference(made, wanted) + FEATURES * self.features(made, wanted)

    @torch.no_grad()  # tensors of inference mode, kept for later steps, would refuse a gradient
    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Return how windows gained and how whole faces moved.

        Of windows the mean ``gain`` in PSNR (dB) over the input, and both feature distances; of
        faces the share that is ``no_further`` from its truth by identity than before, and by how
        much they ``moved`` in the mean.
        """
        rows = [self._measured(network, one) for one in self.shown]
        gain, before, after = np.mean(rows, axis=0).tolist()
        moves = np.array([self._moved(network, one) for one in self.faces])
        share = float((moves <= NO_FURTHER).mean())
        return {
            "score": gain - 10 * (after - before) + share,
            "gain": gain,
            "input": before,
            "own": after,
            "no_further": share,
            "moved": float(moves.mean()),
        }

    def _measured(self, network: nn.Module, pair: Sequence[Tensor]) -> tuple[float, float, float]:
        face, wanted = (x.to(self.compute.device) for x in _lesson(pair))
        with self.compute.autocast():
            made = (face + network(face).float()).clamp(-1, 1)
        gain = 10 * torch.log10(error(face, wanted) / error(made, wanted))
        distances = [feature_distance(x.cpu(), wanted.cpu()).item() for x in (face, made)]
        return gain.item(), distances[0], distances[1]

    def _moved(self, network: nn.Module, one: Batch) -> float:
        """Return how much further a face is from its truth after refinement; negative: nearer."""
        degraded, truth, where = (part.to(self.compute.device) for part in one)
        face, wanted = _lesson([degraded[None], truth[None]])
        with self.compute.autocast():
            made = laid(face, network(face).float())
        before, after = self.likeness(face, made, wanted, where).tolist()
        return after - before


def difference(made: Tensor, wanted: Tensor) -> Tensor:
    """Return the mean absolute difference of RGB and of lightness; each counts as one."""
    away = made - wanted
    return (away.abs().mean() + LUMA_WEIGHT * lightness(away).abs().mean()) / (1 + LUMA_WEIGHT)


def error(made: Tensor, wanted: Tensor) -> Tensor:
    """Return the mean square of the difference in lightness, at least that of rounding."""
    return lightness(made - wanted).square().mean().clamp(min=1e-5)


def lightness(pixels: Tensor) -> Tensor:
    """Return (batch, h, w) of RGB (batch, 3, h, w)."""
    return (pixels * pixels.new_tensor(LUMA)[:, None, None]).sum(1)


def _lesson(batch: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    face, truth = ((x.float() / 127.5 - 1) for x in batch)
    face = face.contiguous(memory_format=torch.channels_last)
    return face, in_its_light(truth, face).clamp(-1, 1)


def _tensors(sample: Sample) -> Batch:
    return tuple(torch.from_numpy(part) for part in sample)


def _stacked(samples: Sequence[Sample]) -> Batch:
    return tuple(torch.from_numpy(np.stack(parts)) for parts in zip(*samples, strict=True))
