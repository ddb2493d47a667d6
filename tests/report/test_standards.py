"""The exporters of archivist-exports at work on a catalog, by the command line."""

from __future__ import annotations

import json
import subprocess

import bagit
import pytest
from lxml import etree
from prov.model import ProvDocument

NAME = "Öl & <b>/=1+1 'x'.tif"


@pytest.fixture
def export(archive, command, tmp_path):
    """Export an archive of one photograph with an awkward name."""
    archive.put(NAME)

    def run(name, *more):
        target = tmp_path / "exported"
        code, _, err = command("report", "--export", name, "--to", str(target), *more)
        assert code == 0, err
        return target

    return run


def test_premis_names_the_scan_by_its_path(export):
    tree = etree.parse(export("premis"))
    assert tree.findtext(".//{*}originalName") == NAME
    assert tree.findtext(".//{*}linkingAgentIdentifierValue") == "archivist-scratch 0.1"


def test_premis_may_be_a_document_for_each_photograph(export):
    (path,) = export("premis-files").rglob("*.xml")
    assert etree.parse(path).findtext(".//{*}originalName") == NAME


def test_prov_is_read_by_the_library(export):
    document = ProvDocument.deserialize(str(export("prov-json")), format="json")
    assert any(NAME in str(one.attributes) for one in document.records)


def test_a_bag_is_valid_and_holds_the_output(export):
    bag = export("bagit", "--set", "scans=true")
    assert bagit.Bag(str(bag)).validate(processes=1)
    check = ["sha256sum", "--check", "--strict", "--quiet", "manifest-sha256.txt"]
    assert subprocess.run(check, cwd=bag, check=False).returncode == 0
    for folder in ("outputs", "scans"):
        assert len([one for one in (bag / "data" / folder).rglob("*") if one.is_file()]) == 1


def test_a_crate_names_the_output(export):
    data = json.loads((export("ro-crate") / "ro-crate-metadata.json").read_text("utf-8"))
    assert NAME in [one.get("alternateName") for one in data["@graph"]]


def test_a_manifest_is_made_for_the_photograph(export):
    folder = export("iiif", "--set", "base_url=https://x.example/a")
    (path,) = (folder / "manifests").iterdir()
    assert json.loads(path.read_text("utf-8"))["label"] == {"none": [f"Title of {NAME}"]}


def test_an_output_that_changed_since_is_refused_with_the_cure(archive, command, tmp_path):
    archive.put("a.tif")
    (archive.out / "a.tif").write_bytes(b"another")
    target = tmp_path / "bag"
    code, _, err = command("report", "--export", "bagit", "--to", str(target))
    assert code == 2
    assert "a.tif is not as it was recorded" in err
    assert not target.exists()
