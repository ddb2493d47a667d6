"""`plugins`, `weights` and `doctor`, seen as their user sees them."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import archivist.plugins
from archivist.api import Image, Kind, Port, StepSpec, Weight, hookimpl, param
from archivist.cli import checkup
from archivist.cli.exits import Exit
from archivist.cli.main import invoke

Use = Callable[..., None]


@dataclass(frozen=True)
class Params:
    """Params of the sample step."""

    gain: float = param(0.5, doc="How much light is left.", low=0, high=1)


PORT = Port(name="image", kind=Kind.IMAGE, doc="The photograph.")
WEIGHT = Weight(name="paper-v1", licence="MIT", source="the authors", importer="sample_dim:convert")
STEP = StepSpec(
    id="sample.dim",
    version=4,
    title="Dim a photograph",
    run="sample_dim:run",
    inputs=(PORT,),
    outputs=(PORT,),
    params=Params,
)


class Plugin:
    """Offers the given steps."""

    def __init__(self, *steps: StepSpec) -> None:
        self.steps = steps

    @hookimpl
    def archivist_steps(self) -> tuple[StepSpec, ...]:
        return self.steps


class Broken:
    """Fails when it is asked."""

    @hookimpl
    def archivist_steps(self) -> tuple[StepSpec, ...]:
        raise RuntimeError("no licence file")


def run(inputs: Mapping[str, Any], params: Params, ctx: object) -> Mapping[str, Image]:
    image = inputs["image"]
    return {"image": image.with_pixels(image.pixels * params.gain)}


def convert(source: Path, destination: Path) -> None:
    destination.write_bytes(source.read_bytes()[::-1])


def convert_second(source: Path, destination: Path) -> None:
    convert(source / "second.pt", destination)


def convert_third(source: Path, destination: Path) -> None:
    convert(source / "third.pt", destination)


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Use:
    """Return a function that makes these the only plugins that are installed."""
    module = types.ModuleType("sample_dim")
    module.run, module.convert = run, convert  # type: ignore[attr-defined]
    module.convert_second = convert_second  # type: ignore[attr-defined]
    module.convert_third = convert_third  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sample_dim", module)
    real = archivist.plugins.load_plugins

    def make(*plugins: object) -> None:
        named = {f"plugin{number}": plugin for number, plugin in enumerate(plugins)}
        fixed = partial(real, [], extra=named)
        monkeypatch.setattr(archivist.plugins, "load_plugins", lambda *_: fixed())

    return make


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Return a configuration in which imported weights lie in a folder of the test."""
    path = tmp_path / "config.toml"
    path.write_text(f"[weights]\nfolder = {json.dumps(str(tmp_path / 'weights'))}\n")
    return path


def test_a_broken_plugin_is_listed_beside_the_others(
    use: Use, capsys: pytest.CaptureFixture[str]
) -> None:
    use(Plugin(STEP), Broken())
    assert invoke(["plugins", "list"]) == Exit.FINE
    shown = capsys.readouterr()
    assert "sample.dim" in shown.out
    assert "RuntimeError: no licence file" in shown.err


def test_the_list_is_json_for_programs(use: Use, capsys: pytest.CaptureFixture[str]) -> None:
    use(Plugin(STEP), Broken())
    invoke(["plugins", "list", "--json"])
    rows = json.loads(capsys.readouterr().out)
    assert [row["state"] for row in rows if row["name"].startswith("plugin")] == [
        "loaded",
        "broken",
    ]


def test_a_step_shows_its_params_with_what_is_allowed(
    use: Use, capsys: pytest.CaptureFixture[str]
) -> None:
    use(Plugin(STEP))
    assert invoke(["plugins", "show", "sample.dim"]) == Exit.FINE
    shown = capsys.readouterr().out
    assert "sample.dim, version 4: Dim a photograph" in shown
    assert "a number from 0 to 1  How much light is left." in shown


def test_everything_about_a_step_is_json_too(use: Use, capsys: pytest.CaptureFixture[str]) -> None:
    use(Plugin(replace(STEP, weights=(WEIGHT,))))
    invoke(["plugins", "show", "sample.dim", "--json"])
    step = json.loads(capsys.readouterr().out)
    assert step["weights"][0]["licence"] == "MIT"
    assert step["params"][0]["allowed"] == "a number from 0 to 1"


def test_an_unknown_step_is_a_usage_error_that_names_the_nearest(
    use: Use, capsys: pytest.CaptureFixture[str]
) -> None:
    use(Plugin(STEP))
    assert invoke(["plugins", "show", "sample.dimm"]) == Exit.USAGE
    assert "did you mean 'sample.dim'?" in capsys.readouterr().err


