"""What a step gives is refused when it is not what it says, with words that name the fault."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from archivist.api import (
    BadOutput,
    Colour,
    Embedding,
    Face,
    Faces,
    Kind,
    Port,
    Scores,
    StepSpec,
    TransferMap,
    Verdict,
    hookimpl,
)
from archivist.model import Status
from archivist.step.checks import accept_outputs, accept_refusal, accept_verdict
from archivist.testing import sample_image

SPEC = StepSpec(
    id="test.borrow",
    version=1,
    title="Borrow",
    run="borrowing_steps:borrow",
    inputs=(Port(name="image", kind=Kind.IMAGE),),
    outputs=(Port(name="map", kind=Kind.TRANSFER_MAP),),
)

IMAGE = Port(name="image", kind=Kind.IMAGE)
PAINT = replace(SPEC, outputs=(IMAGE, Port(name="scores", kind=Kind.SCORES)))


def profile(space: bytes, more: bytes = b"") -> bytes:
    """The header of a colour profile, and that it has no tags."""
    size = 132 + len(more)
    return size.to_bytes(4, "big") + bytes(12) + space + bytes(16) + b"acsp" + bytes(92) + more


def painted(source, *, scores=None, tile=False, **image):
    """What the engine goes on with when a step gives an image that differs in these fields."""
    outputs = {"image": replace(source, **image), "scores": Scores(scores or {})}
    return accept_outputs(PAINT, {"image": source}, outputs, 1, tile=tile)


def made(rows=4, columns=5):
    """The map of a picture of 10 x 8 pixels that was enlarged twice."""
    return TransferMap(
        source=np.zeros((rows, columns), np.int32),
        position=np.zeros((rows, columns, 2), np.int32),
        similarity=np.ones((rows, columns), np.float32),
        assets=("ab" * 32,),
        stride=4,
    )


def check(value):
    accept_outputs(SPEC, {"image": sample_image(8, 10)}, {"map": value}, 2)


def test_a_sound_transfer_map_is_taken():
    check(made())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"source": np.zeros((4, 5), np.int64)}, "expected int32"),
        ({"position": np.zeros((4, 5), np.int32)}, "expected int32"),
        ({"similarity": np.ones((4, 6), np.float32)}, "expected int32"),
        ({"similarity": np.full((4, 5), np.nan, np.float32)}, "NaN"),
        ({"similarity": np.full((4, 5), 1.5, np.float32)}, "allowed is 0 to 1"),
        ({"source": np.ones((4, 5), np.int32)}, "allowed is -1 to 0"),
        ({"source": np.full((4, 5), -2, np.int32)}, "allowed is -1 to 0"),
        ({"stride": 0}, "stride is 0"),
        ({"stride": 8}, "does not cover 20 x 16"),
    ],
)
def test_a_transfer_map_that_cannot_be_read_is_refused(change, words):
    with pytest.raises(BadOutput, match=words):
        check(replace(made(), **change))


@pytest.mark.parametrize(
    "verdict", [Verdict(needed=True, reason="dust"), Verdict(needed=False, reason=" ")]
)
def test_a_verdict_in_the_place_of_outputs_says_that_nothing_is_needed_and_why(verdict):
    with pytest.raises(BadOutput, match="not needed, with the reason"):
        accept_refusal(SPEC, verdict)


def test_references_that_the_store_lost_fail_the_step_that_reads_them(desk):
    finer = desk.lookalike("finer.png")
    desk.remember(desk.run(finer))
    (artifact,) = desk.known[0].outputs
    desk.known = (replace(desk.known[0], outputs=(replace(artifact, blob=None, kept=False),)),)
    record = desk.run(finer, action="follow").outcome.records[-1]
    assert (record.step, record.status) == ("test.borrow", Status.FAILED)
    assert [use.role for use in record.inputs] == ["scan", "prior"]


@pytest.mark.parametrize("tile", [False, True])
@pytest.mark.parametrize("given", [None, profile(b"RGB ")])
@pytest.mark.parametrize("icc", [None, b"junk", "text", profile(b"RGB ", b"other")])
def test_an_image_with_another_colour_profile_than_its_input_is_refused(given, icc, tile):
    source = replace(sample_image(8, 10), icc=given)
    assert painted(source, tile=tile)["image"].icc == given
    if icc != given:
        with pytest.raises(BadOutput, match=r"test.borrow: output 'image' has another colour"):
            painted(source, icc=icc, tile=tile)


def test_a_picture_that_became_colour_may_have_a_profile_for_colour_and_no_other():
    grey = replace(sample_image(8, 10, colour=Colour.GREY), icc=profile(b"GRAY"))
    became = {"pixels": sample_image(8, 10).pixels, "colour": Colour.RGB}
    for icc in (None, profile(b"RGB ")):
        assert painted(grey, icc=icc, **became)["image"].icc == icc
    for icc in (b"junk", profile(b"CMYK"), profile(b"RGB ")[:-1], b"", 5):
        with pytest.raises(BadOutput, match="no colour profile of such images; give a profile"):
            painted(grey, icc=icc, **became)


def test_the_profile_of_a_colour_scan_is_left_out_when_the_picture_became_grey():
    source = replace(sample_image(8, 10), icc=profile(b"RGB "))
    grey = {"pixels": source.pixels[..., :1], "colour": Colour.GREY}
    assert painted(source, **grey)["image"].icc is None


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        ({1: 1.0}, "named 1; a name is printable"),
        ({"a b\n": 2.0}, "a name is printable"),
        ({" ": 2.0}, "a name is printable"),
        ({"a": "0.5"}, "the score 'a' is of type str, expected a number"),
        ({"a": None}, "of type NoneType"),
        ({"a": float("nan")}, "the score 'a' is not finite"),
        ({"a": np.float32("inf")}, "the score 'a' is not finite"),
        ([0.5], "scores of type list, expected a mapping"),
    ],
)
def test_scores_that_the_record_cannot_hold_are_refused_from_steps_and_probes(scores, words):
    with pytest.raises(BadOutput, match=words):
        painted(sample_image(8, 10), scores=scores)
    with pytest.raises(BadOutput, match=words):
        accept_verdict(PAINT, Verdict(needed=True, reason="dust", scores=scores))


def test_numbers_of_numpy_are_scores_and_become_plain_floats():
    scores = {"a": np.float32(0.25), "b": np.int64(3), "c": np.bool_(True), "d": 2}
    found = painted(sample_image(8, 10), scores=scores)["scores"].values
    assert found == {"a": 0.25, "b": 3.0, "c": 1.0, "d": 2.0}
    assert {type(score) for score in found.values()} == {float}


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (True, "returned bool, no Verdict"),
        (Verdict(needed=False, reason=5), "reason of type int, expected text"),
        (Verdict(needed=False, reason=" "), "the reason is empty"),
    ],
)
def test_a_probe_that_does_not_say_why_is_refused(verdict, words):
    with pytest.raises(BadOutput, match=words):
        accept_verdict(PAINT, verdict)


FOUND = replace(
    SPEC,
    id="test.find",
    outputs=(
        Port(name="faces", kind=Kind.FACES),
        Port(name="embedding", kind=Kind.EMBEDDING),
    ),
)
POINTS = ((3.0, 3.0), (5.0, 3.0), (4.0, 4.0), (3.0, 5.0), (5.0, 5.0))
FACE = Face(box=(2.0, 2.0, 4.0, 5.0), landmarks=POINTS, score=0.75)
VECTORS = np.eye(2, 3, dtype=np.float32)
DESCRIBED = Embedding(vectors=VECTORS, regions=((0, 0, 10, 8), (5, 0, 5, 8)), model="net")


def found_in(source, *, faces=(FACE,), embedding=DESCRIBED):
    """What the engine goes on with when a step finds this in a picture."""
    outputs = {"faces": Faces(faces), "embedding": embedding}
    return accept_outputs(FOUND, {"image": source}, outputs, 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"box": (2.0, np.nan, 4.0, 5.0)}, "the box holds nan, no finite number"),
        ({"box": (2.0, 2.0, 4.0)}, r"expected \(x, y, width, height\)"),
        ({"box": (6.0, 7.0, -4.0, -5.0)}, "no area; give .*, not two corners"),
        ({"box": (2.0, 2.0, 0.0, 5.0)}, "no area"),
        ({"box": (20.0, 2.0, 4.0, 5.0)}, "outside the image of 10 x 8; give it in pixels"),
        ({"box": (-4.0, 2.0, 4.0, 5.0)}, "outside the image of 10 x 8"),
        ({"score": 1.5}, "the score 1.5, allowed is 0 to 1"),
        ({"score": -0.5}, "allowed is 0 to 1"),
        ({"score": float("inf")}, "the score holds inf"),
        ({"score": "sure"}, "the score holds 'sure'"),
        ({"landmarks": POINTS[:2]}, "has 2 landmarks, expected eyes"),
        ({"landmarks": None}, "has no landmarks, expected eyes"),
        ({"landmarks": (*POINTS[:4], (1.0, 2.0, 3.0))}, r"expected \(x, y\)"),
        ({"landmarks": (*POINTS[:4], (1.0, np.inf))}, "the landmark holds inf"),
    ],
)
def test_a_face_that_cannot_be_is_refused_with_its_number(change, words):
    with pytest.raises(BadOutput, match=f"test.find: output 'faces': face 2.*{words}"):
        found_in(sample_image(8, 10), faces=(FACE, replace(FACE, **change)))


@pytest.mark.parametrize(("faces", "words"), [((None,), "is NoneType"), (FACE, "holds Face")])
def test_faces_that_are_none_are_refused(faces, words):
    with pytest.raises(BadOutput, match=words):
        found_in(sample_image(8, 10), faces=faces)


def test_a_face_may_be_cut_off_by_the_edge_and_have_numbers_of_numpy():
    box = np.array([-1.5, 2, 4, 9], np.float32)
    rounded = np.float32(1.0001)
    face = Face(box=tuple(box), landmarks=np.array(POINTS, np.float32), score=rounded)
    (found,) = found_in(sample_image(8, 10), faces=[face])["faces"].faces
    assert found == Face(box=(-1.5, 2.0, 4.0, 9.0), landmarks=POINTS, score=1.0)
    assert {type(number) for number in (*found.box, *found.landmarks[0], found.score)} == {float}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"vectors": VECTORS * np.float32("nan")}, "NaN or infinity"),
        ({"vectors": np.full_like(VECTORS, np.inf)}, "NaN or infinity"),
        ({"vectors": np.diag([1, 0]).astype(np.float32)}, "a vector of length 0.*`Unsupported`"),
        ({"vectors": VECTORS.astype(np.float64)}, "float64 of shape .2, 3., expected float32"),
        ({"vectors": VECTORS[0]}, "expected float32"),
        ({"vectors": [1.0]}, "vectors that are list"),
        ({"vectors": VECTORS[:, :0]}, "is empty"),
        ({"vectors": VECTORS[:1]}, "2 regions for 1 vectors"),
        ({"regions": ((0, 0, 10, 8), (5, 0, 6, 8))}, "not inside the image of 10 x 8"),
        ({"regions": ((0, 0, 10, 8), (-1, 0, 5, 8))}, "not inside the image"),
        ({"regions": ((0, 0, 10, 8), (5, 0, 0, 8))}, "not inside the image"),
        ({"regions": ((0, 0, 10, 8), (0.0, 0.0, 0.5, 1.0))}, "expected whole numbers"),
        ({"regions": ((0, 0, 10, 8), (5, 0))}, "expected .x, y, width, height."),
        ({"model": " "}, "names no model"),
    ],
)
def test_an_embedding_that_cannot_be_compared_is_refused(change, words):
    with pytest.raises(BadOutput, match=f"test.find: output 'embedding' .*{words}"):
        found_in(sample_image(8, 10), embedding=replace(DESCRIBED, **change))


def test_a_sound_embedding_is_taken_with_plain_numbers():
    regions = np.array(DESCRIBED.regions)
    found = found_in(sample_image(8, 10), embedding=replace(DESCRIBED, regions=regions))
    assert found["embedding"].regions == DESCRIBED.regions
    assert type(found["embedding"].regions[1][0]) is int


class Looks:
    """Offers a step whose probe says what the test wants."""

    spec = StepSpec(
        id="test.looks",
        version=1,
        title="Looks",
        run="borrowing_steps:fill",
        applies="borrowing_steps:mark",
        inputs=(IMAGE,),
        outputs=(IMAGE,),
    )

    @hookimpl
    def archivist_steps(self):
        return (self.spec,)


@pytest.mark.parametrize("part", ["run", "applies"])
@pytest.mark.parametrize("ends", [GeneratorExit, KeyboardInterrupt, SystemExit])
def test_what_would_end_the_program_fails_the_photograph_and_names_the_step(
    desk, monkeypatch, part, ends
):
    def end(*given):
        raise ends

    name = {"run": "fill", "applies": "mark"}[part]
    monkeypatch.setattr("borrowing_steps.mark", lambda *given: Verdict(needed=True, reason="x"))
    monkeypatch.setattr(f"borrowing_steps.{name}", end)
    # As while a run listens for Ctrl-C: only then is it sure that the step raised it.
    monkeypatch.setattr("signal.getsignal", lambda number: lambda *given: None)
    desk.install(looks=Looks())
    desk.steps = ("test.looks",)
    outcome = desk.run().outcome
    assert (outcome.status, outcome.code) == (Status.FAILED, "step-failed")
    assert outcome.message.startswith("test.looks ")


def test_ctrl_c_breaks_off_a_step_where_nothing_else_listens_for_it(desk, monkeypatch):
    def end(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr("borrowing_steps.mark", end)
    desk.install(looks=Looks())
    desk.steps = ("test.looks",)
    with pytest.raises(KeyboardInterrupt):
        desk.run()
