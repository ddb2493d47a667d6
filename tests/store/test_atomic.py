import os
from pathlib import Path

import pytest

from archivist.store.atomic import commit_all, discard, move_to, placing_folder


def written(folder: Path, count: int) -> list:
    moves = [move_to(folder / f"{number}.bin") for number in range(count)]
    for number, move in enumerate(moves):
        move.temporary.write_bytes(bytes([number]))
    return moves


def test_files_of_a_burst_take_their_names(tmp_path):
    moves = written(tmp_path / "a", 20) + written(tmp_path / "b", 3)
    assert commit_all(moves) == {}
    assert [move.target.read_bytes()[0] for move in moves] == [*range(20), *range(3)]
    assert not any(move.temporary.exists() for move in moves)


def test_every_file_is_synced_before_any_takes_its_name_and_a_folder_once(tmp_path, monkeypatch):
    moves, calls = written(tmp_path, 5), []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda number: (calls.append("sync"), fsync(number)))
    monkeypatch.setattr(Path, "replace", lambda *a: (calls.append("name"), replace(*a)))
    commit_all(moves)
    assert calls == ["sync"] * 5 + ["name"] * 5 + ["sync"]


def test_a_file_that_fails_is_told_by_its_target_and_the_others_go_on(tmp_path):
    moves = written(tmp_path, 3)
    moves[1].temporary.unlink()
    problems = commit_all(moves)
    assert list(problems) == [moves[1].target]
    assert [move.target.exists() for move in moves] == [True, False, True]


@pytest.mark.skipif(os.name == "nt", reason="no folder is synced there")
def test_a_folder_that_cannot_be_synced_fails_all_its_files(tmp_path, monkeypatch):
    moves = written(tmp_path / "bad", 2) + written(tmp_path / "good", 2)
    real = os.open

    def fail(path, *rest):
        if Path(path) == tmp_path / "bad":
            raise OSError(5, "Input/output error")
        return real(path, *rest)

    monkeypatch.setattr(os, "open", fail)
    assert set(commit_all(moves)) == {move.target for move in moves[:2]}


def test_what_did_not_get_its_name_is_removed(tmp_path):
    moves = written(tmp_path, 2)
    commit_all(moves[:1])
    discard(moves)
    assert [path.name for path in tmp_path.iterdir()] == ["0.bin"]


def test_a_folder_appears_whole_in_place_of_an_empty_one(tmp_path):
    target = tmp_path / "bag"
    target.mkdir()
    with placing_folder(target) as temporary:
        (temporary / "data").mkdir(parents=True)
        (temporary / "data" / "a").write_text("a")
        assert list(target.iterdir()) == []
    assert (target / "data" / "a").read_text() == "a"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_that_was_not_finished_is_removed(tmp_path):
    def fail():
        with placing_folder(tmp_path / "bag") as temporary:
            (temporary / "data").mkdir(parents=True)
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_never_replaces_one_that_holds_something(tmp_path):
    target = tmp_path / "bag"
    target.mkdir()
    (target / "old").write_text("old")
    with pytest.raises(OSError), placing_folder(target) as temporary:  # noqa: PT011
        temporary.mkdir()
    assert (target / "old").read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_replaces_a_full_one_where_that_is_asked_for(tmp_path):
    target = tmp_path / "bag"
    target.mkdir()
    (target / "old").write_text("old")
    with placing_folder(target, replace=True) as temporary:
        temporary.mkdir()
        (temporary / "new").write_text("new")
        assert (target / "old").exists()
    assert [path.name for path in target.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("made", [True, False])
def test_a_full_folder_stays_when_another_cannot_take_its_place(tmp_path, monkeypatch, made):
    target, rename = tmp_path / "bag", Path.rename
    target.mkdir()
    (target / "old").write_text("old")

    def refuse(self, other):
        if (self / "new").exists():
            raise PermissionError
        return rename(self, other)

    monkeypatch.setattr(Path, "rename", refuse)

    def put():
        with placing_folder(target, replace=True) as temporary:
            temporary.mkdir()
            (temporary / "new").write_text("new")
            if not made:
                raise LookupError

    with pytest.raises((PermissionError, LookupError)):
        put()
    assert (target / "old").read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_the_files_of_a_folder_are_synced_before_it_takes_its_name(tmp_path, monkeypatch):
    target, synced = tmp_path / "bag", []
    monkeypatch.setattr(os, "fsync", lambda _: synced.append(target.exists()))
    with placing_folder(target) as temporary:
        (temporary / "data").mkdir(parents=True)
        (temporary / "data" / "a").write_text("a")
    assert synced.count(False) >= 3
