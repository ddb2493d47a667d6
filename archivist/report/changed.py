"""How much of a photograph was changed, by the steps' own measure."""

from __future__ import annotations

from archivist.api import Kind
from archivist.report.rows import ReportAsset, ReportStep, Result

SHARES = ("changed_share", "damaged_share")
"""How steps and the engine name the share of changed pixels, the surest first."""


def changed_of(asset: ReportAsset) -> float | None:
    """Return the share of the pixels that the steps changed, by their own measure.

    None where that is not known: a colour or a face that was invented, and not measured, may be
    all of the picture.
    """
    if asset.result is Result.UNCHANGED:
        return 0.0
    if asset.result is not Result.RESTORED or any(map(_invents_unmeasured, asset.steps)):
        return None
    for name in SHARES:
        shares = [step.scores[name] for step in asset.steps if step.worked and name in step.scores]
        if shares:
            return max(shares)
    return None


def _invents_unmeasured(step: ReportStep) -> bool:
    image = any(one.kind == Kind.IMAGE for one in step.artifacts)
    return step.conjectural and step.worked and image and not set(SHARES) & set(step.scores)
