"""The newest fixity checks of photographs: of the scan and of each output as they are recorded."""

from __future__ import annotations

from collections.abc import Sequence

from archivist.catalog.fixity import ORIGINAL, OUTPUT, Check, last_checks
from archivist.catalog.rows import AssetReport
from archivist.catalog.session import Catalog


def fixity_of(catalog: Catalog, rows: Sequence[AssetReport]) -> dict[str, tuple[Check, ...]]:
    """Return the checks of some photographs by uid.

    A check of another content than the recorded one tells nothing, and is left out.
    """
    scans = last_checks(catalog, ORIGINAL, (path for row in rows for path in row.paths))
    outputs = last_checks(catalog, OUTPUT, (one.path for row in rows for one in row.publications))
    found: dict[str, tuple[Check, ...]] = {}
    for row in rows:
        wanted = [(scans.get(path), row.asset.digest) for path in row.paths]
        wanted += [(outputs.get(one.path), one.output_digest) for one in row.publications]
        found[row.asset.uid] = tuple(
            check for check, digest in wanted if check is not None and check.digest == digest
        )
    return found
