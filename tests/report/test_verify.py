from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from dataclasses import replace

import pytest
from sqlalchemy import text, update

from archivist.catalog import queries, tables
from archivist.catalog.journal.mirror import COMPARED
from archivist.model import AssetOutcome, Status, UnitOutcome
from archivist.report.verify import Condition, Places, Subject, verify, verify_paths
from archivist.step.record import record_digest, sealed


@pytest.fixture
def places(archive):
    return Places(scans=archive.scans, out=archive.out, store=archive.store.root)


@pytest.fixture
def damages(archive, places):
    """Return what is not fine, as {(subject, name): finding}; weights are no part of it."""

    def look(where=places):
        found = verify(archive.catalog, where, record_digest=record_digest)
        return {
            (one.subject, one.name): one
            for one in found
            if one.condition is not Condition.FINE and one.subject is not Subject.WEIGHTS
        }

    return look


def test_all_is_fine_after_a_run(archive, places):
    archive.put("album/a.tif")
    archive.put("b.tif")
    net = archive.scans.parent / "net.bin"
    net.write_bytes(b"net")
    found = verify(
        archive.catalog,
        replace(places, weights=lambda name, digest: net),
        record_digest=record_digest,
    )
    assert Counter((one.subject, one.condition) for one in found) == {
        (Subject.ORIGINAL, Condition.FINE): 2,
        (Subject.OUTPUT, Condition.FINE): 2,
        (Subject.STORED, Condition.FINE): 2,
        (Subject.WEIGHTS, Condition.FINE): 1,
        (Subject.RECORD, Condition.FINE): 2,
    }


def test_a_changed_original_is_named_with_its_cure(archive, damages):
    archive.put("a.tif")
    archive.put("b.tif")
    (archive.scans / "a.tif").write_bytes(b"scan A.tif")
    (finding,) = damages().values()
    assert (finding.name, finding.condition) == ("a.tif", Condition.CHANGED)
    assert "backup" in finding.detail


def test_a_missing_original_and_a_missing_output_are_told_apart(archive, damages):
    archive.put("a.tif")
    archive.put("b.tif")
    (archive.scans / "a.tif").unlink()
    (archive.out / "b.tif").unlink()
    assert {key: one.condition for key, one in damages().items()} == {
        (Subject.ORIGINAL, "a.tif"): Condition.MISSING,
        (Subject.OUTPUT, "b.tif"): Condition.MISSING,
    }


def test_a_folder_in_the_place_of_a_file_is_unreadable(archive, damages):
    archive.put("a.tif")
    (archive.out / "a.tif").unlink()
    (archive.out / "a.tif").mkdir()
    (finding,) = damages().values()
    assert (finding.subject, finding.condition) == (Subject.OUTPUT, Condition.UNREADABLE)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser reads everything")
def test_a_file_without_permission_is_unreadable(archive, damages):
    archive.put("a.tif")
    (archive.scans / "a.tif").chmod(0)
    (finding,) = damages().values()
    assert finding.condition is Condition.UNREADABLE


def test_scans_on_a_disk_that_is_not_there_are_not_checked_rather_than_missing(
    archive, places, damages
):
    archive.put("a.tif")
    archive.put("b.tif")
    shutil.move(archive.scans, archive.scans.with_name("elsewhere"))
    (finding,) = damages().values()
    assert (finding.name, finding.condition) == ("2 originals", Condition.NOT_CHECKED)
    assert "--scans" in finding.detail
    assert damages(replace(places, scans=archive.scans.with_name("elsewhere"))) == {}


def test_damaged_and_missing_stored_files_are_told_apart(archive, damages):
    for name in ("a.tif", "b.tif", "c.tif"):
        archive.put(name)
    first, second, _ = archive.store.iterate()
    archive.store.path(first).write_bytes(b"other")
    archive.store.delete(second)
    assert {key: one.condition for key, one in damages().items()} == {
        (Subject.STORED, first): Condition.CHANGED,
        (Subject.STORED, second): Condition.MISSING,
    }


def test_stored_files_that_were_deleted_on_purpose_are_no_damage(archive, damages):
    archive.put("a.tif")
    (blob,) = archive.store.iterate()
    archive.store.delete(blob)
    archive.writer.forget_blobs([blob], reason="room")
    assert damages() == {}


