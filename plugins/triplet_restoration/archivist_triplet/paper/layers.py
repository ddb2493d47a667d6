"""The paper's networks as a list of layers, for engines that do not compute module by module.

A layer is a convolution with the pad before it and the norm and activation behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from archivist_triplet.paper.blocks import ResidualBlock

Rows = Callable[[int, int], Tensor]
"""Gives rows first..end of a map, (batch, channels, end - first, width)."""

ACTIVATIONS = ((nn.ReLU, "relu"), (nn.Tanh, "tanh"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A convolution, what is padded by reflection before it, and what follows it."""

    conv: nn.Conv2d | nn.ConvTranspose2d
    reflect: int = 0
    norm: bool = False
    activation: str = ""
    """relu, tanh or nothing."""

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width of the output for those of the input."""
        if isinstance(self.conv, nn.ConvTranspose2d):
            return 2 * height, 2 * width
        lost = self.conv.kernel_size[0] - 2 * self.pad
        stride = self.conv.stride[0]
        return (height - lost) // stride + 1, (width - lost) // stride + 1

    @property
    def pad(self) -> int:
        """Rows and columns that are added on each side, by reflection or as zeros."""
        return self.reflect or int(self.conv.padding[0])

    @property
    def in_place(self) -> bool:
        """Whether the output can take the memory of the input."""
        alike = self.conv.in_channels == self.conv.out_channels
        return alike and isinstance(self.conv, nn.Conv2d) and self.conv.stride[0] == 1

    def rows(self, read: Rows, height: int, first: int, end: int) -> Tensor:
        """Return rows of the convolution's output; ``read`` gives rows of its input."""
        if isinstance(self.conv, nn.ConvTranspose2d):
            return self._risen(self.conv, read, height, first, end)
        stride, side = self.conv.stride[0], self.conv.kernel_size[0]
        low, high = first * stride - self.pad, (end - 1) * stride - self.pad + side
        above, below = max(-low, 0), max(high - height, 0)
        x = read(max(low, 0), min(high, height))
        mode = "reflect" if self.reflect else "constant"
        x = functional.pad(x, (self.pad, self.pad, above, below), mode=mode)
        return functional.conv2d(x, self.conv.weight, self.conv.bias, self.conv.stride)

    @staticmethod
    def _risen(conv: nn.ConvTranspose2d, read: Rows, height: int, first: int, end: int) -> Tensor:
        """Return rows of a transposed convolution of side 4, stride 2, pad 1.

        Output row r needs the input rows from (r - 1) // 2 to (r + 1) // 2.
        """
        low, high = max((first - 1) // 2, 0), min(end // 2 + 1, height)
        x = functional.conv_transpose2d(
            read(low, high), conv.weight, conv.bias, stride=2, padding=1
        )
        return x[:, :, first - 2 * low : end - 2 * low]

    def activate_(self, x: Tensor) -> Tensor:
        """Apply the activation in place."""
        if self.activation == "relu":
            return x.relu_()
        return x.tanh_() if self.activation == "tanh" else x


def layers_of(chain: nn.Sequential) -> list[Layer | tuple[Layer, Layer]]:
    """Return the layers of a chain; a residual block is a pair.

    Raises ValueError for a module that the paper's networks do not have.
    """
    return list(_grouped(chain))


def _grouped(chain: nn.Sequential) -> Iterator[Layer | tuple[Layer, Layer]]:
    modules = list(chain)
    at = 0
    while at < len(modules):
        module = modules[at]
        if isinstance(module, ResidualBlock):
            first, second = (g for g in _grouped(module.conv_block) if isinstance(g, Layer))
            yield first, second
            at += 1
            continue
        layer, used = _layer(modules[at:])
        yield layer
        at += used


def _layer(modules: list[nn.Module]) -> tuple[Layer, int]:
    """Return the layer at the head of the modules, and how many of them it is made of."""
    rest = list(modules)
    pad = rest.pop(0) if isinstance(rest[0], nn.ReflectionPad2d) else None
    conv = rest.pop(0) if rest else None
    if not isinstance(conv, nn.Conv2d | nn.ConvTranspose2d):
        raise ValueError(f"layers start with a convolution, not with {conv}")
    norm = bool(rest) and isinstance(rest[0], nn.InstanceNorm2d)
    behind = rest[int(norm)] if len(rest) > int(norm) else None
    activation = next((name for kind, name in ACTIVATIONS if isinstance(behind, kind)), "")
    layer = Layer(
        conv=conv,
        reflect=int(pad.padding[0]) if isinstance(pad, nn.ReflectionPad2d) else 0,
        norm=norm,
        activation=activation,
    )
    return layer, int(pad is not None) + 1 + int(norm) + int(bool(activation))
