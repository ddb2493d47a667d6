"""The compact networks: two auto-encoders, and a mapping between their latents.

The shape is that of "Bringing Old Photos Back to Life" (CVPR 2020), section 3: VAE1 (``vae_a``)
encodes real old photographs and synthetic degraded ones into one space, VAE2 (``vae_b``) clean
ones, and a mapping turns a latent of the first into one of the second, filling damaged positions
from sound ones by attention. What differs, and why:

- No instance norm. A picture is described once, by means over all of its latent (see
  :class:`Context`), and the description steers the layers of the mapping. The means can be
  gathered tile by tile, so a tiled result equals that of the whole picture, and stains at one end
  of a print do not shift the tone of the other.
- The mapping is a small U-Net: a third of its cost lies at a quarter or a sixteenth of the
  latent's positions, where stains and uneven light are seen.
- Tone has a path of its own. Fading, casts and toning move pixels by an affine map of colour, which
  is near enough an affine map of the latent at each position; twelve such maps span all of them,
  and the description of the picture says how much of each is due (see :class:`Tone`). A second
  opinion on the tone of the whole comes from :mod:`archivist_triplet.tone_guess`.
- The latent has 64 channels at a quarter of the size, 4 values a pixel, and little noise: detail
  survives the way through it.

Pixels are float32 (batch, 3, height, width), values -1..1, sides multiples of 16. A latent is
(batch, 64, height / 4, width / 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from archivist_triplet.attention import attend
from archivist_triplet.tone_guess import ToneGuess

STRIDE = 4
"""Pixels per position of a latent, along each side."""
MULTIPLE = 16
"""Sides of a picture must be multiples of this."""
NOISE = 0.1
"""Standard deviation of the noise on latents in training, beside their own of about 1."""


class Encoder(nn.Module):
    """Pixels to the mean of a latent; the variance is fixed, as in the paper."""

    def __init__(self, latent: int = 64, first: int = 24, blocks: int = 2) -> None:
        super().__init__()
        self.fold = nn.Sequential(nn.PixelUnshuffle(2), _conv(12, first), nn.ReLU(inplace=True))
        self.halve = nn.Sequential(nn.PixelUnshuffle(2), _conv(4 * first, latent))
        self.blocks = nn.ModuleList(Residual(latent) for _ in range(blocks))
        self.mean = nn.Conv2d(latent, latent, 1)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the mean of the latent."""
        x = self.halve(self.fold(pixels))
        for block in self.blocks:
            x = block(x)
        return self.mean(x)


class Decoder(nn.Module):
    """A latent to pixels, about -1..1; the caller clips."""

    def __init__(self, latent: int = 64, first: int = 24, blocks: int = 2) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Residual(latent) for _ in range(blocks))
        self.enlarge = nn.Sequential(_conv(latent, 4 * first), nn.PixelShuffle(2))
        self.refine = Residual(first)
        self.unfold = nn.Sequential(_conv(first, 12), nn.PixelShuffle(2))

    def forward(self, latent: Tensor) -> Tensor:
        """Return pixels."""
        for block in self.blocks:
            latent = block(latent)
        return self.unfold(self.refine(self.enlarge(latent)))


class Vae(nn.Module):
    """An auto-encoder with noise of fixed variance on its latent in training."""

    def __init__(self, latent: int = 64, first: int = 24, blocks: int = 2) -> None:
        super().__init__()
        self.encoder = Encoder(latent, first, blocks)
        self.decoder = Decoder(latent, first, blocks)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return reconstructed pixels and the mean of the latent; in training mode with noise."""
        mean = self.encoder(pixels)
        noisy = mean + NOISE * torch.randn_like(mean) if self.training else mean
        return self.decoder(noisy), mean


@dataclass(frozen=True, slots=True)
class Begun:
    """Features of the mapping before attention: at the latent's size, and at half of it."""

    fine: Tensor
    half: Tensor


