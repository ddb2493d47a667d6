"""The command line as a person or a program uses it: exit codes, messages, JSON."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from contextlib import nullcontext
from io import BytesIO

import numpy as np
import pytest
from PIL import Image as PillowImage

from archivist.cli.main import COMMANDS, invoke
from archivist.step import session as sessions

CONFIG = """
recipe = "test"
[recipes.test]
title = "Fill spots"
steps = [{ use = "sample.spot" }, { use = "sample.fill" }]
[recipes.talk]
steps = [{ use = "sample.talk" }]
[recipes.bright]
steps = [{ use = "sample.fail" }]
"""


@pytest.fixture
def archive(sample_plugin, scans, tmp_path, capsys):
    """Run commands over the small tree; gives (exit code, stdout, stderr)."""
    config = tmp_path / "archivist.toml"
    config.write_text(CONFIG)

    def command(name: str, *words: str) -> tuple[int, str, str]:
        scanning = name in ("run", "scan", "plan")
        place = [str(scans)] if scanning else []
        serial = name == "run" and "--scheduler" not in words
        extra = ["--scheduler", "serial"] if serial else []
        config_words = ["--config", str(config)]
        out = ["--out", str(tmp_path / "out")]
        code = invoke([name, *place, *words, *out, *config_words, *extra])
        said = capsys.readouterr()
        return code, said.out, said.err

    command.scans, command.out, command.config = scans, tmp_path / "out", config
    return command


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name, capsys):
    assert invoke([name, "--help"]) == 0
    assert "Usage: archivist" in capsys.readouterr().out


def test_a_run_ends_with_code_0_and_says_where_things_are(archive):
    code, out, _ = archive("run")

    assert code == 0
    assert "2 restored, 2 needed nothing" in out
    assert str(archive.out / ".archivist" / "report.html") in out
    assert (archive.out / ".archivist" / "report.html").stat().st_size > 1000


def test_a_run_ends_at_its_hour_and_the_same_command_goes_on(archive, monkeypatch):
    def drained(moment, stop, tell):
        tell()
        stop.drain()
        return nullcontext()

    with monkeypatch.context() as patch:
        patch.setattr("archivist.schedule.until.drain_at", drained)
        code, _, err = archive("run", "--until", "06:00")
        assert code == 130
        assert "It is 06:00: finishing what is under way" in err

    code, out, _ = archive("run", "--until", "06:00")
    assert code == 0
    assert "2 restored, 2 needed nothing" in out


def test_an_hour_that_is_none_is_refused_before_anything_is_done(archive):
    code, _, err = archive("run", "--until", "25:00")
    assert code == 2
    assert "'25:00' is no hour of the day" in err
    assert not archive.out.exists()


def test_a_failed_asset_gives_code_3_and_is_listed_with_its_reason(archive):
    PillowImage.fromarray(np.full((8, 8), 200, np.uint8)).save(archive.scans / "bright.png")

    code, _, err = archive("run", "--recipe", "bright")

    assert code == 3
    assert "bright.png" in err
    assert "too bright for me" in err
    assert "once more" in err


def test_a_broken_picture_gives_code_3_and_the_rest_is_done(archive):
    (archive.scans / "broken.jpg").write_bytes((archive.scans / "photo.jpg").read_bytes()[:200])

    code, out, err = archive("run")

    assert code == 3
    assert "refused  broken.jpg" in err
    assert "2 restored" in out


def test_a_refused_picture_is_named_though_a_thousand_other_files_come_first(archive, capsys):
    (archive.scans / "zz.jpg").write_bytes((archive.scans / "photo.jpg").read_bytes()[:200])
    for number in range(1001):
        (archive.scans / f"{number:04}.txt").write_text("a list")

    _, _, err = archive("run")
    invoke(["status", "--out", str(archive.out)])

    assert "refused  zz.jpg" in err
    assert "zz.jpg: the JPEG" in capsys.readouterr().out


def test_a_file_that_is_no_picture_is_ignored_and_no_failure(archive):
    (archive.scans / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    (archive.scans / "notes.txt").write_text("a list")

    code, out, _ = archive("run")

    assert code == 0
    assert "2 ignored" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--recipe", "tset"], "Did you mean 'test'"),
        (["--where", "hight > 3"], "height"),
        (["--scheduler", "tcp:/nowhere"], "tcp://"),
        (["--catalog", "mysterydb://x/y"], "mysterydb"),
    ],
)
def test_a_wrong_option_gives_code_2_and_the_cure(archive, words, message):
    code, _, err = archive("run", *words)

    assert code == 2
    assert message in err


def test_a_wrong_where_is_told_before_anything_is_scanned(archive):
    assert archive("run", "--where", "hight > 3")[0] == 2
    assert not archive.out.exists()


def test_a_wrong_key_of_the_configuration_is_named_with_file_and_allowed_values(archive):
    archive.config.write_text(CONFIG + '[output]\nprofiles = [{ name = "a", format = "gif" }]\n')

    code, _, err = archive("run")

    assert code == 2
    assert str(archive.config) in err
    assert "output.profiles[0].format" in err
    assert "'tiff'" in err


def test_a_depth_that_a_format_cannot_hold_is_refused(archive):
    profile = '{ name = "a", format = "jpeg", depth = "16" }'
    archive.config.write_text(CONFIG + f"[output]\nprofiles = [{profile}]\n")

    code, _, err = archive("run")

    assert code == 2
    assert "output.profiles[0].depth: JPEG holds 8 bits" in err


def test_a_wrong_param_is_named_with_its_range(archive):
    archive.config.write_text(CONFIG.replace('"sample.spot" }', '"sample.spot", level = 7 }'))

    code, _, err = archive("run")

    assert code == 2
    assert "recipes.test.steps[0].level" in err
    assert "1" in err


def test_a_folder_without_pictures_is_told(archive, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    words = [str(tmp_path / "empty"), "--out", str(tmp_path / "o"), "--config", str(archive.config)]

    assert invoke(["run", *words]) == 2
    assert "No picture was found" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["run", "scan", "plan"])
def test_an_archive_whose_disk_is_away_is_not_taken_for_empty(archive, command):
    archive("run")
    kept = archive.scans.rename(archive.scans.with_name("elsewhere"))
    archive.scans.mkdir()

    code, _, err = archive(command)

    assert code == 2
    assert f"no scan is left in {archive.scans}" in err
    assert "check that its disk is there" in err
    archive.scans.rmdir()
    kept.rename(archive.scans)
    assert "0 restored" in archive("run")[1]
    assert archive("verify")[0] == 0


@pytest.mark.parametrize("path", ["plain.png", "photo.jpg", "album/deep.tif", "album/spotted.png"])
def test_a_sample_is_taken_of_those_that_where_takes(archive, path):
    planned = json.loads(
        archive("plan", "--where", f"path == '{path}'", "--sample", "1", "--json")[1]
    )

    assert planned["assets"] == 1


def test_a_sample_of_none_is_refused(archive):
    code, _, err = archive("plan", "--sample", "0")

    assert code == 2
    assert "--sample" in err


def test_a_missing_folder_of_scans_gives_code_2(archive, tmp_path):
    code = invoke(["run", str(tmp_path / "nowhere"), "--out", str(tmp_path / "o")])

    assert code == 2


def test_an_output_folder_that_cannot_be_made_gives_code_2(archive, tmp_path):
    (tmp_path / "file").write_text("in the way")

    code = invoke(["run", str(archive.scans), "--out", str(tmp_path / "file" / "out")])

    assert code == 2


def test_a_catalog_that_another_run_holds_gives_code_2_and_names_it(archive):
    from archivist.catalog.session import open_catalog
    from archivist.config import default_catalog

    archive("run")
    with open_catalog(default_catalog(archive.out), write=True):
        code, _, err = archive("run")

    assert code == 2
    assert str(os.getpid()) in err


def test_json_gives_one_object_a_line_and_the_result_last(archive):
    code, out, _ = archive("run", "--json")

    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert lines[-1]["event"] == "result"
    assert lines[-1]["assets"] == {"done": 2, "skipped": 2}


def test_what_a_plugin_prints_stays_out_of_the_json(archive):
    code, out, err = archive("run", "--json", "--recipe", "talk")

    assert code == 0
    assert json.loads(out.splitlines()[-1])["event"] == "result"
    assert all(line.startswith("{") for line in out.splitlines())
    assert "a word of the plugin" in err


@pytest.mark.parametrize("scheduler", ["serial", "auto"])
def test_what_a_library_or_a_child_of_a_plugin_prints_stays_out_of_the_json(archive, scheduler):
    done = _in_a_process(archive, "--scheduler", scheduler)

    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert [lines[0]["event"], lines[-1]["event"]] == ["start", "result"]
    for words in ("a word of its child", "a word of a library"):
        assert words in done.stderr


def test_a_run_whose_json_nobody_reads_is_carried_on_to_its_end(archive):
    reading, writing = os.pipe()
    os.close(reading)
    done = _in_a_process(archive, "--scheduler", "serial", stdout=writing)
    os.close(writing)

    assert done.returncode == 141
    assert "Traceback" not in done.stderr
    assert "a word of its child" in done.stderr
    assert len(list(archive.out.rglob("*.jpg"))) == 1


def _in_a_process(archive, *words, stdout=subprocess.PIPE):
    """Run with the outputs that a process of its own has."""
    main = [sys.executable, "-c", "from archivist.cli.main import main; main()"]
    place = ["run", str(archive.scans), "--out", str(archive.out), "--config", str(archive.config)]
    command = [*main, *place, "--json", "--recipe", "talk", *words]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False)


GONE = """
    import shutil
    shutil.rmtree({!r}, ignore_errors=True)
