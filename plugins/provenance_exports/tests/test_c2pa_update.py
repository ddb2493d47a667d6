"""C2PA: a folder of signed outputs is brought up to date, and only what changed is signed."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import jumbf
import pytest
from certificates import DAY, NOW, Authority, pem, picture

from archivist.api import Exported, UsageError
from archivist_exports import c2pa, c2pa_manifest
from archivist_exports.c2pa import ready
from archivist_exports.c2pa_index import JOURNAL
from archivist_exports.c2pa_manifest import LINEAGE
from archivist_exports.c2pa_update import update
from archivist_exports.params import C2paParams

Rows = list[dict[str, Any]]
PATHS = ["a.jpg", "a.png", "b/a.tif"]
SIGNED = {"a.jpg", "a.png", "b/a.tif.c2pa", "signed.jsonl"}


class Folder:
    """A folder of signed outputs, and the archive whose outputs they are."""

    def __init__(self, rows: Rows, params: C2paParams, place: Path) -> None:
        self.rows, self.params, self.place = rows, params, place
        self.out = place.parent / "out"
        rows[0]["run"]["out"] = str(self.out)

    def update(self) -> Exported:
        return update(iter(self.rows), self.place, self.params)

    def files(self) -> set[str]:
        found = self.place.rglob("*")
        return {str(one.relative_to(self.place)) for one in found if one.is_file()}

    def bytes(self) -> dict[str, bytes]:
        return {name: (self.place / name).read_bytes() for name in self.files()}

    def index(self) -> dict[str, Any]:
        lines = (self.place / "signed.jsonl").read_text("ascii").splitlines()
        told = [json.loads(line) for line in lines]
        assert len({one["path"] for one in told}) == len(told)
        return {one["path"]: one for one in told}

    @property
    def photograph(self) -> dict[str, Any]:
        return self.rows[1]


@pytest.fixture
def folder(story: Rows, params: C2paParams, tmp_path: Path) -> Folder:
    return Folder(story, params, tmp_path / "signed")


def counts(exported: Exported) -> tuple[int, int, int, int]:
    return exported.made, exported.kept, exported.removed, len(exported.failed)


def lineage_of(file: Path) -> Any:
    return jumbf.Statement.of(jumbf.store_in_jpeg(file.read_bytes())).assertion(LINEAGE)


def test_the_first_update_signs_everything(folder: Folder, authority: Authority) -> None:
    assert counts(folder.update()) == (3, 0, 0, 0)
    assert folder.files() == SIGNED
    assert list(folder.index()) == PATHS
    signed = (folder.place / "a.jpg").read_bytes()
    jumbf.Statement.of(jumbf.store_in_jpeg(signed)).verify(signed, authority.certificate)


def test_a_second_update_signs_nothing_and_changes_no_byte(folder: Folder) -> None:
    folder.update()
    before = folder.bytes()
    assert counts(folder.update()) == (0, 3, 0, 0)
    assert folder.bytes() == before


def test_a_later_run_with_another_checkpoint_and_version_signs_nothing(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.update()
    folder.rows[0]["run"] |= {
        "uid": "0190f3a0-0000-7000-8000-000000000002",
        "checkpoint": "archivist/x 9 def= 2026-02-02T03:04:05Z",
        "started": "2026-02-02T03:00:00+00:00",
        "archivist": "0.2.0",
    }
    defaults = c2pa_manifest.manifest_of.__kwdefaults__
    monkeypatch.setitem(defaults, "writer", "archivist-exports 0.2.0")
    assert counts(folder.update()) == (0, 3, 0, 0)


def another_output(folder: Folder) -> None:
    data = picture(".png", 5)
    (folder.out / "a.png").write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    folder.photograph["outputs"][1] |= {"digest": digest, "size": len(data)}


def test_only_the_picture_whose_output_changed_is_signed_again(folder: Folder) -> None:
    folder.update()
    before = folder.bytes()
    another_output(folder)
    assert counts(folder.update()) == (1, 2, 0, 0)
    after = folder.bytes()
    assert {name for name in before if before[name] != after[name]} == {"a.png", "signed.jsonl"}


def _review(folder: Folder) -> None:
    folder.photograph["review"] = {**folder.photograph["review"], "decision": "reject"}


def _rights(folder: Folder) -> None:
    folder.photograph["facts"] = {**folder.photograph["facts"], "rights": "In copyright"}


def _record(folder: Folder) -> None:
    folder.photograph["steps"][0]["record"] = "0" * 64


def _renewed(folder: Folder) -> None:
    authority, studio = folder.authority, folder.studio  # type: ignore[attr-defined]
    renewed = authority.issue(studio, ends=NOW + 2 * DAY)
    Path(folder.params.certificate).write_bytes(pem(renewed, authority.certificate))


@pytest.mark.parametrize("change", [_review, _rights, _record, _renewed])
def test_what_the_statement_is_made_from_signs_all_outputs_of_a_picture_again(
    folder: Folder, authority: Authority, studio: Any, change: Any
) -> None:
    folder.authority, folder.studio = authority, studio  # type: ignore[attr-defined]
    folder.update()
    folder.rows[0]["run"]["checkpoint"] = "archivist/x 9 def= 2026-02-02T03:04:05Z"
    folder.rows[1] = copy.deepcopy(folder.photograph)
    change(folder)
    assert counts(folder.update()) == (3, 0, 0, 0)
    told = lineage_of(folder.place / "a.jpg")
    assert told["checkpoint"] == "archivist/x 9 def= 2026-02-02T03:04:05Z"
    assert told["steps"][0]["record"] == folder.photograph["steps"][0]["record"]


@pytest.mark.parametrize("change", [Path.unlink, lambda path: path.write_bytes(b"cut")])
def test_a_signed_copy_that_was_lost_or_cut_is_made_again(folder: Folder, change: Any) -> None:
    folder.update()
    change(folder.place / "a.jpg")
    assert counts(folder.update()) == (1, 2, 0, 0)
    assert lineage_of(folder.place / "a.jpg")["output"] == folder.index()["a.jpg"]["output"]


def test_a_scan_that_is_back_is_looked_into_again(folder: Folder) -> None:
    scan = Path(folder.photograph["file"])
    away = scan.rename(scan.with_suffix(".away"))
    folder.update()
    assert counts(folder.update()) == (0, 3, 0, 0)
    away.rename(scan)
    assert counts(folder.update()) == (3, 0, 0, 0)
    assert all(one["scan_was_read"] for one in folder.index().values())


@pytest.mark.parametrize("path", PATHS)
def test_an_output_that_no_longer_exists_loses_its_statement(folder: Folder, path: str) -> None:
    folder.update()
    (folder.out / path).unlink()
    assert counts(folder.update()) == (0, 2, 1, 0)
    assert set(folder.index()) == set(PATHS) - {path}
    assert folder.files() == SIGNED - {path, f"{path}.c2pa"}
    assert (folder.place / "b").exists() == (path != "b/a.tif")


def test_an_output_that_is_the_scan_by_now_loses_its_statement(folder: Folder) -> None:
    folder.update()
    folder.photograph["outputs"][0]["untouched"] = True
    assert counts(folder.update()) == (0, 2, 1, 0)
    assert not (folder.place / "a.jpg").exists()


def test_statements_stay_as_long_as_the_outputs_do_though_the_scans_are_away(
    folder: Folder,
) -> None:
    folder.update()
    everything = folder.rows
    folder.rows = [folder.rows[0]]
    assert counts(folder.update()) == (0, 3, 0, 0)
    (folder.out / "a.png").unlink()
    assert counts(folder.update()) == (0, 2, 1, 0)
    folder.rows = everything
    assert counts(folder.update()) == (0, 2, 0, 0)


def test_an_archive_without_photographs_is_no_failure(folder: Folder) -> None:
    folder.rows = [folder.rows[0]]
    assert counts(folder.update()) == (0, 0, 0, 0)


def test_a_file_that_is_not_as_recorded_fails_alone_and_its_old_statement_stays(
    folder: Folder,
) -> None:
    folder.update()
    before = folder.bytes()
    another_output(folder)
    (folder.out / "a.png").write_bytes(b"other")
    found = folder.update()
    assert counts(found) == (0, 2, 0, 1)
    (path, reason), *_ = found.failed
    assert path == "a.png"
    assert "is not as it was recorded" in reason
    assert folder.bytes() == before
    another_output(folder)
    assert counts(folder.update()) == (1, 2, 0, 0)


def test_an_update_that_was_killed_is_gone_on_with(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = c2pa.place
    for name in ("a.png", "a.tif.c2pa"):

        def killed(unfinished: Path, target: Path, name: str = name) -> None:
            if target.name == name:
                raise KeyboardInterrupt
            place(unfinished, target)

        monkeypatch.setattr(c2pa, "place", killed)
        with pytest.raises(KeyboardInterrupt):
            folder.update()
        with (folder.place / JOURNAL).open("ab") as stream:
            stream.write(b'{"path": "b/a.t')  # torn
    monkeypatch.setattr(c2pa, "place", place)
    (folder.place / "b" / ".archivist-0123456789abcdef.part").write_bytes(b"half")
    before = folder.bytes()
    assert counts(folder.update()) == (1, 2, 0, 0)
    assert folder.bytes()["a.jpg"] == before["a.jpg"]
    assert folder.files() == SIGNED
    assert list(folder.index()) == PATHS


def test_masters_come_and_go_with_the_param_and_access_copies_stay(folder: Folder) -> None:
    folder.update()
    before, plain = folder.bytes(), folder.params
    folder.params = dataclasses.replace(plain, masters=True)
    assert counts(folder.update()) == (1, 2, 0, 0)
    assert folder.files() == SIGNED | {"b/a.tif"}
    assert folder.bytes()["a.jpg"] == before["a.jpg"]
    folder.params = plain
    folder.update()
    assert folder.files() == SIGNED


def test_a_name_with_bytes_that_are_no_utf8_is_found_again(
    folder: Folder, put: Any, rows: Rows
) -> None:
    name = rows[1]["outputs"][1]["path"]
    file = Path(rows[1]["outputs"][1]["file"])
    file.write_bytes(picture(".jpg", 3))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    folder.photograph["outputs"][0] |= {"path": name, "file": str(file), "digest": digest}
    folder.update()
    assert counts(folder.update()) == (0, 3, 0, 0)
    file.unlink()
    assert counts(folder.update()) == (0, 2, 1, 0)
    assert folder.files() == SIGNED - {"a.jpg"}


# --- before a run -------------------------------------------------------------------------------


def test_ready_changes_with_the_certificate_and_not_from_call_to_call(
    params: C2paParams, authority: Authority, studio: Any
) -> None:
    before = ready(params)
    assert ready(params) == before
    renewed = authority.issue(studio, ends=NOW + 3 * DAY)
    Path(params.certificate).write_bytes(pem(renewed, authority.certificate))
    assert ready(params) != before


def test_without_a_key_the_cure_names_the_table_of_the_configuration(params: C2paParams) -> None:
    with pytest.raises(UsageError, match=r"Cure: .*key under \[publish.params.c2pa\]"):
        ready(dataclasses.replace(params, key=""))


def test_a_chain_that_leads_to_nobody_trusted_is_told_before_a_run(params: C2paParams) -> None:
    Path(params.trust).write_bytes(pem(Authority.make("Somebody else").certificate))
    with pytest.raises(UsageError, match="does not lead to one that is trusted"):
        ready(params)


def test_a_missing_library_is_told_before_a_run(
    params: C2paParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)
    with pytest.raises(UsageError, match=r"pip install 'archivist-exports\[c2pa\]'"):
        ready(params)
