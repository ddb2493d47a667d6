"""Certifying an upgrade: what is installed now is tried on recorded results."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as PillowImage

from archivist.catalog import behind, ledger, lineage, queries
from archivist.catalog.certifications import certifications, in_force
from archivist.catalog.session import open_catalog
from archivist.catalog.writer import Writer
from archivist.cli.exits import Exit
from archivist.cli.main import invoke
from archivist.pipeline import plan
from archivist.step import session as sessions


@pytest.fixture
def bench(unsteady_plugin, bench):
    bench.steps = [{"use": "unsteady.near"}, {"use": "sample.shade"}]
    return bench


@pytest.fixture
def newer(monkeypatch):
    """Install another version of the plugin, or one that behaves otherwise."""

    def install(**facts):
        for name, value in facts.items():
            monkeypatch.setenv(f"UNSTEADY_{name.upper()}", str(value))
        sys.modules.pop("unsteady", None)
        sessions.session.cache_clear()

    return install


@pytest.fixture
def certify(bench, capsys):
    """Run `archivist certify`; return exit code, JSON lines and errors."""

    def run(*arguments):
        capsys.readouterr()
        code = invoke(["certify", *map(str, arguments), "--out", str(bench.out), "--json"])
        told = capsys.readouterr()
        return code, [json.loads(line) for line in told.out.splitlines()], told.err

    return run


def attempt(certify, name="unsteady.near", *options):
    code, lines, error = certify("try", name, "--scheduler", "serial", *options)
    assert code != Exit.FAULT, error
    return code, lines[-1]


def test_a_new_version_that_makes_the_same_is_found_alike(bench, certify, newer):
    bench.run()
    newer(version=2)

    code, told = attempt(certify)

    assert code == Exit.FINE
    assert told["changes"] == [
        {
            "step": "unsteady.near",
            "version": 1,
            "weights": [],
            "new_version": 2,
            "new_weights": [],
        }
    ]
    assert told["results"]["sample"] == 4
    # The version is written into the metadata of the outputs.
    assert told["results"]["counts"] == {"pixel-identical": 4}


def test_what_would_change_is_measured_and_drawn_before_anything_is_run(
    bench, certify, newer, tmp_path
):
    (bench.scans / "photo.jpg").unlink()  # of which the writing loses more
    bench.run()
    outputs = {path: (bench.out / path).read_bytes() for path in bench.outputs()}
    newer(version=2, noise=0.2)

    code, told = attempt(certify, "unsteady.near", "--pictures", tmp_path / "drawn")

    assert code == Exit.SOME_FAILED
    assert told["results"]["counts"] == {"different": 3}
    assert told["results"]["largest"] == pytest.approx(0.1, abs=1 / 255)  # halved by the next step
    assert len(told["pictures"]) == 3
    assert {path: (bench.out / path).read_bytes() for path in bench.outputs()} == outputs


def test_a_tolerance_can_be_given(bench, certify, newer):
    bench.run()
    newer(version=2, noise=0.2)

    code, told = attempt(certify, "unsteady.near", "--tolerance", 0.12)

    assert code == Exit.FINE
    assert set(told["results"]["counts"]) == {"within tolerance"}


def test_a_distribution_means_all_its_steps(bench, certify, newer):
    bench.steps.append({"use": "unsteady.exact"})
    bench.run()
    newer(version=2)

    _, told = attempt(certify, "unsteady-steps")

    assert [one["step"] for one in told["changes"]] == ["unsteady.exact", "unsteady.near"]


def test_other_weights_of_the_same_version_are_a_change(bench, certify, newer, tmp_path):
    settings = replace(bench.settings.weights, folder=str(tmp_path / "weights"))
    bench.settings = replace(bench.settings, weights=settings)
    toml = tmp_path / "archivist.toml"
    toml.write_text(f'[weights]\nfolder = "{tmp_path / "weights"}"\n')
    bench.steps = [{"use": "unsteady.learned"}]
    for shade in (200, 100):
        source = tmp_path / f"{shade}.bin"
        source.write_bytes(bytes([shade]))
        invoke(["weights", "import", "unsteady-net", str(source), "--config", str(toml)])
        if shade == 200:
            bench.run()

    code, told = attempt(certify, "unsteady.learned", "--config", toml)

    (change,) = told["changes"]
    assert change["version"] == change["new_version"]
    assert change["weights"] != change["new_weights"]
    assert code == Exit.SOME_FAILED


def test_only_so_many_scans_are_tried(bench, certify, newer):
    for number in range(8):
        image = np.full((8, 8), 30 + number, np.uint8)
        PillowImage.fromarray(image).save(bench.scans / f"{number:02}.png")
    bench.run()
    newer(version=2)

    _, told = attempt(certify, "unsteady.near", "--sample", 3)

    assert told["results"]["sample"] == 3


def test_results_of_the_installed_version_take_no_part(bench, certify):
    bench.run()

    code, told = attempt(certify)

    assert code == Exit.FINE
    assert told["results"]["counts"] == {}
    assert told["number"] == 0


def test_an_equivalent_trial_is_accepted_and_can_be_taken_back(bench, certify, newer):
    bench.run()
    newer(version=2)
    number = attempt(certify)[1]["number"]

    code, (made,), _ = certify("accept", number, "--by", "M. Okafor", "--reason", "looked at all")

    assert code == Exit.FINE
    with open_catalog(bench.job().url, write=False) as catalog:
        (held,) = in_force(catalog)
        kinds = [entry.kind for entry in ledger.entries(catalog)]
    assert (held.number, held.decided_by) == (made["number"], "M. Okafor")
    assert kinds.count("certification") == 2
    certify("reject", number, "--by", "A. Lovelace")
    with open_catalog(bench.job().url, write=False) as catalog:
        assert in_force(catalog) == ()
        assert [one.decision for one in certifications(catalog)] == ["", "accepted", "rejected"]


def test_a_difference_beyond_the_tolerance_cannot_be_accepted(bench, certify, newer):
    bench.run()
    newer(version=2, noise=0.3)
    number = attempt(certify)[1]["number"]

    code, _, error = certify("accept", number, "--by", "M. Okafor")

    assert code == Exit.USAGE
    assert "4 different" in error
    with open_catalog(bench.job().url, write=False) as catalog:
        assert len(certifications(catalog)) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("try", "unsteady.nea"), "did you mean 'unsteady.near'"),
        (("accept", "7", "--by", "me"), "there is no certification 7"),
        (("try", "unsteady.near", "--tolerance", "3"), "--tolerance"),
    ],
)
def test_what_is_not_there_is_told_with_its_cure(bench, certify, arguments, words):
    bench.run()

    code, _, error = certify(*arguments)

    assert code == Exit.USAGE
    assert words in error
    with open_catalog(bench.job().url, write=False) as catalog:
        assert [row.command for row in queries.runs(catalog)] == ["run"]


@pytest.fixture
def accepted(bench, certify, newer):
    """A bench whose results of version 1 were accepted as equivalent to version 2."""
    bench.run()
    newer(version=2, noise=0.01)
    number = attempt(certify)[1]["number"]
    assert certify("accept", number, "--by", "M. Okafor")[0] == Exit.FINE
    sessions.session.cache_clear()
    return bench


def lines(bench):
    return {(line.step, str(line.action), line.reason) for line in plan(bench.job()).lines}


def records(bench, path):
    """Return (step, version) of the records behind an output."""
    with open_catalog(bench.job().url, write=False) as catalog:
        (asset,) = queries.assets_named(catalog, path)
        number = lineage.newest_run(catalog, asset.uid)
        made, _ = behind.records_behind(catalog, {asset.uid: number})[asset.uid]
    return [(one.record.step, one.record.version) for one in made]


def test_what_was_accepted_as_equivalent_is_not_run_again_and_the_plan_says_why(accepted):
    (reason,) = {reason for step, _, reason in lines(accepted) if step == "unsteady.near"}

    assert reason.startswith("certified as equivalent: version 1 stands for 2, accepted by M. Ok")
    assert ("sample.shade", "reuse", "up to date") in lines(accepted)
    assert accepted.run().planned.summary.units == 0


def test_a_later_step_that_changes_goes_on_from_what_was_accepted(accepted):
    before = accepted.pixels("album/deep.tif")
    accepted.steps[1]["amount"] = 0.25

    result = accepted.run()

    assert result.failures == ()
    assert abs(accepted.pixels("album/deep.tif").astype(int) - before / 2).max() <= 1
    assert records(accepted, "album/deep.tif") == [("unsteady.near", 1), ("sample.shade", 1)]


def test_an_earlier_step_that_changes_nothing_leaves_what_was_accepted(accepted):
    accepted.steps.insert(0, {"use": "sample.spot"})
    accepted.steps.insert(1, {"use": "sample.fill"})

    accepted.run(where="path == 'plain.png'")

    assert records(accepted, "plain.png")[-2:] == [("unsteady.near", 1), ("sample.shade", 1)]


def test_new_scans_are_done_by_the_new_version(accepted):
    PillowImage.fromarray(np.full((8, 8), 90, np.uint8)).save(accepted.scans / "new.png")

    accepted.run()

    assert records(accepted, "new.png")[0] == ("unsteady.near", 2)


def test_what_was_taken_back_runs_again(accepted, certify):
    certify("reject", 1, "--by", "A. Lovelace")

    assert ("unsteady.near", "run", "version 1 -> 2") in lines(accepted)


def test_an_acceptance_holds_for_the_version_it_names_only(accepted, newer):
    newer(version=3)

    assert ("unsteady.near", "run", "version 1 -> 3") in lines(accepted)


def test_a_result_that_was_not_kept_is_made_by_the_new_version(accepted):
    with open_catalog(accepted.job().url, write=True) as catalog:
        Writer(catalog).forget_blobs(list(queries.referenced_blobs(catalog)), reason="test")
    shutil.rmtree(accepted.out / ".archivist" / "store")
    (accepted.out / "plain.png").unlink()

    result = accepted.run()

    assert result.failures == ()
    assert records(accepted, "plain.png")[0] == ("unsteady.near", 2)


@pytest.mark.parametrize(
    ("noise", "verdict"), [(0.0, "same pixels"), (0.01, "within tolerance"), (0.2, "different")]
)
def test_two_runs_of_an_upgrade_are_compared(bench, newer, capsys, noise, verdict):
    bench.steps = [{"use": "unsteady.near"}]
    bench.run()
    newer(version=2, noise=noise)
    bench.run()
    capsys.readouterr()

    code = invoke(["diff", "last~1", "last", "--out", str(bench.out), "--json"])

    told = json.loads(capsys.readouterr().out)
    assert code == Exit.FINE
    assert told["counts"][verdict] == 4
    changed = {(one["area"], one["name"]): one for one in told["changed"]}
    assert changed["versions", "unsteady.near"]["second"] == "v2"
    assert {one["tolerance"] for one in told["outputs"]} <= {0.0, 0.02}


def test_a_certification_that_was_edited_is_found_by_verify(bench, certify, newer, capsys):
    bench.run()
    newer(version=2)
    attempt(certify)
    with open_catalog(bench.job().url, write=True) as catalog, catalog.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE certification SET decision = 'accepted'")

    assert invoke(["verify", "--out", str(bench.out)]) == Exit.SOME_FAILED
    assert "changed      ledger record certification 1" in capsys.readouterr().out
