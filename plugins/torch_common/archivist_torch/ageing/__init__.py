"""Ageing: what time does to a photographic print, for batches of pictures on any device.

:func:`draw` ages pictures with a random mix of kinds, :func:`only` with one kind. Sample number
``index`` of a seed is the same picture in whichever batch, process or device it is made (up to the
rounding of float arithmetic): all random numbers come from numpy generators on the CPU.

Work is in two parts, so that workers can do the first and an accelerator the second:
:func:`plan` draws the numbers and the shapes of damage of one sample, :func:`apply` does the
arithmetic for a batch.

Source of the idea: "Bringing Old Photos Back to Life" (CVPR 2020, TPAMI 2022), synthesis of
training pairs; ranges are our own, fitted to scans of mounted prints of 1900 to 1940.
"""

from archivist_torch.ageing.drawing import Aged, Plan, apply, draw, only, plan, plan_only
from archivist_torch.ageing.kinds import DAMAGE_KINDS, KINDS, PICTURE_KINDS
from archivist_torch.ageing.masks import observed_mask
from archivist_torch.ageing.material import AgeingMaterial
from archivist_torch.ageing.settings import AgeingSettings

__all__ = [
    "DAMAGE_KINDS",
    "KINDS",
    "PICTURE_KINDS",
    "Aged",
    "AgeingMaterial",
    "AgeingSettings",
    "Plan",
    "apply",
    "draw",
    "observed_mask",
    "only",
    "plan",
    "plan_only",
]
