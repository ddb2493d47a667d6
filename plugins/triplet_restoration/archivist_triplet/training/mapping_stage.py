"""Stage 3: the mapping between the latents of two frozen auto-encoders (paper, section 3.2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from archivist_torch.optimisers import Muon
from archivist_torch.perceptual import PerceptualLoss
from archivist_torch.training import Batch
from archivist_torch.weights import load_weights
from archivist_triplet.compact import Triplet, fill_smoothly, reduced
from archivist_triplet.training.discriminators import (
    PatchGan,
    feature_matching,
    taken_for,
    telling_apart,
)
from archivist_triplet.training.fits import affine_fit
from archivist_triplet.training.lessons import ToneLessons
from archivist_triplet.training.objectives import charbonnier, heavier, in_decades
from archivist_triplet.training.source import Samples, Source
from archivist_triplet.training.terms import Terms
from archivist_triplet.training.vae_stage import Pair
from archivist_triplet.training.validation import Validation

WEIGHTS = {
    "pixels": 0.5,
    "decades": 0.2,
    "latent": 0.1,
    "perceptual": 0.05,
    "fooled": 2e-3,
    "matching": 0.01,
    "tone": 0.25,
}
"""Of each term of the loss; pixels end near 0.14, latent near 0.35, perceptual near 0.6. The terms
that are logarithms, decades and tone, change by 0.1 for 1 dB."""
MOVED = -0.3
"""How far each number of a colour is moved to learn its map; down, since up leaves -1..1."""
ATTAINABLE = 1e-3
"""Mean square error (of -1..1) below which nothing is gained: 36 dB, where the decoder ends."""
DAMAGED = 2.5
"""Weight of damaged pixels beside sound ones; they are 5 % of all pixels."""


class MappingTask:
    """Samples, losses and validation of the mapping.

    The perceptual loss looks at every second picture, the discriminator at every third.
    """

    def __init__(
        self,
        source: Source,
        validation: Validation,
        perceptual: PerceptualLoss,
        lessons: ToneLessons,
    ) -> None:
        self.source, self.validation, self.perceptual = source, validation, perceptual
        self.lessons = lessons
        self.pictures = PatchGan(6)
        self.rivals: nn.Module = self.pictures
        self.terms = Terms(WEIGHTS)
        self._shown: tuple[Tensor, Tensor] | None = None

    def batch(self, indices: Sequence[int]) -> Batch:
        """Return the batch of these samples."""
        return self.source.batch(indices)

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Return the loss of the mapping; pictures come through the frozen decoder of VAE2."""
        samples = self.source.samples(batch)
        filled = fill_smoothly(samples.aged, samples.observed)
        with torch.no_grad():
            latent, wanted = network.vae_a.encoder(filled), network.vae_b.encoder(samples.truth)
        mapped = network.mapping(latent, reduced(samples.observed))
        made = network.vae_b.decoder(mapped)
        fooled, matching = self._judged(filled[::3], made[::3], samples.truth[::3])
        return self.terms.total(
            {
                "pixels": charbonnier(made, samples.truth, heavier(samples.mask, DAMAGED)),
                "decades": self._decades(made, samples),
                "latent": (mapped.float() - wanted.float()).abs().mean(),
                "perceptual": self.perceptual(made[1::2], samples.truth[1::2]),
                "fooled": fooled,
                "matching": matching,
                "tone": self.lessons.loss(network.mapping),
            }
        )

    def rival_loss(self) -> Tensor:
        """Return the loss of the discriminator on what :meth:`loss` made last."""
        if self._shown is None:
            raise RuntimeError("rival_loss() judges what loss() made; call loss() first")
        return telling_apart(self.pictures, *self._shown)

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Return PSNR before and after; the gain decides. Writes a sheet of samples."""
        return self.validation.of_triplet(network) | self.terms.means()

    def _decades(self, made: Tensor, samples: Samples) -> Tensor:
        """Return the mean logarithm of each picture's square error, so that good ones count."""
        weight = heavier(samples.mask, DAMAGED)
        square = (made.float() - samples.truth).square().mean(dim=1, keepdim=True) * weight
        return in_decades(square.mean(dim=(1, 2, 3)) / weight.mean(dim=(1, 2, 3)), ATTAINABLE)

    def _judged(self, old: Tensor, made: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
        """Judge pairs of old and restored pictures."""
        shown, real = torch.cat([old, made], dim=1), torch.cat([old, truth], dim=1)
        self._shown = (shown.detach(), real)
        score, features = self.pictures(shown)
        with torch.no_grad():
            wanted = self.pictures(real)[1]
        return taken_for(score, 1), feature_matching(features, wanted)


def begun(pair: Pair, truth: Tensor) -> Triplet:
    """Return a triplet of two trained auto-encoders, frozen, and a mapping that begins well.

    Its straight path and its maps of tone are least-squares fits on latents of the clean pictures
    ``truth`` (batch, 3, height, width), -1..1: what takes VAE1's latent to VAE2's of the same
    picture, and to that of the picture with one number of its colours moved. So before the first
    step a clean picture comes through nearly as it went in (32 dB).
    """
    network = Triplet(pair.latent)
    network.vae_a.load_state_dict(pair.vae_a.state_dict())
    network.vae_b.load_state_dict(pair.vae_b.state_dict())
    encoder, mapping = network.vae_b.encoder, network.mapping
    with torch.no_grad():
        wanted = [encoder(truth), *(encoder(moved) for moved in _moved_colours(truth))]
        weight, bias = affine_fit(
            _positions(network.vae_a.encoder(truth)),
            torch.cat([_positions(latent) for latent in wanted], dim=1),
        )
        clean, *moved = weight.split(pair.latent)
        still, *shifted = bias.split(pair.latent)
        mapping.straight.weight.copy_(clean[:, :, None, None])
        mapping.straight.bias.copy_(still - mapping.leave.bias)
        maps = torch.cat([(fitted - clean) / MOVED for fitted in moved])
        mapping.tone.maps.weight.copy_(maps[:, :, None, None])
        mapping.tone.maps.bias.copy_(torch.cat([(fitted - still) / MOVED for fitted in shifted]))
    return frozen(network)


def continued(path: Path, pair: Pair, old: Tensor) -> Triplet:
    """Return the triplet of a weight file with the auto-encoders of ``pair`` in place of its own.

    VAE2 must be the same. VAE1's new latents are led back to the old ones by a least-squares fit
    on old pictures ``old`` (batch, 3, height, width), -1..1, and the mapping takes that fit into
    the layers that see the latent, so that it begins nearly as it was.
    Raises WeightsMismatch for weights that do not fit.
    """
    network = Triplet(pair.latent)
    load_weights(network, path)
    with torch.no_grad():
        weight, bias = affine_fit(
            _positions(pair.vae_a.encoder(old)), _positions(network.vae_a.encoder(old))
        )
    mapping = network.mapping
    for layer in (mapping.enter, mapping.straight, mapping.tone.maps, mapping.context.look):
        _after(layer, weight, bias)
    network.vae_a.load_state_dict(pair.vae_a.state_dict())
    network.vae_b.load_state_dict(pair.vae_b.state_dict())
    return frozen(network)


@torch.no_grad()
def _after(layer: nn.Conv2d, weight: Tensor, bias: Tensor) -> None:
    """Let a layer do in place what it did after an affine map of its first channels.

    Exact, but at the border of a picture, where the layer pads with zeros.
    """
    latent = len(bias)
    own = layer.weight[:, :latent].clone()
    assert layer.bias is not None
    layer.bias += torch.einsum("oihw,i->o", own, bias)
    layer.weight[:, :latent] = torch.einsum("oihw,ij->ojhw", own, weight)


def optimisers(network: Triplet, *, rate: float, matrix_rate: float) -> list[torch.optim.Optimizer]:
    """Return Muon for the convolutions of the mapping and AdamW for the rest of it.

    AdamW has the layers that make the latent, and the steering: Muon moves it as far in
    each step as any other matrix, and its inputs are large, so that it set all of it swinging
    (pixel loss 2.7 over 500 steps, where 0.2 is that of the input).
    """
    mapping = network.mapping
    outer = {
        id(w) for part in (mapping.straight, mapping.tone, mapping.leave) for w in part.parameters()
    }
    weights = list(mapping.parameters())
    matrices = [w for w in weights if w.ndim == 4 and id(w) not in outer]
    chosen = {id(w) for w in matrices}
    rest = [w for w in weights if id(w) not in chosen]
    adam = torch.optim.AdamW(rest, lr=rate, weight_decay=1e-4)
    return [Muon(matrices, lr=matrix_rate), adam]


def frozen(network: Triplet) -> Triplet:
    """Return the network with both auto-encoders frozen; only its mapping learns."""
    network.vae_a.requires_grad_(False)
    network.vae_b.requires_grad_(False)
    return network


def _moved_colours(pixels: Tensor) -> Iterator[Tensor]:
    """Yield pictures with one number of their colours moved by MOVED: 3x3 matrix, then offset."""
    sources = [*pixels.split(1, dim=1), torch.ones_like(pixels[:, :1])]
    for source in sources:
        for channel in range(3):
            moved = pixels.clone()
            moved[:, channel : channel + 1] += MOVED * source
            yield moved


def _positions(latent: Tensor) -> Tensor:
    """Return a latent as (positions, channels)."""
    return latent.permute(0, 2, 3, 1).flatten(0, 2)
