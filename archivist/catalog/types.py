"""Column types: digests as 32 bytes, instants in microseconds, JSON and text any database takes.

Bind and result processors are plain C-level callables where they can be: these types sit on the
path of every step row. ``DigestBytes`` and ``Digests`` map hex text to bytes and back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Double, Integer, LargeBinary, Text
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator, TypeEngine

from archivist.hashing import SHA256_HEX
from archivist.model import clean_text

Processor = Callable[[Any], Any] | None

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PLAIN = frozenset({str, type(None)})
_DIGEST_BYTES = 32
_MICROSECOND = timedelta(microseconds=1)

BigId: TypeEngine[int] = BigInteger().with_variant(Integer(), "sqlite")
"""A 64-bit number; SQLite's INTEGER is one, and only that name may be a row id."""

Real: TypeEngine[float] = Double().with_variant(sqlite.REAL(), "sqlite")
"""A double; strict SQLite tables take only the name REAL."""


def check_name(text: str) -> str:
    """Return a name (path, unit) as it is; it is an identity, so it must not be cleaned.

    Raises ValueError when a database could not store it.
    """
    if "\0" in text or (not text.isascii() and clean_text(text) != text):
        raise ValueError(
            f"{text!r} holds NUL or a lone surrogate and cannot be a name in the catalog. "
            "Cure: pass paths through archivist.model.path_to_text"
        )
    return text


# json.dumps with these options makes an encoder for each call, which costs twice the encoding.
_encode = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
).encode
_decode = json.JSONDecoder().raw_decode


def to_json(value: object) -> str:
    """Return compact JSON text with sorted keys and clean strings. Raises ValueError for NaN."""
    text = _encode(value)
    if "\\u0000" in text:  # also hit by a backslash before "u0000": then nothing is changed
        text = _encode(clean_inside(value))
    return clean_text(text)


def from_json(text: str) -> Any:
    """Return what :func:`to_json` was given."""
    return _decode(text)[0]


def clean_inside(value: Any) -> Any:
    """Return a JSON value with all its texts cleaned."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return {clean_inside(key): clean_inside(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean_inside(item) for item in value]
    return value


def digest_to_bytes(digest: str) -> bytes:
    """Return the 32 bytes of a SHA-256 in hex. Raises ValueError for anything else."""
    if len(digest) != SHA256_HEX:
        raise ValueError(f"{digest!r} is no SHA-256 in hex ({SHA256_HEX} characters)")
    return bytes.fromhex(digest)


def digests_to_bytes(digests: Sequence[str]) -> bytes | None:
    """Return digests one after the other, None for none."""
    return b"".join(map(digest_to_bytes, digests)) or None


def digests_from_bytes(data: bytes | None) -> tuple[str, ...]:
    """Return what :func:`digests_to_bytes` was given."""
    text = data.hex() if data else ""
    return tuple(text[n : n + SHA256_HEX] for n in range(0, len(text), SHA256_HEX))


def to_microseconds(at: datetime) -> int:
    """Return microseconds since 1970 UTC. Raises TypeError for a time without a zone."""
    return (at - _EPOCH) // _MICROSECOND


def from_microseconds(value: int) -> datetime:
    """Return what :func:`to_microseconds` was given, in UTC."""
    return _EPOCH + timedelta(microseconds=value)


def _clean_column(values: Sequence[str | None]) -> Sequence[str | None]:
    """Clean a column of text; most need nothing, and one look at all of it is enough to know."""
    text = "".join([value for value in values if value])
    if text.isascii() and "\0" not in text and _PLAIN.issuperset(map(type, values)):
        return values
    # str(): members of a StrEnum are not what a driver takes for text
    return [None if value is None else clean_text(str(value)) for value in values]


def _bytes_of_column(values: Sequence[str | None]) -> list[bytes | None]:
    given = [value for value in values if value is not None]
    found = list(map(bytes.fromhex, given))
    if not {_DIGEST_BYTES}.issuperset(map(len, found)):
        found = list(map(digest_to_bytes, given))  # raises for the one that is no digest
    if len(given) == len(values):
        return found  # type: ignore[return-value]
    rest = iter(found)
    return [None if value is None else next(rest) for value in values]


def _optional(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a converter that lets None pass; ``of_value`` is the one for values without it."""

    def converter(value: Any) -> Any:
        return None if value is None else convert(value)

    converter.of_value = convert  # type: ignore[attr-defined]
    return converter


