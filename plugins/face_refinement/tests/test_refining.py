"""Faces are refined, left alone for a reason, or given back when they became another's."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from archivist.api import (
    Colour,
    Face,
    Faces,
    Image,
    Probability,
    Scores,
    Value,
    Verdict,
)
from archivist.testing import FakeContext
from archivist_faces import refining
from archivist_faces.alignment import template
from archivist_faces.fitting import fitted, oval
from archivist_faces.generator import FaceGenerator
from archivist_faces.params import RefineParams
from archivist_faces.plugin import REFINE
from archivist_faces.refiners import Proposal, by_paper

Picture = NDArray[np.float32]
Setup = Callable[..., None]

STRIPES = 0.1
"""Strength of the correction that the stand-in network proposes."""


def face(side: float = 200, at: tuple[float, float] = (60, 50), score: float = 0.99) -> Face:
    marks = template(1) * side + at
    points = tuple((float(x), float(y)) for x, y in marks)
    return Face(box=(*at, side, side), landmarks=points, score=score)


def photograph(channels: int = 3, depth: int = 8) -> Image:
    rng = np.random.default_rng(9)
    steps = 2**depth - 1
    pixels = np.rint((0.3 + 0.4 * rng.random((300, 340, channels))) * steps) / steps
    colour = Colour.RGB if channels == 3 else Colour.GREY
    return Image(pixels=pixels.astype(np.float32), colour=colour, depth=depth)


def inputs(image: Image, *faces: Face) -> dict[str, Value]:
    return {"image": image, "faces": Faces(faces)}


@pytest.fixture
def setup(monkeypatch: pytest.MonkeyPatch) -> Setup:
    """Return a function that puts stand-ins in the place of the networks."""

    def install(strength: float = STRIPES, distance: float = 0.05) -> None:
        def propose(pixels: Picture, landmarks: NDArray[np.float64]) -> Proposal:
            where = fitted(landmarks)
            stripes = np.where(np.arange(where.side) % 8 < 4, strength, -strength)
            correction = np.broadcast_to(
                stripes.astype(np.float32)[None, :, None],
                (where.side, where.side, pixels.shape[2]),
            )
            return Proposal(correction=correction, mask=oval(where.side), where=where)

        monkeypatch.setattr(refining, "refiner", lambda *_: propose)
        monkeypatch.setattr(refining, "_guard", lambda _: lambda *_: distance)

    return install


def run(values: dict[str, Value], **params: object) -> dict[str, Value] | Verdict:
    out = refining.run(values, RefineParams(**params), FakeContext(spec=REFINE))
    return out if isinstance(out, Verdict) else dict(out)


def applies(*faces: Face, **params: object) -> Verdict:
    context = FakeContext(spec=REFINE)
    return refining.applies(inputs(photograph(), *faces), RefineParams(**params), context)


def refined(values: dict[str, Value], **params: object) -> dict[str, Value]:
    out = run(values, **params)
    assert not isinstance(out, Verdict)
    return out


def pixels_of(out: dict[str, Value]) -> Picture:
    image = out["image"]
    assert isinstance(image, Image)
    return image.pixels


@pytest.mark.parametrize("channels", [1, 3])
def test_a_face_is_refined_and_everything_else_keeps_every_bit(setup: Setup, channels: int) -> None:
    setup()
    image = photograph(channels, depth=16)

    out = refined(inputs(image, face()))

    changed = (pixels_of(out) != image.pixels).any(axis=2)
    assert pixels_of(out).shape == image.pixels.shape
    assert changed[100:200, 110:210].mean() > 0.9
    assert not changed[:40].any()
    assert not changed[:, 280:].any()


def test_the_change_map_says_where_and_by_how_much(setup: Setup) -> None:
    setup()
    image = photograph()

    out = refined(inputs(image, face()))

    change = out["change"]
    assert isinstance(change, Probability)
    assert np.allclose(change.pixels, np.abs(pixels_of(out) - image.pixels).max(axis=2))
    assert change.pixels.max() == pytest.approx(STRIPES, rel=0.2)


def test_fidelity_keeps_that_share_of_the_scan(setup: Setup) -> None:
    setup()
    image = photograph()
    whole, half = (
        pixels_of(refined(inputs(image, face()), fidelity=fidelity)) for fidelity in (0.0, 0.5)
    )

    assert np.allclose(half - image.pixels, (whole - image.pixels) / 2, atol=1e-6)


def test_a_face_that_becomes_another_is_left_with_the_reason(setup: Setup) -> None:
    setup(distance=0.4)
    context = FakeContext(spec=REFINE)

    out = refining.run(inputs(photograph(), face()), RefineParams(), context)

    assert isinstance(out, Verdict)
    assert "1 guarded" in out.reason
    assert out.scores["guarded_distance_most"] == pytest.approx(0.4)


def test_a_guarded_face_keeps_every_bit_beside_a_refined_one(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup()
    answers = iter([0.9, 0.05])
    monkeypatch.setattr(refining, "_guard", lambda _: lambda *_: next(answers))
    image = photograph()
    first, second = face(120, (5, 20)), face(110, (180, 150))

    out = refined(inputs(image, first, second))

    changed = (pixels_of(out) != image.pixels).any(axis=2)
    assert not changed[:, :150].any()
    assert changed[180:230, 210:260].mean() > 0.9
    assert out["refined"] == Faces((second,))


def test_distances_are_stored_in_the_scores(setup: Setup) -> None:
    setup(distance=0.06)

    scores = refined(inputs(photograph(), face()))["scores"]

    assert isinstance(scores, Scores)
    assert scores.values["refined"] == 1
    assert scores.values["refined_distance_most"] == pytest.approx(0.06)


def test_a_face_that_is_good_stays(setup: Setup) -> None:
    setup(strength=0.002)

    out = run(inputs(photograph(), face()))

    assert isinstance(out, Verdict)
    assert "1 good" in out.reason


@pytest.mark.parametrize(
    ("one", "why"),
    [(face(side=20), "1 too small"), (face(score=0.5), "1 unsure")],
    ids=["small", "unsure"],
)
def test_small_and_unsure_faces_are_not_refined(one: Face, why: str) -> None:
    verdict = applies(one)

    assert not verdict.needed
    assert why in verdict.reason


def test_landmarks_that_are_no_face_are_left(setup: Setup) -> None:
    setup()
    broken = dataclasses.replace(face(), landmarks=((3.0, 3.0),) * 5)

    assert "1 unsure" in applies(broken).reason
    assert refined(inputs(photograph(), broken, face()))["refined"] == Faces((face(),))


def test_a_photograph_without_faces_is_skipped() -> None:
    assert applies().reason == "no face was found"


def test_full_fidelity_needs_no_refinement() -> None:
    assert not applies(face(), fidelity=1.0).needed


def test_the_largest_faces_come_first_when_there_are_too_many(setup: Setup) -> None:
    setup()
    small, large = face(60, (5, 5)), face(150, (150, 100))

    out = refined(inputs(photograph(), small, large), most=1)

    scores = out["scores"]
    assert isinstance(scores, Scores)
    assert out["refined"] == Faces((large,))
    assert scores.values["beyond_most"] == 1


@pytest.mark.parametrize("at", [(-120, 50), (240, -80), (-400, 0)])
def test_a_face_cut_by_the_border_does_no_harm(setup: Setup, at: tuple[float, float]) -> None:
    setup()

    out = run(inputs(photograph(), face(at=at)))

    assert isinstance(out, Verdict) or np.isfinite(pixels_of(out)).all()


def test_what_became_of_each_face_is_logged(setup: Setup, caplog: pytest.LogCaptureFixture) -> None:
    setup(distance=0.06)
    caplog.set_level("INFO")

    refined(inputs(photograph(), face(), face(20, (5, 5))))

    assert "face at 60,50,200,200: refined" in caplog.text
    assert "identity distance 0.060" in caplog.text
    assert "a crop of 20 px, smallest 40" in caplog.text


def test_the_papers_network_keeps_the_crops_tones() -> None:
    image = photograph()
    network = FaceGenerator(width=1, guides=2).eval()

    proposal = by_paper(network, image.pixels, template(1) * 200.0 + (60, 50), 64)

    made = proposal.laid(image.pixels, 1.0)
    inner = (slice(100, 200), slice(110, 210))
    assert made[inner].mean() == pytest.approx(image.pixels[inner].mean(), abs=0.02)
    assert made[inner].std() > 0.3 * image.pixels[inner].std()
