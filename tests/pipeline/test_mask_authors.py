"""Who drew a mask is part of the record of the step that reads it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import PngImagePlugin

from archivist.catalog import queries
from archivist.catalog.session import open_catalog
from archivist.config.settings import RecipeSettings
from archivist.pipeline import run
from archivist.step import session as sessions


@pytest.fixture
def drawn(bench, tmp_path):
    """Give a function that runs with a mask of ``plain.png`` and returns the note of its use."""
    masks = tmp_path / "masks"
    masks.mkdir()

    def note(*, author="", manifest=""):
        pixels = np.zeros((32, 48), np.uint8)
        pixels[2:5, 2:5] = 255
        info = PngImagePlugin.PngInfo()
        if author:
            info.add_text("Author", author)
        PillowImage.fromarray(pixels).save(masks / "plain.png", pnginfo=info)
        job = bench.job()
        recipe = RecipeSettings(steps=({"use": "sample.fill"},), inputs={"mask": str(masks)})
        settings = replace(job.settings, recipes={"test": recipe})
        if manifest:
            table = tmp_path / "manifest.csv"
            table.write_text(f"path,mask_author\nplain.png,{manifest}\n")
            scan = replace(settings.scan, manifest=str(table))
            settings = replace(settings, scan=scan)
        sessions.session.cache_clear()
        run(replace(job, settings=settings))
        with open_catalog(job.url, write=False) as catalog:
            uses = [use for record in queries.all_records(catalog) for use in record.inputs]
        (found,) = [use.note for use in uses if use.role == "supplied"]
        return found

    return note


def test_the_author_in_the_masks_own_metadata_is_recorded(drawn):
    assert drawn(author="Ada Lovelace") == "drawn by Ada Lovelace"


def test_the_manifest_has_the_word_before_the_file(drawn):
    assert drawn(author="A Program 2.0", manifest="Ada Lovelace") == "drawn by Ada Lovelace"


def test_an_author_that_nobody_names_is_not_made_up(drawn):
    assert drawn() == ""
