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
from archivist.api import (
    CheckSpec,
    CodecSpec,
    ExporterSpec,
    Image,
    Kind,
    Port,
    SourceError,
    StepSpec,
    Weight,
    hookimpl,
    param,
)
from archivist.cli import checkup
from archivist.cli.exits import Exit
from archivist.cli.main import invoke
from archivist.testing import sample_image

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


CODEC = CodecSpec(
    id="toy", title="Toy pictures", suffixes=(".toy",), signature=b"TOY", read="sample_dim:read"
)
CHECK = CheckSpec(id="dark", title="It became dark", run="sample_dim:dark", steps=("sample.dim",))
EXPORTER = ExporterSpec(
    id="lines", title="JSON lines", suffix=".jsonl", run="sample_dim:export", params=Params
)


class Extras:
    """Offers a codec, a check and an exporter, all by the ids given."""

    def __init__(self, codec: str = "toy", check: str = "dark", exporter: str = "lines") -> None:
        self.ids = codec, check, exporter

    @hookimpl
    def archivist_codecs(self) -> tuple[CodecSpec, ...]:
        return (replace(CODEC, id=self.ids[0]),)

    @hookimpl
    def archivist_checks(self) -> tuple[CheckSpec, ...]:
        return (replace(CHECK, id=self.ids[1]),)

    @hookimpl
    def archivist_exporters(self) -> tuple[ExporterSpec, ...]:
        return (replace(EXPORTER, id=self.ids[2]),)


def test_the_list_names_what_is_offered_beside_steps(
    use: Use, capsys: pytest.CaptureFixture[str]
) -> None:
    use(Plugin(STEP), Extras())
    invoke(["plugins", "list"])
    assert "codec:toy, check:dark, exporter:lines" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("toy", ["toy: Toy pictures", "A codec from plugin1", ".toy", "54 4f 59", "image/x-toy"]),
        ("dark", ["dark: It became dark", "A check from plugin1", "sample.dim"]),
        ("lines", ["lines: JSON lines", "An exporter from plugin1", ".jsonl", "How much light"]),
    ],
)
def test_what_is_no_step_is_shown_with_its_plugin(
    use: Use, capsys: pytest.CaptureFixture[str], name: str, told: list[str]
) -> None:
    use(Plugin(STEP), Extras())
    assert invoke(["plugins", "show", name]) == Exit.FINE
    shown = capsys.readouterr().out
    assert [words for words in told if words not in shown] == []
    assert invoke(["plugins", "show", name, "--json"]) == Exit.FINE
    facts = json.loads(capsys.readouterr().out)
    assert (facts["id"], facts["plugin"]) == (name, "plugin1")


def test_an_id_of_two_kinds_is_asked_for_its_kind(
    use: Use, capsys: pytest.CaptureFixture[str]
) -> None:
    use(Extras(codec="twin", exporter="twin"))
    assert invoke(["plugins", "show", "twin"]) == Exit.USAGE
    assert "Cure: name one: codec:twin or exporter:twin" in capsys.readouterr().err
    assert invoke(["plugins", "show", "exporter:twin"]) == Exit.FINE
    assert "An exporter" in capsys.readouterr().out
    assert invoke(["plugins", "show", "check:twin"]) == Exit.USAGE
    assert "there is no check 'twin'" in capsys.readouterr().err


def test_the_nearest_name_is_looked_for_beside_steps_too(
    use: Use, capsys: pytest.CaptureFixture[str]
) -> None:
    use(Plugin(STEP), Extras())
    assert invoke(["plugins", "show", "line"]) == Exit.USAGE
    assert "did you mean 'lines'?" in capsys.readouterr().err


def test_a_codec_is_tried_on_a_sample_of_its_user(
    use: Use, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def read(data: bytes, page: int) -> Image:
        if data != b"TOY sound":
            raise SourceError("it is torn. Cure: scan it again", code="torn")
        return sample_image(5, 7)

    monkeypatch.setattr(sys.modules["sample_dim"], "read", read, raising=False)
    use(Extras())
    assert invoke(["plugins", "check", "toy"]) == Exit.SOME_FAILED
    assert "give some of its format (files=, --sample)" in capsys.readouterr().out
    (tmp_path / "a.toy").write_bytes(b"TOY sound")

    invoke(["plugins", "check", "toy", "--sample", str(tmp_path / "a.toy"), "--json"])

    rows = {row["promise"]: row["result"] for row in json.loads(capsys.readouterr().out)}
    assert rows["It reads each sample, the same each time"] == "kept"
    assert rows["A file that ends early is refused, never read in part"] == "kept"


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("dark",), "is a check, which promises nothing that can be tried"),
        (("sample.dim", "--sample", __file__), "give --sample for a codec only"),
    ],
)
def test_what_cannot_be_tried_is_a_usage_error(
    use: Use, capsys: pytest.CaptureFixture[str], command: tuple[str, ...], told: str
) -> None:
    use(Plugin(STEP), Extras())
    assert invoke(["plugins", "check", *command]) == Exit.USAGE
    assert told in capsys.readouterr().err
