"""`archivist catalog rebuild` and `archivist catalog journal`, as a user sees them."""

from __future__ import annotations

import json
import shutil

import pytest

from archivist.catalog.rows import Decision


@pytest.fixture
def home(archive):
    return archive.out / ".archivist"


@pytest.fixture
def lost(archive, command, home):
    """Give the line of the newest checkpoint of a catalog that was deleted."""
    file = archive.put("album/a.tif")
    archive.put("b.tif")
    archive.writer.review(file.assets[0].uid, Decision.APPROVE, by="Ada", reason="fine")
    archive.catalog.close()
    line = command("ledger", "seal").out.strip()
    for left in home.glob("catalog.sqlite*"):
        left.unlink()
    return line


def shard_of(home):
    (shard,) = home.glob("journal/*/*.jsonl")
    return shard


def test_rebuild_brings_a_deleted_catalog_back_under_the_same_checkpoint(command, lost):
    code, out, _ = command("catalog", "rebuild")

    assert code == 0
    assert "All checkpoints agree" in out
    assert lost in out
    root = lost.split(" ")[2]
    assert f"5 entries of the ledger are back, root {root}\n" in out
    assert command("ledger", "check", "--since", lost).code == 0


def test_verify_and_audit_work_on_a_rebuilt_catalog(archive, command, lost):
    command("catalog", "rebuild")

    out = command("verify", "--scans", str(archive.scans)).out
    assert "journals: 1 fine" in out
    assert "changed" not in out
    assert "missing" not in out
    assert "Ada" in command("audit", "album/a.tif").out


def test_rebuild_says_which_files_are_not_there(archive, command, lost):
    (archive.scans / "b.tif").unlink()
    (archive.out / "album" / "a.tif").unlink()

    code, out, _ = command("catalog", "rebuild", "--scans", str(archive.scans))

    assert code == 0
    assert "missing    1 of 2 originals, such as b.tif" in out
    assert "missing    1 of 2 outputs, such as album/a.tif" in out


def test_rebuild_from_a_damaged_journal_ends_with_3_and_names_the_line(command, lost, home):
    shard = shard_of(home)
    lines = shard.read_bytes().split(b"\n")
    number = next(n for n, line in enumerate(lines) if line.startswith(b'{"entry":0,'))
    lines[number] = lines[number].replace(b'"operator":"', b'"operator":"X')
    shard.write_bytes(b"\n".join(lines))

    code, out, _ = command("catalog", "rebuild")

    assert code == 3
    assert f"damaged    000001.jsonl, line {number + 1}: it is not as it was written" in out
    assert "does not have the roots of all its checkpoints" in out
    told = command("verify").out
    assert "missing      ledger record entry 0" in told


def test_rebuild_as_json_tells_everything(command, lost, home):
    facts = json.loads(command("catalog", "rebuild", "--json").out)

    assert facts["agrees"]
    assert facts["entries"] == 5
    assert facts["checkpoint"] == lost
    assert facts["journal"] == str(shard_of(home).parent)
    assert facts["damage"] == facts["left_out"] == []


def test_rebuild_without_an_output_folder_asks_for_it(command, tmp_path):
    url = f"sqlite:///{tmp_path / 'x.sqlite'}"

    code, _, err = command("catalog", "rebuild", "--catalog", url, out=False)

    assert code == 2
    assert "--out DIR" in err


@pytest.mark.parametrize("arguments", [("status",), ("report", "--csv", "r.csv"), ("verify",)])
def test_commands_on_a_lost_catalog_name_the_rebuild(command, lost, arguments):
    code, _, err = command(*arguments)

    assert code == 2
    assert "archivist catalog rebuild --out" in err


def test_journal_says_where_it_lies_and_that_the_catalog_fits(archive, command, home):
    archive.put("a.tif")

    code, out, _ = command("catalog", "journal")

    assert code == 0
    assert str(shard_of(home).parent) in out
    assert "the catalog fits" in out


def test_journal_rewrite_lays_a_damaged_one_aside(archive, command, home):
    archive.put("a.tif")
    archive.catalog.close()
    shard = shard_of(home)
    damaged = shard.read_bytes().replace(b"run.done", b"run.gone")
    shard.write_bytes(damaged)
    assert "changed      journal 000001.jsonl, line" in command("verify").out

    assert command("catalog", "journal", "--rewrite").code == 0

    assert "journals: 1 fine" in command("verify").out
    (aside,) = home.glob("journal/*.before-*/*.jsonl")
    assert aside.read_bytes() == damaged


def test_journal_of_a_catalog_whose_journal_is_gone_ends_with_3(archive, command, home):
    archive.put("a.tif")
    shutil.rmtree(home / "journal")

    code, out, _ = command("catalog", "journal")

    assert code == 3
    assert "the next run brings them together" in out
