"""Stage 1: VAE1 of old pictures, real and synthetic, VAE2 of clean ones (paper, section 3.1)."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from archivist_torch.perceptual import PerceptualLoss
from archivist_torch.training import Batch
from archivist_triplet.compact import Encoder, Vae
from archivist_triplet.training.discriminators import (
    PatchGan,
    StatisticsJudge,
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
    "alike": 0.3,
    "kept": 0.5,
}
"""Of each term of the loss; pixels end near 0.02, perceptual near 0.1, the others at 0.1 to 1.
"aligned" is told by places of a latent, "alike" by its statistics."""

GREY = 0.02
"""A truth whose channels lie no further apart (-1..1) belongs to a monochrome sample."""
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

    Half of what VAE1 reconstructs are real prints, half synthetic old pictures, and it must encode
    the first as it does the second: one discriminator sees to it place by place, another for
    latents as a whole; real latents are the fakes. Both look at all prints and synthetic pictures
    of a batch; of the latter at monochromes alone, for there are no prints in colours, and what
    sets colours apart cannot be aligned. Without ``align`` VAE1 sees synthetic pictures alone.

    With ``kept``, the encoder that VAE1 had before, both VAE2 and the latents of synthetic pictures
    stay as they are, and those of prints come to them: a mapping that was trained goes on to fit.
    """

    def __init__(
        self,
        source: Source,
        validation: Validation,
        perceptual: PerceptualLoss,
        *,
        align: bool = True,
        kept: Encoder | None = None,
        latent: int = 64,
    ) -> None:
        self.source, self.validation, self.perceptual = source, validation, perceptual
        self.align, self.kept = align, kept
        self.pictures, self.latents = PatchGan(3), PatchGan(latent, (64, 96, 128))
        self.statistics = StatisticsJudge(latent)
        judges = [self.pictures, self.latents, self.statistics] if align else [self.pictures]
        self.rivals: nn.Module = nn.ModuleList(judges)
        self.terms = Terms(WEIGHTS)
        self._shown: list[tuple[nn.Module, Tensor, Tensor]] = []

    def batch(self, indices: Sequence[int]) -> Batch:
        """Return the batch of these samples."""
        return self.source.batch(indices)

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Return the loss of the auto-encoders on a batch."""
        samples = self.source.samples(batch)
        old = self._old(samples)
        passes = [(old, *network.vae_a(old))]
        if self.kept is None:
            passes.append((samples.truth, *network.vae_b(samples.truth)))
        real, made, mean = (torch.cat(part) for part in zip(*passes, strict=True))
        fooled, matching = self._judged(made[::SELDOM], real[::SELDOM])
        terms = {
            "pixels": charbonnier(made, real),
            "perceptual": self.perceptual(made[1::SELDOM], real[1::SELDOM]),
            "size": latent_size(mean),
            "fooled": fooled,
            "matching": matching,
        }
        if self.kept is not None:
            synthetic = -(len(old) // 2 if self.align else len(old))
            with torch.no_grad():
                before = self.kept.to(old.device)(old[synthetic:]).float()
            terms["kept"] = (mean[synthetic:].float() - before).abs().mean()
        if self.align:
            terms |= self._aligned(*self._compared(network.vae_a, passes[0][2], samples))
        return self.terms.total(terms)

    def rival_loss(self) -> Tensor:
        """Return the loss of the discriminators on what :meth:`loss` made last."""
        for judge, made, real in self._shown:
            if isinstance(judge, StatisticsJudge):
                judge.follow(made, real)
        return torch.stack([telling_apart(*shown) for shown in self._shown]).sum()

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Return PSNR of reconstructions; their mean over clean pictures and prints decides."""
        return self.validation.of_vaes(network) | self.terms.means()

    def _old(self, samples: Samples) -> Tensor:
        if not self.align:
            return samples.aged
        half = len(samples.aged) // 2
        return torch.cat([samples.prints[:half], samples.aged[half : 2 * half]])

    def _compared(self, vae: Vae, mean: Tensor, samples: Samples) -> tuple[Tensor, Tensor]:
        """Return latents of all prints and of all monochrome synthetic pictures of a batch.

        ``mean`` are those of :meth:`_old`; the rest is encoded here, and not reconstructed.
        """
        half = len(samples.aged) // 2
        others = vae.encoder(torch.cat([samples.prints[half:], samples.aged[:half]]))
        first, second = others.split([len(samples.prints) - half, half])
        prints = torch.cat([mean[:half], first])
        grey = monochrome(samples.truth[: 2 * half])
        return prints, torch.cat([second, mean[half:]])[grey]

    def _judged(self, made: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        self._shown = [(self.pictures, made.detach(), real)]
        score, features = self.pictures(made)
        with torch.no_grad():
            wanted = self.pictures(real)[1]
        return taken_for(score, 1), feature_matching(features, wanted)

    def _aligned(self, prints: Tensor, synthetic: Tensor) -> dict[str, Tensor]:
        """Return how far latents of prints are from being taken for those of synthetic ones.

        Nothing where the batch has no synthetic picture to compare with.
        """
        if not len(synthetic):
            return {}
        judges = {"aligned": self.latents, "alike": self.statistics}
        self._shown += [(judge, prints.detach(), synthetic.detach()) for judge in judges.values()]
        return {name: taken_for(judge(prints)[0], 1) for name, judge in judges.items()}


def monochrome(truth: Tensor) -> Tensor:
    """Return which samples are monochrome (batch,), by their truth (batch, 3, h, w), -1..1."""
    return (truth.amax(dim=1) - truth.amin(dim=1)).amax(dim=(1, 2)) < GREY
