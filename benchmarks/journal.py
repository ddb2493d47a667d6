"""What the journal costs, against a catalog that has none, and how long a rebuild takes.

The workload is a large archive that is scanned, planned and treated in three steps. Baseline: a
catalog whose output folder is not known, so that nothing is written beside it. Processor time is
compared, both by turns.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from _filled_catalog import fill, simple_recipe
from _harness import interleave, read_sizes, show, verdict

from archivist.catalog.journal.rebuild import rebuild

STEPS = 3
TARGET_US = 50.0
"""An image of three steps may cost 1 ms of the engine, and the journal not more than a sixth."""


def main() -> int:
    """Run the benchmark; return 0 when the target is met."""
    arguments = read_sizes(__doc__, steps=(6_000, 60_000), rounds=(3, 5))
    assets, recipe = arguments.steps // STEPS, simple_recipe(STEPS)
    with tempfile.TemporaryDirectory() as name:
        folders = iter(range(1000))

        def without() -> None:
            fill(
                str(Path(name) / f"{next(folders)}.sqlite"), assets=assets, recipe=recipe, seal=True
            )

        def beside() -> None:
            home = Path(name) / str(next(folders)) / ".archivist"
            fill(str(home / "catalog.sqlite"), assets=assets, recipe=recipe, seal=True)

        pair = interleave(without, beside, rounds=arguments.rounds, clock=time.process_time)
        home = max(Path(name).glob("*/.archivist"), key=lambda folder: int(folder.parent.name))
        size = sum(file.stat().st_size for file in home.glob("journal/*/*"))
        catalog = (home / "catalog.sqlite").stat().st_size
        began = time.process_time()
        done = rebuild(str(Path(name) / "back"), home)
        rebuilding = time.process_time() - began
        assert done.agrees, "the catalog must come back whole"
    plain, noted = pair.medians
    extra = (noted - plain) / arguments.steps * 1e6
    show(
        f"journal: {arguments.steps:,} steps of {assets:,} photographs",
        [
            ("without a journal", f"{plain / arguments.steps * 1e6:.0f} us of CPU for each step"),
            ("with a journal", f"{noted / arguments.steps * 1e6:.0f} us of CPU for each step"),
            ("size", f"{size / arguments.steps:.0f} bytes for each step"),
            ("size of the catalog", f"{catalog / arguments.steps:.0f} bytes for each step"),
            ("rebuild", f"{rebuilding / arguments.steps * 1e6:.0f} us of CPU for each step"),
        ],
    )
    return verdict("us of CPU for each step", extra, at_most=TARGET_US)


if __name__ == "__main__":
    raise SystemExit(main())
