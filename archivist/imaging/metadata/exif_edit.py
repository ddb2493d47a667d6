"""The few Exif tags that a restored picture must say differently; all others stay as bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo

from archivist.imaging.exif_block import dots_per_inch
from archivist.imaging.metadata.geometry import turned_point, turned_size
from archivist.imaging.metadata.ifd import (
    SHORT,
    THUMBNAIL_LENGTH,
    THUMBNAIL_OFFSET,
    Directory,
    Entry,
    ascii_text,
    numbers,
    rational,
    text,
    whole,
)
from archivist.imaging.metadata.names import tag_name
from archivist.imaging.metadata.source import directory_facts
from archivist.imaging.metadata.target import Ledger, Target

EXIF_POINTER = 34665
_ORIENTATION, _SOFTWARE, _DATE, _PROCESSING = 274, 305, 306, 11
_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 282, 283, 296
_OFFSET_TIME, _SUBSEC_TIME = 0x9010, 0x9290
_SUBJECT_AREA, _SUBJECT_LOCATION = 0x9214, 0xA214
_FOCAL_X, _FOCAL_Y = 0xA20E, 0xA20F
_UPRIGHT = "the pixels were turned upright"
_SIZE = "the size of the new picture"
_JPEG_COMPRESSION = 6
_ABSURD = 1e9
"""A resolution above this is damage, which is left as it is."""


def edited(directory: Directory, target: Target, ledger: Ledger) -> Directory:
    """Return the first directory (with those below it) as it is true of the new picture."""
    directory = _made_upright(directory, target, ledger)
    for tag, value in ((256, target.width), (257, target.height)):
        directory = _whole_number(directory, tag, value, ledger, _SIZE)
    directory = _scaled_pair(directory, (_X_RESOLUTION, _Y_RESOLUTION), target, ledger)
    exif = directory.child(EXIF_POINTER)
    if exif is not None:
        directory = directory.with_child(EXIF_POINTER, _edited_exif(exif, target, ledger))
    return _signed(directory, target, ledger)


def resolution(directory: Directory) -> tuple[float, float] | None:
    """Return the dots per inch (x, y) that a first directory says of the stored picture."""
    entries = [directory.get(tag) for tag in (_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT)]
    x, y, unit = (_first(entry, directory) if entry else None for entry in entries)
    if x is None or y is None:
        return None
    return dots_per_inch(x, y, 2 if unit is None else int(unit))


def edited_thumbnail(directory: Directory, target: Target, ledger: Ledger) -> Directory | None:
    """Return the second directory with the thumbnail of the new picture; None to leave it out."""
    held = directory.get(THUMBNAIL_OFFSET)
    if target.thumbnail is None or held is None or held.stream is None:
        reason = "it shows the picture before restoration, and no new thumbnail can take its place"
        ledger.lose(directory_facts(directory), reason)
        return None
    ledger.changed["IFD1:ThumbnailImage"] = "made anew from the new picture"
    directory = _made_upright(directory, target, ledger)
    for tag, value in jpeg_size(target.thumbnail):
        directory = _whole_number(directory, tag, value, ledger, "the size of the new thumbnail")
    directory = _whole_number(directory, 259, _JPEG_COMPRESSION, ledger, "the thumbnail is a JPEG")
    order = directory.order
    length = whole(THUMBNAIL_LENGTH, len(target.thumbnail), order)
    offset = Entry(tag=THUMBNAIL_OFFSET, type=4, count=1, value=bytes(4), stream=target.thumbnail)
    return directory.with_entry(length).with_entry(offset)


def _made_upright(directory: Directory, target: Target, ledger: Ledger) -> Directory:
    reason = _UPRIGHT if target.stored.orientation != 1 else "the value it had means nothing"
    return _whole_number(directory, _ORIENTATION, 1, ledger, reason)


def _whole_number(
    directory: Directory, tag: int, value: int, ledger: Ledger, reason: str
) -> Directory:
    """Set a whole number where the tag is there and says another."""
    entry = directory.get(tag)
    if entry is None or _first(entry, directory) == value:
        return directory
    ledger.changed[tag_name(directory.name, tag)] = reason
    kind = SHORT if entry.type == SHORT or tag in (_ORIENTATION, 259) else entry.type
    return directory.with_entry(whole(tag, value, directory.order, kind))


def _first(entry: Entry, directory: Directory) -> float | None:
    values = () if entry.broken else numbers(entry, directory.order)
    return values[0] if values else None


def _scaled_pair(
    directory: Directory, tags: tuple[int, int], target: Target, ledger: Ledger
) -> Directory:
    """Scale two resolutions (x, y) with the picture, so that its physical size stays."""
    entries = [directory.get(tag) for tag in tags]
    values = [_first(entry, directory) if entry else None for entry in entries]
    if values[0] is None or values[1] is None:
        return directory
    x, y = turned_size(values[0], values[1], target.stored.orientation)
    for tag, old, new in zip(tags, values, (x * target.scale[0], y * target.scale[1]), strict=True):
        if old is not None and 0 < new < _ABSURD and abs(new - old) > 1e-6 * abs(old):
            ledger.changed[tag_name(directory.name, tag)] = "the physical size is kept"
            directory = directory.with_entry(rational(tag, new, directory.order))
    return directory


def _edited_exif(exif: Directory, target: Target, ledger: Ledger) -> Directory:
    for tag, value in ((0xA002, target.width), (0xA003, target.height)):
        exif = _whole_number(exif, tag, value, ledger, _SIZE)
    exif = _scaled_pair(exif, (_FOCAL_X, _FOCAL_Y), target, ledger)
    for tag in (_SUBJECT_AREA, _SUBJECT_LOCATION):
        exif = _moved_subject(exif, tag, target, ledger)
    if target.note is not None:
        # It qualified the old ModifyDate; the new one has whole seconds.
        entry = exif.get(_SUBSEC_TIME)
        if entry is not None and text(entry).strip("0"):
            ledger.changed[tag_name(exif.name, _SUBSEC_TIME)] = "belongs to ModifyDate"
            exif = exif.with_entry(ascii_text(_SUBSEC_TIME, "00"))
    return exif


def _moved_subject(exif: Directory, tag: int, target: Target, ledger: Ledger) -> Directory:
    entry = exif.get(tag)
    still = target.stored.orientation == 1 and target.scale == (1.0, 1.0)
    if entry is None or entry.broken or entry.type != SHORT or entry.count < 2 or still:
        return exif
    stored, orientation = target.stored, target.stored.orientation
    values = numbers(entry, exif.order)
    x, y = turned_point(values[0] / stored.width, values[1] / stored.height, orientation)
    moved = [x * target.width, y * target.height]
    if entry.count == 3:
        moved.append(values[2] * sum(target.scale) / 2)
    elif entry.count >= 4:
        wide, high = turned_size(values[2], values[3], orientation)
        moved += [wide * target.scale[0], high * target.scale[1]]
    packed = [min(max(round(value), 0), 0xFFFF) for value in moved]
    ledger.changed[tag_name(exif.name, tag)] = "moved with the pixels"
    value = struct.pack(f"{exif.order}{len(packed)}H", *packed)
    return exif.with_entry(Entry(tag=tag, type=SHORT, count=len(packed), value=value))


def _signed(directory: Directory, target: Target, ledger: Ledger) -> Directory:
    note = target.note
    if note is None:
        return directory
    moment = note.when.astimezone(_zone(directory)).strftime("%Y:%m:%d %H:%M:%S")
    for tag, words in ((_SOFTWARE, note.software), (_DATE, moment), (_PROCESSING, note.software)):
        old = directory.get(tag)
        if old is None and tag == _PROCESSING:
            continue
        was = f" (was {text(old)!r})" if old is not None and not old.broken else ""
        name = tag_name(directory.name, tag)
        ledger.set(name, existed=old is not None, reason=f"written by archivist{was}")
        directory = directory.with_entry(ascii_text(tag, words))
    return directory


def _zone(directory: Directory) -> tzinfo:
    """Return the zone that OffsetTime names for ModifyDate, UTC when it names none."""
    exif = directory.child(EXIF_POINTER)
    entry = exif.get(_OFFSET_TIME) if exif is not None else None
    try:
        return datetime.strptime(text(entry), "%z").tzinfo or UTC if entry is not None else UTC
    except ValueError:
        return UTC


def jpeg_size(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield (tag, value) of width and height as a small JPEG's frame header says them."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xC2:
            yield 256, int.from_bytes(data[at + 7 : at + 9], "big")
            yield 257, int.from_bytes(data[at + 5 : at + 7], "big")
            return
        at += 2 + length
