"""The headers of a codestream (ISO/IEC 15444-1, Annex A), read without decoding."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

from archivist_jpeg2000 import refuse

SOC, SIZ, COD, COC, COM = 0xFF4F, 0xFF51, 0xFF52, 0xFF53, 0xFF64
SOT, SOD, EOC = 0xFF90, 0xFF93, 0xFFD9
_RAW = 0x01 | 0x40
_MOST_TILES = 65535
_LARGE = 64_000_000
_THINNEST = 10_000
"""A picture above _LARGE samples with fewer bytes than one for each so many samples is refused: a
header of 100 bytes could else ask for gigabytes, and no scan of paper or film is that smooth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coding:
    """What COD says of the packets (A.6.1): ``block`` is the area of a code-block.

    ``precincts`` are the exponents (x, y) from the smallest resolution on. With ``raw`` the blocks
    hold bits that are not coded arithmetically: bypass (A.6.1), or high throughput (Part 15).
    """

    layers: int
    levels: int
    block: int
    precincts: tuple[tuple[int, int], ...]
    raw: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What the main header says: size of picture and tile in pixels, components and bits of each.

    ``coding`` is None where components differ in it. ``body`` is where the first tile-part begins.
    ``comments`` are the contents of its comments (A.9.2).
    """

    width: int
    height: int
    tile: tuple[int, int]
    tiles: int
    components: int
    precision: int
    coding: Coding | None
    body: int
    comments: tuple[bytes, ...] = ()


def read_frame(data: bytes, start: int, end: int) -> Frame:
    """Return the main header of a codestream. Raises SourceError for what is not decoded right."""
    if _marker(data, start, end) != SOC or _marker(data, start + 2, end) != SIZ:
        raise refuse.damaged("its codestream does not begin with the size of the picture")
    found: dict[int, bytes] = {}
    comments = []
    position = start + 2
    while (marker := _marker(data, position, end)) != SOT:
        if not SOC < marker < SOT:
            raise refuse.damaged(f"its codestream has the marker {marker:04X} in the header")
        segment = _segment(data, position, end)
        found.setdefault(marker, segment)
        if marker == COM:
            comments.append(segment[2:])
        position += 4 + len(segment)
    if COD not in found:
        raise refuse.damaged("its codestream does not say how it is coded")
    coding = None if COC in found else _coding(found[COD])
    frame = _frame(found[SIZ], coding, position, end - start)
    return replace(frame, comments=tuple(comments))


def _frame(siz: bytes, coding: Coding | None, body: int, length: int) -> Frame:
    """Return the frame that SIZ describes (A.5.1), when it is plausible."""
    if len(siz) < 36 or len(siz) != 36 + 3 * int.from_bytes(siz[34:36], "big"):
        raise refuse.damaged("the size of its picture is not readable")
    capabilities, x1, y1, x0, y0, tw, th, tx, ty, count = struct.unpack_from(">H8IH", siz)
    if capabilities & 0x8000:
        raise refuse.layout("it uses extensions of JPEG 2000 Part 2", refuse.CONVERT)
    if not (tx <= x0 < x1 and ty <= y0 < y1 and x0 < tx + tw and y0 < ty + th):
        raise refuse.damaged("the size of its picture or tiles is impossible")
    tiles = -(-(x1 - tx) // tw) * -(-(y1 - ty) // th)
    samples = (x1 - x0) * (y1 - y0) * count
    if not count or tiles > _MOST_TILES:
        raise refuse.damaged(f"its header declares {count} components in {tiles} tiles")
    if samples > _LARGE and samples > length * _THINNEST:
        raise refuse.damaged(
            f"its header declares {x1 - x0} x {y1 - y0} pixels, which {length} bytes cannot hold"
        )
    return Frame(
        width=x1 - x0,
        height=y1 - y0,
        tile=(min(tw, x1 - tx), min(th, y1 - ty)),
        tiles=tiles,
        components=count,
        precision=_precision(siz[36:]),
        coding=coding,
        body=body,
    )


def _precision(components: bytes) -> int:
    """Return the bits of every component; they must be unsigned, alike and of full size."""
    depths, across, down = set(components[0::3]), components[1::3], components[2::3]
    if any(depth & 0x80 for depth in depths):
        raise refuse.depth("it has samples with a sign")
    bits = max(depths) + 1
    if bits > 16:
        raise refuse.depth(f"it has samples of {bits} bits")
    if len(depths) > 1:
        shown = ", ".join(str(depth + 1) for depth in components[0::3])
        raise refuse.depth(f"its components have different depths ({shown} bits)")
    if {*across, *down} != {1}:
        raise refuse.layout("it has components of reduced size (subsampling)", refuse.CONVERT)
    return bits


def _coding(cod: bytes) -> Coding:
    """Return what COD says: Scod, four bytes for all components, then those of each (A.6.1)."""
    if len(cod) < 10:
        raise refuse.damaged("its codestream does not say how it is coded")
    style, _, layers, _, levels, wide, high, passes = struct.unpack_from(">BBHBBBBB", cod)
    sizes = cod[10 : 11 + levels] if style & 1 else b"\xff" * (levels + 1)
    if levels > 32 or len(sizes) != levels + 1:
        raise refuse.damaged(f"its codestream declares {levels} levels of resolution")
    return Coding(
        layers=layers,
        levels=levels,
        block=1 << ((wide & 15) + (high & 15) + 4),
        precincts=tuple((size & 15, size >> 4) for size in sizes),
        raw=bool(passes & _RAW),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TilePart:
    """A tile-part (A.4.2): which tile, how many parts that has (0: not said), where it lies.

    ``body`` is where its packets begin; ``recoded`` says that its header replaces the coding.
    """

    tile: int
    parts: int
    body: int
    end: int
    recoded: bool


def tile_parts(data: bytes, frame: Frame, end: int) -> Iterator[TilePart]:
    """Yield the tile-parts up to the end mark. Raises SourceError where one is not whole."""
    position = frame.body
    while (marker := _marker(data, position, end)) != EOC:
        if marker != SOT:
            raise refuse.damaged("something else follows a tile of its codestream")
        part = _tile_part(data, position, end)
        yield part
        position = part.end


def _tile_part(data: bytes, start: int, end: int) -> TilePart:
    sot = _segment(data, start, end)
    if len(sot) != 8:
        raise refuse.damaged("a tile of its codestream has no readable header")
    tile, length, _, parts = struct.unpack(">HIBB", sot)
    # Psot 0: the last tile-part, which reaches to the end mark (A.4.2).
    stop = start + length if length else end - 2
    if stop > end - 2:
        raise refuse.truncated("its codestream ends inside a tile")
    position, recoded = start + 12, False
    while (marker := _marker(data, position, stop)) != SOD:
        if not SOC < marker < SOD:
            raise refuse.damaged(f"a tile of its codestream has the marker {marker:04X}")
        recoded |= marker in (COD, COC)
        position += 4 + len(_segment(data, position, stop))
    return TilePart(tile=tile, parts=parts, body=position + 2, end=stop, recoded=recoded)


def _marker(data: bytes, position: int, end: int) -> int:
    if position + 2 > end:
        raise refuse.truncated("its codestream ends before its end mark")
    return int.from_bytes(data[position : position + 2], "big")


def _segment(data: bytes, position: int, end: int) -> bytes:
    """Return the content of the marker segment at a place, without marker and length."""
    length = int.from_bytes(data[position + 2 : position + 4], "big")
    if length < 2:
        raise refuse.damaged("its codestream has a marker without length")
    if position + 2 + length > end:
        raise refuse.truncated("its codestream ends inside its header")
    return data[position + 4 : position + 2 + length]
