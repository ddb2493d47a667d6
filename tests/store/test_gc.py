import os
import time

import pytest

from archivist.store.atomic import is_temporary, remove_leftovers, staged
from archivist.store.blobs import BlobStore
from archivist.store.gc import check, collect_garbage


@pytest.fixture
def store(tmp_path):
    return BlobStore(tmp_path / "store")


@pytest.fixture
def old_blob(store):
    """Put bytes as a blob of yesterday; return its digest."""

    def put(data):
        digest = store.put_bytes(data)
        yesterday = time.time() - 86400
        os.utime(store.path(digest), (yesterday, yesterday))
        return digest

    return put


@pytest.mark.parametrize("form", [set, iter, lambda digests: digests.__contains__])
def test_what_nothing_points_to_is_removed_and_the_rest_stays(store, old_blob, form):
    kept, lost = old_blob(b"kept"), old_blob(b"lost")
    done = collect_garbage(store, form([kept]))
    assert done.removed == (lost,)
    assert (done.freed_bytes, done.kept) == (4, 1)
    assert list(store.iterate()) == [kept]


def test_a_young_blob_stays_because_its_record_may_be_on_the_way(store):
    digest = store.put_bytes(b"new")
    done = collect_garbage(store, set())
    assert (done.removed, done.young) == ((), 1)
    assert store.has(digest)


def test_a_dry_run_only_tells(store, old_blob):
    digest = old_blob(b"lost")
    assert collect_garbage(store, set(), dry_run=True).removed == (digest,)
    assert store.has(digest)


def test_a_check_names_damaged_missing_and_unreferenced_blobs(store):
    whole, damaged = store.put_bytes(b"whole"), store.put_bytes(b"damaged")
    store.path(damaged).write_bytes(b"Damaged")
    found = check(store, [whole, "ab" * 32])
    assert (found.whole, found.damaged, found.missing) == (1, (damaged,), ("ab" * 32,))
    assert found.unreferenced == 1


def test_temporary_files_of_a_crash_are_removed_once_they_are_old(store, tmp_path):
    with staged(tmp_path) as temporary:
        temporary.write_bytes(b"half")
        assert is_temporary(temporary.name)
        assert remove_leftovers(tmp_path) == 0
        assert remove_leftovers(tmp_path, older_than=0) == 1
        assert not temporary.exists()


def test_other_files_are_no_leftovers(tmp_path):
    (tmp_path / "a.part").write_bytes(b"mine")
    assert remove_leftovers(tmp_path, older_than=0) == 0
    assert (tmp_path / "a.part").exists()