class Mapping(nn.Module):
    """A latent of VAE1 to one of VAE2.

    :meth:`forward` maps a whole latent. For pictures in tiles the same is done in parts:
    :meth:`describe` and :meth:`begin` and :meth:`sources` for every tile, then, with what was
    gathered, :meth:`finish` for every tile.
    """

    RADIUS = 26 * STRIDE
    """Receptive field of :meth:`begin` with an encoder before it, in pixels to each side."""

    def __init__(
        self, latent: int = 64, widths: Sequence[int] = (96, 128, 128), keys: int = 32
    ) -> None:
        super().__init__()
        fine, half, quarter = widths
        self.context = Context(latent)
        self.enter = _conv(latent + 1, fine)
        self.before = Residual(fine)
        self.down_half = nn.Conv2d(fine, half, 2, stride=2)
        self.half_before = nn.ModuleList(Residual(half) for _ in range(2))
        self.query, self.key = nn.Linear(half, keys), nn.Linear(half, keys)
        self.value, self.filled = nn.Linear(half, half), nn.Conv2d(half, half, 1)
        self.down_quarter = nn.Conv2d(half, quarter, 2, stride=2)
        self.quarter_blocks = nn.ModuleList(
            Steered(quarter, self.context.WIDTH, dilation) for dilation in (1, 2, 2, 1)
        )
        self.up_half = nn.Conv2d(quarter, half, 1)
        self.half_after = nn.ModuleList(Steered(half, self.context.WIDTH) for _ in range(2))
        self.up_fine = nn.Conv2d(half, fine, 1)
        self.after = nn.ModuleList(Steered(fine, self.context.WIDTH) for _ in range(2))
        self.straight = nn.Conv2d(latent, latent, 1)
        self.tone = Tone(latent, fine, self.context.WIDTH)
        self.leave = _conv(fine, latent)
        nn.init.dirac_(self.straight.weight)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, latent: Tensor, damage: Tensor) -> Tensor:
        """Map a batch of latents.

        ``damage`` (batch, 1, height / 4, width / 4) is the share of damaged pixels, 0..1.
        """
        begun = self.begin(latent, damage)
        total, count = self.describe(latent, damage)
        steer = self.context(total / count.clamp(min=1))
        return self.finish(latent, begun, steer, self.fill(begun.half, halved(damage)))

    def describe(self, latent: Tensor, damage: Tensor) -> tuple[Tensor, Tensor]:
        """Return the sum (batch, width) of described positions and their number (batch, 1)."""
        return self.context.gather(latent, damage)

    def begin(self, latent: Tensor, damage: Tensor) -> Begun:
        """Return the features before attention."""
        fine = self.before(self.enter(torch.cat([latent, damage.to(latent.dtype)], dim=1)))
        half = self.down_half(fine)
        for block in self.half_before:
            half = block(half)
        return Begun(fine, half)

    def fill(self, half: Tensor, damage: Tensor) -> Tensor:
        """Return what attention brings to damaged positions, zero at sound ones.

        Each picture of a batch attends to its own sound positions; ``damage`` is of half's size.
        """
        brought = torch.zeros_like(half)
        for number in range(len(half)):
            holes = damage[number, 0] > 0
            if holes.any() and not holes.all():
                features = half[number]
                taken = attend(self.ask(features[:, holes]), *self.sources(features[:, ~holes]))
                brought[number, :, holes] = taken.T.to(brought.dtype)
        return brought

    def ask(self, features: Tensor) -> Tensor:
        """Return queries (positions, keys) of features (channels, positions)."""
        return self.query(features.T)

    def sources(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys and values of sound features (channels, positions), positions first."""
        return self.key(features.T), self.value(features.T)

    def finish(self, latent: Tensor, begun: Begun, steer: Tensor, brought: Tensor) -> Tensor:
        """Return the mapped latent, given the steering and what attention brought."""
        half = begun.half + self.filled(brought)
        quarter = self.down_quarter(half)
        for block in self.quarter_blocks:
            quarter = block(quarter, steer)
        half = half + self.up_half(_double(quarter))
        for block in self.half_after:
            half = block(half, steer)
        fine = begun.fine + self.up_fine(_double(half))
        for block in self.after:
            fine = block(fine, steer)
        return self.straight(latent) + self.tone(latent, fine, steer) + self.leave(fine)


class Tone(nn.Module):
    """A change of tone: a sum of affine maps of the latent, each as strong as the picture needs.

    Amounts come from the description of the whole picture and, for uneven light and stains, from
    features at each position. Without training nothing is added.
    """

    MAPS = 12
    """A colour is moved by a 3x3 matrix and an offset: 12 numbers."""

    def __init__(self, latent: int, fine: int, steering: int) -> None:
        super().__init__()
        self.maps = nn.Conv2d(latent, self.MAPS * latent, 1)
        self.everywhere = nn.Linear(steering, self.MAPS)
        self.here = nn.Conv2d(fine, self.MAPS, 1)
        for layer in (self.everywhere, self.here):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, latent: Tensor, fine: Tensor, steering: Tensor) -> Tensor:
        """Return what to add to the latent, of its shape."""
        amounts = self.everywhere(steering)[:, :, None, None] + self.here(fine)
        moved = self.maps(latent).unflatten(1, (self.MAPS, -1))
        return (amounts[:, :, None] * moved).sum(dim=1)


class Context(nn.Module):
    """What a picture is like as a whole: means of features over its sound positions.

    It takes the place of instance norm: contrast, cast and noise show in the means.
    """

    WIDTH = 128

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.look = nn.Conv2d(latent, self.WIDTH, 1)
        self.think = nn.Sequential(
            nn.Linear(self.WIDTH, self.WIDTH),
            nn.ReLU(inplace=True),
            nn.Linear(self.WIDTH, self.WIDTH),
            nn.ReLU(inplace=True),
        )

    def gather(self, latent: Tensor, damage: Tensor) -> tuple[Tensor, Tensor]:
        """Return the sum of features over sound positions (batch, WIDTH) and their number."""
        sound = (damage == 0).float()
        seen = functional.relu(self.look(latent)).float() * sound
        return seen.sum(dim=(2, 3)), sound.sum(dim=(2, 3))

    def forward(self, mean: Tensor) -> Tensor:
        """Return the steering (batch, WIDTH) of a mean."""
        return self.think(mean)


class Triplet(nn.Module):
    """All networks; pixels in, restored pixels out.

    ``guess`` takes no part in :meth:`forward`: it looks at a whole picture, and training sees
    pieces.
    """

    RADIUS = 352
    """Receptive field of the whole in pixels to each side, rounded up to a multiple of 16."""

    def __init__(self, latent: int = 64, widths: Sequence[int] = (96, 128, 128)) -> None:
        super().__init__()
        self.vae_a, self.vae_b = Vae(latent), Vae(latent)
        self.mapping = Mapping(latent, widths)
        self.guess = ToneGuess()

    def forward(self, pixels: Tensor, damage: Tensor) -> Tensor:
        """Restore pixels; ``damage`` (batch, 1, height, width) is 1 where a pixel is damaged.

        Damaged pixels should have been filled smoothly before (:func:`fill_smoothly`).
        """
        latent = self.vae_a.encoder(pixels)
        return self.vae_b.decoder(self.mapping(latent, reduced(damage)))


class Residual(nn.Module):
    """Two convolutions beside a straight path; the second begins small."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = _conv(width, width), _conv(width, width)
        with torch.no_grad():
            self.second.weight *= 0.2

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the same shape."""
        return x + self.second(functional.relu(self.first(x)))


class Steered(nn.Module):
    """A residual block whose features are scaled and shifted by the description of the picture."""

    def __init__(self, width: int, steering: int, dilation: int = 1) -> None:
        super().__init__()
        self.first, self.second = _conv(width, width, dilation), _conv(width, width)
        self.steer = nn.Linear(steering, 2 * width)
        with torch.no_grad():
            self.second.weight *= 0.2
            self.steer.weight *= 0.1

    def forward(self, x: Tensor, steering: Tensor) -> Tensor:
        """Return features of the same shape; ``steering`` is (batch, steering)."""
        scale, shift = self.steer(steering)[:, :, None, None].chunk(2, dim=1)
        return x + self.second(functional.relu(self.first(x) * (1 + scale) + shift))


def reduced(damage: Tensor) -> Tensor:
    """Return the share of damaged pixels at each position of the latent."""
    return functional.avg_pool2d(damage.float(), STRIDE)


def halved(damage: Tensor) -> Tensor:
    """Return damage at half the latent's size: the largest share among four positions."""
    return functional.max_pool2d(damage, 2)


def fill_smoothly(pixels: Tensor, damage: Tensor) -> Tensor:
    """Return pixels (batch, channels, height, width) with damaged ones filled from around.

    Pull and push: averages over ever larger squares of sound pixels, then the finest average that
    exists at each place, blended up again. Sound pixels stay as they are; a wholly damaged
    picture is filled with 0. ``damage`` is (batch, 1, height, width), 1 where damaged.
    """
    sound = 1 - damage.to(pixels.dtype)
    return _pull_push(pixels * sound, sound)


def _pull_push(weighted: Tensor, sound: Tensor) -> Tensor:
    """Fill pixels multiplied by their weights 0..1, each place by its own share of the coarser."""
    if min(weighted.shape[2:]) < 2 or bool((sound > 0).all()):
        return weighted / sound.clamp(min=1e-6)
    small, share = (functional.avg_pool2d(x, 2, ceil_mode=True) for x in (weighted, sound))
    strong = share.clamp(max=0.25) * 4  # a quarter of sound pixels is as good as all
    coarse = _pull_push(small / share.clamp(min=1e-6) * strong, strong)
    size = weighted.shape[2:]
    risen = functional.interpolate(coarse, size=size, mode="bilinear", align_corners=False)
    return weighted + (1 - sound) * risen


def _conv(before: int, after: int, dilation: int = 1) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, padding=dilation, dilation=dilation)


def _double(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
