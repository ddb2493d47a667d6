"""Params are built from settings, and a wrong one is named with what is allowed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import pytest

from archivist.api import Kind, Port, StepSpec, param
from archivist.api.errors import ConfigError
from archivist.plugins import describe_params, make_params, plain_params, spec_problems


class Fill(StrEnum):
    """How a hole is filled."""

    NEAR = "near"
    FAR = "far"


@dataclass(frozen=True, slots=True)
class Params:
    """One field of every type."""

    strength: float = param(0.5, doc="How much.", low=0, high=1)
    rounds: int = param(3, doc="How often.", low=1)
    on: bool = param(True, doc="Whether.")
    label: str = param("a", doc="A name.")
    method: Literal["telea", "ns"] = param("telea", doc="Which way.")
    fill: Fill = param(Fill.NEAR, doc="From where.")
    sizes: tuple[int, ...] = param((1, 2), doc="Sizes.", low=1, high=64)
    pair: tuple[float, float] = param((0.0, 1.0), doc="Two numbers.")
    limit: float | None = param(None, doc="A limit, or none.", low=0)
    side: int = param(512, doc="A side.", choices=(256, 512), affects_pixels=False)


@dataclass(frozen=True)
class Undocumented:
    """A field without a doc."""

    size: int = 3


@dataclass(frozen=True)
class Odd:
    """A type that settings cannot express."""

    size: complex = param(3j, doc="A size.")


@dataclass(frozen=True)
class BadDefault:
    """A default out of its own range."""

    size: int = param(3, doc="A size.", high=2)


def spec(params: type) -> StepSpec:
    port = Port(name="image", kind=Kind.IMAGE)
    return StepSpec(
        id="sample.step",
        version=1,
        title="Sample",
        run="sample:run",
        inputs=(port,),
        outputs=(port,),
        params=params,
    )


def test_without_values_all_defaults_are_taken() -> None:
    assert make_params(spec(Params), {}) == Params()


def test_values_as_toml_gives_them_get_the_types_of_the_fields() -> None:
    made = make_params(
        spec(Params), {"strength": 1, "fill": "far", "sizes": [4, 8], "pair": [0, 2], "limit": 3}
    )
    assert made == Params(1.0, fill=Fill.FAR, sizes=(4, 8), pair=(0.0, 2.0), limit=3.0)
    assert isinstance(made.strength, float)
    assert isinstance(made.pair[1], float)


def test_params_survive_a_json_round_trip() -> None:
    params = Params(0.25, fill=Fill.FAR, sizes=(7,), limit=1.5)
    text = json.dumps(plain_params(params))
    assert make_params(spec(Params), json.loads(text)) == params


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"strength": 1.5}, r"a\.toml: recipe\.strength: 1\.5 is outside the range 0 to 1"),
        ({"strength": float("nan")}, "nan is not a finite number"),
        ({"strength": "much"}, "expected a number, found 'much'"),
        ({"rounds": 0}, "0 is outside the range 1 to inf"),
        ({"rounds": True}, "expected a whole number, found True"),
        ({"rounds": 2.5}, r"expected a whole number, found 2\.5"),
        ({"on": 1}, "expected true or false, found 1"),
        ({"method": "tela"}, "'tela' is not allowed; allowed: 'telea', 'ns'"),
        ({"fill": "middle"}, "'middle' is not allowed; allowed: 'near', 'far'"),
        ({"sizes": [1, 65]}, "65 is outside the range 1 to 64"),
        ({"sizes": 4}, "expected a list, found 4"),
        ({"pair": [1]}, "expected a list of 2 values, found 1"),
        ({"side": 300}, "300 is not allowed; allowed: 256, 512"),
        ({"strenght": 1}, r"a\.toml: recipe\.strenght: .*Did you mean 'strength'\? Known: fill"),
    ],
)
def test_a_wrong_value_is_named_with_file_key_and_what_is_allowed(
    values: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        make_params(spec(Params), values, where="a.toml", key="recipe")


def test_a_description_says_what_may_be_written() -> None:
    allowed = {info.name: info.allowed for info in describe_params(spec(Params))}
    assert allowed["strength"] == "a number from 0 to 1"
    assert allowed["rounds"] == "a whole number of at least 1"
    assert allowed["method"] == "one of 'telea', 'ns'"
    assert allowed["fill"] == "one of 'near', 'far'"


def test_a_description_says_which_params_change_pixels() -> None:
    changing = {info.name: info.affects_pixels for info in describe_params(spec(Params))}
    assert changing["strength"]
    assert not changing["side"]


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        (Undocumented, "param size: it has no doc"),
        (Odd, "type complex is not supported"),
        (BadDefault, "its default does not fit: 3 is outside the range -inf to 2"),
    ],
)
def test_a_params_class_that_settings_cannot_fill_is_a_problem(params: type, problem: str) -> None:
    assert problem in "; ".join(spec_problems(spec(params)))
