"""The certificate and the key of who signs: read and checked before anything is written.

The rules are those of the C2PA specification for signing certificates (X.509 profile); a library
that signs with a wrong one would only say that something is invalid.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archivist.api import UsageError
from archivist_exports.params import C2paParams

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

CERTIFICATE, KEY = "ARCHIVIST_C2PA_CERTIFICATE", "ARCHIVIST_C2PA_KEY"
_SEE = "docs/exports.md says how to get or make one"
_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
_LEAST_RSA = 2048
_PURPOSES = ("1.3.6.1.5.5.7.3.4", "1.3.6.1.5.5.7.3.36", "1.3.6.1.4.1.62558.2.1")
"""E-mail protection, document signing, C2PA claim signing: a signer has at least one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who signs: the algorithm's C2PA name, the chain and the key in PEM, the trusted ones."""

    algorithm: str
    chain: bytes
    key: bytes
    name: str
    trust: bytes = b""


def identity(params: C2paParams) -> Identity:
    """Return who signs. Raises UsageError with the cure for what is missing, expired or wrong."""
    chain_file = _named(params.certificate, CERTIFICATE, "certificate", "certificate")
    key_file = _named(params.key, KEY, "private key", "key")
    certificates = _certificates(chain_file)
    signer = certificates[0]
    _check_time(chain_file, certificates)
    _check_purpose(chain_file, signer)
    _check_chain(chain_file, certificates)
    key, algorithm = _key(key_file)
    if _public(key) != _public(signer):
        raise UsageError(
            f"{key_file} is not the key of the first certificate in {chain_file}. Cure: name the "
            "two that belong together; the certificate of who signs comes first in its file"
        )
    return Identity(
        algorithm=algorithm,
        chain=chain_file.read_bytes(),
        key=_pem(key),
        name=_name(signer),
        trust=_trust(params.trust),
    )


def _named(given: str, variable: str, what: str, param: str) -> Path:
    name = given or os.environ.get(variable, "")
    if not name:
        raise UsageError(
            f"to sign, a {what} is needed. Cure: --set {param}=FILE, or {param} under "
            f"[publish.params.c2pa] of the configuration, or name the file in the environment "
            f"variable {variable}; {_SEE}"
        )
    path = Path(name).expanduser()
    if not path.is_file():
        raise UsageError(f"the {what} {path} is not there. Cure: check the name; {_SEE}")
    return path


def _certificates(path: Path) -> list[Certificate]:
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except ValueError as error:
        raise UsageError(
            f"{path} holds no certificate in PEM ({error}). Cure: a file that begins with "
            f"-----BEGIN CERTIFICATE-----; {_SEE}"
        ) from error


def _check_time(path: Path, certificates: list[Certificate]) -> None:
    now = datetime.now(UTC)
    for one in certificates:
        if now > one.not_valid_after_utc:
            raise UsageError(
                f"the certificate {_name(one)} in {path} expired on "
                f"{one.not_valid_after_utc:%Y-%m-%d}. Cure: have it renewed, and sign with the new "
                "one; what was signed before stays as it is"
            )
        if now < one.not_valid_before_utc:
            raise UsageError(
                f"the certificate {_name(one)} in {path} is not valid before "
                f"{one.not_valid_before_utc:%Y-%m-%d}. Cure: check the clock of this machine"
            )


def _check_purpose(path: Path, signer: Certificate) -> None:
    from cryptography import x509

    try:
        usage = signer.extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature
        purposes = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        fits = usage and any(one.dotted_string in _PURPOSES for one in purposes)
    except x509.ExtensionNotFound:
        fits = False
    if not fits:
        raise UsageError(
            f"the certificate {_name(signer)} in {path} is not one to sign documents with. Cure: "
            "one with the key usage digitalSignature and the extended key usage emailProtection "
            f"or documentSigning; {_SEE}"
        )


def _check_chain(path: Path, certificates: list[Certificate]) -> None:
    signer = certificates[0]
    if signer.issuer == signer.subject:
        raise UsageError(
            f"the certificate {_name(signer)} in {path} vouches for itself, which C2PA does not "
            f"allow. Cure: have it issued by an authority, or by one of your own; {_SEE}"
        )
    for one, above in pairwise(certificates):
        if one.issuer != above.subject:
            raise UsageError(
                f"in {path}, {_name(above)} did not issue {_name(one)}. Cure: first the "
                "certificate of who signs, then that of its issuer, and so on"
            )


def _key(path: Path) -> tuple[Any, str]:
    from cryptography.hazmat.primitives import serialization

    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except TypeError as error:
        raise UsageError(
            f"the key {path} is locked by a passphrase. Cure: a copy without one, readable by its "
            f"owner only: openssl pkey -in {path.name} -out unlocked.pem"
        ) from error
    except ValueError as error:
        raise UsageError(
            f"{path} holds no private key in PEM. Cure: a file that begins with "
            f"-----BEGIN PRIVATE KEY-----; {_SEE}"
        ) from error
    return key, _algorithm(path, key)


def _algorithm(path: Path, key: Any) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _LEAST_RSA:
        return "ps256"
    raise UsageError(
        f"the key {path} is of a kind that C2PA does not sign with. Cure: one on the curve P-256, "
        f"P-384 or P-521, Ed25519, or RSA of at least {_LEAST_RSA} bits"
    )


def _public(owner: Any) -> bytes:
    from cryptography.hazmat.primitives import serialization

    encoding, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    public: bytes = owner.public_key().public_bytes(encoding, form)
    return public


def _pem(key: Any) -> bytes:
    from cryptography.hazmat.primitives import serialization

    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    text: bytes = key.private_bytes(serialization.Encoding.PEM, form, plain)
    return text


def _name(certificate: Certificate) -> str:
    return certificate.subject.rfc4514_string()


def _trust(name: str) -> bytes:
    if not name:
        return b""
    path = Path(name).expanduser()
    if not path.is_file():
        raise UsageError(f"the file of trusted certificates {path} is not there. Cure: check it")
    _certificates(path)
    return path.read_bytes()
