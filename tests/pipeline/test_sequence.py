"""Film frames and pages: an ordered sequence is one unit, and a step sees its last result."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as PillowImage

from archivist.config import ScanSettings


@pytest.fixture
def film(bench, tmp_path):
    """Three even frames of 40, 80 and 160, out of order by name; each becomes half of the last."""
    rows = ["path,sequence,position"]
    for name, level, position in (("c.png", 40, 1), ("a.png", 80, 2), ("b.png", 160, 3)):
        PillowImage.fromarray(np.full((8, 8), level, np.uint8)).save(bench.scans / name)
        rows.append(f"{name},reel,{position}")
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("\n".join(rows))
    scan = ScanSettings(manifest=str(manifest), include=("/[abc].png",))
    bench.settings = replace(bench.settings, scan=scan)
    bench.steps = [{"use": "sample.calm"}]
    return bench


def levels(film) -> list[int]:
    return [int(film.pixels(name)[0, 0]) for name in ("c.png", "a.png", "b.png")]


def test_a_step_sees_what_it_made_of_the_frame_before(film):
    result = film.run()

    assert levels(film) == [40, 60, 110]
    assert result.planned.summary.units == 1


def test_a_finished_sequence_needs_nothing(film):
    film.run()

    assert film.run().planned.summary.units == 0


def test_a_changed_frame_changes_those_after_it_and_not_those_before(film):
    film.run()
    first = (film.out / "c.png").stat().st_mtime_ns
    PillowImage.fromarray(np.full((8, 8), 120, np.uint8)).save(film.scans / "a.png")
    film.run()

    assert levels(film) == [40, 80, 120]
    assert (film.out / "c.png").stat().st_mtime_ns == first
