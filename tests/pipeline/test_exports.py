"""Exports that runs keep up to date as their last act, by the command line."""

from __future__ import annotations

import json
import shutil
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO

import pytest
from lxml import html
from PIL import Image as PillowImage

from archivist.catalog import ledger, queries
from archivist.catalog.rows import Decision
from archivist.catalog.session import open_catalog
from archivist.catalog.writer import Writer
from archivist.cli.main import invoke
from archivist.config import default_catalog
from archivist.pipeline import exporting

PLUGIN = '''
"""Exporters: one that updates its folder, and needs a seal; a file; a folder made anew."""
from dataclasses import dataclass
from pathlib import Path

from archivist.api import *

RUN = "sample_exports:"


@dataclass(frozen=True)
class Seal:
    seal: str = param("", doc="A file.")
    colour: str = param("red", doc="Of the wax.")


@hookimpl
def archivist_exporters():
    return [
        ExporterSpec(id="sealed", title="Sealed", suffix="", folder=True, params=Seal,
                     run=RUN + "nothing", ready=RUN + "ready", update=RUN + "update"),
        ExporterSpec(id="names", title="Names", suffix=".txt", run=RUN + "names"),
        ExporterSpec(id="pages", title="Pages", suffix="", folder=True, run=RUN + "pages"),
    ]


def ready(params):
    if not Path(params.seal).is_file():
        raise UsageError(f"the seal {params.seal!r} is not there. Cure: cut one")
    return Path(params.seal).read_text()


def update(rows, folder, params):
    folder.mkdir(exist_ok=True)
    made, failed = 0, []
    for row in rows:
        for output in row.get("outputs", ()):
            if "stop" in ready(params):
                raise KeyboardInterrupt
            if "crack" in ready(params):
                raise LookupError("the wax is cold")
            if "slip" in ready(params) and output["path"] == "photo.jpg":
                failed.append((output["path"], "it slipped. Cure: again"))
                continue
            checkpoint = "" if row["review"] is None else row["review"]["decision"]
            (folder / output["path"].replace("/", "-")).write_text(checkpoint)
            made += 1
    return Exported(made=made, kept=7, failed=failed)


def nothing(rows, destination, params):
    raise NotImplementedError


def names(rows, destination):
    destination.write_text("".join(row["path"] + "\\n" for row in rows if row["kind"] == "asset"))


def pages(rows, destination):
    destination.mkdir()
    for row in rows:
        if row["kind"] == "asset":
            (destination / row["path"].replace("/", "-")).write_text("")
'''
RECIPE = '[recipes.test]\nsteps = [{ use = "sample.shade" }]\n'
NAMES = {"plain.png", "photo.jpg", "album-spotted.png", "album-deep.tif"}


@dataclass(frozen=True)
class Said:
    code: int
    stdout: str
    stderr: str

    @property
    def exports(self):
        return json.loads(self.stdout.splitlines()[-1])["exports"]

    @property
    def export(self):
        (one,) = self.exports
        return one


class Museum:
    """Runs an archive whose configuration asks for exports."""

    def __init__(self, scans, tmp_path):
        self.scans, self.out = scans, tmp_path / "out"
        self.config, self.seal = tmp_path / "museum.toml", tmp_path / "seal.txt"
        self.exports = self.out / ".archivist" / "exports"
        self.seal.write_text("museum")
        self.ask("sealed")

    def ask(self, *exporters, more="", recipe=RECIPE):
        publish = f"[publish]\nexports = {json.dumps(exporters)}\n{more}\n"
        params = f'[publish.params.sealed]\nseal = "{self.seal}"\n'
        self.config.write_text(publish + params + recipe)

    def command(self, name, *words):
        place = [*words, "--out", self.out, "--config", self.config]
        with redirect_stdout(StringIO()) as stdout, redirect_stderr(StringIO()) as stderr:
            code = invoke([name, *map(str, place)])
        return Said(code, stdout.getvalue(), stderr.getvalue())

    def run(self, *words):
        return self.command("run", self.scans, "--recipe", "test", "--scheduler", "serial", *words)

    def json(self, *words):
        return self.run("--json", *words)

    def catalog(self, **how):
        return open_catalog(default_catalog(self.out), **({"write": False} | how))


