"""What a JP2 file says around its codestream (ISO/IEC 15444-1, Annex I.5)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from archivist_jpeg2000 import refuse
from archivist_jpeg2000.boxes import Box, boxes, shown
from archivist_jpeg2000.palette import Palette, read_palette
from archivist_jpeg2000.spaces import Space, read_space

_BRANDS = {b"jp2 ", b"jpx ", b"jpxb", b"jph "}
_OTHERS = {b"jpm ": "a compound document (JPM)", b"mjp2": "a film (Motion JPEG 2000)"}
_OWN_LAYER = {b"cgrp", b"opct", b"cdef", b"creg", b"pclr", b"cmap"}
"""Boxes by which a layer of a JPX file differs from the header of the file (Part 2, M.11)."""
_ONE_PAGE = "save each picture as a file of its own"
_OPAQUE = "flatten it, or convert it to TIFF, whose opacity is kept"
_OPACITY = {1, 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapping:
    """The header of a JP2 file, and where its codestream begins and ends.

    ``channels`` are the numbers of the channels that hold the colours, in the order of the colours:
    components of the codestream, or columns that a palette makes of them.
    """

    width: int
    height: int
    components: int
    space: Space
    palette: Palette | None
    channels: tuple[int, ...]
    start: int
    end: int


def read_wrapping(data: bytes) -> Wrapping:
    """Return what a JP2 or JPX file says of its one picture. Raises SourceError."""
    parts: dict[bytes, list[Box]] = {}
    for part in boxes(data, 0, len(data)):
        parts.setdefault(part.kind, []).append(part)
    _check_brand(data, parts.get(b"ftyp", []))
    _check_single(data, parts)
    if b"jp2h" not in parts:
        raise refuse.damaged("it has no header (jp2h)")
    (stream,) = parts[b"jp2c"]
    return _wrapping(data, parts[b"jp2h"][0], stream)


def _check_brand(data: bytes, found: Sequence[Box]) -> None:
    if not found or found[0].end - found[0].start < 8:
        raise refuse.damaged("it does not say its type (ftyp)")
    text = data[found[0].start : found[0].end]
    brand, compatible = text[:4], {text[at : at + 4] for at in range(8, len(text), 4)}
    if brand in _OTHERS:
        raise refuse.layout(f"it is {_OTHERS[brand]}", _ONE_PAGE)
    if not _BRANDS & {brand, *compatible}:
        raise refuse.layout(f"its type {shown(brand)} is not known", refuse.CONVERT)


def _check_single(data: bytes, parts: dict[bytes, list[Box]]) -> None:
    """Refuse JPX files of several pictures, and of one that is not in the file itself."""
    streams, layers = len(parts.get(b"jp2c", [])), len(parts.get(b"jplh", []))
    if b"ftbl" in parts:
        raise refuse.layout("its picture lies in other files or in pieces", refuse.CONVERT)
    if streams == 0:
        raise refuse.truncated("it has no codestream")
    if max(streams, layers) > 1:
        raise refuse.layout(f"it holds {max(streams, layers)} pictures", _ONE_PAGE)
    for outer in (*parts.get(b"jpch", []), *parts.get(b"jplh", [])):
        if any(inner.kind in _OWN_LAYER for inner in boxes(data, outer.start, outer.end)):
            raise refuse.layout("its picture is a layer with colours of its own", refuse.CONVERT)


def _wrapping(data: bytes, header: Box, stream: Box) -> Wrapping:
    found: dict[bytes, list[bytes]] = {}
    for inner in boxes(data, header.start, header.end):
        found.setdefault(inner.kind, []).append(data[inner.start : inner.end])
    (size,) = found.get(b"ihdr", [b""])[:1]
    if len(size) != 14:
        raise refuse.damaged("its header has no size (ihdr)")
    height, width, components = struct.unpack_from(">IIH", size)
    palette = None
    if b"pclr" in found:
        palette = read_palette(found[b"pclr"][0], found.get(b"cmap", [b""])[0], components)
    channels = len(palette.columns) if palette else components
    space = read_space(found.get(b"colr", []))
    return Wrapping(
        width=width,
        height=height,
        components=components,
        space=space,
        palette=palette,
        channels=_channels(found.get(b"cdef"), channels, space),
        start=stream.start,
        end=stream.end,
    )


def _channels(cdef: Sequence[bytes] | None, count: int, space: Space) -> tuple[int, ...]:
    """Return the channel of each colour: by the channel definition (I.5.3.6), else in order."""
    colours = space.colours
    if cdef is None:
        if count != colours:
            raise refuse.colour(
                f"it has {count} channels, its colours are {colours}, and nothing says "
                "what the others are"
            )
        return tuple(range(colours))
    text = cdef[0]
    if len(text) < 2 or len(text) != 2 + 6 * int.from_bytes(text[:2], "big"):
        raise refuse.damaged("its channel definition (cdef) is not readable")
    meant = {}
    for channel, kind, colour in struct.iter_unpack(">HHH", text[2:]):
        if kind in _OPACITY:
            raise refuse.layout("it has an opacity channel", _OPAQUE)
        if kind == 0:
            meant[colour - 1] = channel
    order = tuple(meant[colour] for colour in sorted(meant))
    if sorted(meant) != list(range(colours)) or sorted(order) != list(range(count)):
        raise refuse.colour(f"its {count} channels are not the {colours} of its colour space")
    return order
