"""The refusals of scans: a short code for tables, and a message that names what and the cure.

Codes: ``empty``, ``not-a-picture``, ``unsupported-format``, ``unsupported-colour``,
``unsupported-depth``, ``unsupported-layout``, ``too-large``, ``truncated``, ``damaged``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from archivist.api.errors import SourceError

RESCAN = "scan it again or bring the file back from a backup"
CONVERT = "convert it to 8- or 16-bit grey or RGB, with the colour profile embedded"


def refusal(code: str, what: str, cure: str) -> SourceError:
    """Return the error of one refusal; ``what`` and ``cure`` are clauses without full stop."""
    return SourceError(f"{what}. Cure: {cure}", code=code)


def truncated(what: str) -> SourceError:
    """Return the refusal of a file that ends before its pixels do."""
    return refusal("truncated", what, RESCAN)


def damaged(what: str) -> SourceError:
    """Return the refusal of a file whose content contradicts itself."""
    return refusal("damaged", what, RESCAN)


def colour(what: str) -> SourceError:
    """Return the refusal of a colour model that is not carried through the steps."""
    return refusal("unsupported-colour", f"{what} is not supported", CONVERT)


def depth(what: str) -> SourceError:
    """Return the refusal of a number format of samples."""
    return refusal("unsupported-depth", f"{what} is not supported", CONVERT)


def layout(what: str, cure: str) -> SourceError:
    """Return the refusal of a variety of a known format."""
    return refusal("unsupported-layout", f"{what} is not supported", cure)


@contextmanager
def of_page(number: int, pages: int) -> Iterator[None]:
    """Name the page, counted from 1, in a refusal of one of several."""
    try:
        yield
    except SourceError as error:
        if pages == 1:
            raise
        raise SourceError(f"page {number} of {pages}: {error}", code=error.code) from error


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raise the refusal of a page without pixels, or with more than the budget."""
    if width < 1 or height < 1:
        raise damaged(f"the header declares {width} x {height} pixels")
    if width * height > max_pixels:
        raise refusal(
            "too-large",
            f"the header declares {width} x {height} = {width * height / 1e6:.0f} megapixels,"
            f" more than the limit of {max_pixels / 1e6:.0f}",
            "raise max_megapixels under [scan] in the configuration if the scan is that large",
        )