"""


@pytest.mark.parametrize(
    ("what", "scheduler"), [("", "serial"), ("", "auto"), (".archivist/journal", "serial")]
)
def test_an_output_folder_that_is_removed_during_a_run_is_told_as_that(
    archive, sample_plugin, what, scheduler
):
    steps = sample_plugin / "sample_steps.py"
    whole, gone = steps.read_text(), archive.out / what
    begin = "def talk(inputs, params, ctx):\n"
    steps.write_text(whole.replace(begin, begin + GONE.format(str(gone)).lstrip("\n")))

    code, _, err = archive("run", "--recipe", "talk", "--scheduler", scheduler)

    assert code == 2
    lost = "journal" if what.endswith("journal") else "catalog"
    assert err.splitlines()[-1].startswith(f"Error: the {lost} {archive.out}")
    assert "gone: the output folder, or a part of it, was removed or renamed meanwhile" in err
    assert "Cure: put it back in its place" in err
    assert "Traceback" not in err

    steps.write_text(whole)
    sys.modules.pop("sample_steps", None)
    sessions.session.cache_clear()
    code, out, _ = archive("run", "--recipe", "talk")
    assert code == 0
    assert "0 failed" in out


def test_a_report_that_cannot_be_written_does_not_hide_the_results(archive):
    (archive.out / ".archivist" / "report.html").mkdir(parents=True)

    code, out, err = archive("run")

    assert code == 3
    assert "2 restored, 2 needed nothing" in out
    assert "the report cannot be written" in err


def test_the_numbers_add_up_when_a_scan_has_a_copy(archive):
    (archive.scans / "copy.jpg").write_bytes((archive.scans / "photo.jpg").read_bytes())

    _, out, _ = archive("run")

    assert "4 assets in 5 files: 2 restored, 2 needed nothing" in out


def test_plan_explains_every_step_and_restores_nothing(archive):
    code, out, _ = archive("plan", "--explain")

    assert code == 0
    assert "sample.spot" in out
    assert "new" in out
    assert {p.name for p in archive.out.iterdir()} == {".archivist"}


def test_plan_gives_its_numbers_as_json(archive):
    _, out, _ = archive("plan", "--json")

    plan = json.loads(out.splitlines()[-1])
    assert plan["assets"] == 4
    assert plan["estimate"]["output_bytes"] > 0
    assert {row["step"] for row in plan["steps"]} == {"sample.spot", "sample.fill"}


def test_scan_counts_what_it_finds(archive):
    code, out, _ = archive("scan")

    assert code == 0
    assert "4 files with 4 pages" in out


def test_scans_that_were_moved_and_run_again_are_found_at_their_new_place(
    archive, tmp_path, capsys
):
    archive("run")
    moved = archive.scans.rename(tmp_path / "new disk")
    words = ["--out", str(archive.out), "--config", str(archive.config)]
    assert invoke(["run", str(moved), *words, "--scheduler", "serial"]) == 0
    capsys.readouterr()

    assert "missing" not in archive("audit", "album/spotted.png")[1]
    code, out, err = archive("replay", "album/spotted.png")
    assert code == 0, err
    assert "gone" not in out + err


def test_an_output_that_somebody_changed_is_told_before_it_is_written_anew(archive):
    archive("run")
    changed = archive.out / "album" / "spotted.png"
    changed.write_bytes(changed.read_bytes() + b"retouched")

    _, out, err = archive("plan", "--explain")

    assert "its output is missing or was changed" in out
    assert "album/spotted.png was changed since it was published" in err
    assert "a run puts it aside, and says where" in err
    assert changed.read_bytes().endswith(b"retouched")


def test_assets_are_counted_with_the_files_that_hold_them(archive):
    copy = archive.scans / "copy of plain.png"
    copy.write_bytes((archive.scans / "plain.png").read_bytes())

    assert "4 assets in 5 files" in archive("run")[1]
    assert "1 asset in 1 file:" in archive("run", "--where", "path == 'photo.jpg'")[1]


def test_a_sample_is_a_part_of_the_archive(archive):
    _, out, _ = archive("run", "--sample", "2")

    assert "2 assets in 2 files" in out


def test_store_check_names_a_damaged_blob(archive):
    archive("run")
    blob = next(p for p in (archive.out / ".archivist" / "store").rglob("*") if p.is_file())
    blob.chmod(blob.stat().st_mode | stat.S_IWUSR)
    blob.write_bytes(b"damage")

    code, out, _ = _store(archive, "check")

    assert code == 3
    assert "damaged" in out


def test_a_damaged_blob_is_forgotten_and_made_anew_when_it_is_needed(archive):
    archive("run")
    output = archive.out / "album" / "spotted.png"
    before = output.read_bytes()
    for blob in (archive.out / ".archivist" / "store").rglob("*"):
        if blob.is_file():
            blob.chmod(blob.stat().st_mode | stat.S_IWUSR)
            blob.write_bytes(bytes(blob.stat().st_size))
    output.unlink()

    assert archive("run")[0] == 3
    assert _store(archive, "check", "--mend")[0] == 0
    assert archive("run")[0] == 0
    assert PillowImage.open(output).tobytes() == PillowImage.open(BytesIO(before)).tobytes()
    assert _store(archive, "check")[0] == 0


def test_garbage_collection_leaves_everything_that_the_catalog_names(archive):
    archive("run")
    before = sum(p.is_file() for p in (archive.out / ".archivist" / "store").rglob("*"))

    code, out, _ = _store(archive, "gc", "--younger-than", "0")

    assert code == 0
    assert out.startswith("0 blobs removed")
    after = sum(p.is_file() for p in (archive.out / ".archivist" / "store").rglob("*"))
    assert after == before


def _store(archive, *words):
    import contextlib
    import io

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = invoke(["store", *words, "--out", str(archive.out)])
    return code, out.getvalue(), err.getvalue()


def test_catalog_info_counts_assets(archive, capsys):
    archive("run")

    assert invoke(["catalog", "info", "--out", str(archive.out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["counts"]["asset"] == 4


def test_an_approved_result_is_kept_by_a_later_run(archive, capsys):
    archive("run")
    words = ["--by", "curator", "--out", str(archive.out)]
    assert invoke(["review", "approve", "album/spotted.png", *words]) == 0
    archive.config.write_text(CONFIG.replace('"sample.spot" }', '"sample.spot", level = 0.8 }'))

    _, out, _ = archive("plan", "--explain")

    assert "pinned" in out


def test_recipes_lists_what_can_be_used_and_what_cannot(archive, capsys):
    archive.config.write_text(CONFIG + '[recipes.lost]\nsteps = [{ use = "no.such" }]\n')

    assert invoke(["recipes", "--config", str(archive.config)]) == 0
    out = capsys.readouterr().out
    assert "test: Fill spots (default)" in out
    assert "cannot be used" in out


def test_the_example_configuration_loads_and_is_the_one_that_ships(tmp_path, capsys):
    from pathlib import Path

    from archivist.config import load

    invoke(["config", "example"])
    text = capsys.readouterr().out
    (tmp_path / "example.toml").write_text(text)

    load(tmp_path / "example.toml")
    shipped = Path(__file__).parents[2] / "config.example.toml"
    assert shipped.read_text() == text


def _exported(archive, tmp_path, kinds: str) -> set[str]:
    to = tmp_path / "exported"
    words = ["--all", "--kind", kinds, "--to", str(to), "--out", str(archive.out)]
    assert invoke(["artifacts", "export", *words]) == 0
    return {path.relative_to(to).as_posix() for path in to.rglob("*") if path.is_file()}


def test_exported_masks_mirror_the_tree_of_the_scans(archive, tmp_path):
    archive("run")

    names = {"plain.png", "photo.png", "album/spotted.png", "album/deep.png"}
    assert _exported(archive, tmp_path, "mask") == names


def test_exported_masks_of_scans_that_differ_by_suffix_keep_both_suffixes(archive, tmp_path):
    PillowImage.fromarray(np.full((9, 9), 77, np.uint8)).save(archive.scans / "photo.png")
    archive("run")

    names = _exported(archive, tmp_path, "mask")
    assert {"photo.jpg.png", "photo.png.png"} <= names


def test_several_exported_kinds_have_folders_of_their_own(archive, tmp_path):
    archive("run")

    names = _exported(archive, tmp_path, "mask,scores")
    assert {"sample.spot.mask/plain.png", "sample.spot.scores/plain.json"} <= names
