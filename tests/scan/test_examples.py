"""The example folders: the archive is whole, and every defect of the broken one is told."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from archivist.model import Refusal, ScanFile, Status
from archivist.scan import ScanOptions, group_near, read_manifest, scan

EXAMPLES = Path(__file__).parents[2] / "examples"
ARCHIVE = EXAMPLES / "archive"


@pytest.fixture(scope="module")
def files() -> list[ScanFile | Refusal]:
    manifest = ARCHIVE / "manifest.csv"
    options = ScanOptions(manifest=manifest)
    return list(scan(ARCHIVE, options, manifest=read_manifest(manifest)))


def scans_of(files: list[ScanFile | Refusal]) -> list[ScanFile]:
    return [item for item in files if isinstance(item, ScanFile)]


def test_nothing_in_the_example_archive_fails(files: list[ScanFile | Refusal]) -> None:
    refused = {item.path: item.status for item in files if isinstance(item, Refusal)}
    assert refused == {"manifest.csv": Status.SKIPPED, "notes.txt": Status.SKIPPED}


def test_every_example_scan_has_its_row_of_the_manifest(files: list[ScanFile | Refusal]) -> None:
    for item in scans_of(files):
        for asset in item.assets:
            assert asset.facts["inventory_no"] == Path(item.path).stem
            assert all(asset.facts[name] for name in ("title", "date", "series", "rights"))


def test_the_examples_cover_the_kinds_of_scans(files: list[ScanFile | Refusal]) -> None:
    headers = [asset.header for item in scans_of(files) for asset in item.assets]
    kinds = {(header.format, header.depth, str(header.colour)) for header in headers}
    assert kinds == {
        ("jpeg", 8, "rgb"),
        ("jpeg", 8, "grey"),
        ("tiff", 16, "rgb"),
        ("tiff", 16, "grey"),
    }
    assert {header.orientation for header in headers} == {1, 6}
    assert {asset.pages for item in scans_of(files) for asset in item.assets} == {1, 2}


def test_the_second_scan_of_a_print_is_a_near_duplicate(files: list[ScanFile | Refusal]) -> None:
    hashes = {
        f"{item.path}#{asset.page}": asset.perceptual_hash or ""
        for item in scans_of(files)
        for asset in item.assets
    }
    assert group_near(hashes) == (
        ("1860s/nagasaki/2007.26.207.3.jpg#0", "1860s/nagasaki/access/2007.26.207.3.jpg#0"),
    )


def test_pictures_that_are_not_damaged_are_the_published_files() -> None:
    for path, source in {
        "1920s/blossfeldt/84.XM.142.7.jpg": "allium-oreophilum.jpg",
        "1910s/84.XA.240.36.jpg": "airplane-from-above.jpg",
    }.items():
        assert (ARCHIVE / path).read_bytes() == (EXAMPLES / "originals" / source).read_bytes()


def pixels_of(file: Path) -> np.ndarray:
    if file.suffix == ".tif":
        return tifffile.imread(file, key=slice(None)).astype(float) / 65535
    with Image.open(file) as image:
        return np.asarray(image, float) / 255


def test_the_script_makes_the_same_archive_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(EXAMPLES)
    script = importlib.import_module("make_archive")
    monkeypatch.setattr(script, "ARCHIVE", tmp_path / "archive")
    script.main()
    made = sorted(file.relative_to(tmp_path) for file in tmp_path.rglob("*") if file.is_file())
    for name in made:
        new, kept = tmp_path / name, EXAMPLES / name
        if name.suffix in (".md", ".csv", ".txt"):
            assert new.read_bytes() == kept.read_bytes()
        else:
            assert np.abs(pixels_of(new) - pixels_of(kept)).mean() < 1 / 255
    kept_names = {file.relative_to(EXAMPLES) for file in ARCHIVE.rglob("*") if file.is_file()}
    assert kept_names | {Path("ATTRIBUTION.md")} == set(made)


def test_each_broken_example_is_told_with_its_code() -> None:
    items = {item.path: item for item in scan(EXAMPLES / "broken", ScanOptions())}
    codes = {path: item.code for path, item in items.items() if isinstance(item, Refusal)}
    assert codes == {
        ".hidden.jpg": "hidden",
        "Thumbs.db": "litter",
        "animation.gif": "unsupported-format",
        "camera-raw.dng": "unsupported-format",
        "cmyk.jpg": "unsupported-colour",
        "damaged-middle.jpg": "damaged",
        "declares-64-gigapixels.png": "too-large",
        "empty.tif": "empty",
        "list.txt": "not-a-picture",
        "text.tif": "lying-suffix",
        "truncated.jpg": "truncated",
        "truncated.png": "truncated",
    }
    good = {path for path, item in items.items() if isinstance(item, ScanFile)}
    assert good == {"good.jpg", "broken-exif.jpg", "broken-profile.jpg"}
