"""Stage 3: the view of the whole picture, taught what tone the finished mapping leaves wrong.

All else is frozen, so a sample is seen once: what the mapping makes of it, and how each of its maps
of tone would move the colours. A step then costs the view alone, and there are many more of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from archivist_torch.device import Compute
from archivist_torch.training import Batch
from archivist_triplet.compact import STRIDE, Triplet, fill_smoothly, reduced, seen_small
from archivist_triplet.training.fits import affine_fit
from archivist_triplet.training.objectives import in_decades
from archivist_triplet.training.source import Samples, Source
from archivist_triplet.training.validation import Validation

SIDE = 128
"""Of a sample, in pixels."""
SCALES = (0.2, 0.5)
"""At which pictures are taken: most show the whole of their shorter side, as a scan is seen."""
APART = 3
"""Positions of a latent, along each side, of which one is remembered."""
CERTAIN = 1e-3
"""Mean square error (of -1..1) that is as good as none: 36 dB."""
AT_ONCE = 16
RATE, DECAY = 1.5e-3, 0.02
"""Learning rate and weight decay (AdamW)."""


class ViewTask:
    """Samples seen once, the loss on them, and validation.

    The loss is the logarithm of a picture's mean square error over sound positions, after the
    amounts that the view adds. By the plain error, faded prints, whose tone can only be guessed,
    would be all that counts, and the view would spoil good pictures for them.
    """

    def __init__(
        self,
        network: Triplet,
        source: Source,
        validation: Validation,
        compute: Compute,
        count: int,
    ) -> None:
        self.validation = validation
        network = network.to(compute.device).eval()
        read = _reading(network, source, compute)
        parts = []
        for first in range(0, count, AT_ONCE):
            numbers = range(first, min(first + AT_ONCE, count))
            batch = tuple(part.to(compute.device) for part in source.batch(numbers))
            with torch.no_grad(), compute.autocast():
                parts.append(_remembered(network, source.samples(batch), read))
        self.known = tuple(torch.cat(part) for part in zip(*parts, strict=True))

    def batch(self, indices: Sequence[int]) -> Batch:
        """Return which of the samples are due: each once before any comes again."""
        count = len(self.known[0])
        order = torch.Generator()
        chosen = []
        for index in indices:
            order.manual_seed(index // count)
            chosen.append(torch.randperm(count, generator=order)[index % count])
        return (torch.stack(chosen),)

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Return the mean logarithm of the error of colours with what the view adds."""
        chosen = batch[0].to(self.known[0].device)
        small, style, amounts, made, moved, truth, sound = (x[chosen].float() for x in self.known)
        added = network.mapping.view(small, style, amounts).float()
        square = (made + torch.einsum("bk,bkcp->bcp", added, moved) - truth).square() * sound
        return in_decades(square.sum((1, 2)) / (3 * sound.sum((1, 2))).clamp(min=1), CERTAIN)

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Return PSNR before and after; the gain decides. Writes a sheet of samples."""
        return self.validation.of_triplet(network)


def only_view(network: Triplet) -> Triplet:
    """Return the network with all but its view frozen."""
    network.requires_grad_(False)
    network.mapping.view.requires_grad_(True)
    return network


def optimiser(network: Triplet) -> torch.optim.Optimizer:
    """Return AdamW for the view."""
    return torch.optim.AdamW(network.mapping.view.parameters(), lr=RATE, weight_decay=DECAY)


@torch.no_grad()
def _reading(network: Triplet, source: Source, compute: Compute, count: int = 64) -> Tensor:
    """Return how decoded colours follow from VAE2's latents, by least squares: (3, channels)."""
    truth = [
        source.samples(tuple(x.to(compute.device) for x in source.batch([i]))).truth
        for i in range(count)
    ]
    latents = [network.vae_b.encoder(x) for x in truth]
    colours = [functional.avg_pool2d(network.vae_b.decoder(x), STRIDE) for x in latents]
    rows = (torch.cat(x).permute(0, 2, 3, 1).flatten(0, 2).float() for x in (latents, colours))
    return affine_fit(*rows)[0]


def _remembered(network: Triplet, samples: Samples, read: Tensor) -> tuple[Tensor, ...]:
    """Return small picture, style, amounts, colours made, colours moved by each map, truth, sound.

    Colours are means over STRIDE x STRIDE pixels, -1..1, (batch, 3, positions); moved ones have the
    map as a second axis. All in half precision: 50 kB a sample.
    """
    mapping = network.mapping
    filled = fill_smoothly(samples.aged, samples.observed)
    small, damage = seen_small(filled, samples.observed), reduced(samples.observed)
    latent = network.vae_a.encoder(filled)
    total, number = mapping.describe(latent, damage)
    style = mapping.context(total / number.clamp(min=1))
    amounts = mapping.tone.everywhere(style)
    made = network.vae_b.decoder(mapping(latent, damage, small))
    moved = mapping.tone.maps(latent).unflatten(1, (mapping.tone.MAPS, -1)).float()
    moved = torch.einsum("ci,bkihw->bkchw", read, moved)
    sound = (reduced(torch.maximum(samples.mask, samples.observed)) == 0).float()
    made, truth = (functional.avg_pool2d(x.float(), STRIDE) for x in (made, samples.truth))
    colours = (x[..., 1::APART, 1::APART].flatten(-2) for x in (made, moved, truth, sound))
    return tuple(x.half() for x in (small, style, amounts, *colours))
