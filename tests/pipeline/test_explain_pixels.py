"""A pixel of a real result is explained by what the steps did to it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as PillowImage

from archivist.catalog.session import open_catalog
from archivist.report.explain_words import sentences
from archivist.report.explaining import Folders, explain
from archivist.report.origin import Origin


@pytest.fixture
def ask(bench):
    """Give a function that runs steps and explains a pixel of ``plain.png``."""

    def asked(at, *steps):
        bench.steps = [{"use": step} for step in steps]
        bench.run()
        job = bench.job()
        store = bench.out / ".archivist" / "store"
        folders = Folders(scans=bench.scans, out=bench.out, store=store)
        with open_catalog(job.url, write=False) as catalog:
            return explain(catalog, str(bench.out / "plain.png"), at, folders)

    return asked


@pytest.fixture
def spots(bench):
    """Let ``plain.png`` be grey with one light spot at 2..4, and return its pixels."""
    pixels = np.full((32, 48), 100, np.uint8)
    pixels[2:5, 2:5] = 255
    PillowImage.fromarray(pixels).save(bench.scans / "plain.png")
    return pixels


def test_a_pixel_in_the_mask_is_told_as_filled_with_its_values(ask, bench, spots):
    found = ask((3, 3), "sample.spot", "sample.fill")

    now = bench.pixels("plain.png")[3, 3]
    assert found.pixel.origin is Origin.FILLED
    assert found.pixel.touched_by == {"sample.fill"}
    (act,) = found.pixel.acts
    assert (act.before, round(act.after[0] / 257)) == ((65535,), now)
    assert "sample.fill 1 changed it: 255 -> " in "\n".join(sentences(found))
    assert f"in the output it is {now}" in "\n".join(sentences(found))


def test_a_pixel_that_no_step_changed_is_the_scans(ask, spots):
    found = ask((20, 20), "sample.spot", "sample.fill")

    assert found.pixel.origin is Origin.UNTOUCHED
    assert (found.pixel.acts, found.pixel.scan) == ((), (100,))
    assert "changed it" not in "\n".join(sentences(found))


def test_a_correction_is_told_apart_from_a_fill_that_lies_elsewhere(ask, spots):
    found = ask((20, 20), "sample.spot", "sample.fill", "sample.shade")

    assert found.pixel.origin is Origin.CORRECTED
    assert found.pixel.touched_by == {"sample.shade"}
    assert "sample.shade 1 changed it: 100 -> 50." in "\n".join(sentences(found))


def test_a_scan_that_is_not_as_recorded_explains_no_pixel(ask, bench, spots):
    ask((3, 3), "sample.spot", "sample.fill")
    PillowImage.fromarray(spots + 1).save(bench.scans / "plain.png")

    job = bench.job()
    folders = Folders(scans=bench.scans, out=bench.out, store=bench.out / ".archivist" / "store")
    with open_catalog(job.url, write=False) as catalog:
        found = explain(catalog, str(bench.out / "plain.png"), (3, 3), folders)

    assert found.pixel.origin is None
    assert "the scan plain.png is" in "\n".join(sentences(found))
