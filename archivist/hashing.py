"""Digests: canonical JSON, digests of files and arrays, and the step key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any

from archivist.api.steps import Determinism, StepSpec

SHA256_HEX = 64
"""Length of a digest as text."""


def canonical_json(value: Any) -> bytes:
    """Return the one JSON text of a value: sorted keys, no blanks, UTF-8, no NaN (RFC 8785 style).

    Whole floats are written as integers, so that ``0`` and ``0.0`` are the same param; dataclasses
    become tables of their fields, enums their values, times ISO 8601 with microseconds. Raises
    ValueError for NaN or infinity, TypeError for anything else that JSON does not have.
    """
    text = json.dumps(
        _plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode("utf-8", "surrogateescape")


def _plain(value: Any) -> Any:
    # By exact type first: every step key and record passes here, and isinstance of an abstract
    # class costs ten times as much.
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if kind is float:
        return int(value) if value.is_integer() else value
    if kind is tuple or kind is list:
        return [_plain(item) for item in value]
    if kind is dict:
        return {str(key): _plain(item) for key, item in value.items()}
    return _rare(value)


def _rare(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds")
    if is_dataclass(value):
        return {name: _plain(getattr(value, name)) for name in _names_of(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(item) for item in value]
    return value


_NAMES: dict[type, tuple[str, ...]] = {}


def _names_of(value: Any) -> tuple[str, ...]:
    # dataclasses.fields costs more than the rest of a small record.
    cls = type(value)
    if cls not in _NAMES:
        _NAMES[cls] = tuple(f.name for f in fields(cls))
    return _NAMES[cls]


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

    ``inputs`` are (port, digest) in the order of the ports; for the rest see :func:`work_digest`.
    Neither code nor library versions enter: those are recorded, not keyed, else every update of a
    library would do an archive again.
    """
    work = work_digest(spec, params, weights=weights, seed=seed, device_family=device_family)
    return key_of(work, inputs)


def work_digest(
    spec: StepSpec,
    params: Mapping[str, object],
    *,
    weights: Sequence[str],
    seed: int,
    device_family: str,
) -> str:
    """Return the digest of all that a step key holds but the inputs: the same for most assets.

    ``params`` has every default filled in; those that do not affect pixels are left out here.
    ``device_family`` (cpu, cuda) counts only for steps that are deterministic per device.
    """
    ignored = _without_effect(spec.params)
    return digest_json(
        {
            "step": spec.id,
            "version": spec.version,
            "params": {name: value for name, value in params.items() if name not in ignored},
            "weights": weights,
            "tiling": spec.tiling,
            "seed": seed,
            "device": device_family if spec.determinism is Determinism.DEVICE else None,
        }
    )


def key_of(work: str, inputs: Sequence[tuple[str, str]]) -> str:
    """Return the step key of a :func:`work_digest` done on these (port, digest) inputs."""
    return digest_json([work, inputs])


@lru_cache(maxsize=256)
def _without_effect(params: type) -> frozenset[str]:
    """Return the names of the params that cannot change a pixel."""
    return frozenset(f.name for f in fields(params) if not f.metadata.get("affects_pixels", True))
