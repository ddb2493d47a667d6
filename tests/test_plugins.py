"""Plugins are found, loaded one by one, checked, and cannot stop each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from archivist.api import (
    Kind,
    PluginError,
    Port,
    StepSpec,
    Tiling,
    UsageError,
    Weight,
    hookimpl,
)
from archivist.plugins import (
    PluginState,
    load_plugins,
    resolve,
    spec_problems,
    unknown_plugins,
)
from archivist.plugins.manager import Plugins

Install = Callable[..., None]

STEP = StepSpec(
    id="sample.copy",
    version=1,
    title="Copy",
    run="sample.copy:run",
    inputs=(Port(name="image", kind=Kind.IMAGE),),
    outputs=(Port(name="image", kind=Kind.IMAGE),),
)

GOOD = """
from archivist.api import Kind, Port, StepSpec, hookimpl
PORTS = (Port(name="image", kind=Kind.IMAGE),)
@hookimpl
def archivist_steps():
    yield StepSpec(id="{step}", version=1, title="Copy", run="x.y:run", inputs=PORTS, outputs=PORTS)
"""


class Offers:
    """A plugin that offers the given steps."""

    def __init__(self, *steps: object) -> None:
        self.steps = steps

    @hookimpl
    def archivist_steps(self) -> tuple[object, ...]:
        return self.steps


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Return a function that installs a distribution with one plugin module into a folder."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def make(distribution: str, code: str, *, version: str = "1.0") -> None:
        module = distribution.replace("-", "_") + "_module"
        (site / f"{module}.py").write_text(code)
        info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        )
        (info / "entry_points.txt").write_text(f"[archivist]\n{distribution} = {module}\n")

    return make


def state(plugins: Plugins, name: str) -> PluginState:
    return next(info.state for info in plugins.infos if info.name == name)


def test_an_installed_plugin_is_found_with_its_version_hooks_and_steps(install: Install) -> None:
    install("museum-copy", GOOD.format(step="museum.copy"), version="2.5")
    plugins = load_plugins(allow=["museum-copy"])
    info = plugins.owners["museum.copy"]
    assert (info.distribution, info.version) == ("museum-copy", "2.5")
    assert (info.hooks, info.steps) == (("archivist_steps",), ("museum.copy",))
    assert info.seconds > 0


def test_a_plugin_that_fails_on_import_does_not_stop_the_rest(install: Install) -> None:
    install("aa-broken", "raise RuntimeError('no such library')")
    install("museum-copy", GOOD.format(step="museum.copy"))
    plugins = load_plugins(allow=["aa-broken", "museum-copy"])
    assert state(plugins, "aa-broken") is PluginState.BROKEN
    errors = {info.name: info.error for info in plugins.infos}
    assert "no such library" in (errors["aa-broken"] or "")
    assert "museum.copy" in plugins.steps


def test_a_plugin_that_exits_on_import_does_not_end_the_program(install: Install) -> None:
    install("aa-leaver", "raise SystemExit(5)")
    plugins = load_plugins(allow=["aa-leaver"])
    assert state(plugins, "aa-leaver") is PluginState.BROKEN


def test_an_error_in_a_hook_is_recorded_and_not_raised() -> None:
    class Failing:
        @hookimpl
        def archivist_steps(self) -> list[StepSpec]:
            raise ValueError("bad day")

    plugins = load_plugins(allow=[], extra={"failing": Failing(), "good": Offers(STEP)})
    assert plugins.infos[-2].error == "ValueError: bad day"
    assert "sample.copy" in plugins.steps


def test_a_misspelt_hook_is_named_with_the_nearest_one() -> None:
    class Misspelt:
        @hookimpl
        def archivist_step(self) -> list[StepSpec]:
            return []

    plugins = load_plugins(allow=[], extra={"misspelt": Misspelt()})
    assert "'archivist_step'; did you mean 'archivist_steps'?" in (plugins.infos[-1].error or "")


def test_what_is_not_allowed_is_listed_but_its_code_is_not_run(install: Install) -> None:
    install("aa-stranger", "raise RuntimeError('was run')")
    plugins = load_plugins(allow=["museum-copy"])
    assert state(plugins, "aa-stranger") is PluginState.BLOCKED
    assert all(info.error is None for info in plugins.infos)


def test_what_is_kept_out_says_by_which_key(install: Install) -> None:
    install("aa-stranger", "raise RuntimeError('was run')")
    for chosen, key in (
        ({"allow": ["museum-copy"]}, "not named under [plugins] allow"),
        ({"block": ["AA.stranger"]}, "named under [plugins] block"),
    ):
        plugins = load_plugins(**chosen)
        reasons = {info.name: info.kept_out for info in plugins.infos}
        assert key in reasons["aa-stranger"]
        assert reasons["references"] == ""


def test_names_that_no_installed_plugin_has_are_told_with_their_key(install: Install) -> None:
    install("museum-copy", GOOD.format(step="museum.copy"))
    plugins = load_plugins(allow=["Museum_Copy"])
    assert unknown_plugins(plugins, ["Museum_Copy"], ["museum.copy", "references"]) == ()
    allow, block = unknown_plugins(plugins, ["museum-copie"], ["museum-coppy"])
    assert allow.startswith("[plugins] allow names 'museum-copie', but no plugin")
    assert block.startswith("[plugins] block names 'museum-coppy', but no plugin")


def test_a_distribution_is_blocked_however_its_name_is_written(install: Install) -> None:
    install("museum-copy", GOOD.format(step="museum.copy"))
    plugins = load_plugins(block=["Museum_Copy"])
    assert state(plugins, "museum-copy") is PluginState.BLOCKED


def test_the_steps_of_archivist_itself_are_there_whatever_is_allowed() -> None:
    plugins = load_plugins(allow=[], block=["archivist", "references"])
    owner = plugins.owners["references.choose"]
    assert (owner.distribution, owner.state) == ("archivist", PluginState.LOADED)


def test_a_step_offered_twice_is_withdrawn_and_the_error_names_both() -> None:
    plugins = load_plugins(allow=[], extra={"one": Offers(STEP), "two": Offers(STEP)})
    assert "sample.copy" not in plugins.steps
    with pytest.raises(UsageError, match=r"one and two both offer it; uninstall one"):
        plugins.require("sample.copy")
    assert [info.state for info in plugins.infos[-2:]] == [PluginState.BROKEN] * 2


def test_an_unknown_step_is_answered_with_the_nearest_one() -> None:
    plugins = load_plugins(allow=[], extra={"one": Offers(STEP)})
    with pytest.raises(UsageError, match=r"mean 'sample.copy'\? Known steps: .*, sample.copy"):
        plugins.require("sample.coyp")


def test_one_bad_step_of_a_plugin_leaves_its_others_in_use() -> None:
    bad = replace(STEP, id="sample.bad", version=0)
    plugins = load_plugins(allow=[], extra={"one": Offers(bad, STEP)})
    assert "sample.copy" in plugins.steps
    assert "sample.bad" not in plugins.steps
    assert "step sample.bad: version 0" in (plugins.infos[-1].error or "")


def test_a_plugin_that_returns_something_else_than_steps_is_named() -> None:
    plugins = load_plugins(allow=[], extra={"one": Offers("sample.copy")})
    assert "is not an archivist.api.StepSpec" in (plugins.infos[-1].error or "")


@dataclass
class Thawed:
    """Params that are not frozen."""


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"id": "Copy"}, "id 'Copy'"),
        ({"version": True}, "version True"),
        ({"title": " "}, "title is empty"),
        ({"run": "sample.copy.run"}, "run 'sample.copy.run'"),
        ({"applies": "probe"}, "applies 'probe'"),
        ({"inputs": ()}, "declares no input"),
        ({"outputs": STEP.outputs * 2}, "declared twice"),
        ({"outputs": ("image",)}, "is not a Port"),
        ({"params": Thawed}, "is not frozen"),
        ({"params": dict}, "is not a dataclass"),
        ({"tiling": Tiling(size=64, overlap=32)}, "leaves nothing between"),
        ({"tolerance": 0.1}, "belongs to determinism 'tolerance'"),
        (
            {"weights": (Weight(name="w", licence="MIT", source="ours"),)},
            "neither shipped",
        ),
        (
            {"weights": (Weight(name="w", licence="MIT", source="ours", package="p:w"),)},
            "has no sha256",
        ),
        (
            {"inputs": (Port(name="last", kind=Kind.MASK, previous="flow", required=False),)},
            "asks for a previous output",
        ),
    ],
)
def test_a_mistake_in_a_step_is_named(change: dict[str, object], problem: str) -> None:
    assert problem in "; ".join(spec_problems(replace(STEP, **change)))  # type: ignore[arg-type]


def test_a_correct_step_has_no_problems() -> None:
    assert spec_problems(STEP) == ()


def test_a_dotted_string_gives_the_object_that_it_names() -> None:
    assert resolve("archivist.plugins:resolve") is resolve


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("archivist.nothing:run", "cannot be imported"),
        ("archivist.plugins:nothing", "has no 'nothing'"),
        ("archivist.plugins", "is not of the form"),
    ],
)
def test_a_dotted_string_that_names_nothing_says_which_part(text: str, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        resolve(text)
