"""The refusals of files: a short code for tables, and a message that names what and the cure."""

from __future__ import annotations

from archivist.api import SourceError

RESCAN = "scan it again or bring the file back from a backup"
CONVERT = "convert it to 8- or 16-bit grey or RGB, as JP2 or TIFF, with the colour profile embedded"


def truncated(what: str) -> SourceError:
    """Return the refusal of a file that ends before its pixels do."""
    return _refusal("truncated", what, RESCAN)


def damaged(what: str) -> SourceError:
    """Return the refusal of a file whose content contradicts itself."""
    return _refusal("damaged", what, RESCAN)


def colour(what: str) -> SourceError:
    """Return the refusal of colours that would come out wrong."""
    return _refusal("unsupported-colour", what, CONVERT)


def depth(what: str) -> SourceError:
    """Return the refusal of a number format of samples."""
    return _refusal("unsupported-depth", what, CONVERT)


def layout(what: str, cure: str) -> SourceError:
    """Return the refusal of a variety of the format."""
    return _refusal("unsupported-layout", what, cure)


def _refusal(code: str, what: str, cure: str) -> SourceError:
    return SourceError(f"{what}. Cure: {cure}", code=code)
