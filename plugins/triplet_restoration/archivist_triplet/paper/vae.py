"""The two autoencoders of the paper (section 3.2): 872,131 parameters each in full width.

``VAE_A`` encodes old and synthetically damaged pictures, ``VAE_B`` clean ones. At inference the
encoder gives the mean of the latent; no noise is added.
"""

from __future__ import annotations

from torch import Tensor, nn

from archivist_triplet.paper.blocks import conv_norm_relu, padded_conv, residual_blocks

WIDTH = 64
BLOCKS = 4
STRIDE = 4
"""Pixels of a side for one position of the latent."""


class Vae(nn.Module):
    """Encoder and decoder with the names of the released ``latest_net_G.pth``."""

    def __init__(self, width: int = WIDTH, blocks: int = BLOCKS) -> None:
        super().__init__()
        self.encoder = encoder(width, blocks)
        self.decoder = decoder(width, blocks)

    def forward(self, pixels: Tensor) -> Tensor:
        """Encode and decode pixels in -1..1; sides must be multiples of 4 and at least 8."""
        result: Tensor = self.decoder(self.encoder(pixels))
        return result


def encoder(width: int = WIDTH, blocks: int = BLOCKS) -> nn.Sequential:
    """Return pixels (batch, 3, H, W) in -1..1 -> latent (batch, width, H/4, W/4)."""
    return nn.Sequential(
        *padded_conv(3, width, 7),
        nn.ReLU(inplace=True),
        *conv_norm_relu(nn.Conv2d(width, width, 4, stride=2, padding=1)),
        *conv_norm_relu(nn.Conv2d(width, width, 4, stride=2, padding=1)),
        *residual_blocks(width, blocks),
    )


def decoder(width: int = WIDTH, blocks: int = BLOCKS) -> nn.Sequential:
    """Return latent (batch, width, H/4, W/4) -> pixels (batch, 3, H, W) in -1..1."""
    return nn.Sequential(
        *residual_blocks(width, blocks),
        *conv_norm_relu(nn.ConvTranspose2d(width, width, 4, stride=2, padding=1)),
        *conv_norm_relu(nn.ConvTranspose2d(width, width, 4, stride=2, padding=1)),
        nn.ReflectionPad2d(3),
        nn.Conv2d(width, 3, 7),
        nn.Tanh(),
    )
