"""The paper's restoration of a whole picture: VAE_A's encoder, a mapping, VAE_B's decoder."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from archivist_triplet.paper import vae
from archivist_triplet.paper.banded import BAND_VALUES, Banded
from archivist_triplet.paper.blocks import Engine, Pause, Whole, go_on, mirrored
from archivist_triplet.paper.mapping import MappingHr, MappingQuality, MappingScratch

Mode = Literal["quality", "scratch", "hr"]
MODES: tuple[Mode, ...] = get_args(Mode)

MULTIPLES: dict[Mode, int] = {"quality": 16, "scratch": 16, "hr": 32}
"""Sides are padded to multiples of this; 32 px are the largest patch of 8 latent positions."""

HR_DILATION = 3
"""Pixels by which the paper's command widens the mask in HR mode."""

WHOLE_PIXELS = 512 * 512
"""Largest picture that is computed layer by layer at once; it needs about 600 MiB."""


class PaperTriplet(nn.Module):
    """All that one mode needs, with the entries of its imported weight file.

    They are ``vae_a.encoder.*``, ``mapping.*`` and ``vae_b.decoder.*``.
    ``mode`` is quality (no mask), scratch (partial nonlocal block) or hr (patch attention).
    ``width`` is that of the latent, 64 in the paper.
    """

    def __init__(self, mode: Mode, width: int = vae.WIDTH) -> None:
        super().__init__()
        self.mode = mode
        self.vae_a = nn.ModuleDict({"encoder": vae.encoder(width)})
        self.mapping = make_mapping(mode, width)
        self.vae_b = nn.ModuleDict({"decoder": vae.decoder(width)})

    @torch.inference_mode()
    def restore(
        self,
        pixels: Tensor,
        damage: Tensor | None = None,
        *,
        whole_pixels: int = WHOLE_PIXELS,
        band_values: int = BAND_VALUES,
        pause: Pause = go_on,
    ) -> Tensor:
        """Return the restored picture, -1..1, of the size of ``pixels`` (1, 3, H, W) in -1..1.

        ``damage`` is (1, 1, H, W); above 0.5 is damaged. Damaged pixels are painted white first,
        as the networks were trained with; None means that nothing is damaged. Sides are padded by
        reflection to what the network needs. Above ``whole_pixels`` it works in bands; ``pause`` is
        called between them, and what it raises ends the work.
        Raises ValueError for other shapes, and for a mask in quality mode.
        """
        check(self.mode, pixels, damage)
        height, width = pixels.shape[2:]
        small = height * width <= whole_pixels
        engine = Whole(pause) if small else Banded(band_values, pause)
        mask = self._mask(pixels, damage)
        painted = pixels if damage is None else torch.where(mask > 0, 1.0, pixels)
        multiple = MULTIPLES[self.mode]
        result = self._forward(mirrored(painted, multiple), mirrored(mask, multiple), engine)
        return result[:, :, :height, :width]

    def _forward(self, pixels: Tensor, mask: Tensor, engine: Engine) -> Tensor:
        latent = engine.chain(_part(self.vae_a, "encoder"), pixels, keep=True)
        latent = self.mapping(latent, mask, engine)
        return engine.chain(_part(self.vae_b, "decoder"), latent)

    def _mask(self, pixels: Tensor, damage: Tensor | None) -> Tensor:
        if damage is None:
            return pixels.new_zeros(1, 1, *pixels.shape[2:])
        mask = (damage > 0.5).to(pixels.dtype)
        if self.mode == "hr":
            mask = functional.max_pool2d(mask, 2 * HR_DILATION + 1, 1, HR_DILATION)
        return mask


def make_mapping(mode: Mode, width: int = vae.WIDTH) -> nn.Module:
    """Return the mapping of a mode. Raises ValueError for a mode that there is not."""
    if mode == "quality":
        return MappingQuality(width)
    if mode == "scratch":
        return MappingScratch(width)
    if mode == "hr":
        return MappingHr(width)
    raise ValueError(f"there is no mode {mode!r}; modes are {', '.join(MODES)}")


def check(mode: Mode, pixels: Tensor, damage: Tensor | None) -> None:
    """Raise ValueError, with the cure, for pixels or damage that a mode cannot take."""
    if pixels.ndim != 4 or pixels.shape[:2] != (1, 3) or not pixels.numel():
        raise ValueError(f"pixels must be (1, 3, height, width), not {tuple(pixels.shape)}")
    if damage is None:
        return
    if mode == "quality":
        raise ValueError("quality mode takes no mask; use scratch or hr, or leave the mask away")
    wanted = (1, 1, *pixels.shape[2:])
    if damage.shape != wanted:
        raise ValueError(
            f"the mask is {tuple(damage.shape)}, not {wanted}: it must be of the picture's size"
        )


def _part(network: nn.ModuleDict, name: str) -> nn.Sequential:
    part = network[name]
    assert isinstance(part, nn.Sequential)
    return part
