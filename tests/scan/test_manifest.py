"""The manifest: how rows meet files, and how a wrong CSV is told."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from archivist.api.errors import ConfigError
from archivist.scan import Manifest, read_manifest

Read = Callable[[str | bytes], Manifest]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def make(content: str | bytes) -> Manifest:
        file = tmp_path / "list.csv"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_manifest(file)

    return make


def test_a_row_with_a_path_belongs_to_that_file(read: Read) -> None:
    manifest = read("path,title,date\n1905/a.jpg,Quay,1905\n1906/a.jpg,Mill,1906\n")
    assert manifest.facts("1905/a.jpg") == {"title": "Quay", "date": "1905"}
    assert manifest.facts("1906/a.jpg") == {"title": "Mill", "date": "1906"}
    assert manifest.facts("a.jpg") == {}


def test_a_row_with_an_inventory_number_belongs_to_every_file_of_that_stem(read: Read) -> None:
    manifest = read("Inventory No;Title\n1905.012;Quay\n")
    facts = {"inventory_no": "1905.012", "title": "Quay"}
    assert manifest.facts("front/1905.012.tif") == facts
    assert manifest.facts("verso/1905.012.JPG") == facts
    assert manifest.facts("front/1905.013.tif") == {}


def test_what_no_file_name_can_hold_is_an_underscore_in_the_stem(read: Read) -> None:
    manifest = read("inventory_no,title\n1905/12:3,Quay\n")
    assert manifest.facts("1905_12_3.tif")["inventory_no"] == "1905/12:3"


def test_a_path_goes_before_an_inventory_number(read: Read) -> None:
    manifest = read("path,inventory_no,title\na/7.jpg,7,by path\n,7,by number\n")
    assert manifest.facts("a/7.jpg")["title"] == "by path"
    assert manifest.facts("b/7.jpg")["title"] == "by number"


def test_unicode_form_and_case_of_a_path_do_not_matter(read: Read) -> None:
    manifest = read("file,title\n" + unicodedata.normalize("NFD", "Île/Été.JPG") + ",Isle\n")
    assert manifest.facts(unicodedata.normalize("NFC", "île/été.jpg")) == {"title": "Isle"}


def test_rows_of_twin_names_go_to_their_own_file(read: Read) -> None:
    manifest = read("file,title\na.jpg,small\nA.jpg,large\n")
    assert manifest.facts("a.jpg")["title"] == "small"
    assert manifest.facts("A.jpg")["title"] == "large"
    assert manifest.facts("a.JPG") == {}


def test_paths_of_windows_are_understood(read: Read) -> None:
    assert read("path;title\n.\\1905\\a.jpg;Quay\n").facts("1905/a.jpg") == {"title": "Quay"}


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_separator_is_found_in_the_header(read: Read, separator: str) -> None:
    rows = [["Path", "Title", "Rights"], ["a.jpg", '"Quay, east; left"', "free"]]
    manifest = read("\r\n".join(separator.join(row) for row in rows))
    assert manifest.facts("a.jpg") == {"title": "Quay, east; left", "rights": "free"}


def test_a_byte_order_mark_is_no_part_of_the_first_column(read: Read) -> None:
    assert read("\ufeffpath,title\na.jpg,Quay\n").facts("a.jpg") == {"title": "Quay"}


def test_other_columns_are_kept_under_plain_names(read: Read) -> None:
    manifest = read("path,Place of origin,SHELF-MARK\na.jpg,Lund,K 7\n")
    assert manifest.facts("a.jpg") == {"place_of_origin": "Lund", "shelf_mark": "K 7"}
    assert manifest.columns == ("place_of_origin", "shelf_mark")


def test_blank_lines_are_no_rows_and_count_as_lines(read: Read) -> None:
    with pytest.raises(ConfigError, match="line 5 has 1 cells"):
        read("path,title\n\na.jpg,Quay\n,\nb.jpg\n")


def test_rows_that_meet_no_file_are_told_with_their_line(read: Read) -> None:
    manifest = read('path,title\na.jpg,"two\nlines"\nb.jpg,x\n')
    manifest.facts("a.jpg")
    assert [(row.line, row.name) for row in manifest.unused()] == [(4, "b.jpg")]


def test_a_row_that_stands_twice_is_counted_and_harmless(read: Read) -> None:
    manifest = read("path,title\na.jpg,Quay\na.jpg,Quay\n")
    manifest.facts("a.jpg")
    assert manifest.repeated == 1
    assert manifest.unused() == ()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("path,title\na.jpg,Quay\na.jpg,Mill\n", r"title.*|lines 2 and 3 .*'a\.jpg'.*title"),
        ("inventory_no,title\n7,Quay\n7,Mill\n", "inventory_no: lines 2 and 3"),
        ("path,title\n,Quay\n", "line 2 has neither a path nor an inventory_no"),
        ("path,title\na.jpg,Quay,1905\n", "line 2 has 3 cells, the header has 2"),
        ("path,title,\na.jpg,Quay,\n", "column 3 has no name"),
        ("path,Title,title\na.jpg,Quay,\n", "columns 2 and 3 are both 'title'"),
        ("file,path\na.jpg,a.jpg\n", "columns 1 and 2 are both 'path'"),
        ("name,title\na.jpg,Quay\n", "neither a column 'path' nor a column 'inventory_no'"),
        ("path|title\na.jpg|Quay\n", "line 1: no comma, semicolon or tab"),
        ('path,title\na.jpg,Quay\nb.jpg,"open\n', "line 3: unexpected end of data"),
        ("path,position\na.jpg,second\n", "position: line 2: 'second' is no position"),
        ("path,title\na.jpg,Qu\xe4y\n".encode("latin-1"), r"line 2, byte 9: b'\\xe4' is not UTF-8"),
        ("path,title\na.jpg,Quay\n".encode("utf-16"), "UTF-16, not UTF-8"),
        ("", "the file is empty"),
        ("\ufeff \n", "the file is empty"),
    ],
)
def test_a_wrong_manifest_is_told_with_its_place_and_cure(
    read: Read, content: str | bytes, says: str
) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        read(content)
    assert "list.csv" in str(caught.value)
    assert "Cure: " in str(caught.value) or "give it" in str(caught.value)


@settings(deadline=None)
@given(
    rows=st.lists(
        st.lists(st.text(alphabet='a;,"\t\n\r é.jpg/\\', max_size=8), max_size=4), max_size=5
    )
)
@example(rows=[[";", "\r;", ""]])
def test_any_table_is_read_or_refused_with_its_cure(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]
) -> None:
    file = tmp_path_factory.mktemp("any") / "list.csv"
    text = "\n".join(",".join(cells) for cells in [["path", "title"], *rows])
    file.write_bytes(text.encode())
    message = ""
    try:
        manifest = read_manifest(file)
    except ConfigError as error:
        message = str(error)
    # A carriage return inside a cell ends a line too, so lines are counted, not the rows drawn.
    lines = len(text.splitlines())
    assert message.count("Cure: ") == 1 if message else len(manifest) <= lines - 1


def test_a_missing_manifest_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_manifest(tmp_path / "none.csv")
