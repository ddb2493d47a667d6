"""What an expression (``--where``, overrides of a recipe) may ask of an asset."""

from __future__ import annotations

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


def facts_of(asset: Asset, path: str) -> dict[str, object]:
    """Return the facts of an asset that lies at a path, by name."""
    header = asset.header
    facts: dict[str, object] = {
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
    facts.update(asset.facts)
    return facts
