"""How the samples of an output are stored otherwise than those of the scan, with the reasons."""

from __future__ import annotations

from archivist.api.values import Colour
from archivist.model import Header, counted

_BYTE = 8
_WRITTEN = (_BYTE, 16)
_CHANNELS = {Colour.GREY: 1, Colour.RGB: 3}


def sample_changes(
    stored: Header, *, kind: str, depth: int, colour: Colour | None, model: str = ""
) -> dict[str, str]:
    """Return what becomes of depth, palette, channels and colours, by the names of a contract.

    ``kind`` is the format of the output, ``colour`` what its channels mean, None for as in the
    scan; ``model`` names the colours of a scan that are stored as neither grey nor RGB. What stays
    as it is has no entry. The names are of no group, because a format has several tags for each,
    or none.
    """
    colour = colour or stored.colour
    found: dict[str, str] = {}
    if depth != stored.depth:
        reason = _depth_reason(stored.depth, kind, depth)
        found["BitDepth"] = f"{depth} where the scan has {stored.depth}: {reason}"
    if stored.palette:
        opacity = " and one of opacity" if stored.alpha and kind != "jpeg" else ""
        number = _CHANNELS[colour]
        found["Palette"] = (
            "written out: each pixel has its colour itself, in place of a number of the palette "
            f"({counted(number, 'channel')}{opacity}, {depth} bits each)"
        )
    if model:
        shown = stored.colour.upper() if stored.colour is Colour.RGB else stored.colour
        found["ColorModel"] = f"{shown} where the scan has {model}: archivist writes grey or RGB"
    if colour is not stored.colour:
        found["Channels"] = (
            f"{_CHANNELS[colour]} where the scan has {_CHANNELS[stored.colour]}: the picture "
            f"became {'colour' if colour is Colour.RGB else 'grey'}"
        )
    return found


def _depth_reason(stored: int, kind: str, depth: int) -> str:
    if stored not in _WRITTEN:
        if kind == "jpeg" and stored > _BYTE:
            return "JPEG holds no more"
        return f"archivist writes no samples of {counted(stored, 'bit')}"
    if depth > stored:
        return "the output profile asks for it, or another page of the file needs it"
    return "JPEG holds no more" if kind == "jpeg" else "the output profile asks for it"
