from __future__ import annotations

import csv
import json

import pytest

from archivist.model import Status
from archivist.report.as_json import write_json
from archivist.report.rows import ReportRefusal
from archivist.report.tables import COLUMNS, write_csv


@pytest.fixture
def table(rows, tmp_path):
    def read():
        path = tmp_path / "report.csv"
        write_csv(rows, path)
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return list(csv.DictReader(stream))

    return read


@pytest.fixture
def document(rows, tmp_path):
    def read():
        path = tmp_path / "report.json"
        write_json(rows, path)
        return json.loads(path.read_bytes())

    return read


@pytest.mark.parametrize(
    "name",
    ["=1+1.jpg", "+1.jpg", "-1.jpg", "@SUM(A1).jpg", "\t=1.jpg", "\r=1.jpg", " =1.jpg", "\uff1d1"],
)
def test_a_cell_that_looks_like_a_formula_gets_an_apostrophe(table, rows, asset, name):
    rows.listed = [asset(name)]
    assert table()[0]["path"] == f"'{name}"


@pytest.mark.parametrize("name", ["a,b.jpg", 'a"b.jpg', "a\nb.jpg", "café.jpg", "a=b.jpg"])
def test_other_odd_names_come_back_as_they_were(table, rows, asset, name):
    rows.listed = [asset(name)]
    assert table()[0]["path"] == name


def test_numbers_stay_numbers(table, rows, asset):
    rows.listed = [asset(changed=0.25, width=4000)]
    row = table()[0]
    assert (row["changed"], row["width"]) == ("0.25", "4000")


def test_formulas_are_caught_in_the_facts_of_the_manifest(table, rows, asset):
    rows.listed = [asset(facts={"title": "=HYPERLINK(A1)"})]
    assert table()[0]["title"] == "'=HYPERLINK(A1)"


def test_excel_is_told_that_the_table_is_utf8(table, rows, tmp_path):
    table()
    assert (tmp_path / "report.csv").read_bytes().startswith(b"\xef\xbb\xbfpath,")


def test_refused_and_skipped_files_have_rows(table, rows):
    rows.refused = [
        ReportRefusal(path="x.tif", code="truncated", reason="cut off"),
        ReportRefusal(path="Thumbs.db", code="no-picture", reason="no", status=Status.SKIPPED),
    ]
    found = [(row["path"], row["result"], row["code"], row["reason"]) for row in table()]
    assert found == [
        ("x.tif", "refused", "truncated", "cut off"),
        ("Thumbs.db", "skipped", "no-picture", "no"),
    ]


def test_lost_tags_stand_with_their_reasons(table, rows, asset, file, lossy):
    rows.listed = [asset(files=(file(contract=lossy),))]
    row = table()[0]
    assert row["tags_kept"] == "2"
    assert row["tags_lost"] == "MPF:Preview: shows the old picture"


def test_an_empty_run_has_a_table_with_its_columns(table, tmp_path):
    assert table() == []
    head = (tmp_path / "report.csv").read_text("utf-8-sig").strip()
    assert head.split(",") == list(COLUMNS)


def test_the_json_names_its_schema_and_version(document):
    found = document()
    assert (found["schema"], found["version"]) == ("archivist-report", 1)
    assert (found["assets"], found["refusals"]) == ([], [])


def test_the_json_holds_run_totals_and_steps(document, rows, asset, failed):
    rows.listed = [asset(), asset("b.jpg"), failed()]
    found = document()
    assert found["run"]["operator"] == "M. Okafor"
    assert found["run"]["started"] == "2026-01-02T03:04:00+00:00"
    assert found["totals"] == {"restored": 2, "failed": 1}
    assert found["steps"][0]["counts"] == {"done": 2, "failed": 1}


def test_the_json_holds_each_photograph_with_its_outputs(document, rows, asset, file, lossy):
    rows.listed = [asset("a </script>\n.jpg", files=(file(path="o.jpg", contract=lossy),))]
    found = document()["assets"][0]
    assert found["path"] == "a </script>\n.jpg"
    assert found["outputs"][0]["metadata"]["lost"] == {"MPF:Preview": "shows the old picture"}


def test_a_lone_surrogate_survives_the_json(document, rows, failed):
    rows.listed = [failed(message="old\udce9")]
    assert document()["assets"][0]["message"] == "old\udce9"