def test_a_broken_promise_is_a_row_and_an_exit_code(
    use: Use, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    use(Plugin(STEP))
    monkeypatch.setattr(sys.modules["sample_dim"], "run", lambda *_: {}, raising=False)
    assert invoke(["plugins", "check", "sample.dim"]) == Exit.SOME_FAILED
    assert "returned [], declared are ['image']" in capsys.readouterr().out


def test_a_weight_that_was_not_imported_is_missing_with_its_cure(
    use: Use, settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    use(Plugin(replace(STEP, weights=(WEIGHT,))))
    assert invoke(["weights", "list", "--config", str(settings)]) == Exit.FINE
    shown = capsys.readouterr()
    assert "missing" in shown.out
    assert "archivist weights import paper-v1 FILE" in shown.err


def test_an_imported_weight_is_verified(use: Use, settings: Path, tmp_path: Path) -> None:
    use(Plugin(replace(STEP, weights=(WEIGHT,))))
    (tmp_path / "net.pt").write_bytes(b"numbers")
    options = ["--config", str(settings)]
    assert invoke(["weights", "import", "paper-v1", str(tmp_path / "net.pt"), *options]) == 0
    assert invoke(["weights", "verify", "paper-v1", *options]) == Exit.FINE


def test_a_weight_that_was_changed_is_found_corrupt(
    use: Use, settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    use(Plugin(replace(STEP, weights=(WEIGHT,))))
    (tmp_path / "net.pt").write_bytes(b"numbers")
    options = ["--config", str(settings)]
    invoke(["weights", "import", "paper-v1", str(tmp_path / "net.pt"), *options])
    (tmp_path / "weights" / "paper-v1.safetensors").write_bytes(b"other numbers")
    capsys.readouterr()
    assert invoke(["weights", "verify", "--json", *options]) == Exit.SOME_FAILED
    assert json.loads(capsys.readouterr().out)[0]["state"] == "corrupt"


@pytest.fixture
def two_weights(use: Use) -> None:
    """Install a step with two weights, whose importers look into a folder."""
    second, third = (
        replace(WEIGHT, name=name, importer=f"sample_dim:convert_{name}")
        for name in ("second", "third")
    )
    use(Plugin(replace(STEP, weights=(second, third))))


@pytest.mark.usefixtures("two_weights")
def test_the_name_of_a_plugin_imports_all_that_a_folder_holds(
    settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "release"
    folder.mkdir()
    (folder / "second.pt").write_bytes(b"numbers")
    options = ["--config", str(settings)]

    assert invoke(["weights", "import", "sample", str(folder), *options]) == Exit.FINE

    shown = capsys.readouterr().out
    assert "Imported release as second" in shown
    assert "Not imported: weights 'third'" in shown
    assert "third.pt" in shown


@pytest.mark.usefixtures("two_weights")
def test_a_folder_without_any_of_the_weights_is_a_usage_error(
    settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["weights", "import", "sample", str(tmp_path), "--config", str(settings)]

    assert invoke(command) == Exit.USAGE

    shown = capsys.readouterr().err
    assert "second.pt" in shown
    assert "third.pt" in shown


def test_weights_that_no_step_declares_are_a_usage_error(
    use: Use, settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    use(Plugin(replace(STEP, weights=(WEIGHT,))))
    command = ["weights", "import", "paper-v2", "net.pt", "--config", str(settings)]
    assert invoke(command) == Exit.USAGE
    assert "declared are: paper-v1" in capsys.readouterr().err


def findings(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, dict[str, str]]:
    invoke(["doctor", "--json", *options])
    return {row["subject"]: row for row in json.loads(capsys.readouterr().out)}


def test_the_doctor_finds_a_sound_installation_fine(
    use: Use, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    use(Plugin(STEP))
    # A busy machine may have little memory or disk left; that is not what is tested here.
    monkeypatch.setattr(checkup, "MEMORY_GIB", 0)
    monkeypatch.setattr(checkup, "FREE_GIB", 0)
    assert invoke(["doctor"]) == Exit.FINE, capsys.readouterr().out
    assert "Everything that a run needs is in order." in capsys.readouterr().out


def test_the_doctor_names_a_broken_plugin_with_its_cure(
    use: Use, capsys: pytest.CaptureFixture[str]
) -> None:
    use(Plugin(STEP), Broken())
    assert invoke(["doctor"]) == Exit.SOME_FAILED
    shown = capsys.readouterr().out
    assert "no licence file" in shown
    assert "Cure: update" in shown


def test_the_doctor_names_a_wrong_key(
    use: Use, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    use(Plugin(STEP))
    path = tmp_path / "config.toml"
    path.write_text("[scan]\nexlude = []\n")
    found = findings(capsys, "--config", str(path))["Configuration"]
    assert found["state"] == "problem"
    assert "scan.exlude" in found["detail"]


def test_the_doctor_says_that_no_step_is_installed(
    use: Use, capsys: pytest.CaptureFixture[str]
) -> None:
    use()
    assert findings(capsys)["Plugins"]["state"] == "problem"


def test_the_doctor_finds_what_is_no_catalog(
    use: Use, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    use(Plugin(STEP))
    (tmp_path / "notes.txt").write_text("no database")
    found = findings(capsys, "--catalog", f"sqlite:///{tmp_path / 'notes.txt'}")["Catalog"]
    assert found["state"] == "problem"
    assert found["cure"]


def test_a_catalog_that_is_not_there_yet_is_no_problem(
    use: Use, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    use(Plugin(STEP))
    assert findings(capsys, "--out", str(tmp_path / "new"))["Catalog"]["state"] == "note"


def test_missing_imported_weights_are_a_note(
    use: Use, settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    use(Plugin(replace(STEP, weights=(WEIGHT,))))
    found = findings(capsys, "--config", str(settings))["Weights paper-v1"]
    assert found["state"] == "note"
