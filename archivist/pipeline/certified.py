"""What was certified as equivalent to the steps that are installed now."""

from __future__ import annotations

from collections import defaultdict

from archivist.catalog.certifications import in_force
from archivist.catalog.session import Catalog
from archivist.model import Certified
from archivist.plugins import Plugins


def certified_for(catalog: Catalog, plugins: Plugins) -> dict[str, tuple[Certified, ...]]:
    """Return for each installed step the versions and weights that stand for it, the newest first.

    Certifications are not joined: two small differences may add up to a large one.
    """
    found: defaultdict[str, tuple[Certified, ...]] = defaultdict(tuple)
    for one in reversed(in_force(catalog)):
        for change in one.changes:
            spec = plugins.steps.get(change.step)
            if spec is not None and spec.version == change.new_version:
                versions = f"version {change.version} stands for {change.new_version}"
                same = change.version == change.new_version
                found[change.step] += (
                    Certified(
                        version=change.version,
                        weights=change.weights,
                        new_version=change.new_version,
                        new_weights=change.new_weights,
                        said=f"{'other weights stand for these' if same else versions}, accepted "
                        f"by {one.decided_by} on {one.at:%Y-%m-%d} (certification {one.number})",
                    ),
                )
    return dict(found)
