"""UUIDv7: unique names that sort by time (RFC 9562, section 5.7); Python has them from 3.14 on."""

from __future__ import annotations

import secrets
import time
import uuid


def uuid7() -> uuid.UUID:
    """Return a new UUIDv7: 48 bits of milliseconds since 1970, 12 of their fraction, 62 random.

    The fraction (method 3 of section 6.2) keeps the order of names made in one millisecond.
    """
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    fraction = rest * 4096 // 1_000_000
    value = (milliseconds & (1 << 48) - 1) << 80 | 0x7 << 76 | fraction << 64
    return uuid.UUID(int=value | 0x2 << 62 | secrets.randbits(62))
