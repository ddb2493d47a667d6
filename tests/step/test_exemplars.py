"""Exemplars of colour are chosen by what the pictures show, and named in the record."""

from __future__ import annotations

import numpy as np
import pytest

from archivist.api import Colour
from archivist.model import Role, Status
from archivist.references.plugin import EXEMPLARS
from archivist.testing import assert_step_conforms, run_step, sample_image, sample_references


@pytest.fixture
def colours(desk, sights):
    """A page ``query.png`` with the same things in colour, toned, and other things in colour."""
    grey = sights.make(*sights.size)
    desk.add("colour.png", sights.paint(grey))
    sepia = grey[:, :, None] * np.array([1.0, 0.86, 0.66])
    desk.add("toned.png", sepia.astype(np.uint8))
    desk.add("stranger.png", sights.paint(sights.make(240, 320, seed=2)))
    desk.steps = ("exemplars.choose",)
    return desk


def chosen_by(desk, draft, ordinal, name):
    return [one.asset for one in desk.made[draft][ordinal, name].get().references]


def exemplars(desk, draft):
    return chosen_by(desk, draft, 0, "exemplars")


def test_the_same_picture_in_colour_is_the_exemplar(colours):
    same = colours.lookalike("colour.png")
    draft = colours.run(colours.lookalike("toned.png"), same, colours.lookalike("stranger.png"))
    assert exemplars(colours, draft) == [same.asset]
    (used,) = [u for u in draft.outcome.records[0].inputs if u.role == Role.CHOSEN]
    assert (used.port, used.asset) == ("exemplars", same.asset)
    assert "in colour, shows the same things" in used.note


def test_with_toned_and_grey_ones_only_there_is_none_and_the_record_says_why(colours):
    toned, grey = colours.lookalike("toned.png"), colours.lookalike("finer.png")
    (record,) = colours.run(toned, grey).outcome.records
    assert record.status is Status.SKIPPED
    assert record.reason == "none of the 2 most similar pictures fits (toned 1, grey 1)"
    log = "\n".join(record.log)
    assert f"refused {toned.asset}: it is toned" in log
    assert f"refused {grey.asset}: it is grey" in log


def test_of_those_that_are_not_similar_the_record_tells_the_number(colours):
    far = [colours.lookalike(name, cosine=0.1) for name in ("stranger.png", "other.png")]
    (record,) = colours.run(*far).outcome.records
    assert record.reason == "none of the 2 most similar pictures fits (not similar 2)"
    assert record.log == ("info: 2 others were not similar enough to be looked at",)


def test_what_only_looks_alike_is_taken_when_it_is_near_enough(colours):
    near = colours.lookalike("stranger.png", cosine=0.6)
    assert exemplars(colours, colours.run(near)) == [near.asset]
    far = colours.lookalike("stranger.png", cosine=0.4)
    assert colours.run(far).outcome.records[0].reason.endswith("(not near enough 1)")


def test_a_photograph_in_colour_needs_no_exemplar(colours, sights):
    colours.add("query.png", sights.paint(sights.make(*sights.size), seed=6))
    (record,) = colours.run(colours.lookalike("colour.png")).outcome.records
    assert record.status is Status.SKIPPED
    assert "in colour itself" in record.reason
    assert record.scores["colour_spread"] > 2


def test_a_tint_is_measured_once_by_a_worker(colours, monkeypatch):
    from archivist.step import comparing

    measured = []
    real = comparing.tint_of
    monkeypatch.setattr(comparing, "tint_of", lambda pixels: measured.append(1) or real(pixels))
    for _ in range(3):
        colours.run(colours.lookalike("toned.png"), colours.lookalike("colour.png"))
    assert len(measured) == 2


def test_an_exemplar_that_is_gone_is_refused(colours):
    same = colours.lookalike("colour.png")
    colours.run(same)
    (colours.scans / "colour.png").unlink()
    assert "unreadable" in colours.run(same).outcome.records[0].reason


def test_references_and_exemplars_are_chosen_side_by_side(colours):
    colours.steps = ("exemplars.choose", "references.choose", "test.borrow")
    finer, same = colours.lookalike("finer.png"), colours.lookalike("colour.png")
    draft = colours.run(finer, same)
    assert exemplars(colours, draft) == [same.asset]
    assert chosen_by(colours, draft, 1, "references") == [finer.asset]


def test_the_step_keeps_its_promises(sights):
    grey = sights.make(*sights.size)
    rgb = sights.paint(grey).astype(np.float32) / 255

    def inputs(image):
        return {"image": image, "colour_lookalikes": sample_references(_coloured(rgb))}

    assert_step_conforms(EXEMPLARS, {"min_alike": 0.0}, inputs=inputs)


def test_run_outside_the_engine_takes_plain_references(sights):
    grey = sights.make(*sights.size)
    rgb = sights.paint(grey).astype(np.float32) / 255
    image = sample_image(colour=Colour.GREY)
    found = run_step(
        EXEMPLARS,
        image=image.with_pixels((grey[:, :, None] / 255).astype(np.float32)),
        colour_lookalikes=sample_references(_coloured(rgb)),
    )
    assert len(found["exemplars"].references) == 1


def _coloured(rgb):
    return sample_image(colour=Colour.RGB).with_pixels(rgb)
