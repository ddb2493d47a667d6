"""Find the scans: walk the tree, look at each file, join the manifest.

:func:`scan` does all of it; it knows no catalog: what is already known is passed in as a function.
"""

from archivist.scan.duplicates import group_near, hamming, near_duplicates
from archivist.scan.manifest import Manifest, UnusedRow, read_manifest
from archivist.scan.refusals import Code
from archivist.scan.sample import sample_of
from archivist.scan.scanner import KnownStats, Scanned, Unchanged, nothing_known, scan
from archivist.scan.sequences import SequencePatterns
from archivist.scan.settings import ScanOptions, check_folders
from archivist.scan.walk import Found, walk

__all__ = [
    "Code",
    "Found",
    "KnownStats",
    "Manifest",
    "ScanOptions",
    "Scanned",
    "SequencePatterns",
    "Unchanged",
    "UnusedRow",
    "check_folders",
    "group_near",
    "hamming",
    "near_duplicates",
    "nothing_known",
    "read_manifest",
    "sample_of",
    "scan",
    "walk",
]
