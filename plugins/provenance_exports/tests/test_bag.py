from __future__ import annotations

import json
import subprocess

import bagit
import pytest

from archivist.api import UsageError
from archivist_exports.bag import write
from archivist_exports.copying import portable
from archivist_exports.params import BagParams


@pytest.fixture
def bag(rows, tmp_path):
    write(iter(rows), tmp_path / "bag", BagParams(organization="A\r\nB", scans=True))
    return tmp_path / "bag"


def test_the_bag_is_valid_for_the_library(bag):
    assert bagit.Bag(str(bag)).validate(processes=1)


@pytest.mark.parametrize("manifest", ["manifest-sha256.txt", "tagmanifest-sha256.txt"])
def test_sha256sum_agrees_with_the_manifests(bag, manifest):
    told = subprocess.run(["sha256sum", "--check", "--strict", manifest], cwd=bag, check=False)
    assert told.returncode == 0


def test_one_changed_byte_is_found(bag):
    path = next((bag / "data" / "outputs").rglob("b.tif"))
    path.write_bytes(b"two Pages")
    with pytest.raises(bagit.BagValidationError):
        bagit.Bag(str(bag)).validate(processes=1)


def test_names_that_no_manifest_holds_are_changed_and_told(bag, rows):
    names = json.loads((bag / "data" / "records" / "names.json").read_text("utf-8"))
    row = rows[1]
    assert set(names.values()) == {row["path"]}
    for name in names:
        assert (bag / name).is_file()
        assert "%" not in name


def test_the_facts_of_the_bag_stay_on_their_lines(bag):
    facts = bagit.Bag(str(bag)).info
    assert facts["Source-Organization"] == "A B"


def test_the_records_name_no_place_of_this_machine(bag, places):
    for path in (bag / "data" / "records").rglob("*.*"):
        assert str(places / "out") not in path.read_text("utf-8")


@pytest.mark.parametrize(("how", "told"), [("change", "not as it was"), ("remove", "cannot be")])
def test_an_output_that_is_not_as_recorded_stops_the_export(rows, places, tmp_path, how, told):
    path = places / "out" / "album 1" / "master.tif"
    path.write_bytes(b"Master") if how == "change" else path.unlink()
    with pytest.raises(UsageError, match=told) as error:
        write(iter(rows), tmp_path / "bag", BagParams())
    assert "archivist verify" in str(error.value)


def test_names_that_become_alike_stay_apart():
    assert portable("a/x:y.tif") != portable("a/x?y.tif")


@pytest.mark.parametrize("name", ["a b/ö.tif", "1/2/x.y.jpg", ".hidden", "=1+1.tif"])
def test_names_that_are_no_trouble_stay(name):
    assert portable(name) == name
