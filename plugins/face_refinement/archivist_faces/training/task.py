"""What the generator is trained for: pixels, and features of EfficientNet-Lite0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from archivist_faces.training.light import in_its_light
from archivist_faces.training.samples import Samples
from archivist_torch.device import Compute
from archivist_torch.perceptual import PerceptualLoss, feature_distance
from archivist_torch.training import Batch, Sample

LUMA = (0.299, 0.587, 0.114)
LUMA_WEIGHT = 1.0
"""Of lightness beside RGB: it is what is seen, and most old photographs have nothing else."""
FEATURES = 0.05
"""Of the features. Pixels alone make faces soft; at 0.2 skin gets a texture that was not there."""
SHOWN = 12
"""Samples that validation looks at."""


class RefinementTask:
    """Mean absolute difference of pixels and of features to the truth in the input's light."""

    def __init__(self, samples: Samples, held_out: Samples, compute: Compute) -> None:
        self.samples, self.compute = samples, compute
        self.features = PerceptualLoss().to(compute.device)
        shown = [held_out.sample(index) for index in range(SHOWN)]
        self.shown = [tuple(torch.from_numpy(x)[None] for x in one) for one in shown]

    def sample(self, index: int) -> Sample:
        """Return the degraded window and its truth, bytes (3, size, size)."""
        return self.samples.sample(index)

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Return the loss of a batch."""
        face, wanted = _lesson(batch)
        made = face + network(face).float()
        return difference(made, wanted) + FEATURES * self.features(made, wanted)

    @torch.inference_mode()
    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Return the mean gain in PSNR (dB) over the input, and both feature distances."""
        rows = [self._measured(network, one) for one in self.shown]
        gain, before, after = np.mean(rows, axis=0).tolist()
        return {"score": gain - 10 * (after - before), "gain": gain, "input": before, "own": after}

    def _measured(self, network: nn.Module, pair: Sequence[Tensor]) -> tuple[float, float, float]:
        face, wanted = (x.to(self.compute.device) for x in _lesson(pair))
        with self.compute.autocast():
            made = (face + network(face).float()).clamp(-1, 1)
        gain = 10 * torch.log10(error(face, wanted) / error(made, wanted))
        distances = [feature_distance(x.cpu(), wanted.cpu()).item() for x in (face, made)]
        return gain.item(), distances[0], distances[1]


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
