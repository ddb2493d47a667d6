"""Pictures, and an authority that issues certificates to sign them with, made for each run."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import cv2
import numpy as np
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
SIGNING = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


def subject(word: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "City Museum"),
            x509.NameAttribute(NameOID.COMMON_NAME, word),
        ]
    )


@dataclasses.dataclass
class Authority:
    """Somebody who issues certificates."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def make(cls, word: str) -> Authority:
        key = ec.generate_private_key(ec.SECP256R1())
        usage = {name.lstrip("_"): value for name, value in vars(SIGNING).items()}
        usage |= {"digital_signature": False, "key_cert_sign": True, "crl_sign": True}
        certificate = (
            draft(subject(word), subject(word), key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .sign(key, hashes.SHA256())
        )
        return cls(key, certificate)

    def issue(
        self, key: Any, *, begins: datetime = NOW - DAY, ends: datetime = NOW + DAY, **changes: Any
    ) -> x509.Certificate:
        purpose = changes.get("purpose", ExtendedKeyUsageOID.EMAIL_PROTECTION)
        whose = changes.get("subject", subject("Studio"))
        above = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        return (
            draft(whose, self.certificate.subject, key.public_key(), begins, ends)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(SIGNING, critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(above, critical=False)
            .sign(self.key, hashes.SHA256())
        )


def draft(
    whose: x509.Name,
    issuer: x509.Name,
    key: Any,
    begins: datetime = NOW - DAY,
    ends: datetime = NOW + DAY,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(whose)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)


def key_pem(key: Any, lock: Any = None) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        lock or serialization.NoEncryption(),
    )


def picture(kind: str, seed: int = 0) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (30, 40, 3), np.uint8)
    return cv2.imencode(kind, pixels)[1].tobytes()