def _with_column(convert: Callable[[Any], Any], whole: Callable[..., Any]) -> Callable[[Any], Any]:
    """Return a converter that :mod:`archivist.catalog.bulk` can apply to a column at once."""
    converter = _optional(convert)
    converter.of_column = whole  # type: ignore[attr-defined]
    return converter


_BIND_DIGEST = _with_column(digest_to_bytes, _bytes_of_column)
_BIND_CLEAN = _with_column(clean_text, _clean_column)


class DigestBytes(TypeDecorator[str]):
    """A SHA-256: hex text in Python, 32 bytes in the database."""

    impl = LargeBinary
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Processor:
        """Take hex text or None."""
        return _BIND_DIGEST

    def result_processor(self, dialect: Dialect, coltype: object) -> Processor:
        """Give hex text or None."""
        return _optional(bytes.hex)


class Digests(TypeDecorator[tuple[str, ...]]):
    """A few SHA-256 in order, as one value of 32 bytes each; NULL for none."""

    impl = LargeBinary
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Processor:
        """Take a sequence of hex texts."""
        return digests_to_bytes

    def result_processor(self, dialect: Dialect, coltype: object) -> Processor:
        """Give a tuple of hex texts."""
        return digests_from_bytes


class Instant(TypeDecorator[datetime]):
    """A time in UTC: integer microseconds on SQLite, timestamptz elsewhere."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column type of the database."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Integer())
        return dialect.type_descriptor(DateTime(timezone=True))

    def bind_processor(self, dialect: Dialect) -> Processor:
        """Take an aware datetime."""
        return _optional(to_microseconds) if dialect.name == "sqlite" else None

    def result_processor(self, dialect: Dialect, coltype: object) -> Processor:
        """Give a datetime in UTC."""
        if dialect.name == "sqlite":
            return _optional(from_microseconds)
        return _optional(lambda value: value.astimezone(UTC))


class Json(TypeDecorator[Any]):
    """Detail that is shown and rarely asked for: text on SQLite, JSONB on Postgres.

    Never hash what is read back: JSONB keeps neither key order nor blanks.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column type of the database."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(JSONB())
        return dialect.type_descriptor(Text())

    def bind_processor(self, dialect: Dialect) -> Processor:
        """Take anything that JSON has."""
        return _optional(to_json)

    def result_processor(self, dialect: Dialect, coltype: object) -> Processor:
        """Give lists, dicts and plain values; psycopg has parsed JSONB already."""
        return _optional(from_json) if dialect.name == "sqlite" else None


class Flag(TypeDecorator[bool]):
    """Yes or no: an integer on every database, because strict SQLite tables know no BOOLEAN."""

    impl = Integer
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Processor:
        """Take a bool."""
        return int

    def result_processor(self, dialect: Dialect, coltype: object) -> Processor:
        """Give a bool."""
        return bool


class CleanText(TypeDecorator[str]):
    """Text for people; characters that a database refuses are replaced by visible ones."""

    impl = Text
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Processor:
        """Take text or None."""
        return _BIND_CLEAN


class NameText(TypeDecorator[str]):
    """Text that identifies (a path, a unit): stored as it is or refused, in code point order."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Sort on Postgres as SQLite and Python do, whatever the locale of the server."""
        collation = "C" if dialect.name == "postgresql" else None
        return dialect.type_descriptor(Text(collation=collation))

    def bind_processor(self, dialect: Dialect) -> Processor:
        """Take text or None; raises ValueError for what no database stores."""
        return _optional(check_name)
