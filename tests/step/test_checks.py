"""What a step gives is refused when it is not what it says, with words that name the fault."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from archivist.api import BadOutput, Kind, Port, StepSpec, TransferMap, Verdict
from archivist.model import Status
from archivist.step.checks import check_outputs, check_verdict
from archivist.testing import sample_image

SPEC = StepSpec(
    id="test.borrow",
    version=1,
    title="Borrow",
    run="borrowing_steps:borrow",
    inputs=(Port(name="image", kind=Kind.IMAGE),),
    outputs=(Port(name="map", kind=Kind.TRANSFER_MAP),),
)


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
    check_outputs(SPEC, {"image": sample_image(8, 10)}, {"map": value}, 2)


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
        check_verdict(SPEC, verdict)


def test_references_that_the_store_lost_fail_the_step_that_reads_them(desk):
    finer = desk.lookalike("finer.png")
    desk.remember(desk.run(finer))
    (artifact,) = desk.known[0].outputs
    desk.known = (replace(desk.known[0], outputs=(replace(artifact, blob=None, kept=False),)),)
    record = desk.run(finer, action="follow").outcome.records[-1]
    assert (record.step, record.status) == ("test.borrow", Status.FAILED)
    assert [use.role for use in record.inputs] == ["scan", "prior"]
