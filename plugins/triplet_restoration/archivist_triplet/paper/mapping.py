"""The three mappings from the latent of damaged pictures to that of clean ones (section 3.3).

All widen the latent eightfold, transform it in residual blocks and narrow it again. They differ in
how damage is filled: not at all (quality), by the partial nonlocal block (scratch), or by the most
similar patch at three scales (HR). ``width`` is the latent's; the defaults are the paper's.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from archivist_triplet.paper.attention import PartialNonlocal
from archivist_triplet.paper.blocks import Engine, Whole, conv_norm_relu, residual_blocks
from archivist_triplet.paper.patches import PatchStage
from archivist_triplet.paper.vae import WIDTH

GROWTH = (1, 2, 4, 8, 8)
"""Widths of the mapping's features on the way in, in multiples of the latent's."""


class MappingQuality(nn.Module):
    """For pictures without structured damage; 36,135,232 parameters."""

    def __init__(self, width: int = WIDTH, blocks: int = 6) -> None:
        super().__init__()
        middle = residual_blocks(GROWTH[-1] * width, blocks)
        self.model = nn.Sequential(*_widening(width), *middle, *_narrowing(width))

    def forward(
        self, latent: Tensor, damage: Tensor | None = None, engine: Engine | None = None
    ) -> Tensor:
        """Map a latent (batch, width, h, w); ``damage`` is not looked at."""
        return (engine or Whole()).chain(self.model, latent)


class MappingScratch(nn.Module):
    """Fills damage by the partial nonlocal block; 51,344,704 parameters."""

    def __init__(self, width: int = WIDTH, blocks: int = 6) -> None:
        super().__init__()
        wide = GROWTH[-1] * width
        self.before_NL = nn.Sequential(*_widening(width))
        self.NL = PartialNonlocal(wide)
        self.after_NL = nn.Sequential(*residual_blocks(wide, blocks), *_narrowing(width))

    def forward(self, latent: Tensor, damage: Tensor, engine: Engine | None = None) -> Tensor:
        """Map a latent (batch, width, h, w).

        ``damage`` is (batch, 1, H, W) of the picture, 1 = damaged, 0 = sound.
        """
        engine = engine or Whole()
        x = engine.chain(self.before_NL, latent)
        x = self.NL(x, damage, engine)
        return engine.chain(self.after_NL, x)


class MappingHr(nn.Module):
    """Fills damage by similar patches of 8, 4 and 2 positions; 73,904,448 parameters."""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        wide = GROWTH[-1] * width
        self.before_NL = nn.Sequential(*_widening(width), *residual_blocks(wide, 2))
        self.NL_scale_1 = PatchStage(wide, 8)
        self.res_block_1 = nn.Sequential(*residual_blocks(wide, 2))
        self.NL_scale_2 = PatchStage(wide, 4)
        self.res_block_2 = nn.Sequential(*residual_blocks(wide, 2))
        self.NL_scale_3 = PatchStage(wide, 2)
        self.after_NL = nn.Sequential(*residual_blocks(wide, 2), *_narrowing(width))

    def forward(self, latent: Tensor, damage: Tensor, engine: Engine | None = None) -> Tensor:
        """Map a latent (batch, width, h, w), sides of any size from 2.

        ``damage`` is (batch, 1, H, W) of the picture, 1 = damaged, 0 = sound.
        """
        engine = engine or Whole()
        x = engine.chain(self.before_NL, latent)
        x = engine.chain(self.res_block_1, self.NL_scale_1(x, damage, engine))
        x = engine.chain(self.res_block_2, self.NL_scale_2(x, damage, engine))
        return engine.chain(self.after_NL, self.NL_scale_3(x, damage, engine))


def _widening(width: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for before, after in pairwise(GROWTH):
        layers += conv_norm_relu(nn.Conv2d(before * width, after * width, 3, padding=1))
    return layers


def _narrowing(width: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for before, after in pairwise(reversed(GROWTH)):
        layers += conv_norm_relu(nn.Conv2d(before * width, after * width, 3, padding=1))
    return layers[:-2]  # the last convolution stays bare
