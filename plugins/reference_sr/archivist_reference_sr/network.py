"""TTSR: "Learning Texture Transformer Network for Image Super-Resolution" (CVPR 2020).

In the paper's size 6,729,615 numbers, under the names of the released checkpoint. The picture is
enlarged four times. All pictures are float32 (batch, 3, height, width), RGB, -1..1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from archivist_reference_sr.blocks import (
    ExchangeThree,
    ExchangeTwo,
    MergeTail,
    Shallow,
    conv,
    doubled,
    enlarged,
    fused,
    residual,
)
from archivist_reference_sr.extractor import STRIDES, WIDTHS, TextureExtractor
from archivist_reference_sr.matching import Matches, match, soft_attention
from archivist_reference_sr.picture import SCALE
from archivist_reference_sr.transfer import transfer


class Textures(NamedTuple):
    """Borrowed texture at four times the picture's size, twice, and its own (T1, T2, T3)."""

    first: Tensor
    second: Tensor
    third: Tensor


class Output(NamedTuple):
    """A result (batch, 3, 4 x height, 4 x width), and what it was made from.

    ``attention`` is (batch, 1, height, width); ``matches`` has one entry for each of the batch.
    """

    picture: Tensor
    attention: Tensor
    textures: Textures
    matches: tuple[Matches, ...]


class MainNet(nn.Module):
    """Features of the picture, joined with borrowed texture at three scales.

    ``features`` are the channels, ``blocks`` the residual blocks of the shallow part and of the
    three stages, ``texture`` the channels of the three levels of texture.
    """

    RADIUS_BEGIN = 68
    """Pixels of the picture to each side that a position of :meth:`begin` depends on."""
    RADIUS_FINISH = 32
    """The same for :meth:`finish`."""

    def __init__(
        self,
        features: int = 64,
        blocks: Sequence[int] = (16, 16, 8, 4),
        texture: Sequence[int] = WIDTHS,
    ) -> None:
        super().__init__()
        shallow, first, second, third = blocks
        self.SFE = Shallow(features, shallow)
        self.conv11_head = conv(features + texture[2], features)
        self.RB11 = residual(features, first)
        self.conv11_tail = conv(features, features)
        self.conv12 = conv(features, 4 * features)
        self.conv22_head = conv(features + texture[1], features)
        self.ex12 = ExchangeTwo(features)
        self.RB21, self.RB22 = (residual(features, second) for _ in range(2))
        self.conv21_tail, self.conv22_tail = (conv(features, features) for _ in range(2))
        self.conv23 = conv(features, 4 * features)
        self.conv33_head = conv(features + texture[0], features)
        self.ex123 = ExchangeThree(features)
        self.RB31, self.RB32, self.RB33 = (residual(features, third) for _ in range(3))
        self.conv31_tail, self.conv32_tail, self.conv33_tail = (
            conv(features, features) for _ in range(3)
        )
        self.merge_tail = MergeTail(features)

    def forward(self, picture: Tensor, attention: Tensor, textures: Textures) -> Tensor:
        """Return the picture four times as large."""
        begun = self.begin(picture, attention, textures.third)
        return self.finish(begun, attention, textures.second, textures.first)

    def begin(self, picture: Tensor, attention: Tensor, third: Tensor) -> Tensor:
        """Return features at the picture's own size: shallow part and first stage."""
        x = fused(self.conv11_head, self.SFE(picture), third, attention)
        return self.conv11_tail(self.RB11(x)).add_(x)

    def finish(self, x1: Tensor, attention: Tensor, second: Tensor, first: Tensor) -> Tensor:
        """Return the enlarged picture from the features of :meth:`begin`."""
        x2 = doubled(self.conv12, x1)
        x2 = fused(self.conv22_head, x2, second, enlarged(attention, 2))
        y1, y2 = self.ex12(x1, x2)
        x1 = self.conv21_tail(self.RB21(y1)).add_(x1)
        x2 = self.conv22_tail(self.RB22(y2)).add_(x2)
        x3 = doubled(self.conv23, x2)
        x3 = fused(self.conv33_head, x3, first, enlarged(attention, 4))
        del y1, y2, second, first  # the largest maps are still to come
        y1, y2, y3 = self.ex123(x1, x2, x3)
        x1 = self.conv31_tail(self.RB31(y1)).add_(x1)
        x2 = self.conv32_tail(self.RB32(y2)).add_(x2)
        x3 = self.conv33_tail(self.RB33(y3)).add_(x3)
        del y1, y2, y3
        return self.merge_tail(x1, x2, x3)


class TTSR(nn.Module):
    """The whole network: texture extractor and main network, joined by matching and transfer.

    For training and for small pictures; :mod:`archivist_reference_sr.inference` gives the same for
    any size and any number of references.
    """

    def __init__(
        self,
        features: int = 64,
        blocks: Sequence[int] = (16, 16, 8, 4),
        texture: Sequence[int] = WIDTHS,
    ) -> None:
        super().__init__()
        self.MainNet = MainNet(features, blocks, texture)
        self.LTE = TextureExtractor(texture)

    def forward(self, lr: Tensor, lrsr: Tensor, ref: Tensor, refsr: Tensor) -> Output:
        """Enlarge ``lr`` with texture of ``ref``; all of one batch.

        ``lrsr`` is ``lr`` enlarged four times by bicubic interpolation, ``refsr`` is ``ref``
        reduced and enlarged again; sides of ``ref`` are multiples of 4. No gradient passes through
        the choice of positions, but through texture and soft attention it does.
        """
        queries, keys = self.LTE.coarse(lrsr), self.LTE.coarse(refsr)
        found = tuple(match(q, k) for q, k in zip(queries, keys, strict=True))
        attention = torch.stack(
            [soft_attention(*parts)[None] for parts in zip(queries, keys, found, strict=True)]
        )
        levels = zip(self.LTE(ref), STRIDES, strict=True)
        textures = Textures(*(_transferred(values, found, stride) for values, stride in levels))
        return Output(self.MainNet(lr, attention, textures), attention, textures, found)


def _transferred(values: Tensor, found: tuple[Matches, ...], stride: int) -> Tensor:
    pairs = zip(values, found, strict=True)
    return torch.stack([transfer(one, matches, SCALE // stride) for one, matches in pairs])
