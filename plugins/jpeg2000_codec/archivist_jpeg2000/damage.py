"""Damage inside compressed data, which the decoder passes over: it makes grey or torn areas of it.

JPEG 2000 has no checksums. Two properties of sound data are looked for instead.
"""

from __future__ import annotations

import re
from collections import Counter

from archivist_jpeg2000 import refuse
from archivist_jpeg2000.codestream import Coding, Frame, TilePart, tile_parts

_IMPOSSIBLE = re.compile(rb"\xff[\x90\x93-\xff]")
"""Bit stuffing keeps all values above FF8F out of packets (B.10.1, C.2.4); only the markers SOP and
EPH, FF91 and FF92, are there. Of foreign data, four KiB hold such a pair in 999 of 1000 cases."""


def check_whole(data: bytes, frame: Frame, end: int) -> None:
    """Look through the tile-parts of a codestream that ends at ``end``.

    Raises SourceError: ``truncated`` when a tile or its end is missing, ``damaged`` when its data
    hold what no encoder writes.
    """
    seen: Counter[int] = Counter()
    parts: dict[int, int] = {}
    zeros = b""
    if frame.coding is not None and not frame.coding.raw:
        zeros = bytes(most_zeros(frame.tile, frame.components, frame.coding) + 1)
    for part in tile_parts(data, frame, end):
        if part.tile >= frame.tiles:
            raise refuse.damaged(f"its codestream has a tile {part.tile} of {frame.tiles}")
        seen[part.tile] += 1
        if part.parts:
            parts[part.tile] = part.parts
        _check_part(data, part, zeros)
    missing = frame.tiles - len(seen)
    if missing:
        raise refuse.truncated(f"{missing} of its {frame.tiles} tiles are missing")
    torn = sum(seen[tile] < wanted for tile, wanted in parts.items())
    if torn:
        raise refuse.truncated(f"parts of {torn} of its {frame.tiles} tiles are missing")


def most_zeros(tile: tuple[int, int], components: int, coding: Coding) -> int:
    """Return how many bytes of zero may follow each other in the packets of a tile of this size.

    A packet without data is one such byte (B.10.3), so a blank tile may have as many as it has
    packets. Within the header of a packet each code-block without data is a few bits. Arithmetic
    coding makes a run of one bit for each sample of a block of the most regular drawings (ramps,
    checks: 510 bytes for blocks of 64 x 64, the longest found), of which twice as much is allowed.
    This does not hold for blocks with raw bits.
    """
    packets = 0
    for level, exponents in enumerate(coding.precincts):
        shrink = coding.levels - level
        # Two more than fit, because a tile need not begin or end at the edge of a precinct.
        columns, rows = (
            (side >> shrink >> exponent) + 2 for side, exponent in zip(tile, exponents, strict=True)
        )
        packets += columns * rows
    blocks = tile[0] * tile[1] // coding.block + 1
    return packets * components * max(1, coding.layers) + blocks + coding.block // 4 + 64


def _check_part(data: bytes, part: TilePart, zeros: bytes) -> None:
    if _IMPOSSIBLE.search(data, part.body, part.end):
        raise refuse.damaged(f"the data of tile {part.tile} hold a value that no encoder writes")
    if zeros and not part.recoded and data.find(zeros, part.body, part.end) >= 0:
        raise refuse.damaged(
            f"the data of tile {part.tile} have a hole: more than {len(zeros) - 1} zeros in a row"
        )
