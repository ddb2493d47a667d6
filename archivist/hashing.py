"""Digests: canonical JSON, digests of files and arrays, and the step key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any

from archivist.api.steps import Determinism, StepSpec

SHA256_HEX = 64
"""Length of a digest as text."""

_BLOCK = 1 << 16
"""Bytes read at a time: larger buffers gain nothing, and cost more than a small file to make."""


def canonical_json(value: Any) -> bytes:
    """Return the one JSON text of a value: sorted keys, no blanks, UTF-8, no NaN (RFC 8785 style).

    Whole floats are written as integers, so that ``0`` and ``0.0`` are the same param; dataclasses
    become tables of their fields, enums their values, times ISO 8601 with microseconds. Raises
    ValueError for NaN or infinity, TypeError for anything else that JSON does not have.
    """
    return _ENCODER.encode(_plain(value)).encode("utf-8", "surrogateescape")


_ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)
_AS_IT_IS = frozenset((str, int, bool, type(None)))


def _plain(value: Any) -> Any:
    # By type, decided once for each: every step key and record passes here.
    kind = type(value)
    if kind in _AS_IT_IS:
        return value
    if kind not in _WAYS:
        _WAYS[kind] = _way_of(kind)
    return _WAYS[kind](value)


_WAYS: dict[type, Callable[[Any], Any]] = {}


def _way_of(kind: type) -> Callable[[Any], Any]:
    """Return how values of a type become plain."""
    if kind is float:
        return lambda value: int(value) if value.is_integer() else value
    if issubclass(kind, Enum):
        return lambda value: value.value
    if issubclass(kind, datetime):
        return lambda value: value.isoformat(timespec="microseconds")
    if is_dataclass(kind):
        names = names_of(kind)
        return lambda value: {name: _plain(getattr(value, name)) for name in names}
    if issubclass(kind, Mapping):
        return _plain_table
    if issubclass(kind, Sequence) and not issubclass(kind, str | bytes):
        return lambda value: [_plain(item) for item in value]
    return lambda value: value


def _plain_table(table: Mapping[Any, Any]) -> dict[str, Any]:
    # What most tables hold is not even called for.
    return {
        str(key): item if type(item) in _AS_IT_IS else _plain(item) for key, item in table.items()
    }


@lru_cache(maxsize=256)
def names_of(cls: type) -> tuple[str, ...]:
    """Return the names of a dataclass's fields; asking for them costs more than a small record."""
    return tuple(f.name for f in fields(cls))


def digest_json(value: Any) -> str:
    """Return the SHA-256 (hex) of a value's canonical JSON."""
    return digest_bytes(canonical_json(value))


_texts: dict[str, bytes] = {}
_TEXTS = 1024
"""More than one process has under way between two transactions; about 1.5 MB."""


def digest_and_keep(value: Any) -> str:
    """Return what :func:`digest_json` does, and keep the text for :func:`take_text`.

    Making the text of a step record takes as long as its row in the catalog, and where one process
    does the work and writes it down, both need it.
    """
    text = canonical_json(value)
    digest = digest_bytes(text)
    if len(_texts) >= _TEXTS:
        _texts.clear()
    _texts[digest] = text
    return digest


def take_text(digest: str) -> bytes | None:
    """Return the text that a digest is of, once, if this process has kept it."""
    return _texts.pop(digest, None)


def digest_bytes(data: bytes | memoryview) -> str:
    """Return the SHA-256 (hex) of bytes."""
    return hashlib.sha256(data).hexdigest()


def digest_file(path: Path) -> str:
    """Return the SHA-256 (hex) of a file's content, read in blocks. Raises OSError."""
    state = hashlib.sha256()
    with open(path, "rb", buffering=0) as stream:  # noqa: PTH123 (half the time for a small file)
        while block := stream.read(_BLOCK):
            state.update(block)
    return state.hexdigest()


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
