"""Metadata of scans: taken out whole, carried into outputs, and compared after writing."""

from archivist.imaging.metadata.attach import attach
from archivist.imaging.metadata.author import author_of
from archivist.imaging.metadata.carry import carry
from archivist.imaging.metadata.collecting import collect, collect_pages
from archivist.imaging.metadata.exif import exif_facts
from archivist.imaging.metadata.exif_edit import resolution
from archivist.imaging.metadata.from_codec import from_codec
from archivist.imaging.metadata.source import SourceMetadata, facts
from archivist.imaging.metadata.target import Carried, HistoryEvent, RestorationNote, Target
from archivist.imaging.metadata.verify import compare

__all__ = [
    "Carried",
    "HistoryEvent",
    "RestorationNote",
    "SourceMetadata",
    "Target",
    "attach",
    "author_of",
    "carry",
    "collect",
    "collect_pages",
    "compare",
    "exif_facts",
    "facts",
    "from_codec",
    "resolution",
]
