"""Colour specifications (ISO/IEC 15444-1, I.5.3.3; those of JPX in Part 2, M.11.7.3)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from archivist_jpeg2000 import refuse
from archivist_jpeg2000.boxes import box

_ENUMERATED, _RESTRICTED, _ANY = 1, 2, 3
_METHODS = {_ENUMERATED, _RESTRICTED, _ANY}
_NAMES = {
    0: "black and white (1 bit)",
    1: "YCbCr (1)",
    3: "YCbCr (2)",
    4: "YCbCr (3)",
    9: "PhotoYCC",
    11: "CMY",
    12: "CMYK",
    13: "YCCK",
    14: "CIELab",
    15: "black and white (2)",
    19: "CIEJab",
    20: "e-sRGB",
    21: "ROMM-RGB",
    24: "e-sYCC",
}
_PROFILE_HEADER = 128
_MATRIX = {b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC"}


class Model(StrEnum):
    """What the colours of a file are, before they are turned into grey or RGB."""

    GREY = "grey"
    RGB = "rgb"
    SYCC = "sycc"


@dataclass(frozen=True, slots=True)
class Space:
    """A colour model, and the ICC profile that goes with it, byte for byte, if any."""

    model: Model
    icc: bytes | None = None

    @property
    def colours(self) -> int:
        """The number of channels that hold colours."""
        return 1 if self.model is Model.GREY else 3


def read_space(specifications: Sequence[bytes]) -> Space:
    """Return the colours that the colr boxes of a file name. Raises SourceError.

    Boxes of unknown methods are passed over, as the standard says. Of the others the one with the
    highest precedence counts (JPX); in JP2 all have the same, and the first counts.
    """
    known = [text for text in specifications if len(text) >= 3 and text[0] in _METHODS]
    if not known:
        raise refuse.colour("it does not say its colour space in a known way")
    chosen = max(known, key=_precedence)
    return _enumerated(chosen) if chosen[0] == _ENUMERATED else _profiled(chosen[3:])


def _precedence(text: bytes) -> int:
    return int.from_bytes(text[1:2], "big", signed=True)


def _enumerated(text: bytes) -> Space:
    if len(text) < 7:
        raise refuse.damaged("its colour specification (colr) is too short")
    number = int.from_bytes(text[3:7], "big")
    models = {16: Model.RGB, 17: Model.GREY, 18: Model.SYCC}
    if number not in models:
        raise refuse.colour(f"its colours are {_NAMES.get(number, f'of the kind {number}')}")
    return Space(models[number])


def _profiled(icc: bytes) -> Space:
    """Return the space of an ICC profile (ICC.1, 7.2: size, colour space, signature)."""
    if len(icc) < _PROFILE_HEADER or icc[36:40] != b"acsp" or _size(icc) != len(icc):
        raise refuse.damaged("its colour profile is damaged")
    models = {b"GRAY": Model.GREY, b"RGB ": Model.RGB}
    kind = icc[16:20]
    if kind not in models:
        raise refuse.colour(f"its colour profile is one for {kind.decode('latin-1').strip()!r}")
    return Space(models[kind], icc)


def _size(icc: bytes) -> int:
    return int.from_bytes(icc[:4], "big")


def specification(model: Model, icc: bytes | None) -> bytes:
    """Return a colr box: the profile where there is one, else sRGB or its grey."""
    if icc is None:
        number = 17 if model is Model.GREY else 16
        return box(b"colr", struct.pack(">BbBI", _ENUMERATED, 0, 0, number))
    method = _RESTRICTED if is_restricted(icc) else _ANY
    return box(b"colr", struct.pack(">BbB", method, 0, 0) + icc)


def is_restricted(icc: bytes) -> bool:
    """Tell whether a profile is of the kinds that JP2 allows: one curve, or matrix and curves.

    Others, with tables, are for JPX alone (I.5.3.3).
    """
    count = int.from_bytes(icc[_PROFILE_HEADER : _PROFILE_HEADER + 4], "big")
    tags = {icc[at : at + 4] for at in range(132, min(132 + 12 * count, len(icc)), 12)}
    wanted = {b"kTRC"} if icc[16:20] == b"GRAY" else _MATRIX
    return wanted <= tags and not any(tag.startswith(b"A2B") for tag in tags)
