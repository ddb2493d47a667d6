"""How long a plan takes that finds nothing to do: assets of three steps, all done before.

Baseline: reading the step keys of the catalog once, the least any planner must do. Metrics: seconds
(goal: below 30 for 100,000 assets), peak memory of the process (goal: below 1 GiB), ratio to the
baseline.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from _filled_catalog import fill, scan_file, sha
from _harness import peak_rss_mib, read_sizes, show, verdict
from _noop_plugin import noop_plugin
from sqlalchemy import select

from archivist.catalog import tables
from archivist.catalog.found import files_of_run
from archivist.catalog.session import open_catalog
from archivist.hashing import step_key
from archivist.model import OutputProfile, Recipe, RecipeStep, publication_key
from archivist.pipeline.lookup import CatalogLookup
from archivist.pipeline.planning import spare_the_collector
from archivist.plan import PlannedFile, Planner, Summary
from archivist.plugins import load_plugins

PROFILE = OutputProfile(name="master")
WEIGHTS = [sha("net")]


def main() -> int:
    """Fill a catalog, plan, and print the figures."""
    count = read_sizes(__doc__, assets=(20_000, 100_000)).assets
    with noop_plugin(), tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        plugins = load_plugins()
        steps = [plugins.steps[f"noop.{name}"] for name in ("one", "two", "three")]
        recipe = Recipe(
            name="noop", title="", steps=tuple(RecipeStep(step=s.id, params={}) for s in steps)
        )

        def key_of(ordinal: int, image: str) -> str:
            return step_key(
                steps[ordinal],
                {},
                inputs=[("image", image)],
                weights=WEIGHTS,
                seed=0,
                device_family="cpu",
            )

        def published(image: str, path: str) -> str:
            return publication_key([image], PROFILE, path, synthetic=False)

        url = f"sqlite:///{out}/catalog.sqlite"
        run = fill(url, assets=count, recipe=recipe, key_of=key_of, publication_key=published)
        for number in range(count):
            make_output(out / scan_file(number).path)
        with open_catalog(url, write=False) as catalog:
            began = time.perf_counter()
            with catalog.reading() as connection:
                for _ in connection.execute(select(tables.step.c.key)):
                    pass
            least = time.perf_counter() - began
            lookup = CatalogLookup(catalog, out, [s.id for s in steps])
            planner = Planner(
                recipe, plugins, lookup, profiles=[PROFILE], weights=lambda spec, params: WEIGHTS
            )
            files = (
                PlannedFile(digest=f.digest, paths=f.paths, assets=f.assets)
                for f in files_of_run(catalog, run)
            )
            summary = Summary()
            spare_the_collector()
            began, cpu = time.perf_counter(), time.process_time()
            for _ in summary.watch(planner.units(files)):
                pass
            seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    show(
        f"planning: {count} assets of 3 steps, nothing to do",
        [
            ("up to date", f"{summary.idle_assets} of {summary.assets}"),
            ("baseline", f"reading all step keys: {least:.1f} s"),
            ("plan", f"{seconds:.1f} s ({cpu:.1f} s of CPU), {seconds / least:.0f} times that"),
            ("peak memory", f"{peak_rss_mib():.0f} MiB"),
        ],
    )
    code = verdict("seconds", seconds, at_most=30.0 * count / 100_000)
    return code | verdict("MiB", peak_rss_mib(), at_most=1024.0)


def make_output(path: Path) -> None:
    """Make a file of the size that the catalog says, without content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.truncate(path, 8_100_000)


if __name__ == "__main__":
    raise SystemExit(main())
