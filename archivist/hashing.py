"""Digests: canonical JSON, digests of files and arrays, and the step key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from archivist.api.steps import Determinism, StepSpec

SHA256_HEX = 64
"""Length of a digest as text."""


def canonical_json(value: Any) -> bytes:
    """Return the one JSON text of a value: sorted keys, no blanks, UTF-8, no NaN (RFC 8785 style).

    Whole floats are written as integers, so that ``0`` and ``0.0`` are the same param. Raises
    ValueError for NaN or infinity, TypeError for anything that JSON does not have.
    """
    text = json.dumps(
        _plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode("utf-8", "surrogateescape")


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(item) for item in value]
    return value


def digest_json(value: Any) -> str:
    """Return the SHA-256 (hex) of a value's canonical JSON."""
    return digest_bytes(canonical_json(value))


def digest_bytes(data: bytes | memoryview) -> str:
    """Return the SHA-256 (hex) of bytes."""
    return hashlib.sha256(data).hexdigest()


def digest_file(path: Path) -> str:
    """Return the SHA-256 (hex) of a file's content, read in blocks. Raises OSError."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def step_key(
    spec: StepSpec,
    params: Mapping[str, object],
    *,
    inputs: Sequence[tuple[str, str]],
    weights: Sequence[str],
    seed: int,
    device_family: str,
) -> str:
    """Return the identity of a piece of work: equal keys give equal results, so work is reused.

    ``params`` has every default filled in; those that do not affect pixels are left out here.
    ``inputs`` are (port, digest) in the order of the ports. ``device_family`` (cpu, cuda) counts
    only for steps that are deterministic per device. Neither code nor library versions enter:
    those are recorded, not keyed, else every update of a library would do an archive again.
    """
    ignored = {f.name for f in fields(spec.params) if not f.metadata.get("affects_pixels", True)}
    return digest_json(
        {
            "step": spec.id,
            "version": spec.version,
            "params": {name: value for name, value in params.items() if name not in ignored},
            "inputs": inputs,
            "weights": weights,
            "tiling": asdict(spec.tiling),
            "seed": seed,
            "device": device_family if spec.determinism is Determinism.DEVICE else None,
        }
    )
