"""Ed25519 keys that sign checkpoints: made, read from files or the environment, used.

A key file is PEM, as OpenSSL reads it, below lines that say its name and until when it may sign.
The cryptography is that of the library `cryptography`, the extra ``archivist[sign]``; it is
imported when a key is used.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from archivist.api.errors import UsageError
from archivist.ledger.checkpoint import KEY_ID_BYTES, Checkpoint, key_id

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

VARIABLE = "ARCHIVIST_SIGNING_KEY"
"""Environment variable with a private key: the PEM text itself, or the name of its file."""
_BEGIN = "-----BEGIN "
_KEYGEN = "archivist ledger keygen --to FILE makes a new pair"


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A private key. ``expires`` is None for one that may always sign."""

    name: str
    id: str
    expires: datetime | None
    where: str
    private: Ed25519PrivateKey

    def sign(self, checkpoint: Checkpoint) -> Checkpoint:
        """Return the checkpoint with its signature."""
        raw = bytes.fromhex(self.id) + self.private.sign(checkpoint.body.encode())
        signature = base64.b64encode(raw).decode("ascii")
        return replace(checkpoint, key_name=self.name, signature=signature)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """A key that signatures are checked with; ``text`` is the content of its file."""

    name: str
    id: str
    expires: datetime | None
    text: str
    public: Ed25519PublicKey

    def problem(self, checkpoint: Checkpoint) -> str:
        """Return what is wrong with the signature of a checkpoint by this key, empty if nothing."""
        from cryptography.exceptions import InvalidSignature

        raw = base64.b64decode(checkpoint.signature)
        try:
            self.public.verify(raw[KEY_ID_BYTES:], checkpoint.body.encode())
        except InvalidSignature:
            return f"the signature is not that of the key {self.id} ({self.name})"
        if self.expires is not None and checkpoint.at > self.expires:
            return f"it was signed after the key {self.id} ({self.name}) had expired"
        return ""


def find_signing_key(file: str, environment: Mapping[str, str]) -> SigningKey | None:
    """Return the key of the environment variable, else of the file, None when neither is named.

    Raises UsageError for a key that cannot be used now.
    """
    given = environment.get(VARIABLE, "")
    if _BEGIN in given:
        return read_signing_key(given, where=VARIABLE)
    name = given or file
    return read_signing_key(_read(Path(name)), where=name) if name else None


def read_signing_key(text: str, *, where: str, at: datetime | None = None) -> SigningKey:
    """Return the private key of a PEM text. Raises UsageError with its cure.

    ``where`` is where it comes from, ``at`` when it is to sign: now by default.
    """
    serialization, ed25519 = _library()
    facts, pem = _parts(text, where)
    try:
        private = serialization.load_pem_private_key(pem, password=None)
    except TypeError as error:
        raise UsageError(
            f"the signing key in {where} is locked by a passphrase, and nobody is there to be "
            "asked. Cure: openssl pkey -in LOCKED -out FILE, and keep FILE where only you read it"
        ) from error
    except ValueError as error:
        raise UsageError(f"{where} holds no private key in PEM. Cure: {_KEYGEN}") from error
    if not isinstance(private, ed25519.Ed25519PrivateKey):
        raise UsageError(f"the key in {where} is none of Ed25519. Cure: {_KEYGEN}")
    expires = _expiry(facts, where)
    if expires is not None and (at or datetime.now(UTC)) > expires:
        raise UsageError(
            f"the signing key in {where} expired on {expires:%Y-%m-%d}. Cure: {_KEYGEN}; keep the "
            "old public key among [ledger] public_keys, for the checkpoints it signed"
        )
    name, raw = _name(facts), private.public_key().public_bytes_raw()
    return SigningKey(
        name=name, id=key_id(name, raw), expires=expires, where=where, private=private
    )


