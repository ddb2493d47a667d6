"""What the paper's networks are made of, and the plain way to compute them.

All activations are followed by instance norm over the whole map, without affine parameters and
without running statistics: norms add no entries to the state dict, so indices in it skip.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

Pause = Callable[[], None]
"""Called every now and then; what it raises ends the work (a cancelled run)."""


def go_on() -> None:
    """Do nothing: the pause of those who never cancel."""


class Engine(Protocol):
    """A way to compute parts of the networks: at once, or band by band with less memory.

    For inference alone: under ``torch.no_grad`` or ``torch.inference_mode``.
    """

    pause: Pause

    def chain(self, layers: nn.Sequential, x: Tensor, *, keep: bool = False) -> Tensor:
        """Return ``layers(x)``; unless ``keep``, the memory of ``x`` may be used again."""

    def join(self, layer: nn.Conv2d, parts: Sequence[Tensor]) -> Tensor:
        """Return the convolution of the joined channels; the first part may be overwritten."""


class Whole:
    """Computes each layer at once: fastest for small pictures, and the reference for others."""

    def __init__(self, pause: Pause = go_on) -> None:
        self.pause = pause

    def chain(self, layers: nn.Sequential, x: Tensor, *, keep: bool = False) -> Tensor:
        """Return ``layers(x)``; ``x`` stays as it is in any case."""
        self.pause()
        result: Tensor = layers(x)
        return result

    def join(self, layer: nn.Conv2d, parts: Sequence[Tensor]) -> Tensor:
        """Return the convolution of the parts, joined along their channels."""
        result: Tensor = layer(torch.cat(list(parts), dim=1))
        return result


class ResidualBlock(nn.Module):
    """Twice: reflection pad, 3x3 convolution, instance norm; ReLU between; plus the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            *padded_conv(width, width, 3), nn.ReLU(inplace=True), *padded_conv(width, width, 3)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the same shape; both sides must be at least 2."""
        result: Tensor = x + self.conv_block(x)
        return result


def padded_conv(before: int, after: int, side: int) -> list[nn.Module]:
    """Return reflection pad, convolution that keeps the size, instance norm."""
    pad = nn.ReflectionPad2d(side // 2)
    return [pad, nn.Conv2d(before, after, side), nn.InstanceNorm2d(after)]


def conv_norm_relu(conv: nn.Conv2d | nn.ConvTranspose2d) -> list[nn.Module]:
    """Return the convolution, instance norm, ReLU."""
    return [conv, nn.InstanceNorm2d(conv.out_channels), nn.ReLU(inplace=True)]


def residual_blocks(width: int, count: int) -> list[nn.Module]:
    """Return ``count`` residual blocks."""
    return [ResidualBlock(width) for _ in range(count)]


def touched(damage: Tensor, size: tuple[int, int]) -> Tensor:
    """Return 1 where the bilinear reduction of a damage mask is above 0, else 0.

    ``damage`` is (batch, 1, height, width), 1 = damaged; the result has ``size``.
    """
    reduced = functional.interpolate(damage, size, mode="bilinear", align_corners=False)
    return (reduced > 0).to(damage.dtype)


def mirrored(x: Tensor, multiple: int) -> Tensor:
    """Return ``x`` with sides grown to multiples of ``multiple``, right and below, by reflection.

    It reflects again and again where a side is shorter than what it lacks; one row or column is
    repeated.
    """
    for axis in (2, 3):
        side = x.shape[axis]
        lacking = -side % multiple
        if lacking:
            period = max(2 * side - 2, 1)
            place = torch.arange(side + lacking, device=x.device) % period
            x = x.index_select(axis, torch.minimum(place, (period - place).abs()))
    return x
