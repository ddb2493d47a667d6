"""Weights are found, checked against their digest, and imported with a record."""

from __future__ import annotations

import json
import pickle
import sys
import types
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from archivist.api import UsageError, Weight, WeightsCorrupt, WeightsMissing
from archivist.hashing import digest_bytes
from archivist.plugins import find_weights, import_weights, imported_weights, weight_digest

CONTENT = b"trained numbers"


def convert(source: Path, destination: Path) -> None:
    if not source.read_bytes().startswith(b"checkpoint"):
        raise ValueError("it has no layer 'conv1'")
    destination.write_bytes(CONTENT)


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Make a package ``sample_weights`` with one shipped file, and return the file."""
    folder = tmp_path / "site" / "sample_weights"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "small.safetensors").write_bytes(CONTENT)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    module = types.ModuleType("sample_importer")
    module.convert = convert  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sample_importer", module)
    yield folder / "small.safetensors"
    sys.modules.pop("sample_weights", None)


SHIPPED = Weight(
    name="small",
    licence="Apache-2.0",
    source="trained by us",
    sha256=digest_bytes(CONTENT),
    package="sample_weights:small.safetensors",
)
IMPORTED = Weight(
    name="paper-v1", licence="MIT", source="the authors", importer="sample_importer:convert"
)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(b"checkpoint of the paper")
    return path


def test_a_shipped_weight_is_found_in_its_package(package: Path) -> None:
    assert find_weights(SHIPPED, []) == package


def test_a_shipped_weight_that_was_changed_is_refused(package: Path) -> None:
    package.write_bytes(b"other numbers")
    with pytest.raises(WeightsCorrupt, match="install the plugin again"):
        find_weights(SHIPPED, [])


def test_a_weight_that_changes_after_it_was_verified_is_refused(package: Path) -> None:
    find_weights(SHIPPED, [])
    package.write_bytes(CONTENT + b"!")
    with pytest.raises(WeightsCorrupt):
        find_weights(SHIPPED, [])


def test_a_missing_weight_is_named_with_the_places_and_the_cure(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="archivist weights import paper-v1 FILE") as caught:
        find_weights(IMPORTED, [tmp_path / "here"])
    assert caught.value.searched == (tmp_path / "here" / "paper-v1.safetensors",)


def test_a_weight_of_a_missing_package_is_missing() -> None:
    with pytest.raises(WeightsMissing, match="install the plugin again"):
        find_weights(replace(SHIPPED, package="no_such_package:w"), [])


def test_an_imported_weight_is_found_with_its_recorded_digest(
    checkpoint: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "weights"
    record = import_weights(IMPORTED, checkpoint, folder)
    assert find_weights(IMPORTED, [tmp_path, folder]) == folder / "paper-v1.safetensors"
    assert weight_digest(IMPORTED, [folder]) == record.sha256 == digest_bytes(CONTENT)


def test_the_record_says_where_the_weight_came_from(checkpoint: Path, tmp_path: Path) -> None:
    import_weights(IMPORTED, checkpoint, tmp_path)
    kept = json.loads((tmp_path / "paper-v1.json").read_text())
    assert kept["file"] == "checkpoint.pt"
    assert kept["file_sha256"] == digest_bytes(checkpoint.read_bytes())
    assert kept["licence"] == "MIT"
    assert [record.name for record in imported_weights([tmp_path])] == ["paper-v1"]


def test_an_imported_weight_that_was_changed_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    import_weights(IMPORTED, checkpoint, tmp_path)
    (tmp_path / "paper-v1.safetensors").write_bytes(b"tampered")
    with pytest.raises(WeightsCorrupt):
        find_weights(IMPORTED, [tmp_path])


def test_a_file_without_its_record_is_not_trusted(tmp_path: Path) -> None:
    (tmp_path / "paper-v1.safetensors").write_bytes(CONTENT)
    with pytest.raises(WeightsMissing):
        find_weights(IMPORTED, [tmp_path])


def test_a_file_that_is_no_such_checkpoint_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    other = tmp_path / "holiday.jpg"
    other.write_bytes(b"a picture")
    with pytest.raises(UsageError, match=r"no layer 'conv1'.* take the file named in its source"):
        import_weights(IMPORTED, other, tmp_path / "weights")
    assert list((tmp_path / "weights").iterdir()) == []


def test_another_checkpoint_than_the_declared_one_is_refused(
    checkpoint: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="it is another checkpoint"):
        import_weights(replace(IMPORTED, sha256="0" * 64), checkpoint, tmp_path / "weights")
    assert list((tmp_path / "weights").iterdir()) == []


def test_the_advice_of_an_unpickler_to_load_without_restriction_is_not_passed_on(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: Path, destination: Path) -> None:
        raise pickle.UnpicklingError("Re-running with weights_only=False will likely succeed")

    monkeypatch.setattr(sys.modules["sample_importer"], "convert", refuse)
    with pytest.raises(UsageError, match="more than plain tensors") as caught:
        import_weights(IMPORTED, checkpoint, tmp_path)
    assert "weights_only" not in str(caught.value)


def test_a_shipped_weight_has_nothing_to_import(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="are shipped with their plugin"):
        import_weights(SHIPPED, checkpoint, tmp_path)


def test_an_unreadable_record_counts_as_none(
    checkpoint: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import_weights(IMPORTED, checkpoint, tmp_path)
    (tmp_path / "paper-v1.json").write_text("{")
    assert weight_digest(IMPORTED, [tmp_path]) is None
    assert "import the weights again" in caplog.text