@pytest.fixture
def museum(sample_plugin, scans, tmp_path):
    info = sample_plugin / "sample_exports-1.0.dist-info"
    info.mkdir()
    (sample_plugin / "sample_exports.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sample-exports\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[archivist]\nexports = sample_exports\n")
    yield Museum(scans, tmp_path)
    sys.modules.pop("sample_exports", None)


def names_in(folder):
    return {path.name for path in folder.iterdir()}


# --- before the scan ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"exporters": ["seeled"]}, ("publish.exports[0]", "did you mean 'sealed'?")),
        ({"exporters": ["names", "names"]}, ("publish.exports[1]", "named twice")),
        ({"more": "folders = 1"}, ("publish.folders", "Did you mean 'folder'")),
        ({"more": "[publish.params.names]\nink = 1"}, ("publish.params.names.ink", "Known: none")),
        ({"more": "[publish.params.name]\nink = 1"}, ("publish.params.name:", "'names'")),
    ],
)
def test_a_wrong_key_is_named_with_its_file_before_anything_is_scanned(museum, asked, told):
    museum.ask(*asked.get("exporters", ["names"]), more=asked.get("more", ""))
    done = museum.run()
    assert done.code == 2
    assert str(museum.config) in done.stderr
    for words in told:
        assert words in done.stderr
    assert not museum.out.exists()


def test_what_an_exporter_lacks_is_told_before_anything_is_scanned(museum):
    museum.seal.unlink()
    done = museum.run()
    assert done.code == 2
    assert f"{museum.config}: publish.exports: the export sealed could not be made" in done.stderr
    assert "Cure: cut one" in done.stderr
    assert not museum.out.exists()


def test_a_plan_needs_no_seal_and_still_names_a_wrong_exporter(museum):
    museum.seal.unlink()
    assert museum.command("plan", museum.scans, "--recipe", "test").code == 0
    museum.ask("seeled")
    assert museum.command("plan", museum.scans, "--recipe", "test").code == 2


@pytest.mark.parametrize("place", ["scans/exports", "out/exports", "."])
def test_a_folder_of_exports_never_mixes_with_scans_or_outputs(museum, tmp_path, place):
    museum.ask("names", more=f'folder = "{tmp_path / place}"')
    done = museum.run()
    assert done.code == 2
    assert "publish.folder" in done.stderr
    assert not museum.out.exists()


# --- the last act -------------------------------------------------------------------------------


def test_without_configuration_nothing_is_exported(museum):
    museum.ask()
    assert museum.json().exports == []
    assert not museum.exports.exists()


def test_a_run_ends_with_its_exports_and_says_where_they_lie(museum):
    museum.ask("sealed", "names", "pages")
    done = museum.run()
    assert done.code == 0
    assert f"Export sealed: 4 made, 7 kept, 0 failed: {museum.exports / 'sealed'}" in done.stdout
    assert names_in(museum.exports / "sealed") == names_in(museum.exports / "pages") == NAMES
    assert len((museum.exports / "names.txt").read_text().splitlines()) == 4


def test_the_result_for_programs_counts_what_was_made_and_kept(museum):
    assert museum.json().export == {
        "exporter": "sealed",
        "place": str(museum.exports / "sealed"),
        "state": "made",
        "made": 4,
        "kept": 7,
        "removed": 0,
        "failed": [],
        "error": None,
    }


def test_exports_may_lie_in_a_folder_of_the_museum(museum, tmp_path):
    museum.ask("names", more=f'folder = "{tmp_path / "delivery"}"')
    museum.run()
    assert (tmp_path / "delivery" / "names.txt").is_file()
    assert not museum.exports.exists()


def test_an_export_enters_the_history_of_the_catalog(museum):
    museum.run()
    with museum.catalog() as catalog:
        (event,) = queries.events(catalog, type="export.made")
        (run,) = queries.runs(catalog, command="run")
    assert event.run == run.uid
    assert event.detail["made"] == 4
    assert event.detail["exporter"] == "sealed"


def test_nothing_new_leaves_the_export_as_it_is(museum):
    museum.run()
    before = (museum.exports / "sealed" / "plain.png").stat().st_mtime_ns
    again = museum.json()
    assert (again.code, again.export["state"]) == (0, "current")
    assert (museum.exports / "sealed" / "plain.png").stat().st_mtime_ns == before
    with museum.catalog() as catalog:
        assert len(queries.events(catalog, type="export.made")) == 1


