"""What rights deny to a photograph by now, and what that means for its outputs, in words."""

from __future__ import annotations

from collections.abc import Iterator

from archivist.catalog.rights import Denial
from archivist.report.rows import ReportAsset
from archivist.report.words import moment, readable
from archivist.rights import Act


def rights_lines(asset: ReportAsset) -> Iterator[str]:
    """Yield a sentence or two for each act that rights deny."""
    for one in asset.denied:
        yield f"Denied since {moment(one.since)}: {one.reason}. {_effect(asset, one)}"


def _effect(asset: ReportAsset, denial: Denial) -> str:
    if denial.act == Act.REFERENCE:
        return "It lends nothing any more."
    names = ", ".join(readable(file.path) for file in asset.files)
    if denial.act == Act.RESTORATION and asset.files:
        return (
            f"Made before and still in the output folder: {names}. archivist deletes no output: "
            "take it away, or lift the denial in the manifest."
        )
    if denial in asset.holds_denied and asset.review and asset.review.decision == "approve":
        return f"{names} still holds it, because it is approved: reject it to have it made without."
    if denial in asset.holds_denied:
        return f"{names} still holds it: the next run makes it without."
    return "Nothing in the output folder holds it."
