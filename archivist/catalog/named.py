"""Find assets by what people call them: path, inventory number, digest."""

from __future__ import annotations

import re

from sqlalchemy import select

from archivist.catalog import tables
from archivist.catalog.lookups import assets_of, file_stats
from archivist.catalog.reading import asset_of
from archivist.catalog.session import Catalog
from archivist.model import Asset, path_to_text

_DIGEST = re.compile(r"[0-9a-f]{64}")


def assets_named(catalog: Catalog, name: str) -> tuple[Asset, ...]:
    """Return the assets of a path (relative to the scans), SHA-256, uid or inventory number.

    A file of several pages gives all of them; ``#1`` behind a path or digest names the second.
    Nothing of that name gives ().
    """
    stats = file_stats(catalog)
    stem, _, page = name.rpartition("#")
    for whole, number in ((name, ""), (stem, page)):
        stat = stats.get(path_to_text(whole))
        digest = stat.digest if stat else whole.lower()
        if _DIGEST.fullmatch(digest):
            pages = assets_of(catalog, [digest]).get(digest, ())
            return tuple(one for one in pages if not number or str(one.page) == number)
    return _of_inventory(catalog, name)


def _of_inventory(catalog: Catalog, number: str) -> tuple[Asset, ...]:
    asset, file = tables.asset.c, tables.scan_file.c
    here = (
        select(file.digest)
        .where(file.collection_id == catalog.collection_id, file.present == 1)
        .where(file.digest == asset.digest)
    )
    wanted = (
        select(tables.asset)
        .where(asset.inventory_no == number, here.exists())
        .order_by(asset.digest, asset.page)
    )
    with catalog.reading() as connection:
        return tuple(asset_of(row) for row in connection.execute(wanted))
