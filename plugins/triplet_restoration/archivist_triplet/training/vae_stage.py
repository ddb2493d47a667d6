"""Stage 1: VAE1 of old pictures, real and synthetic, VAE2 of clean ones (paper, section 3.1)."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from archivist_torch.perceptual import PerceptualLoss
from archivist_torch.training import Batch
from archivist_triplet.compact import Vae
from archivist_triplet.training.discriminators import (
    PatchGan,
    feature_matching,
    taken_for,
    telling_apart,
)
from archivist_triplet.training.objectives import charbonnier, latent_size
from archivist_triplet.training.source import Samples, Source
from archivist_triplet.training.terms import Terms
from archivist_triplet.training.validation import Validation

WEIGHTS = {
    "pixels": 1.0,
    "perceptual": 0.02,
    "size": 1e-3,
    "fooled": 1e-3,
    "matching": 0.01,
    "aligned": 0.05,
}
"""Of each term of the loss; pixels end near 0.02, perceptual near 0.1, the others at 0.1 to 1."""

SELDOM = 3
"""Perceptual loss and discriminator look at every third picture: they cost as much as the rest."""


class Pair(nn.Module):
    """VAE1 and VAE2, beginning with the same weights, so that their latents begin alike."""

    def __init__(self, latent: int = 64) -> None:
        super().__init__()
        self.latent = latent
        self.vae_a = Vae(latent)
        self.vae_b = copy.deepcopy(self.vae_a)


class VaeTask:
    """Samples, losses and validation of both auto-encoders.

    Half of what VAE1 sees are real prints, half synthetic old pictures, and a discriminator of
    latents makes it encode the first as it does the second: real latents are the fakes. Without
    ``align`` it sees synthetic ones alone.
    """

    def __init__(
        self,
        source: Source,
        validation: Validation,
        perceptual: PerceptualLoss,
        *,
        align: bool = True,
        latent: int = 64,
    ) -> None:
        self.source, self.validation, self.perceptual = source, validation, perceptual
        self.align = align
        self.pictures, self.latents = PatchGan(3), PatchGan(latent, (64, 96, 128))
        self.rivals: nn.Module = nn.ModuleList(
            [self.pictures, self.latents] if align else [self.pictures]
        )
        self.terms = Terms(WEIGHTS)
        self._shown: list[tuple[PatchGan, Tensor, Tensor]] = []

    def batch(self, indices: Sequence[int]) -> Batch:
        """Return the batch of these samples."""
        return self.source.batch(indices)

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Return the loss of both auto-encoders on a batch."""
        samples = self.source.samples(batch)
        old = self._old(samples)
        (made_a, mean_a), (made_b, mean_b) = network.vae_a(old), network.vae_b(samples.truth)
        made, real = torch.cat([made_a, made_b]), torch.cat([old, samples.truth])
        fooled, matching = self._judged(made[::SELDOM], real[::SELDOM])
        terms = {
            "pixels": charbonnier(made, real),
            "perceptual": self.perceptual(made[1::SELDOM], real[1::SELDOM]),
            "size": latent_size(torch.cat([mean_a, mean_b])),
            "fooled": fooled,
            "matching": matching,
        }
        if self.align:
            terms["aligned"] = self._aligned(mean_a)
        return self.terms.total(terms)

    def rival_loss(self) -> Tensor:
        """Return the loss of the discriminators on what :meth:`loss` made last."""
        return torch.stack([telling_apart(*shown) for shown in self._shown]).sum()

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Return PSNR of reconstructions; their mean over clean pictures and prints decides."""
        return self.validation.of_vaes(network) | self.terms.means()

    def _old(self, samples: Samples) -> Tensor:
        if not self.align:
            return samples.aged
        half = len(samples.aged) // 2
        return torch.cat([samples.prints[:half], samples.aged[half : 2 * half]])

    def _judged(self, made: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        self._shown = [(self.pictures, made.detach(), real)]
        score, features = self.pictures(made)
        with torch.no_grad():
            wanted = self.pictures(real)[1]
        return taken_for(score, 1), feature_matching(features, wanted)

    def _aligned(self, mean: Tensor) -> Tensor:
        """Return how far latents of prints are from being taken for those of synthetic ones."""
        prints, synthetic = mean.chunk(2)
        self._shown.append((self.latents, prints.detach(), synthetic.detach()))
        return taken_for(self.latents(prints)[0], 1)
