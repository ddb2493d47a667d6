"""Replays: recorded steps are done again, and each output gets its verdict."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import numpy as np
import pytest
import tifffile
from PIL import Image as PillowImage

from archivist.catalog import ledger, queries
from archivist.catalog.replays import Verdict, replays_of
from archivist.catalog.session import open_catalog
from archivist.cli.exits import Exit
from archivist.cli.main import invoke
from archivist.config import OutputSettings, RecipeSettings
from archivist.model import OutputProfile
from archivist.step import publishing
from archivist.step import session as sessions


class Told:
    """What `archivist replay` said: exit code, verdicts by path, the lines."""

    def __init__(self, code, out, err):
        self.code, self.err = code, err
        self.lines = [json.loads(line) for line in out.splitlines()]
        self.verdicts = [line for line in self.lines if line["event"] == "verdict"]
        self.by_path = {line["path"]: line["verdict"] for line in self.verdicts}

    @property
    def only(self):
        (verdict,) = self.verdicts
        return verdict


@pytest.fixture
def again(bench, capsys):
    """Replay on the command line what the bench ran."""

    def replay(name="last", *options, scheduler="serial"):
        capsys.readouterr()
        sessions.session.cache_clear()
        place = ["--out", str(bench.out), "--scheduler", scheduler]
        code = invoke(["replay", str(name), *place, "--json", *options])
        told = capsys.readouterr()
        return Told(code, told.out, told.err)

    return replay


@pytest.fixture
def newer(monkeypatch):
    """Install another version of the plugin, or one that behaves otherwise."""

    def install(**facts):
        for name, value in facts.items():
            monkeypatch.setenv(f"UNSTEADY_{name.upper()}", str(value))
        sys.modules.pop("unsteady", None)

    return install


def test_what_is_steady_comes_out_byte_for_byte(bench, again):
    bench.run()

    told = again()

    assert told.by_path == dict.fromkeys(bench.outputs(), "bit-identical")
    assert told.code == Exit.FINE


def test_nothing_published_stored_or_recorded_is_touched(bench, again):
    bench.steps = [{"use": "sample.shade"}]
    bench.run()

    def state():
        files = [path for path in bench.out.rglob("*") if path.is_file()]
        return {
            str(path): (path.stat().st_mtime_ns, path.read_bytes())
            for path in files
            if "catalog" not in path.name and "journal" not in path.parts
        }

    before = state()
    with open_catalog(bench.job().url, write=False) as catalog:
        records = [record.digest for record in queries.all_records(catalog)]
    again()

    assert state() == before
    with open_catalog(bench.job().url, write=False) as catalog:
        assert [record.digest for record in queries.all_records(catalog)] == records


def test_the_recorded_params_are_used_whatever_the_settings_say_now(bench, again, tmp_path):
    bench.steps = [{"use": "sample.shade", "amount": 0.7}]
    bench.run()
    config = tmp_path / "archivist.toml"
    config.write_text('[recipes.test]\nsteps = [{ use = "sample.shade", amount = 0.2 }]\n')

    told = again("last", "--config", str(config))

    assert set(told.by_path.values()) == {"bit-identical"}


def test_as_many_threads_are_used_as_then(unsteady_plugin, bench, again, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    bench.steps = [{"use": "unsteady.parallel"}]
    bench.run()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    assert set(again().by_path.values()) == {"bit-identical"}
    assert again(bench.out / "plain.png", scheduler="auto").only["verdict"] == "bit-identical"


def test_one_output_is_found_by_its_content_wherever_it_lies(bench, again, tmp_path):
    bench.steps = [{"use": "sample.shade"}]
    bench.run()
    copy = tmp_path / "renamed.bin"
    copy.write_bytes((bench.out / "album/deep.tif").read_bytes())

    assert again(copy).by_path == {"album/deep.tif": "bit-identical"}


def test_a_look_after_the_last_edit_does_not_change_the_time_that_an_output_tells(
    bench, again, monkeypatch
):
    hours = count()
    clock = datetime(2026, 12, 1, tzinfo=UTC)
    monkeypatch.setattr("archivist.step.task.now", lambda: clock + timedelta(hours=next(hours)))
    bench.steps = [{"use": "sample.shade"}, {"use": "sample.spot"}]
    bench.run()

    assert set(again().by_path.values()) == {"bit-identical"}


def test_a_file_that_is_not_what_was_published_is_told_of(bench, again):
    bench.steps = [{"use": "sample.shade"}]
    bench.run()
    output = bench.out / "album/deep.tif"
    assert "WARNING" not in again(output).err
    output.write_bytes(output.read_bytes() + b"x")

    told = again(output)

    assert "WARNING: The content of" in told.err
    assert "is not what was recorded for this path" in told.err


def test_a_run_that_treated_nothing_proves_nothing(bench, again):
    bench.run()
    bench.run()

    told = again("last")

    assert told.code == 2
    assert "treated nothing" in told.err
    assert again("last~1").code == 0


def test_an_earlier_output_is_made_again_as_it_was_then(bench, again, tmp_path):
    bench.steps = [{"use": "sample.shade", "amount": 0.7}]
    bench.run()
    early = tmp_path / "early.png"
    early.write_bytes((bench.out / "plain.png").read_bytes())
    bench.steps = [{"use": "sample.shade", "amount": 0.4}]
    bench.run()

    told = again(early)

    assert told.only["verdict"] == "bit-identical"


def test_scans_that_were_moved_are_named(bench, again):
    bench.run()
    moved = bench.scans.with_name("elsewhere")
    bench.scans.rename(moved)

    lost = again()
    found = again("last", "--scans", str(moved))

    assert set(lost.by_path.values()) == {"cannot be reproduced"}
    assert "--scans" in lost.verdicts[0]["missing"][0]
    assert lost.code == Exit.SOME_FAILED
    assert set(found.by_path.values()) == {"bit-identical"}


def test_an_original_that_changed_is_told_and_one_that_was_renamed_is_found(bench, again):
    bench.steps = [{"use": "sample.shade"}]
    bench.run()
    (bench.scans / "plain.png").write_bytes((bench.scans / "album/spotted.png").read_bytes())

    (reason,) = again(bench.out / "plain.png").only["missing"]
    assert "plain.png has another content now" in reason

    (bench.scans / "photo.jpg").rename(bench.scans / "other.jpg")
    bench.run()
    assert set(again(bench.scans / "other.jpg").by_path.values()) == {"bit-identical"}


def test_another_release_of_archivist_writes_another_container(bench, again, monkeypatch):
    bench.steps = [{"use": "sample.shade"}]
    bench.run()
    monkeypatch.setattr(publishing, "SOFTWARE", "archivist 99")

    told = again()

    assert set(told.by_path.values()) == {"pixel-identical"}
    assert told.code == Exit.FINE


def test_a_difference_within_the_declared_tolerance_is_told_with_its_size(
    unsteady_plugin, bench, again, newer
):
    bench.steps = [{"use": "unsteady.near"}]
    bench.run()
    newer(noise=0.01)

    told = again(bench.out / "album/deep.tif").only

    assert told["verdict"] == "within tolerance"
    assert told["largest"] == pytest.approx(0.01, abs=1 / 65535)
    assert told["tolerance"] == 0.02
    assert told["departed"] == "unsteady.near"


def test_rounding_to_eight_bits_does_not_break_a_tolerance(unsteady_plugin, bench, again, newer):
    bench.steps = [{"use": "unsteady.near"}]
    bench.run()
    newer(noise=0.0199)

    assert again(bench.out / "plain.png").only["verdict"] == "within tolerance"


def test_a_larger_difference_is_measured_and_drawn(unsteady_plugin, bench, again, newer, tmp_path):
    bench.steps = [{"use": "unsteady.near"}]
    bench.run()
    newer(noise=0.2)

    told = again(bench.out / "album/deep.tif", "--pictures", str(tmp_path / "pictures"))

    found = told.only
    assert found["verdict"] == "different"
    assert found["share"] == pytest.approx(16 / (32 * 48))
    assert found["largest"] == pytest.approx(0.2, abs=1 / 65535)
    mse = found["share"] * found["largest"] ** 2
    assert found["psnr"] == pytest.approx(-10 * np.log10(mse), abs=0.1)
    assert told.code == Exit.SOME_FAILED
    picture = np.array(PillowImage.open(tmp_path / "pictures/album/deep.tif.difference.png"))
    shown = picture[-32:, -max(48, 12 * len("difference x 4")) :][:, :48]
    assert (shown[:4, :4] == round(0.2 * 255 * 4)).all()
    assert (shown[4:] == 0).all()


def test_a_step_that_promises_equal_values_has_no_tolerance(unsteady_plugin, bench, again, newer):
    bench.steps = [{"use": "unsteady.exact"}, {"use": "unsteady.near"}]
    bench.run()
    newer(noise=0.001)

    told = again(bench.out / "album/deep.tif").only

    assert (told["verdict"], told["departed"]) == ("different", "unsteady.exact")


def test_another_version_of_a_step_is_named_with_the_distribution_that_had_it(
    unsteady_plugin, bench, again, newer
):
    bench.steps = [{"use": "unsteady.near"}]
    bench.run()
    newer(version=2)

    (reason,) = again(bench.out / "plain.png").only["missing"]

    assert "version 1 and installed in version 2" in reason
    assert "install unsteady-steps 1.0" in reason


def test_a_plugin_that_is_no_longer_installed_is_named(unsteady_plugin, bench, again):
    bench.steps = [{"use": "unsteady.near"}]
    bench.run()
    shutil.rmtree(unsteady_plugin / "unsteady_steps-1.0.dist-info")

    (reason,) = again(bench.out / "plain.png").only["missing"]

    assert "unsteady.near version 1 is not installed" in reason


def test_params_that_a_step_no_longer_has_are_named(unsteady_plugin, bench, again):
    bench.steps = [{"use": "unsteady.near"}]
    bench.run()
    code = unsteady_plugin / "unsteady.py"
    code.write_text(code.read_text().replace("amount", "factor"))
    sys.modules.pop("unsteady")

    (reason,) = again(bench.out / "plain.png").only["missing"]

    assert "does not take the recorded params" in reason


def test_a_step_with_another_tiling_under_the_same_version_is_found_out(
    unsteady_plugin, bench, again
):
    bench.steps = [{"use": "unsteady.near"}]
    bench.run()
    code = unsteady_plugin / "unsteady.py"
    tiled = "params=Params, tiling=Tiling(size=64))"
    code.write_text(code.read_text().replace("params=Params)", tiled))
    sys.modules.pop("unsteady")

    (reason,) = again(bench.out / "plain.png").only["missing"]

    assert "another tiling than recorded, under the same version" in reason


def test_imported_weights_that_are_gone_or_others_are_named_by_digest(
    unsteady_plugin, bench, again, tmp_path, capsys
):
    def bring(shade):
        source = tmp_path / f"{shade}.bin"
        source.write_bytes(bytes([shade]))
        assert invoke(["weights", "import", "unsteady-net", str(source), *config]) == 0

    settings = replace(bench.settings.weights, folder=str(tmp_path / "weights"))
    bench.settings = replace(bench.settings, weights=settings)
    toml = tmp_path / "archivist.toml"
    toml.write_text(f'[weights]\nfolder = "{tmp_path / "weights"}"\n')
    config = ["--config", str(toml)]
    bench.steps = [{"use": "unsteady.learned"}]
    bring(200)
    bench.run()
    bring(100)

    (other,) = again(bench.out / "plain.png", *config).only["missing"]
    shutil.rmtree(tmp_path / "weights")
    (gone,) = again(bench.out / "plain.png", *config).only["missing"]
    bring(200)

    assert "others are installed" in other
    assert "they are not on this machine. Cure: archivist weights import unsteady-net" in gone
    assert again(bench.out / "plain.png", *config).only["verdict"] == "bit-identical"


def test_a_result_of_another_device_is_not_called_different(unsteady_plugin, bench, again):
    bench.steps = [{"use": "unsteady.bound"}]
    bench.run()
    with open_catalog(bench.job().url, write=True) as catalog, catalog.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE step SET device = 'cuda'")

    (reason,) = again(bench.out / "plain.png").only["missing"]

    assert "was done on cuda and promises the same result only there" in reason


def test_a_mask_drawn_by_hand_that_is_gone_is_named(bench, again, tmp_path):
    masks = tmp_path / "masks"
    masks.mkdir()
    drawn = np.zeros((32, 48), np.uint8)
    drawn[2:5, 2:5] = 255
    PillowImage.fromarray(drawn).save(masks / "plain.png")
    job = bench.job()
    recipe = RecipeSettings(steps=({"use": "sample.fill"},), inputs={"mask": str(masks)})
    settings = replace(job.settings, recipes={"test": recipe})
    sessions.session.cache_clear()
    from archivist.pipeline import run

    run(replace(job, settings=settings))
    assert again(bench.out / "plain.png").only["verdict"] == "bit-identical"
    (masks / "plain.png").unlink()

    (reason,) = again(bench.out / "plain.png").only["missing"]

    assert "the mask that a person made" in reason
    assert "is gone" in reason


def test_a_picture_without_its_recorded_output_is_compared_by_its_values(bench, again):
    bench.steps = [{"use": "sample.shade"}]
    bench.run()
    (bench.out / "plain.png").unlink()
    (bench.out / "album/deep.tif").write_bytes(b"damaged")

    told = again()

    # The files themselves are known by their digests, whether they are there or not.
    assert set(told.by_path.values()) == {"bit-identical"}


def test_a_lost_output_that_comes_out_otherwise_is_measured_on_the_kept_picture(
    unsteady_plugin, bench, again, newer
):
    bench.steps = [{"use": "unsteady.near"}]
    bench.run()
    (bench.out / "album/deep.tif").unlink()
    newer(noise=0.2)

    found = again("last").verdicts
    lost = next(one for one in found if one["path"] == "album/deep.tif")

    assert lost["verdict"] == "different"
    assert lost["largest"] == pytest.approx(0.2, abs=1 / 65535)


def test_every_page_and_every_profile_is_compared(bench, again):
    pages = np.stack([np.full((20, 30), 90 + 10 * n, np.uint8) for n in range(3)])
    tifffile.imwrite(bench.scans / "album.tif", pages, photometric="minisblack")
    profiles = (
        OutputProfile(name="master", format="tiff", depth="16", folder="master"),
        OutputProfile(name="access", format="jpeg", depth="8", folder="access", max_side=24),
    )
    bench.settings = replace(bench.settings, output=OutputSettings(profiles=profiles))
    bench.steps = [{"use": "sample.shade"}]
    bench.run()

    told = again()

    assert told.by_path == dict.fromkeys(bench.outputs(), "bit-identical")
    assert "access/album.tif~page3.jpg" in told.by_path


def test_a_scan_in_two_places_gives_a_verdict_for_each_output(bench, again):
    (bench.scans / "copy.png").write_bytes((bench.scans / "plain.png").read_bytes())
    bench.steps = [{"use": "sample.shade"}]
    bench.run()

    assert set(again(bench.out / "copy.png").by_path) == {"copy.png", "plain.png"}


def test_what_a_later_run_took_over_is_made_again_from_the_first_step(bench, again):
    bench.run()
    bench.steps.append({"use": "sample.shade"})
    bench.run()

    assert set(again().by_path.values()) == {"bit-identical"}


def test_a_sample_is_the_same_each_time_and_another_with_another_seed(bench, again):
    for number in range(12):
        image = np.full((8, 8), 30 + number, np.uint8)
        PillowImage.fromarray(image).save(bench.scans / f"{number:02}.png")
    bench.run()

    first = set(again("last", "--sample", "3").by_path)

    assert len(first) == 3
    assert set(again("last", "--sample", "3").by_path) == first
    assert set(again("last", "--sample", "3", "--seed", "1").by_path) != first


def test_verdicts_are_recorded_entered_in_the_ledger_and_shown_by_an_audit(
    unsteady_plugin, bench, again, newer, capsys
):
    bench.steps = [{"use": "unsteady.near"}]
    bench.run()
    newer(noise=0.2)
    again(bench.out / "plain.png", "--operator", "M. Okafor")

    (digest,) = set(_digests(bench, "plain.png"))
    with open_catalog(bench.job().url, write=False) as catalog:
        (row,) = replays_of(catalog, [digest])[digest]
        kinds = [entry.kind for entry in ledger.entries(catalog)]
        newest = queries.runs(catalog)[0]
    assert row.replayed.verdict is Verdict.DIFFERENT
    assert row.operator == "M. Okafor"
    assert row.environment["archivist"]
    assert kinds.count("replay") == 1
    assert (newest.command, str(newest.state)) == ("replay", "done")
    page = bench.out / "audit.html"
    assert invoke(["audit", str(bench.out / "plain.png"), "--html", str(page)]) == 0
    assert "Checked since" in page.read_text()
    capsys.readouterr()
    invoke(["audit", str(bench.out / "plain.png")])
    assert "unsteady.near is the first step" in " ".join(capsys.readouterr().out.split())


def _digests(bench, path):
    with open_catalog(bench.job().url, write=False) as catalog:
        return [one.digest for one in queries.publications(catalog) if one.path == path]


def test_a_recorded_verdict_that_was_edited_is_found_by_verify(bench, again, capsys):
    bench.run()
    again(bench.out / "plain.png")
    with open_catalog(bench.job().url, write=True) as catalog, catalog.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE replay SET verdict = 'different'")

    assert invoke(["verify", "--out", str(bench.out)]) == Exit.SOME_FAILED
    assert "changed      ledger record replay 1" in capsys.readouterr().out


def test_without_a_record_the_catalog_stays_as_it_is(bench, again):
    bench.run()
    file = bench.out / ".archivist" / "catalog.sqlite"
    before = file.read_bytes()

    assert again("last", "--no-record").code == Exit.FINE
    assert file.read_bytes() == before


def test_a_run_that_was_stopped_is_replayed_as_far_as_it_came(bench, again):
    PillowImage.fromarray(np.full((8, 8), 200, np.uint8)).save(bench.scans / "bright.png")
    bench.steps = [{"use": "sample.fail"}]
    bench.run(fail_fast=True)

    told = again()

    assert told.code == Exit.FINE
    assert set(told.by_path) == bench.outputs()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nothing.tif", "the catalog knows nothing of"),
        ("last~7", "there is no run last~7"),
        ("0123456789abcdef", "the catalog knows nothing of"),
    ],
)
def test_what_the_catalog_does_not_know_is_told_with_the_cure(bench, again, name, words):
    bench.run()

    told = again(name)

    assert told.code == Exit.USAGE
    assert words in told.err
    assert "Cure:" in told.err


def test_a_scan_of_which_nothing_was_published_is_told(bench, again):
    bright = np.full((8, 8), 200, np.uint8)
    PillowImage.fromarray(bright).save(bench.scans / "bright.png")
    bench.steps = [{"use": "sample.fail"}]
    bench.run()

    told = again(bench.scans / "bright.png")

    assert told.code == Exit.USAGE
    assert "nothing was published" in told.err


def test_a_step_that_breaks_now_cannot_be_reproduced_and_says_why(unsteady_plugin, bench, again):
    bench.steps = [{"use": "unsteady.near"}]
    bench.run()
    code = unsteady_plugin / "unsteady.py"
    code.write_text(code.read_text().replace("pixels[:4, :4] +=", "pixels[:4, :9999, 7] +="))
    sys.modules.pop("unsteady")

    (reason,) = again(bench.out / "album/spotted.png").only["missing"]

    assert "IndexError" in reason


@pytest.fixture
def film(bench, tmp_path):
    """Five even frames, each made half of the result before it."""
    from archivist.config import ScanSettings

    rows = ["path,sequence,position"]
    for position, level in enumerate((40, 80, 160, 120, 200)):
        name = f"f{position}.png"
        PillowImage.fromarray(np.full((8, 8), level, np.uint8)).save(bench.scans / name)
        rows.append(f"{name},reel,{position}")
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("\n".join(rows))
    scan = ScanSettings(manifest=str(manifest), include=("/f?.png",))
    bench.settings = replace(bench.settings, scan=scan)
    bench.steps = [{"use": "sample.calm"}]
    return bench


def test_a_member_of_a_sequence_has_the_previous_result_it_had(film, again):
    film.run()

    assert again(film.out / "f3.png").only["verdict"] == "bit-identical"


def test_a_whole_sequence_is_made_again_by_workers(film, again):
    film.run()

    assert set(again(scheduler="auto").by_path.values()) == {"bit-identical"}


def test_a_kept_previous_result_saves_the_members_before(film, again):
    film.run()
    (film.scans / "f0.png").unlink()

    assert again(film.out / "f3.png").only["verdict"] == "bit-identical"


def test_without_kept_results_the_members_before_are_made_again_and_must_be_there(film, again):
    film.run()
    shutil.rmtree(film.out / ".archivist" / "store")

    assert again(film.out / "f3.png").only["verdict"] == "bit-identical"
    (film.scans / "f0.png").unlink()
    reason = again(film.out / "f3.png").only["missing"][0]
    assert reason.startswith("f0.png, earlier in the sequence: the original f0.png is gone")
