from __future__ import annotations

import csv
import json

import pytest

from archivist.model import Status


def test_report_writes_the_page_beside_the_catalog(archive, command):
    archive.put("a.tif")
    code, out, _ = command("report")
    page = archive.out / ".archivist" / "report.html"
    assert code == 0
    assert str(page) in out
    assert 'data-path="a.tif"' in page.read_text("utf-8")


def test_report_links_to_the_outputs_beside_it(archive, command):
    archive.put("album/a.tif")
    command("report")
    page = archive.out / ".archivist" / "report.html"
    assert 'href="./../album/a.tif"' in page.read_text("utf-8")


def test_report_writes_page_and_table_where_it_is_told(archive, command, tmp_path):
    archive.put("a.tif")
    html, table = tmp_path / "new folder" / "r.html", tmp_path / "r.csv"
    code, _, _ = command("report", "--html", str(html), "--csv", str(table), "--no-pictures")
    assert code == 0
    assert html.exists()
    with table.open(encoding="utf-8-sig", newline="") as stream:
        assert [row["path"] for row in csv.DictReader(stream)] == ["a.tif"]


def test_report_json_is_nothing_but_json(archive, command, tmp_path):
    archive.put("a.tif")
    code, out, _ = command("report", "--json", "--csv", str(tmp_path / "r.csv"))
    assert code == 0
    assert json.loads(out)["assets"][0]["path"] == "a.tif"


def test_a_report_that_cannot_be_written_tells_the_cure(archive, command, tmp_path):
    archive.put("a.tif")
    code, _, err = command("report", "--csv", str(tmp_path))
    assert code == 2
    assert "Cure" in err


def test_report_of_one_run_leaves_out_the_others(archive, command):
    archive.put("a.tif")
    second = archive.start()
    _, out, _ = command("report", "--json", "--run", second)
    assert json.loads(out)["assets"] == []


@pytest.mark.parametrize("name", ["report", "status", "verify", "artifacts list"])
def test_without_a_place_the_cure_is_told(command, name):
    code, _, err = command(*name.split(), out=False)
    assert code == 2
    assert "--out DIR" in err


def test_status_tells_runs_and_failures(archive, command):
    archive.put("a.tif")
    file = archive.file("b.tif")
    run = archive.start(file)
    archive.end(run, file, status=Status.FAILED, code="cut", message="cut off. Cure: copy again")
    code, out, _ = command("status")
    assert code == 0
    assert "1 done, 1 failed" in out
    assert run in out
    assert "b.tif: cut off. Cure: copy again [cut]" in out


def test_status_says_what_waits(archive, command):
    archive.start(archive.file("a.tif"), archive.file("b.tif"))
    _, out, _ = command("status")
    assert "2 units are not done" in out


def test_status_speaks_json(archive, command):
    archive.put("a.tif")
    _, out, _ = command("status", "--json")
    found = json.loads(out)
    assert found["archive"] == {"done": 1}
    assert found["runs"][0]["operator"] == "Ada"


def test_status_of_an_empty_catalog_says_how_to_begin(command, archive):
    code, out, _ = command("status")
    assert code == 0
    assert "archivist run SCANS --out DIR" in out


def test_artifacts_list_names_photograph_step_and_kind(archive, command):
    archive.put("album/a.tif")
    _, out, _ = command("artifacts", "list")
    assert "album/a.tif" in out
    assert "scratch.detect v3" in out


def test_artifacts_list_takes_kinds(archive, command):
    archive.put("a.tif")
    _, out, _ = command("artifacts", "list", "--json", "--kind", "mask")
    assert [json.loads(line)["kind"] for line in out.splitlines()] == ["mask"]
    _, out, _ = command("artifacts", "list", "--json", "--kind", "scores,faces")
    assert out == ""


def test_an_unknown_kind_is_refused_with_the_known_ones(command):
    code, _, err = command("artifacts", "list", "--kind", "masks")
    assert code == 2
    assert "probability" in err


@pytest.mark.parametrize("how", ["path", "digest"])
def test_artifacts_of_one_photograph_are_exported_with_its_name(archive, command, tmp_path, how):
    file = archive.put("album/a.tif")
    archive.put("b.tif")
    name = file.path if how == "path" else file.digest
    code, out, _ = command("artifacts", "export", name, "--to", str(tmp_path / "masks"))
    written = [p for p in (tmp_path / "masks").rglob("*") if p.is_file()]
    assert code == 0
    assert "1 written" in out
    assert written == [tmp_path / "masks" / "scratch.detect.mask" / "album" / "a.png"]
    assert written[0].read_bytes() == f"mask of {file.digest}".encode()


def test_all_artifacts_are_exported_when_asked(archive, command, tmp_path):
    archive.put("a.tif")
    archive.put("b.tif")
    _, out, _ = command("artifacts", "export", "--all", "--to", str(tmp_path / "masks"))
    assert "2 written" in out


def test_export_wants_names_or_all(archive, command, tmp_path):
    code, _, err = command("artifacts", "export", "--to", str(tmp_path / "masks"))
    assert code == 2
    assert "--all" in err


def test_a_photograph_that_the_catalog_does_not_know_is_refused(archive, command, tmp_path):
    archive.put("a.tif")
    code, _, err = command("artifacts", "export", "x.tif", "--to", str(tmp_path / "masks"))
    assert code == 2
    assert "knows nothing of 'x.tif'" in err


def test_a_damaged_artifact_is_not_exported_and_the_rest_is(archive, command, tmp_path):
    archive.put("a.tif")
    archive.put("b.tif")
    first, _ = archive.store.iterate()
    archive.store.path(first).write_bytes(b"other")
    code, out, err = command("artifacts", "export", "--all", "--to", str(tmp_path / "masks"))
    assert code == 3
    assert "1 written" in out
    assert "is damaged" in err


def test_artifacts_that_were_deleted_are_counted(archive, command, tmp_path):
    archive.put("a.tif")
    (blob,) = archive.store.iterate()
    archive.store.delete(blob)
    archive.writer.forget_blobs([blob], reason="room")
    code, out, _ = command("artifacts", "export", "--all", "--to", str(tmp_path / "masks"))
    assert code == 0
    assert "0 written" in out
    assert "1 were not kept" in out
