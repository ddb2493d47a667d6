"""Scans that are replaced, renamed or gone are told, and so is what they leave behind."""

from __future__ import annotations

import json

import pytest
from PIL import Image as PillowImage

from archivist.cli.main import invoke
from archivist.hashing import digest_file
from archivist.pipeline import run, scan
from archivist.pipeline.job import Silent
from archivist.report import write_report

PLAIN, PHOTO = "plain.png", "photo.jpg"


class Listener(Silent):
    """Keeps what a person is told."""

    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


@pytest.fixture
def made(bench):
    bench.steps = [{"use": "sample.shade"}]
    bench.run()
    return bench


@pytest.fixture
def replaced(made):
    """Give a bench of which another scan has taken the name of plain.png, and its former digest."""
    before = digest_file(made.scans / PLAIN)
    PillowImage.fromarray(255 - made.source(PLAIN)).save(made.scans / PLAIN)
    return made, before


def rows(capsys, *command):
    capsys.readouterr()
    code = invoke(list(command))
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def whole(capsys, *command):
    capsys.readouterr()
    assert invoke([*command, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_scan_that_another_file_replaced_is_told_by_scan_and_run(replaced):
    bench, before = replaced
    heard = Listener()

    _, found = scan(bench.job(), heard)

    assert found.changed == 1
    (said,) = heard.notes
    assert said.startswith(f"{PLAIN} is another file than it was (SHA-256 {before[:12]}")
    assert "bring it back from a backup" in said


def test_a_scan_that_was_only_renamed_is_not_told_as_replaced(made):
    (made.scans / PLAIN).rename(made.scans / "other.png")
    (made.scans / PHOTO).rename(made.scans / PLAIN)

    assert made.run().found.changed == 0


def test_unchanged_scans_are_counted(replaced):
    bench, _ = replaced

    found = bench.run().found

    assert found.unchanged == found.files - 1


def test_verify_says_what_became_of_a_replaced_original_and_finds_no_damage(replaced, capsys):
    bench, before = replaced
    bench.run()

    code, told = rows(capsys, "verify", "--out", str(bench.out), "--json")

    assert code == 0
    (finding,) = [one for one in told if one["event"] == "finding" and one["name"] == PLAIN]
    assert finding["condition"] == "replaced"
    assert before[:12] in finding["detail"]
    assert told[-1]["counts"]["original"]["replaced"] == 1


def test_an_original_that_came_back_is_not_told_as_replaced(replaced, capsys):
    bench, _ = replaced
    new = (bench.scans / PLAIN).read_bytes()
    bench.run()
    (bench.scans / "second.png").write_bytes(new)
    PillowImage.fromarray(255 - bench.source(PLAIN)).save(bench.scans / PLAIN)
    bench.run()

    _, told = rows(capsys, "verify", str(bench.scans), "--out", str(bench.out), "--json")

    assert "replaced" not in told[-1]["counts"]["original"]


def test_the_audits_of_the_former_and_of_the_present_scan_tell_the_change(replaced, capsys):
    bench, before = replaced
    bench.run()

    for digest in (before, digest_file(bench.scans / PLAIN)):
        told = whole(capsys, "audit", digest, "--out", str(bench.out))
        (event,) = [e for e in told["photographs"][0]["events"] if e["type"] == "scan.changed"]
        assert event["detail"]["was"] == before


def test_a_report_lists_replaced_scans(replaced, capsys):
    bench, before = replaced
    bench.run()

    (one,) = whole(capsys, "report", "--out", str(bench.out))["run"]["replaced"]
    assert (one["path"], one["was"]) == (PLAIN, before)
    page = bench.out.parent / "report.html"
    write_report(bench.job().url, scans=bench.scans, out=bench.out, path=page)
    assert "1 scan replaced by another file of the same name" in page.read_text()


def test_outputs_of_renamed_and_lost_scans_are_counted_and_listed(made, capsys):
    (made.scans / PLAIN).rename(made.scans / "other.png")
    (made.scans / PHOTO).unlink()

    ended = made.run()

    assert ended.left_over == 2
    _, told = rows(capsys, "query", "--left-over", "--out", str(made.out), "--json")
    assert {one["output"]: one["scan"] for one in told} == {
        PLAIN: f"its scan {PLAIN} is called other.png now",
        PHOTO: f"its scan {PHOTO} is gone, or was replaced by another file",
    }
    listed = whole(capsys, "report", "--out", str(made.out))["run"]["left_over"]
    assert {one["path"] for one in listed} == {PLAIN, PHOTO}


def test_where_all_scans_are_in_their_places_nothing_is_left_over(made, capsys):
    assert run(made.job()).left_over == 0
    assert rows(capsys, "query", "--left-over", "--out", str(made.out), "--json") == (0, [])


def test_scans_that_look_alike_are_counted_and_listed(made, capsys):
    """Those of one look are told with the first of them, and with another one when that is gone."""
    first = (made.scans / PHOTO).read_bytes()
    for name in ("again.jpg", "third.jpg"):
        (made.scans / name).write_bytes(first + name.encode())

    _, found = scan(made.job())
    told = rows(capsys, "query", "--similar", "--out", str(made.out), "--json")[1]

    assert found.similar == len(told)
    assert {PHOTO, "again.jpg", "third.jpg"} <= listed(told)
    (made.scans / PHOTO).unlink()
    scan(made.job())
    told = rows(capsys, "query", "--similar", "--out", str(made.out), "--json")[1]
    assert {"again.jpg", "third.jpg"} <= listed(told)
    assert PHOTO not in listed(told)


def listed(told):
    return {name for one in told for name in (one["first"], one["second"])}
