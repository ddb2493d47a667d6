"""Figures of a network on pictures that it never learnt from."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archivist_colorization.compact.chroma import compressed, expanded
from archivist_colorization.compact.decoder import STRIDE, Guess
from archivist_colorization.compact.encoder import compared
from archivist_colorization.compact.network import GRID, Compact
from archivist_colorization.training.measure import ciede2000
from archivist_colorization.training.samples import lightness
from archivist_torch.device import Compute

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
SHOWN = 12
"""Pictures of a group that are looked at."""


class Validation:
    """Held-out photographs without exemplars, with strangers, and groups with one of their own."""

    def __init__(
        self, photos: Sequence[Bytes], groups: dict[str, Sequence[Bytes]], compute: Compute
    ) -> None:
        self.compute = compute
        self.photos = [_prepared(one) for one in photos]
        self.groups = {name: [_prepared(one) for one in group] for name, group in groups.items()}

    @property
    def pairs(self) -> list[tuple[Held, Held]]:
        """Pictures of a group, each with another one of it."""
        return [pair for group in self.groups.values() for pair in _pairs(group)]

    @torch.inference_mode()
    def alone(self, network: Compact) -> dict[str, float]:
        """Return the share of the error of grey that automatic colour takes away, as ``score``."""
        return {"score": self._gain(network, [(one, None) for one in self.photos])}

    @torch.inference_mode()
    def __call__(self, network: Compact) -> dict[str, float]:
        """Return, of each set, the share of the error of grey that colour takes away.

        ``score`` is the mean of photographs alone and of groups.
        """
        count = len(self.photos)
        found = {
            "photos": self._gain(network, [(one, None) for one in self.photos]),
            "strangers": self._gain(
                network, [(one, self.photos[(n + 7) % count]) for n, one in enumerate(self.photos)]
            ),
        }
        for name, group in self.groups.items():
            found[name] = self._gain(network, _pairs(group))
        grouped = [found[name] for name in self.groups] or [found["photos"]]
        return {"score": (found["photos"] + float(np.mean(grouped))) / 2, **found}

    def _gain(self, network: Compact, pairs: Sequence[tuple[Held, Held | None]]) -> float:
        from archivist_colorization.training.task import attended

        off, grey = 0.0, 0.0
        for one, other in pairs:
            with self.compute.autocast():
                light = one.light.to(self.compute.device)
                maps = network.encoder(light)
                found = None
                if other is not None:
                    lights, colour = (
                        x.to(self.compute.device) for x in (other.light, other.colour)
                    )
                    others = network.encoder(lights)
                    found = attended(network, compared(maps), compared(others), colour)
                guess: Guess = network(maps, found).final
            colour_planes = guess.colour[0].float().cpu().numpy().transpose(1, 2, 0)
            made = one.lab.copy()
            made[..., 1:] = expanded(colour_planes)
            off += float(ciede2000(made, one.lab).mean())
            made[..., 1:] = 0
            grey += float(ciede2000(made, one.lab).mean())
        return 1 - off / grey


class Held:
    """A picture ready for the network: light, colour at stride 8, and Lab at stride 4."""

    def __init__(self, light: Tensor, colour: Tensor, lab: Floats) -> None:
        self.light, self.colour, self.lab = light, colour, lab


def _pairs(group: Sequence[Held]) -> list[tuple[Held, Held]]:
    pairs = list(zip(group, [*group[1:], *group[:1]], strict=True))
    return pairs[:: max(1, len(pairs) // SHOWN)]


def _prepared(picture: Bytes) -> Held:
    height, width = (max(32, side // 32 * 32) for side in picture.shape[:2])
    rgb = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    floats = rgb.astype(np.float32) / np.float32(255)
    lab = cv2.cvtColor(floats, cv2.COLOR_RGB2Lab)
    low, lower = (
        cv2.resize(lab, (width // s, height // s), interpolation=cv2.INTER_AREA)
        for s in (STRIDE, GRID)
    )
    colour = np.ascontiguousarray(compressed(lower[..., 1:]).transpose(2, 0, 1))
    return Held(
        torch.from_numpy(lightness(floats))[None, None], torch.from_numpy(colour)[None], low
    )
