"""Keys: made, read, refused, and what they sign."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from archivist.api.errors import UsageError
from archivist.ledger import keys

SOON = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def pair(tmp_path):
    """Give the files of a new pair: private and public."""
    public, _ = keys.write_pair(tmp_path / "a.key", name="a.example", days=30)
    return tmp_path / "a.key", public


def private_text(pair) -> str:
    return pair[0].read_text("utf-8")


def test_the_private_key_can_be_read_by_its_owner_alone(pair):
    assert [stat.S_IMODE(path.stat().st_mode) for path in pair] == [0o600, 0o644]


def test_a_key_is_never_overwritten(pair):
    before = private_text(pair)
    with pytest.raises(UsageError, match="never overwritten"):
        keys.write_pair(pair[0], name="b.example", days=0)
    assert private_text(pair) == before


def test_what_is_signed_is_verified_by_the_public_key(pair, head):
    key = keys.find_signing_key(str(pair[0]), {})
    signed = key.sign(head)
    assert keys.read_public_key(pair[1]).problem(signed) == ""
    assert (signed.key_id, signed.key_name) == (key.id, "a.example")


def test_a_changed_checkpoint_is_told_from_the_signed_one(pair, head):
    signed = keys.find_signing_key(str(pair[0]), {}).sign(head)
    public = keys.read_public_key(pair[1])
    for changed in (
        replace(signed, size=1235),
        replace(signed, root="cd" * 32),
        replace(signed, run=""),
        replace(signed, at=signed.at + timedelta(seconds=1)),
        replace(signed, origin="archivist/other"),
    ):
        assert "not that of the key" in public.problem(changed)


def test_a_signature_of_after_the_expiry_is_told(pair, head):
    late = replace(head, at=datetime.now(UTC) + timedelta(days=31))
    signed = keys.find_signing_key(str(pair[0]), {}).sign(late)
    assert "had expired" in keys.read_public_key(pair[1]).problem(signed)


def test_without_a_key_nothing_signs():
    assert keys.find_signing_key("", {}) is None


@pytest.mark.parametrize("how", ["text", "file"])
def test_the_environment_goes_before_the_configuration(pair, tmp_path, how):
    given = private_text(pair) if how == "text" else str(pair[0])
    found = keys.find_signing_key(str(tmp_path / "other"), {keys.VARIABLE: given})
    assert found.name == "a.example"


def test_an_expired_key_is_refused(pair):
    with pytest.raises(UsageError, match=r"expired on .*keygen"):
        keys.read_signing_key(private_text(pair), where="x", at=SOON + timedelta(days=30))


def test_a_key_without_expiry_signs_for_ever(tmp_path):
    keys.write_pair(tmp_path / "b", name="b", days=0)
    text = (tmp_path / "b").read_text("utf-8")
    assert keys.read_signing_key(text, where="b", at=datetime(2999, 1, 1, tzinfo=UTC)).name == "b"


def test_a_missing_key_says_how_to_make_one(tmp_path):
    with pytest.raises(UsageError, match=r"there is no key .*keygen"):
        keys.find_signing_key(str(tmp_path / "none"), {})


def test_a_folder_in_the_place_of_a_key_cannot_be_read(tmp_path):
    with pytest.raises(UsageError, match=r"cannot be read: .*Cure"):
        keys.find_signing_key(str(tmp_path), {})


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\xff\xfe", b"-----BEGIN PRIVATE KEY-----\nAAAA\n"]
)
def test_what_is_no_key_is_refused_with_the_cure(tmp_path, content):
    (tmp_path / "k").write_bytes(content)
    with pytest.raises(UsageError, match="keygen"):
        keys.find_signing_key(str(tmp_path / "k"), {})


def test_a_public_key_does_not_sign(pair):
    with pytest.raises(UsageError, match="no private key"):
        keys.find_signing_key(str(pair[1]), {})


def test_a_private_key_is_not_asked_for_where_a_public_one_is_enough(pair):
    with pytest.raises(UsageError, match=r"not needed.*\.pub"):
        keys.read_public_key(pair[0])


def other_key(kind: str) -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    made = ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else None
    lock = serialization.BestAvailableEncryption(b"word") if kind == "locked" else None
    return (
        (made or ed25519.Ed25519PrivateKey.generate())
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            lock or serialization.NoEncryption(),
        )
        .decode()
    )


def test_a_key_of_another_kind_is_refused():
    with pytest.raises(UsageError, match="none of Ed25519"):
        keys.read_signing_key(other_key("ec"), where="x")


def test_a_locked_key_says_how_to_unlock_it():
    with pytest.raises(UsageError, match="openssl pkey"):
        keys.read_signing_key(other_key("locked"), where="x")


def test_a_key_of_openssl_without_our_lines_signs(head):
    assert keys.read_signing_key(other_key("plain"), where="x").sign(head).key_name == "archivist"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_reads_both_files(pair):
    for options in (["-in", str(pair[0])], ["-pubin", "-in", str(pair[1])]):
        done = subprocess.run(
            ["openssl", "pkey", "-noout", "-text", *options],
            check=False,
            capture_output=True,
            text=True,
        )
        assert "ED25519" in done.stdout.upper(), done.stderr


@pytest.mark.parametrize("name", ["", "two words", "a+b", "a\nb"])
def test_a_name_that_a_note_cannot_hold_is_refused(tmp_path, name):
    with pytest.raises(UsageError, match="cannot name a key"):
        keys.write_pair(tmp_path / "k", name=name, days=0)
    assert list(tmp_path.iterdir()) == []


def test_an_expiry_that_is_no_time_is_refused(pair):
    text = private_text(pair).replace("Expires: 2", "Expires: x")
    with pytest.raises(UsageError, match="is no time"):
        keys.read_signing_key(text, where="x")


def test_without_the_library_the_extra_is_named(pair, monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives", None)
    with pytest.raises(UsageError, match=r"archivist\[sign\]"):
        keys.find_signing_key(str(pair[0]), {})
