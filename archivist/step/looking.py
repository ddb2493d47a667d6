"""The checks that plugins offer: each compares an image before and after a step.

A check says whether a person should look, nothing more: it never fails an asset, and the output is
published whatever it says.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import cast

import cv2
import numpy as np

from archivist.api.errors import PluginError
from archivist.api.extensions import CheckSpec
from archivist.api.steps import Verdict
from archivist.api.values import Image
from archivist.model import Flag, shortened
from archivist.plugins import resolve
from archivist.step.checks import accept_scores
from archivist.step.held import Held


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What the checks measured, as ``check.ID.NAME``, and what they want to be looked at."""

    scores: Mapping[str, float] = field(default_factory=dict)
    flags: tuple[Flag, ...] = ()


def look(
    checks: Iterable[CheckSpec],
    step: str,
    *,
    before: Held,
    after: Held,
    key: str,
    log: logging.Logger,
    most_mp: float,
) -> Looked:
    """Run the checks that look at a step; ``key`` names its result. Never raises for a check.

    They see both images at one size: where a step enlarges, the one before is enlarged plainly.

    A check sees whole images. Those of more than ``most_mp`` megapixels are worked on in windows
    and may not fit into memory, so they are not checked; ``log`` gets a line that says so.
    """
    wanted = [check for check in checks if not check.steps or step in check.steps]
    if not wanted:
        return Looked()
    height, width, _ = after.raster.shape
    if height * width / 1e6 > most_mp:
        names = ", ".join(check.id for check in wanted)
        log.warning("not checked (%s): %d x %d pixels are read in windows", names, width, height)
        return Looked()
    images = _as_large(before.value(), after.value())
    scores: dict[str, float] = {}
    flags = []
    for check in wanted:
        try:
            verdict = _ask(check, *images)
            found = accept_scores(f"{check.id}: the verdict", verdict.scores)
        except Exception as error:
            # Border of step execution: the code of others must not cost a good result.
            what = f"{type(error).__name__}: {error}"
            log.exception("the check %s failed (%s); the result stands", check.id, what)
            continue
        scores.update({f"check.{check.id}.{name}": value for name, value in found.items()})
        if verdict.needed:
            reason = shortened(verdict.reason or check.title)
            flags.append(Flag(check=check.id, step=step, key=key, reason=reason))
    return Looked(scores=scores, flags=tuple(flags))


def _as_large(before: object, after: object) -> tuple[Image, Image]:
    """Return both images, the one before a step that enlarges by cubic interpolation as large."""
    assert isinstance(before, Image)
    assert isinstance(after, Image)
    if before.pixels.shape[:2] == after.pixels.shape[:2]:
        return before, after
    size = (after.width, after.height)
    pixels = cv2.resize(before.pixels, size, interpolation=cv2.INTER_CUBIC)
    pixels = np.clip(pixels, 0, 1).reshape(after.height, after.width, -1)
    return before.with_pixels(pixels), after


def _ask(check: CheckSpec, before: Image, after: Image) -> Verdict:
    verdict = resolve(check.run)(before, after)
    if not isinstance(verdict, Verdict):
        raise PluginError(check.id, f"returned {type(verdict).__name__}, not a Verdict")
    if not isinstance(cast("object", verdict.reason), str):
        raise PluginError(check.id, f"gave a reason of type {type(verdict.reason).__name__}")
    return verdict
