from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from xml.etree import ElementTree

import pytest

from archivist.api import UsageError
from archivist_exports.iiif import write
from archivist_exports.params import IiifParams
from archivist_exports.regions import outlines

BASE = "https://iiif.example.org/album"
READ = """
import json, sys
from pathlib import Path
import iiif_prezi3
for path in map(Path, sys.argv[1:]):
    data = json.loads(path.read_text("utf-8"))
    model = getattr(iiif_prezi3, data["type"])(**data)
    print(json.loads(model.json(exclude_context=False)) == data)
"""


@pytest.fixture
def made(rows, tmp_path):
    write(iter(rows), tmp_path / "iiif", IiifParams(base_url=BASE))
    return tmp_path / "iiif"


@pytest.fixture
def manifest(made, rows):
    return json.loads((made / "manifests" / f"{rows[1]['digest']}.json").read_text("utf-8"))


@pytest.fixture
def read(checker, tmp_path):
    """Read files with the model of iiif-prezi3, which is kept apart: it wants an older Pillow."""
    with zipfile.ZipFile(checker("iiif_prezi3")) as wheel:
        wheel.extractall(tmp_path / "model")

    def run(*paths):
        command = [sys.executable, "-W", "ignore", "-c", READ, *map(str, paths)]
        told = subprocess.run(
            command, cwd=tmp_path / "model", capture_output=True, text=True, check=False
        )
        return told.returncode, told.stdout.split()

    return run


def test_the_model_of_the_standard_reads_all_of_it(made, read):
    code, told = read(made / "collection.json", *(made / "manifests").iterdir())
    assert (code, told) == (0, ["True"] * 3)


def test_the_model_refuses_a_manifest_without_label(made, manifest, read, tmp_path):
    broken = tmp_path / "broken.json"
    del manifest["label"]
    broken.write_text(json.dumps(manifest))
    assert read(broken)[0] != 0


def test_a_viewer_may_choose_between_restored_and_original(manifest):
    (canvas,) = manifest["items"]
    body = canvas["items"][0]["items"][0]["body"]
    assert body["type"] == "Choice"
    assert [one["label"]["en"] for one in body["items"]] == [["Restored"], ["Original"]]
    assert body["items"][0]["format"] == "image/jpeg"


def test_an_unchanged_photograph_has_no_choice(made, rows):
    path = made / "manifests" / f"{rows[2]['digest']}.json"
    for canvas in json.loads(path.read_text("utf-8"))["items"]:
        assert canvas["items"][0]["items"][0]["body"]["type"] == "Image"
        assert "annotations" not in canvas


def test_changed_places_are_drawn_and_invention_is_told(manifest):
    notes = manifest["items"][0]["annotations"][0]["items"]
    assert "3 places" in notes[0]["body"]["value"]
    ElementTree.fromstring(notes[0]["target"]["selector"]["value"])
    assert "invents" in notes[1]["body"]["value"]


def test_of_many_places_the_largest_are_drawn(mask):
    found = outlines(mask, 1)
    assert (found.shown, found.total) == (1, 3)
    assert "M10,5" in found.svg


@pytest.mark.parametrize("data", [b"", b"no picture"])
def test_a_mask_that_cannot_be_read_has_no_outlines(tmp_path, data):
    (tmp_path / "mask").write_bytes(data)
    assert outlines(tmp_path / "mask", 10) is None
    assert outlines(tmp_path / "gone", 10) is None


@pytest.mark.parametrize(("api", "kind"), [("2", "@type"), ("3", "type")])
def test_an_image_server_is_named_as_a_service(rows, tmp_path, read, api, kind):
    params = IiifParams(base_url=BASE, outputs_url="https://img.example.org/iiif/", image_api=api)
    write(iter(rows), tmp_path / "iiif", params)
    path = tmp_path / "iiif" / "manifests" / f"{rows[1]['digest']}.json"
    body = json.loads(path.read_text("utf-8"))["items"][0]["items"][0]["items"][0]["body"]
    restored = body["items"][0]
    assert restored["service"][0][kind] == f"ImageService{api}"
    assert restored["id"].startswith("https://img.example.org/iiif/album%201%2F")
    assert read(path) == (0, ["True"])


def test_an_address_has_the_bytes_of_the_name(manifest):
    body = manifest["items"][0]["items"][0]["items"][0]["body"]
    assert body["items"][1]["id"] == f"{BASE}/scans/album%201/%E9t%E9%20100%25.jpg"


@pytest.mark.parametrize("url", ["", "/srv/web", "ftp://x.org", "https://x.org/a?b=1"])
def test_without_the_address_of_a_web_folder_the_cure_is_told(rows, tmp_path, url):
    with pytest.raises(UsageError, match="--set base_url=https"):
        write(iter(rows), tmp_path / "iiif", IiifParams(base_url=url))
