"""Damaged directories: what of them can be written again, and what must be listed as lost."""

from __future__ import annotations

import dataclasses

from archivist.imaging.metadata.blocks import read_block
from archivist.imaging.metadata.ifd import BrokenDirectory, Directory, walk
from archivist.imaging.metadata.jpeg_parts import EXIF
from archivist.imaging.metadata.names import tag_name
from archivist.imaging.metadata.source import POINTERS, SourceMetadata, directory_facts
from archivist.imaging.metadata.target import Carried, Ledger

_REASON = "damaged in the scan"


def readable(directory: Directory, ledger: Ledger) -> Directory:
    """Return a directory without entries that lead nowhere: in a new block they would mislead."""
    entries = []
    for entry in directory.entries:
        if entry.broken or (entry.tag in POINTERS and not entry.children):
            ledger.lose([tag_name(directory.name, entry.tag)], "it leads to nothing readable")
            continue
        children = tuple(readable(child, ledger) for child in entry.children)
        entries.append(dataclasses.replace(entry, children=children))
    return dataclasses.replace(directory, entries=tuple(entries))


def list_damage(source: SourceMetadata, carried: Carried, ledger: Ledger) -> None:
    """Enter what did not get through because the scan's own directories contradict themselves.

    Does nothing for sound directories: what is lost of them without a reason is a fault.
    """
    directories = [one for one in (source.ifd0, source.ifd1) if one is not None]
    if all(_is_sound(directory) for directory in directories):
        return
    after = _written(carried)
    for directory in directories:
        for name, value in directory_facts(directory).items():
            if name not in ledger.changed and after.get(name) != value:
                ledger.lose([name], _REASON)


def _is_sound(directory: Directory) -> bool:
    tags = [(owner.home, entry.tag) for owner, entry in walk(directory)]
    return len(set(tags)) == len(tags) and not any(entry.broken for _, entry in walk(directory))


def _written(carried: Carried) -> dict[str, str]:
    if carried.directory is not None:
        return directory_facts(carried.directory)
    blocks = [data for kind, data in carried.pieces.png_chunks if kind == b"eXIf"]
    blocks += [part[10:] for part in carried.pieces.jpeg_segments if part[4:10] == EXIF]
    if carried.pieces.blocks.exif is not None:
        blocks.append(carried.pieces.blocks.exif)
    found: dict[str, str] = {}
    for block in blocks:
        try:
            directories = read_block(block)
        except BrokenDirectory:
            continue
        for directory in directories:
            found |= directory_facts(directory) if directory is not None else {}
    return found