def review(museum):
    with museum.catalog(write=True) as catalog:
        uid = next(queries.report_rows(catalog)).asset.uid
        Writer(catalog).review(uid, Decision.APPROVE, by="Ann")


def withdraw(museum):
    with museum.catalog(write=True) as catalog:
        uid = next(queries.report_rows(catalog)).asset.uid
        Writer(catalog).withdraw_references([uid], by="Ann", reason="donor")


def describe(museum):
    (museum.scans.parent / "manifest.csv").write_text("path,rights\nplain.png,In copyright\n")


def another_colour(museum):
    museum.config.write_text(museum.config.read_text().replace("seal =", 'colour = "b"\nseal ='))


@pytest.mark.parametrize(
    "change",
    [
        review,
        withdraw,
        describe,
        another_colour,
        lambda museum: museum.seal.write_text("renewed"),
        lambda museum: (museum.scans / "plain.png").unlink(),
        lambda museum: shutil.rmtree(museum.exports / "sealed"),
        lambda museum: museum.ask("sealed", recipe=RECIPE.replace('e" }', 'e", amount = 0.4 }')),
    ],
    ids=["review", "withdrawal", "manifest", "param", "seal", "scan", "export", "record"],
)
def test_what_changed_since_brings_the_export_up_to_date(museum, change):
    manifest = museum.scans.parent / "manifest.csv"
    manifest.write_text("path,rights\nplain.png,CC0\n")
    assert museum.json("--manifest", manifest).export["state"] == "made"
    change(museum)
    assert museum.json("--manifest", manifest).export["state"] == "made"


def test_an_export_by_hand_writes_nothing_between_the_json_of_the_report(museum):
    museum.run()
    said = museum.command("report", "--export", "sealed", "--json")
    assert json.loads(said.stdout)["schema"] == "archivist-report"
    assert "Export sealed" in said.stderr


def test_a_checkpoint_covers_what_the_export_tells_of(museum):
    museum.run()
    review(museum)
    museum.command("report", "--export", "sealed")
    with museum.catalog() as catalog:
        reviewed = [one.position for one in ledger.entries(catalog) if one.kind == "review"]
        assert reviewed[0] < ledger.checkpoints(catalog)[-1].size
    assert (museum.exports / "sealed" / "album-deep.tif").exists()


def test_a_folder_that_is_made_anew_takes_the_place_of_the_old_one(museum):
    museum.ask("pages")
    museum.run()
    (museum.scans / "plain.png").unlink()
    assert museum.json().export["state"] == "made"
    assert names_in(museum.exports / "pages") == NAMES - {"plain.png"}
    assert names_in(museum.exports) == {"pages", ".exports.json"}


def test_what_a_killed_export_left_is_taken_away(museum):
    museum.ask("pages")
    museum.run()
    left = museum.exports / ".archivist-0123456789abcdef.part"
    left.mkdir()
    (left / "half").write_text("")
    review(museum)
    museum.run()
    assert not left.exists()


def test_a_run_that_was_stopped_leaves_the_export_for_the_next(museum):
    museum.ask("names", recipe='[recipes.test]\nsteps = [{ use = "sample.fail" }]\n')
    for number in range(100):  # more than one batch
        PillowImage.new("L", (8, 8), 240 - number).save(museum.scans / f"{number:02}.png")
    done = museum.json("--fail-fast")
    assert (done.code, done.export["state"]) == (3, "left")
    assert not museum.exports.exists()
    for path in museum.scans.glob("??.png"):
        path.unlink()
    assert museum.json().export["state"] == "made"


def test_a_long_export_says_now_and_then_how_far_it_is(museum, monkeypatch):
    monkeypatch.setattr(exporting, "PULSE_SECONDS", 0.0)
    assert "export sealed: 4 pages so far" in museum.run().stderr


def test_ctrl_c_while_exporting_loses_nothing_of_the_run(museum):
    museum.seal.write_text("stop")
    done = museum.json()
    assert (done.code, done.export["state"]) == (130, "left")
    assert json.loads(done.stdout.splitlines()[-1])["assets"] == {"done": 4}
    museum.seal.write_text("museum")
    again = museum.json()
    assert (again.code, again.export["state"]) == (0, "made")


