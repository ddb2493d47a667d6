"""What an expression (``--where``, overrides of a recipe) may ask of an asset."""

from __future__ import annotations

from collections.abc import Iterable

from archivist.model import Asset

FACT_NAMES = (
    "path",
    "digest",
    "page",
    "pages",
    "format",
    "width",
    "height",
    "depth",
    "colour",
    "inventory_no",
    "title",
    "date",
    "series",
    "rights",
    "object_id",
)
"""The names that every expression may ask for; a manifest adds its own columns."""
MANIFEST = "manifest_"
"""Before the name of a column it is that of the manifest, also where the scan has such a fact."""


def fact_names(columns: Iterable[str]) -> set[str]:
    """Return all names that may be asked for, where the manifest has these columns."""
    own = list(columns)
    return {*FACT_NAMES, *own, *(MANIFEST + name for name in own)}


def facts_of(asset: Asset, path: str) -> dict[str, object]:
    """Return the facts of an asset that lies at a path, by name.

    A column of the manifest that is named as a fact of the scan is, is found as ``manifest_NAME``.
    """
    header = asset.header
    facts: dict[str, object] = {MANIFEST + name: fact for name, fact in asset.facts.items()}
    facts |= asset.facts
    facts |= {
        "path": path,
        "digest": asset.digest,
        "page": asset.page,
        "pages": asset.pages,
        "format": header.format,
        "width": header.width,
        "height": header.height,
        "depth": header.depth,
        "colour": str(header.colour),
    }
    return facts