def test_weights_of_another_version_are_not_checked(archive, places):
    archive.put("a.tif")
    (finding,) = (one for one in verify(archive.catalog, places) if one.subject is Subject.WEIGHTS)
    assert finding.condition is Condition.NOT_CHECKED
    assert "1 step records" in finding.detail


def test_corrupt_weights_are_changed(archive, places, tmp_path):
    archive.put("a.tif")
    net = tmp_path / "net.bin"
    net.write_bytes(b"not the net")
    found = verify(archive.catalog, replace(places, weights=lambda name, digest: net))
    assert [one.condition for one in found if one.subject is Subject.WEIGHTS] == [Condition.CHANGED]


def test_an_edited_record_is_found_out(archive, damages):
    archive.put("a.tif")
    with archive.catalog.engine.begin() as connection:
        connection.execute(update(tables.step).values(seed=2))
    (finding,) = damages().values()
    assert (finding.subject, finding.condition) == (Subject.RECORD, Condition.CHANGED)


def test_only_what_the_paths_name_is_looked_at(archive, places):
    for name in ("album/a.tif", "album/b.tif", "c.tif"):
        archive.put(name)
    (archive.scans / "c.tif").unlink()
    found = list(
        verify_paths(archive.catalog, places, [archive.scans / "album", archive.out / "c.tif"])
    )
    assert {(one.subject, one.name) for one in found} == {
        (Subject.ORIGINAL, "album/a.tif"),
        (Subject.ORIGINAL, "album/b.tif"),
        (Subject.OUTPUT, "c.tif"),
    }
    assert all(one.condition is Condition.FINE for one in found)


def test_a_path_that_the_catalog_does_not_know_is_not_checked(archive, places, tmp_path):
    archive.put("a.tif")
    (finding,) = verify_paths(archive.catalog, places, [tmp_path / "nothing"])
    assert finding.condition is Condition.NOT_CHECKED


def test_the_command_ends_with_3_and_names_the_damage(archive, command):
    archive.put("a.tif")
    (archive.out / "a.tif").write_bytes(b"other")
    code, out, _ = command("verify")
    assert code == 3
    assert "changed      output a.tif" in out
    assert "originals: 1 fine" in out


def test_the_command_ends_with_0_when_what_was_asked_for_is_fine(archive, command):
    archive.put("a.tif")
    code, out, _ = command("verify", str(archive.scans / "a.tif"))
    assert (code, out.strip()) == (0, "originals: 1 fine")


def test_the_command_ends_with_3_when_weights_could_not_be_checked(archive, command):
    archive.put("a.tif")
    code, out, _ = command("verify")
    assert code == 3
    assert "not checked  weights net" in out


def test_the_command_speaks_json(archive, command):
    archive.put("a.tif")
    (archive.scans / "a.tif").unlink()
    _, out, _ = command("verify", "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert {"subject": "original", "name": "a.tif", "condition": "missing"}.items() <= lines[
        0
    ].items()
    assert lines[-1]["counts"]["output"] == {"fine": 1}


def test_of_an_empty_catalog_only_the_journal_and_its_tables_are_checked(archive, command):
    code, out, _ = command("verify")
    assert code == 0
    assert out == f"journals: 1 fine\ncatalog tables: {len(COMPARED)} fine\n"


def test_a_row_that_was_changed_by_hand_is_named(archive, command):
    archive.start(archive.file("a.tif"))
    with archive.catalog.engine.begin() as connection:
        connection.execute(text("UPDATE scan_file SET size = 1"))

    code, out, _ = command("verify")

    assert code == 3
    assert "changed      catalog table scan_file: " in out


def test_a_result_that_was_kept_only_later_is_as_it_was_recorded(archive, damages):
    file = archive.file("a.tif")
    (asset,) = file.assets
    for kept in (False, True):
        run = archive.start(file)
        record = archive.record(asset.uid)
        if not kept:
            (mask,) = record.outputs
            bare = replace(mask, kept=False, blob=None, size=0, media_type="")
            record = sealed(replace(record, outputs=(bare,), digest=""))
        ended = AssetOutcome(asset=asset.uid, status=Status.DONE, records=(record,), seconds=1.0)
        started = {"started": record.started, "seconds": 1.0}
        unit = UnitOutcome(unit=file.digest, assets=(ended,), environment={}, **started)
        archive.writer.record(run, [unit])
        archive.writer.finish_run(run)
    (found,) = queries.records_of(archive.catalog, asset.uid)
    assert found.outputs[0].kept
    assert not {key for key in damages() if key[0] is Subject.RECORD}