# --- what goes wrong ----------------------------------------------------------------------------


def test_an_export_that_fails_gives_code_3_and_the_run_is_complete(museum):
    museum.seal.write_text("crack")
    museum.ask("sealed", "names")
    done = museum.run()
    assert done.code == 3
    assert "the wax is cold" in done.stderr
    assert "archivist report --export sealed" in done.stderr
    assert "4 restored" in done.stdout
    assert (museum.exports / "names.txt").is_file()
    with museum.catalog() as catalog:
        assert [run.state for run in queries.runs(catalog, command="run")] == ["done"]


def test_the_report_says_what_became_of_the_exports(museum):
    museum.ask("sealed", "names")
    museum.seal.write_text("slip")
    museum.run()
    assert report(museum)["Exports"] == ["sealed: 10 exported, 1 failed", "names: 4 exported"]
    museum.seal.write_text("crack")
    museum.run()
    assert report(museum)["Exports"] == ["sealed: failed", "names: 4 exported"]


def report(museum):
    """Return the facts at the head of the page that the run wrote, by their titles."""
    tree = html.fromstring((museum.out / ".archivist" / "report.html").read_bytes())
    facts = tree.xpath('//dl[@class="facts"]/div')
    return {one.xpath("./dt/text()")[0]: one.xpath("./dd/text()") for one in facts}


def test_a_picture_that_cannot_be_exported_is_named_and_the_rest_is_made(museum):
    museum.seal.write_text("slip")
    done = museum.json()
    assert done.code == 3
    assert done.export["state"] == "failed"
    assert done.export["failed"] == [{"path": "photo.jpg", "reason": "it slipped. Cure: again"}]
    assert names_in(museum.exports / "sealed") == NAMES - {"photo.jpg"}


@pytest.mark.parametrize("how", ["run", "report"])
def test_the_next_command_makes_a_failed_export_good(museum, how):
    museum.seal.write_text("slip")
    museum.run()
    museum.seal.write_text("museum")
    done = museum.run() if how == "run" else museum.command("report", "--export", "sealed")
    assert done.code == 0
    assert names_in(museum.exports / "sealed") == NAMES


def test_what_failed_is_tried_again_though_nothing_changed(museum):
    museum.seal.write_text("slip")
    museum.run()
    assert museum.json().export["state"] == "failed"


def test_what_somebody_else_put_there_is_left_alone(museum):
    (museum.exports / "sealed").mkdir(parents=True)
    (museum.exports / "sealed" / "mine.txt").write_text("mine")
    done = museum.run()
    assert done.code == 3
    assert "is no export of this archive. Cure: move it away" in done.stderr
    assert names_in(museum.exports / "sealed") == {"mine.txt"}


def test_the_exports_of_another_archive_are_left_alone(museum, tmp_path):
    museum.ask("names", more=f'folder = "{tmp_path / "delivery"}"')
    museum.run()
    before = (tmp_path / "delivery" / "names.txt").stat().st_mtime_ns
    museum.out = tmp_path / "other"
    done = museum.run()
    assert done.code == 3
    assert "holds the exports of another archive" in done.stderr
    assert (tmp_path / "delivery" / "names.txt").stat().st_mtime_ns == before


# --- by hand ------------------------------------------------------------------------------------


def test_an_export_by_hand_goes_where_those_of_runs_go(museum):
    museum.ask()
    museum.run()
    done = museum.command("report", "--export", "sealed")
    assert done.code == 0
    assert f"4 made, 7 kept, 0 failed: {museum.exports / 'sealed'}" in done.stdout
    assert names_in(museum.exports / "sealed") == NAMES


def test_what_an_export_by_hand_lacks_gives_code_2(museum):
    museum.ask()
    museum.run()
    museum.seal.unlink()
    done = museum.command("report", "--export", "sealed")
    assert done.code == 2
    assert "Cure: cut one" in done.stderr
    assert not museum.exports.exists()


def test_the_export_of_one_run_needs_a_place_of_its_own(museum):
    museum.run()
    done = museum.command("report", "--export", "sealed", "--run", "x")
    assert done.code == 2
    assert "add --to" in done.stderr
