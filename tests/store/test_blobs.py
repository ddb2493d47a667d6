import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archivist.api.errors import StoreError
from archivist.hashing import digest_bytes
from archivist.store.blobs import BlobStore


@pytest.fixture
def store(tmp_path):
    return BlobStore(tmp_path / "store")


def everything_in(root: Path) -> list[str]:
    return sorted(path.name for path in root.rglob("*") if path.is_file())


def test_a_blob_reads_back_as_it_was_put(store):
    digest = store.put_bytes(b"grain")
    assert store.read(digest) == b"grain"


def test_a_blob_lies_under_the_first_bytes_of_its_digest(store):
    digest = store.put_bytes(b"grain")
    assert store.path(digest).relative_to(store.root).parts == (digest[:2], digest[2:4], digest)


def test_a_file_and_its_bytes_are_the_same_blob(store, tmp_path):
    (tmp_path / "a").write_bytes(b"grain")
    assert store.put_file(tmp_path / "a") == store.put_bytes(b"grain") == digest_bytes(b"grain")
    assert list(store.iterate()) == [digest_bytes(b"grain")]


def test_putting_twice_writes_once(store):
    digest = store.put_bytes(b"grain")
    before = store.path(digest).stat().st_ino
    store.put_bytes(b"grain")
    assert store.path(digest).stat().st_ino == before


def test_a_damaged_blob_fails_its_check_and_is_not_read(store):
    digest = store.put_bytes(b"grain")
    store.path(digest).write_bytes(b"Grain")
    assert not store.check(digest)
    with pytest.raises(StoreError, match=r"damaged.*Cure"):
        store.read(digest)


def test_a_truncated_blob_is_written_anew(store):
    digest = store.put_bytes(b"grain")
    store.path(digest).write_bytes(b"gr")
    store.put_bytes(b"grain")
    assert store.check(digest)


def test_a_missing_blob_is_an_error_with_its_cure(store):
    with pytest.raises(StoreError, match="Cure"):
        store.open(digest_bytes(b"never put"))


def test_a_name_that_is_no_digest_is_refused(store):
    with pytest.raises(ValueError, match="not a SHA-256"):
        store.path("../../etc/passwd")


def test_a_deleted_blob_is_gone_and_deleting_again_says_so(store):
    digest = store.put_bytes(b"grain")
    assert store.delete(digest)
    assert not store.has(digest)
    assert not store.delete(digest)


@pytest.mark.parametrize("call", ["fsync", "replace", "write"])
def test_a_crash_while_writing_leaves_no_half_blob(store, monkeypatch, call):
    def fail(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    owner, name = {
        "fsync": (os, "fsync"),
        "replace": (Path, "replace"),
        "write": (Path, "write_bytes"),
    }[call]
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, fail)
        with pytest.raises(StoreError, match=r"No space left.*Cure"):
            store.put_bytes(b"grain")
    assert everything_in(store.root) == []


@settings(deadline=None, max_examples=20)
@given(st.lists(st.binary(max_size=64), max_size=12))
def test_every_blob_is_found_again_in_order(tmp_path_factory, contents):
    store = BlobStore(tmp_path_factory.mktemp("store"))
    digests = {store.put_bytes(data) for data in contents}
    assert list(store.iterate()) == sorted(digests)
    assert all(store.check(digest) for digest in digests)
