"""Which weights a step used for a photograph, as the engine sees it."""

from __future__ import annotations

import pytest

from archivist.api import Kind, Port, StepSpec, Weight
from archivist.model import IdleWeight, WeightUse
from archivist.plugins import load_plugins
from archivist.step import context
from archivist.step.context import WorkerContext
from archivist.step.session import Session, told_apart

IMAGE = Port(name="image", kind=Kind.IMAGE)
SPEC = StepSpec(
    id="test.look",
    version=1,
    title="Look",
    run="test:look",
    inputs=[IMAGE],
    outputs=[IMAGE],
    weights=[Weight(name=name, licence="MIT", source="us") for name in ("net", "judge")],
)


@pytest.fixture
def call(monkeypatch, tmp_path):
    """Give a function that makes the context of one more call in the same worker."""
    monkeypatch.setattr(context, "find_weights", lambda weight, folders: tmp_path / weight.name)
    session = Session(load_plugins(allow=(), block=()))
    return lambda: WorkerContext(spec=SPEC, session=session, seed=1, folders=())


def test_a_call_that_takes_a_network_of_an_earlier_one_uses_its_weights(call):
    call().cached("network", lambda: "network")
    first, second, third = call(), call(), call()
    first.cached("net", lambda: first.weights("net"))

    second.cached("net", lambda: second.weights("net"))

    assert [one.used_weights for one in (first, second, third)] == [{"net"}, {"net"}, set()]


def test_a_network_made_with_another_one_uses_the_weights_of_both(call):
    def both(ctx):
        def make():
            return ctx.weights("judge"), ctx.cached("net", lambda: ctx.weights("net"))

        return ctx.cached("both", make)

    both(call())
    later = call()
    both(later)

    assert later.used_weights == {"net", "judge"}


def test_weights_that_a_step_may_hold_on_to_count_as_used_from_then_on(call):
    before, opening, after = call(), call(), call()
    opening.weights("net")

    assert opening.used_weights == after.used_weights == {"net"}
    assert before.weights("judge")
    assert call().used_weights == {"net", "judge"}


def test_weights_that_were_not_used_keep_their_place_and_digest():
    net, judge = (
        WeightUse(name=name, digest=name, licence="MIT", source="us") for name in ("net", "judge")
    )

    told = told_apart([net, judge], {"judge"})

    assert [one.digest for one in told] == ["net", "judge"]
    assert isinstance(told[0], IdleWeight)
    assert told[1] == judge
