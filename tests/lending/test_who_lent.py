"""Commands tell which photograph lent colour, to which results, and where in them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as PillowImage


@pytest.fixture
def coloured(archive):
    """The archive after a run."""
    archive.run()
    return archive


def test_what_was_chosen_for_colour_and_for_texture_is_shown_apart(coloured, capsys):
    texture, colour = coloured.lines("references", "show", "grey.png", capsys=capsys)

    assert (texture["lends"], texture["references"]) == ("texture", [])
    assert [one["paths"] for one in colour["references"]] == [["colour.png"]]
    assert (colour["lends"], colour["step"]) == ("colour", "exemplars.choose")
    refused = {one["paths"][0]: one["reason"] for one in colour["refused"]}
    assert "it is toned" in refused["toned.png"]


def test_in_words_each_choice_says_what_it_is_for(coloured, capsys):
    told = coloured.command("references", "show", "grey.png", capsys=capsys)

    assert "For texture: references.choose" in told
    assert "For colour: exemplars.choose" in told
    assert "colour.png: score" in told


def test_the_results_that_borrowed_colour_are_listed(coloured, capsys):
    rows = coloured.lines("references", "used-by", "colour.png", capsys=capsys)

    assert [(row["output"], row["step"], row["lends"]) for row in rows] == [
        ("grey.png", "hue.colour", "colour"),
    ]


def test_a_place_with_borrowed_colour_names_the_exemplar_and_where_it_lies_there(coloured, capsys):
    told = coloured.command("explain", "grey.png", "--at", "21,43", capsys=capsys)

    assert "Colour was borrowed from colour.png." in told
    assert "around 22,42 of that scan" in told
    assert "It is an exemplar with the score" in told
    assert "Its confidence in the colour here is 0.90 of 1." in told
    assert "was invented by hue.colour" not in told


def test_a_place_with_invented_colour_names_the_step(coloured, capsys):
    told = coloured.command("explain", "grey.png", "--at", "300,20", capsys=capsys)

    assert "Nothing was borrowed from another photograph here." in told
    assert "The colour was invented by hue.colour 1, not borrowed." in told
    assert "confidence in the colour here is 0.20" in told


def test_a_redrawn_face_is_told_of_where_it_is_and_nowhere_else(coloured, capsys):
    inside = coloured.command("explain", "grey.png", "--at", "60,90", capsys=capsys)
    outside = coloured.command("explain", "grey.png", "--at", "60,230", capsys=capsys)

    assert "hue.refine 1 invented content here: its map change is 0.50 of 1." in inside
    assert "hue.refine 1 invented" not in outside


def test_the_picture_shows_the_exemplar_beside_the_result(coloured, capsys, tmp_path):
    picture = tmp_path / "see.png"
    where = ["--at", "60,60", "--picture", str(picture)]
    coloured.command("explain", "grey.png", *where, capsys=capsys)

    with PillowImage.open(picture) as sheet:
        pixels = np.asarray(sheet)
    right = pixels[:, pixels.shape[1] // 2 + 24 : -24]
    assert np.ptp(right.astype(int), axis=2).max() > 40
