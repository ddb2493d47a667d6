"""Writing pages as TIFF, JPEG or PNG: pixels, colour profile, resolution and carried metadata."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from archivist.api.errors import PublishError
from archivist.imaging.jpeg_write import write_jpeg
from archivist.imaging.page import PageOutput
from archivist.imaging.png_write import write_png
from archivist.imaging.samples import check_page
from archivist.imaging.tiff_write import write_tiff

__all__ = ["PageOutput", "write_pages"]


def write_pages(
    path: Path,
    pages: Sequence[PageOutput],
    *,
    format: str,  # noqa: A002 - the word of the output profile
    depth: int,
    quality: int = 95,
    threads: int = 1,
) -> None:
    """Write pages into one new file, replacing what ``path`` names.

    ``format`` is ``tiff``, ``jpeg`` or ``png``; ``depth`` is 8 or 16 bits, of which JPEG always
    takes 8; ``quality`` (1..100) is for JPEG. TIFF is streamed by tiles, so its memory does not
    grow with the page; JPEG and PNG hold one page at the depth written. Orientation is always
    upright. JPEG has no alpha: it is left out there, and the metadata contract says so.

    Raises PublishError when the format cannot hold the pages (several pages, or too large), OSError
    when the file cannot be written, ValueError for pages that contradict themselves.
    """
    for page in pages:
        check_page(page)
    if format == "tiff":
        write_tiff(path, pages, depth=depth, threads=threads)
        return
    if len(pages) != 1:
        raise PublishError(
            f"{format.upper()} holds one page, the scan has {len(pages)}. "
            'Cure: set format = "tiff" in the output profile',
            code="several-pages",
        )
    if format == "jpeg":
        write_jpeg(path, pages[0], quality=quality)
    elif format == "png":
        write_png(path, pages[0], depth=depth)
    else:
        raise ValueError(f"format must be tiff, jpeg or png, not {format!r}")