def read_public_key(path: Path) -> PublicKey:
    """Return the public key of a file. Raises UsageError with its cure."""
    serialization, ed25519 = _library()
    text = _read(path)
    facts, pem = _parts(text, str(path))
    if b"PRIVATE" in pem:
        raise UsageError(
            f"{path} is a private key, which is not needed to check anything. "
            "Cure: give the file beside it that ends in .pub"
        )
    try:
        public = serialization.load_pem_public_key(pem)
    except ValueError as error:
        raise UsageError(f"{path} holds no public key in PEM. Cure: {_KEYGEN}") from error
    if not isinstance(public, ed25519.Ed25519PublicKey):
        raise UsageError(f"the key in {path} is none of Ed25519. Cure: {_KEYGEN}")
    name = _name(facts)
    return PublicKey(
        name=name,
        id=key_id(name, public.public_bytes_raw()),
        expires=_expiry(facts, str(path)),
        text=text,
        public=public,
    )


def write_pair(path: Path, *, name: str, days: int) -> tuple[Path, PublicKey]:
    """Make a pair of keys: the private one in ``path`` (mode 0600), the public one in ``.pub``.

    ``days`` is how long it may sign, 0 for ever. Return the file of the public key, and that key.
    Raises UsageError when a file is there already or cannot be written.
    """
    serialization, ed25519 = _library()
    _check_name(name)
    private = ed25519.Ed25519PrivateKey.generate()
    head = f"Name: {name}\n"
    if days:
        head += f"Expires: {datetime.now(UTC) + timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}\n"
    secret = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    shown = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    public_path = path.with_name(path.name + ".pub")
    for target, data, mode in ((path, secret, 0o600), (public_path, shown, 0o644)):
        _create(target, head.encode() + data, mode)
    return public_path, read_public_key(public_path)


def _create(path: Path, data: bytes, mode: int) -> None:
    """Write a new file that never, not even for a moment, can be read by others."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError as error:
        raise UsageError(
            f"{path} is there already, and a key is never overwritten. Cure: another name"
        ) from error
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}. Cure: another place") from (
            error
        )
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError as error:
        raise UsageError(f"there is no key {path}. Cure: {_KEYGEN}") from error
    except OSError as error:
        raise UsageError(
            f"the key {path} cannot be read: {error.strerror}. Cure: give this user the right to"
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} holds no key in PEM. Cure: {_KEYGEN}") from error


def _parts(text: str, where: str) -> tuple[dict[str, str], bytes]:
    """Return the lines above the PEM block as facts, and the block."""
    head, begin, rest = text.partition(_BEGIN)
    if not begin:
        raise UsageError(f"{where} holds no key in PEM. Cure: {_KEYGEN}")
    lines = [line.partition(":") for line in head.splitlines() if line.strip()]
    return {name.strip(): value.strip() for name, _, value in lines}, (begin + rest).encode()


def _name(facts: Mapping[str, str]) -> str:
    name = facts.get("Name") or "archivist"
    _check_name(name)
    return name


def _check_name(name: str) -> None:
    if not name or "+" in name or any(c.isspace() or not c.isprintable() for c in name):
        raise UsageError(
            f"{name!r} cannot name a key. Cure: a name without blanks and '+', such as "
            "archive.museum.example"
        )


def _expiry(facts: Mapping[str, str], where: str) -> datetime | None:
    text = facts.get("Expires", "")
    try:
        found = datetime.fromisoformat(text) if text else None
    except ValueError as error:
        raise UsageError(
            f"the line Expires of the key in {where} is no time. Cure: 2030-12-31T00:00:00Z"
        ) from error
    return found.replace(tzinfo=UTC) if found and found.tzinfo is None else found


def _library() -> tuple[ModuleType, ModuleType]:
    """Return the modules for files and for Ed25519. Raises UsageError when they are missing."""
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise UsageError(
            "keys and signatures need the library cryptography. Cure: pip install 'archivist[sign]'"
        ) from error
    return serialization, ed25519
