"""How large kept values of steps are, as measured on the newest ones."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import select

from archivist.catalog import tables
from archivist.catalog.session import Catalog

_NEWEST = 2000
"""Steps that are looked at: enough to know, and read in some milliseconds."""


def bytes_per_pixel(catalog: Catalog) -> dict[tuple[str, str], float]:
    """Return for (step, output) the bytes of its kept files for each pixel, of pictures alone."""
    out, step, version = tables.artifact.c, tables.step.c, tables.plugin_version.c
    newest = select(step.id).order_by(step.id.desc()).limit(_NEWEST)
    wanted = (
        select(version.step, out.port, out.size, out.width, out.height)
        .select_from(tables.artifact)
        .join(tables.step, step.id == out.step_id)
        .join(tables.plugin_version, version.id == step.plugin_version_id)
        .where(out.step_id.in_(newest), out.blob.is_not(None), out.width > 0)
    )
    sizes: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    with catalog.reading() as connection:
        for name, port, size, width, height in connection.execute(wanted):
            total = sizes[name, port]
            total[0] += size
            total[1] += width * height
    return {key: size / pixels for key, (size, pixels) in sizes.items()}
