"""Tags of TIFF pages that are not true of other pixels: scaled, or left out with the reason."""

from __future__ import annotations

import struct

from archivist.imaging.metadata.ifd import Directory, Entry, numbers
from archivist.imaging.metadata.names import tag_name
from archivist.imaging.metadata.source import SUB_IFDS, directory_facts
from archivist.imaging.metadata.target import Ledger, Target

_PHOTOSHOP_LAYERS = 37724
_C2PA = 52545
_OF_DEPTH = (290, 291, 301, 342)
_OF_SAMPLES = (280, 281, 340, 341)
_PIXEL_SCALE, _TIE_POINTS, _TRANSFORMATION = 33550, 33922, 34264
_DOUBLE = 12


def without_stale_tags(page: Directory, target: Target, ledger: Ledger) -> Directory:
    """Return the tags of a TIFF page without those that describe the old pixels."""
    stale = {
        SUB_IFDS: "reduced copies of the picture before restoration",
        _C2PA: "the C2PA manifest signs the scan's bytes and would be invalid",
        _PHOTOSHOP_LAYERS: "Photoshop's layers hold the picture before restoration",
    }
    if target.depth != target.stored.depth:
        stale |= dict.fromkeys(_OF_DEPTH, "describes samples of another depth")
    if target.note is not None and target.note.restored:
        stale |= dict.fromkeys(_OF_SAMPLES, "describes the samples before restoration")
    for entry in page.entries:
        if entry.broken:
            stale[entry.tag] = "it leads out of the file"
    for tag, reason in stale.items():
        page = _without(page, tag, reason, ledger)
    return _georeferenced(page, target, ledger)


def _without(page: Directory, tag: int, reason: str, ledger: Ledger) -> Directory:
    entry = page.get(tag)
    if entry is None:
        return page
    below = [name for child in entry.children for name in directory_facts(child)]
    ledger.lose(below or [tag_name(page.name, tag)], reason)
    return page.without(tag)


def _georeferenced(page: Directory, target: Target, ledger: Ledger) -> Directory:
    """Keep the place on earth of each point: it is given by pixels."""
    if target.stored.orientation != 1:
        for tag in (_PIXEL_SCALE, _TIE_POINTS, _TRANSFORMATION):
            page = _without(page, tag, "is of the picture as stored, not upright", ledger)
        return page
    x, y = target.scale
    factors = {
        _PIXEL_SCALE: (1 / x, 1 / y, 1.0),
        _TIE_POINTS: (x, y, 1.0, 1.0, 1.0, 1.0),
        _TRANSFORMATION: (1 / x, 1 / y, 1.0, 1.0),
    }
    for tag, row in factors.items():
        entry = page.get(tag)
        if (x, y) != (1.0, 1.0) and entry is not None and entry.type == _DOUBLE:
            page = page.with_entry(_multiplied(entry, row, page))
            ledger.changed[tag_name(page.name, tag)] = "follows the new size"
    return page


def _multiplied(entry: Entry, row: tuple[float, ...], page: Directory) -> Entry:
    values = numbers(entry, page.order)
    moved = [value * row[index % len(row)] for index, value in enumerate(values)]
    packed = struct.pack(f"{page.order}{len(moved)}d", *moved)
    return Entry(tag=entry.tag, type=entry.type, count=entry.count, value=packed)
