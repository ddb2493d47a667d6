"""Fixed held-out pictures, and the figures by which trained networks are compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from archivist_torch import ageing
from archivist_torch.device import Compute
from archivist_triplet.compact import Triplet, fill_smoothly
from archivist_triplet.samples import Album, Material
from archivist_triplet.training.sheets import write_sheet
from archivist_triplet.training.source import in_bytes, signed

COUNT, SIDE, SEED = 12, 320, 1
"""Pictures, their side in pixels, and the seed of their ageing; fixed, so that runs compare."""
AT_ONCE = 4
"""Pictures in one pass, as many as in training on a CPU."""
SHEET_ROWS = 4
LUMA = (65.481 / 255, 128.553 / 255, 24.966 / 255)
"""BT.601 studio luma of R, G, B; its range is 219 of 255 levels, as is usual for PSNR."""


class Validation:
    """Aged held-out photographs with their truth, and held-out prints.

    Each ``of_`` method takes networks in evaluation mode and returns figures, all PSNR in dB of
    luma, means over pictures. Sheets are written to ``folder``/sheets.
    """

    def __init__(
        self,
        material: Material,
        compute: Compute,
        folder: Path,
        *,
        count: int = COUNT,
        side: int = SIDE,
    ) -> None:
        self.compute, self.folder = compute, folder
        self.clean = squares(material.photos, count, side)
        settings = ageing.AgeingSettings(pristine=0.0)
        numbers = range(len(self.clean))
        aged = ageing.draw(numbers, self.clean / 255, SEED, settings, material.ageing)
        self.aged, self.truth = in_bytes(aged.pixels), in_bytes(aged.truth)
        self.mask, self.observed = aged.mask, aged.observed
        self.prints = squares(material.prints, count, side) if material.prints else self.clean[:0]

    def of_vaes(self, network: nn.Module) -> dict[str, float]:
        """Return how well a pair of auto-encoders reconstructs; ``score`` is the mean."""

        def through(vae: nn.Module, pixels: Tensor) -> float:
            made = self._each(lambda x: vae(x)[0], pixels)
            return psnr(made, pixels).mean().item()

        figures = {
            "clean": through(network.vae_b, self.clean),
            "aged": through(network.vae_a, self.aged),
        }
        if len(self.prints):
            figures["prints"] = through(network.vae_a, self.prints)
        return {"score": sum(figures.values()) / len(figures), **figures}

    def of_triplet(self, network: Triplet) -> dict[str, float]:
        """Return how well a triplet restores; ``score`` is its gain over the input."""
        made = self._each(_restorer(network), self.aged, self.observed)
        untouched = torch.zeros_like(self.observed)
        forced = self._each(_restorer(network), self.clean, untouched)
        before, after = psnr(self.aged, self.truth), psnr(made, self.truth)
        hidden = self.mask.flatten(1).any(dim=1)
        inside = [psnr(x, self.truth, self.mask)[hidden].mean() for x in (self.aged, made)]
        self._sheet(network, made)
        return {
            "score": (after - before).mean().item(),
            "before": before.mean().item(),
            "after": after.mean().item(),
            "hidden_before": inside[0].item(),
            "hidden_after": inside[1].item(),
            "clean": psnr(forced, self.clean).mean().item(),
            "worst": (after - before).min().item(),
        }

    @torch.inference_mode()
    def _each(self, work: Callable[..., Tensor], *pictures: Tensor) -> Tensor:
        """Return bytes made of bytes, a few pictures at a time."""
        made = []
        for parts in zip(*(x.split(AT_ONCE) for x in pictures), strict=True):
            shown = [signed(parts[0]), *(part.float() for part in parts[1:])]
            with self.compute.autocast():
                result = work(*(x.to(self.compute.device) for x in shown))
            made.append(in_bytes((result.float().cpu() + 1) / 2))
        return torch.cat(made)

    def _sheet(self, network: Triplet, made: Tensor) -> None:
        rows: list[Sequence[Tensor]] = list(zip(self.aged, made, self.truth, strict=True))
        prints = self.prints[:SHEET_ROWS]
        if len(prints):
            sound = torch.zeros_like(self.observed[: len(prints)])
            shown = self._each(_restorer(network), prints, sound)
            rows = [(*row, *pair) for row, *pair in zip(rows, prints, shown, strict=False)]
        folder = self.folder / "sheets"
        number = len(list(folder.glob("*.png"))) + 1
        write_sheet(rows[:SHEET_ROWS], folder / f"{number:03d}.png")


def squares(album: Album, count: int, side: int) -> Tensor:
    """Return the middle squares of ``count`` pictures, spread over the album, uint8.

    The result is (count, 3, side, side); shorter sides are brought to ``side``.
    """
    count = min(count, len(album))
    chosen = [album[number * len(album) // count] for number in range(count)]
    return torch.stack([_square(picture, side) for picture in chosen])


def psnr(a: Tensor, b: Tensor, where: Tensor | None = None) -> Tensor:
    """Return PSNR (batch,) in dB of the luma of byte pictures, inside ``where`` if it is given.

    Equal pictures give 100 dB; NaN where ``where`` is nowhere set.
    """
    weights = torch.tensor(LUMA)[None, :, None, None]
    difference = ((a.float() - b.float()) * weights).sum(dim=1, keepdim=True).square()
    inside = torch.ones_like(difference) if where is None else where.float()
    error = (difference * inside).sum(dim=(1, 2, 3)) / inside.sum(dim=(1, 2, 3))
    return (10 * torch.log10(255**2 / error)).clamp(max=100)


def _restorer(network: Triplet) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda pixels, damage: network(fill_smoothly(pixels, damage), damage)


def _square(picture: Tensor, side: int) -> Tensor:
    height, width = picture.shape[:2]
    factor = side / min(height, width)
    size = max(side, round(height * factor)), max(side, round(width * factor))
    planes = picture.permute(2, 0, 1)[None].float()
    risen = functional.interpolate(planes, size=size, mode="bilinear", antialias=True)
    top, left = (size[0] - side) // 2, (size[1] - side) // 2
    return in_bytes(risen[0, :, top : top + side, left : left + side] / 255)
