"""An audit tells borrowed colour from invented colour, and faces that were drawn anew."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from archivist.config import StoreSettings


@pytest.fixture
def coloured(archive):
    """The archive after a run."""
    archive.run()
    return archive


def parts(archive, capsys):
    facts = json.loads(archive.command("audit", "grey.png", "--json", capsys=capsys))
    (photograph,) = facts["photographs"]
    return {part["title"]: part for part in photograph["synthesis"]["parts"]}, photograph


def test_the_parts_of_the_map_name_exemplar_model_and_face(coloured, capsys):
    found, photograph = parts(coloured, capsys)

    assert set(found) == {
        "Colour copied from colour.png",
        "Colour invented by hue.colour",
        "Face synthesized by hue.refine",
    }
    assert sum(part["percent"] for part in found.values()) == 100
    face = found["Face synthesized by hue.refine"]["percent"]
    assert face == pytest.approx(100 * 96 * 96 / (320 * 240), abs=0.5)
    assert found["Colour invented by hue.colour"]["percent"] == pytest.approx(50, abs=0.5)
    (exemplar,) = [
        one
        for step in photograph["steps"]
        for one in step["inputs"]
        if (one["port"], one["role"]) == ("exemplars", "reference")
    ]
    assert exemplar["paths"] == ["colour.png"]


def test_the_reasons_say_whose_colour_it_is(coloured, capsys):
    found, _ = parts(coloured, capsys)

    assert (
        "took their colour from this photograph" in found["Colour copied from colour.png"]["reason"]
    )
    assert "mean similarity of the places 0.90" in found["Colour copied from colour.png"]["reason"]
    assert "a guess of “Colour”" in found["Colour invented by hue.colour"]["reason"]


def test_without_the_map_all_colour_counts_as_invented_and_a_note_says_why(archive, capsys):
    archive.settings = replace(archive.settings, store=StoreSettings(keep=("image",)))
    archive.run()
    found, photograph = parts(archive, capsys)

    assert "Colour copied from colour.png" not in found
    notes = photograph["synthesis"]["notes"]
    assert "It is not known whose colour it is: the map was not kept." in notes


def test_the_page_says_it_in_one_sentence(coloured, capsys, tmp_path):
    page = tmp_path / "audit.html"
    coloured.command("audit", "grey.png", "--html", str(page), capsys=capsys)

    text = page.read_text()
    assert "has colours that the scan does not have" in text
    assert "Colour copied from colour.png" in text
