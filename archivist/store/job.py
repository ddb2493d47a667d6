"""What is to be published: the pages of one file, and the files that are made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from archivist.api.extensions import CodecSpec
from archivist.api.values import Colour
from archivist.imaging.metadata import HistoryEvent
from archivist.imaging.storage import Raster
from archivist.model import Header, OutputProfile
from archivist.store.naming import NameTable


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PageResult:
    """One page of a scan as it is to be published.

    ``raster`` is upright, uint8 or uint16, with 1 or 3 channels; ``alpha`` its opacity, of the
    scan's size. ``changed`` means that a step changed a pixel, ``synthetic`` that a
    trained model painted some; ``events`` tell what was done, for the XMP history.
    """

    header: Header
    colour: Colour
    icc: bytes | None
    raster: Raster
    alpha: Raster | None = None
    associated: bool = False
    changed: bool = False
    synthetic: bool = False
    events: tuple[HistoryEvent, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PublishJob:
    """All pages of one file, and where and how they are to be published.

    ``out`` and ``scan`` are absolute; ``data`` is the content of the scan when it is in memory.
    ``paths`` are the copies of the scan (as text, relative to the scans): each gets its output.
    ``software`` is the name and version written into the outputs, ``when`` the moment written as
    time of change: equal moments and events give equal bytes. ``codecs`` are those of plugins;
    ``exiftool`` is the program that reads changed outputs a second time, empty for none.
    """

    out: Path
    scan: Path
    digest: str
    paths: tuple[str, ...]
    pages: tuple[PageResult, ...]
    profiles: tuple[OutputProfile, ...]
    software: str
    when: datetime
    max_pixels: int
    data: bytes | None = None
    names: NameTable = field(default_factory=NameTable)
    threads: int = 1
    codecs: Mapping[str, CodecSpec] = field(default_factory=dict)
    exiftool: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Output:
    """One file to be written: some pages of a job (numbers from 0) in one format.

    ``names`` are those of the copies, in the order of the job's paths.
    """

    profile: OutputProfile
    format: str
    pages: tuple[int, ...]
    names: tuple[str, ...]
