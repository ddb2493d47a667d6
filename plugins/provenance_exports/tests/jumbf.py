"""A reader and verifier of C2PA statements of our own, which shares no code with what signs.

After ISO 19566-5 (JUMBF boxes), the C2PA specification (claims, hashed URIs, data hashes) and
RFC 9052 (COSE_Sign1). It knows what the tests need: ES256, SHA-256, one active manifest.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

X5CHAIN = 33


@dataclass
class Box:
    """A JUMBF superbox: its label, what it holds, and the bytes that hashed URIs are of."""

    label: str
    payload: bytes
    children: list[Box] = field(default_factory=list)
    content: bytes = b""

    def find(self, label: str) -> Box:
        return next(box for box in self.children if box.label == label)

    @property
    def labels(self) -> list[str]:
        return [box.label for box in self.children]

    @property
    def value(self) -> Any:
        return cbor2.loads(self.content)


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        assert 8 <= length <= len(data) - at
        yield kind, data[at + 8 : at + length]
        at += length


def superbox(payload: bytes) -> Box:
    """Read a superbox: a description first, then contents or further superboxes."""
    parts = list(boxes(payload))
    kind, description = parts[0]
    assert kind == b"jumd"
    assert description[16] & 2, "a label is there"
    box = Box(label=description[17 : description.index(b"\0", 17)].decode(), payload=payload)
    for kind, data in parts[1:]:
        if kind == b"jumb":
            box.children.append(superbox(data))
        else:
            box.content = data
    return box


def store_in_jpeg(data: bytes) -> bytes:
    """Join the pieces in APP11 segments; each repeats the head of the box."""
    at, pieces = 2, {}
    while data[at] == 0xFF and data[at + 1] != 0xDA:
        length = struct.unpack_from(">H", data, at + 2)[0]
        if data[at + 1] == 0xEB and data[at + 4 : at + 6] == b"JP":
            number = struct.unpack_from(">I", data, at + 8)[0]
            pieces[number] = data[at + 12 : at + 2 + length]
        at += 2 + length
    first, *rest = [pieces[number] for number in sorted(pieces)]
    return first + b"".join(piece[8:] for piece in rest)


def store_in_png(data: bytes) -> bytes:
    at = 8
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"caBX":
            return data[at + 8 : at + 8 + length]
        at += 12 + length
    raise AssertionError("the file holds no statement")


@dataclass
class Statement:
    """The active manifest of a store, taken apart."""

    manifest: Box

    @classmethod
    def of(cls, store: bytes) -> Statement:
        ((kind, payload),) = boxes(store)
        assert kind == b"jumb"
        return cls(superbox(payload).children[-1])

    @property
    def assertions(self) -> Box:
        return self.manifest.find("c2pa.assertions")

    @property
    def claim(self) -> dict[str, Any]:
        claim: dict[str, Any] = self.manifest.find("c2pa.claim.v2").value
        return claim

    def assertion(self, label: str) -> Any:
        return self.assertions.find(label).value

    @property
    def actions(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.assertion("c2pa.actions.v2")["actions"]
        return found

    def named(self, uri: dict[str, Any]) -> Box:
        """Return the assertion that a hashed URI names, after its hash was compared."""
        box = self.assertions.find(uri["url"].rpartition("/")[2])
        assert hashlib.sha256(box.payload).digest() == uri["hash"], box.label
        return box

    def verify(self, file: bytes, root: x509.Certificate) -> None:
        """Raise unless signature, chain, assertions and the bytes of the file fit together."""
        self._verify_signature(root)
        listed = [*self.claim["created_assertions"], *self.claim.get("gathered_assertions", [])]
        assert {self.named(uri).label for uri in listed} == set(self.assertions.labels)
        binding = self.assertion("c2pa.hash.data")
        assert binding["alg"] == "sha256"
        assert data_hash(file, binding.get("exclusions", [])) == binding["hash"], "another picture"

    def _verify_signature(self, root: x509.Certificate) -> None:
        protected, unprotected, payload, signature = cbor2.loads(
            self.manifest.find("c2pa.signature").content
        ).value
        assert payload is None, "the claim is detached"
        head = cbor2.loads(protected)
        assert head[1] == -7, "ES256"
        chain = head.get(X5CHAIN) or unprotected[X5CHAIN]
        chain = [chain] if isinstance(chain, bytes) else chain
        certificates = [x509.load_der_x509_certificate(one) for one in chain]
        for one, above in zip(certificates, [*certificates[1:], root], strict=True):
            if one != above:
                one.verify_directly_issued_by(above)
        signed = ["Signature1", protected, b"", self.manifest.find("c2pa.claim.v2").content]
        half = len(signature) // 2
        numbers = (int.from_bytes(part) for part in (signature[:half], signature[half:]))
        certificates[0].public_key().verify(
            encode_dss_signature(*numbers), cbor2.dumps(signed), ec.ECDSA(hashes.SHA256())
        )


def data_hash(file: bytes, exclusions: list[dict[str, int]]) -> bytes:
    """Return the SHA-256 of a file without the places that are left out."""
    digest, at = hashlib.sha256(), 0
    for left_out in sorted(exclusions, key=lambda one: one["start"]):
        digest.update(file[at : left_out["start"]])
        at = left_out["start"] + left_out["length"]
    digest.update(file[at:])
    return digest.digest()
