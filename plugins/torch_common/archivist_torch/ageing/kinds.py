"""The kinds of ageing: their names, how each is drawn and applied, and when in a print's life."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from archivist_torch.ageing import detail, jpeg, texture, tone
from archivist_torch.ageing.material import AgeingMaterial
from archivist_torch.ageing.tone import Parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One kind of ageing of the whole picture.

    ``draw`` takes a generator and a strength 0..1; ``run`` takes pixels and the stacked
    parameters; ``uses`` names a field of the material that ``run`` takes as well. ``when`` is
    the part of the print's life, 0 (exposure) .. 1 (scan), in which it can happen: moments are
    drawn from it, and operations are done in their order.
    """

    draw: Callable[[np.random.Generator, float], Parameters]
    run: Callable[..., Tensor]
    when: tuple[float, float]
    uses: str = ""

    def apply(
        self, pixels: Tensor, parameters: Mapping[str, Tensor], material: AgeingMaterial
    ) -> Tensor:
        """Apply to pixels (B, 3, H, W), 0..1, with parameters stacked along B."""
        if not self.uses:
            return self.run(pixels, **parameters)
        name = "tints" if self.uses == "tints" else "tiles"
        taken: Tensor = getattr(material, self.uses).to(pixels.device)
        return self.run(pixels, **parameters, **{name: taken})


DAMAGED_AT = (0.45, 0.75)
"""Structured damage happens in this part of a print's life."""

OPERATIONS: Mapping[str, Operation] = {
    "toning": Operation(draw=tone.draw_toning, run=tone.toning, when=(0, 0), uses="tints"),
    "fading": Operation(draw=tone.draw_fading, run=tone.fading, when=(0.1, 0.7)),
    "yellowing": Operation(draw=tone.draw_yellowing, run=tone.yellowing, when=(0.3, 0.8)),
    "contrast": Operation(draw=tone.draw_contrast, run=tone.contrast, when=(0.1, 0.9)),
    "uneven": Operation(draw=tone.draw_uneven, run=tone.uneven, when=(0.1, 0.8)),
    "grain": Operation(draw=texture.draw_grain, run=texture.grain, when=(0, 0.3), uses="grain"),
    "paper": Operation(draw=texture.draw_paper, run=texture.paper, when=(0.2, 0.9), uses="paper"),
    "blur": Operation(draw=detail.draw_blur, run=detail.blur, when=(0, 0.95)),
    "noise": Operation(draw=texture.draw_noise, run=texture.noise, when=(0.2, 1), uses="white"),
    "jpeg": Operation(draw=jpeg.draw_jpeg, run=jpeg.jpeg, when=(0.9, 1)),
    "low_resolution": Operation(
        draw=detail.draw_low_resolution, run=detail.low_resolution, when=(0, 1)
    ),
}
"""Kinds that act on the whole picture."""

PICTURE_KINDS: tuple[str, ...] = tuple(OPERATIONS)
DAMAGE_KINDS: tuple[str, ...] = (
    "fold", "crack", "tear", "stain", "dust", "scratch", "hair", "lost",
)  # fmt: skip
"""Kinds of structured damage; see :mod:`archivist_torch.ageing.damage`."""
KINDS: tuple[str, ...] = PICTURE_KINDS + DAMAGE_KINDS
"""Names of all kinds, in the order of the columns of :attr:`Aged.severity`."""
