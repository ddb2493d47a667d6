"""First stage of training: to enlarge without a reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from archivist_reference_sr.picture import enlarged_exactly
from archivist_reference_sr.training.measure import luma, psnr
from archivist_reference_sr.training.pairs import Bytes, Crops, bicubic
from archivist_torch.device import Compute
from archivist_torch.training import Batch, Sample

LUMA_WEIGHT = 2.0
"""Of luma beside RGB in the loss: luma is what is seen, and what is measured."""
SHOWN = 320
"""Side in pixels of the middle of a picture that validation looks at."""


class EnlargerTask:
    """Smooth L1 between enlarged crops and their truth."""

    def __init__(self, crops: Crops, validation: EnlargerValidation) -> None:
        self.crops, self.validation = crops, validation

    def sample(self, index: int) -> Sample:
        """Return a small crop and its truth, bytes (3, height, width)."""
        return tuple(np.ascontiguousarray(x.transpose(2, 0, 1)) for x in self.crops.pair(index))

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Return the mean difference of a batch."""
        small, truth = (signed(x) for x in batch)
        return difference(network(small), truth)

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Return the gain over bicubic interpolation in dB, on each set; the first one decides."""
        return self.validation(network)


class EnlargerValidation:
    """Middles of held-out pictures, in named sets."""

    def __init__(self, sets: Mapping[str, Sequence[Bytes]], compute: Compute) -> None:
        self.compute = compute
        self.sets = {name: [_middle(p) for p in pictures] for name, pictures in sets.items()}

    @torch.inference_mode()
    def __call__(self, network: nn.Module) -> dict[str, float]:
        """Return the mean gain of each set, ``score`` being that of the first."""
        gains = {name: self._gain(network, shown) for name, shown in self.sets.items()}
        return {"score": next(iter(gains.values())), **gains}

    def _gain(self, network: nn.Module, pictures: Sequence[Bytes]) -> float:
        gains = []
        for picture in pictures:
            small, truth = (signed(planes(x)[None]) for x in (bicubic(picture), picture))
            made = network(small.to(self.compute.device)).cpu()
            gains.append((psnr(made, truth) - psnr(enlarged_exactly(small), truth)).item())
        return float(np.mean(gains))


def difference(made: Tensor, wanted: Tensor) -> Tensor:
    """Return the mean absolute difference of RGB and, more heavily, of luma."""
    shades = luma(made - wanted).abs().mean() * (255 / 219)
    return (functional.l1_loss(made, wanted) + LUMA_WEIGHT * shades) / (1 + LUMA_WEIGHT)


def signed(pixels: Tensor) -> Tensor:
    """Return bytes 0..255 as float32 -1..1, channels last."""
    return (pixels.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)


def planes(pixels: Bytes) -> Tensor:
    """Return (3, height, width) of pixels (height, width, 3)."""
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def _middle(pixels: Bytes) -> Bytes:
    sides = [min(SHOWN, side // 4 * 4) for side in pixels.shape[:2]]
    top, left = ((length - side) // 2 for length, side in zip(pixels.shape, sides, strict=False))
    return np.ascontiguousarray(pixels[top : top + sides[0], left : left + sides[1]])
