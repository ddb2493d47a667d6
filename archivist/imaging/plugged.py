"""Files in the formats of codec plugins, read and written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from archivist.api.errors import PublishError, SourceError
from archivist.api.extensions import CodecMetadata, CodecSpec, ImageHeader
from archivist.api.values import Colour, Image
from archivist.hashing import digest_bytes
from archivist.imaging.decode import no_such_page
from archivist.imaging.exif_block import dots_per_inch, read_exif_block
from archivist.imaging.orient import upright
from archivist.imaging.page import PageFacts
from archivist.imaging.picture import Picture, quantise, to_depth
from archivist.imaging.probe import SUFFIXES, sniff
from archivist.imaging.raster import ArrayRaster, SourceRaster, open_source
from archivist.imaging.refuse import check_size
from archivist.model import Header
from archivist.plugins import resolve

_MOST_BITS = 64
_INCH = 2
"""The unit of a resolution as Exif numbers it."""


def is_plugged(header: Header) -> bool:
    """Tell whether a page is in a format that archivist does not read itself."""
    return header.format not in SUFFIXES


def codec_of(header: Header, codecs: Mapping[str, CodecSpec]) -> CodecSpec:
    """Return the codec of a page that :func:`is_plugged`. Raises SourceError when it is gone."""
    if header.format not in codecs:
        raise SourceError(
            f"the codec {header.format} that reads it is not installed here. Cure: install its "
            "plugin, on every worker",
            code="plugin-missing",
        )
    return codecs[header.format]


def read_plugged(codec: CodecSpec, data: bytes, page: int = 0, *, max_pixels: int) -> Picture:
    """Return the picture in a file's content, read by a codec and rounded to its depth, upright.

    A file of a codec has one page and no opacity. A codec with a probe decodes nothing that its
    header forbids. Raises SourceError: that of the codec, ``codec-failed`` when it raises something
    else or returns anything but the picture that its probe promised, ``too-large``, ``damaged`` for
    another page.
    """
    if page != 0:
        raise no_such_page(page, 1)
    promised = _promised(codec, data, max_pixels) if codec.probe else None
    held = metadata_plugged(codec, data)
    checked = _checked(codec, _asked(codec, codec.read, data, page), max_pixels)
    if promised and promised != _header_of(checked):
        raise _failed(
            codec,
            f"its header says {_shown(promised)}, its pixels are {_shown(_header_of(checked))}",
        )
    header = _stored(codec, checked, held)
    return Picture(
        pixels=upright(to_depth(quantise(checked.pixels), checked.depth), header.orientation),
        colour=checked.colour,
        depth=checked.depth,
        icc=checked.icc,
        alpha=None,
        header=header,
    )


def _stored(codec: CodecSpec, image: Image, held: CodecMetadata) -> Header:
    """Return the header of what a codec read: as stored, before it is turned upright."""
    orientation, exif_dpi = read_exif_block(held.exif or b"")
    dpi = dots_per_inch(*held.dpi, _INCH) if held.dpi else None
    return Header(
        format=codec.id,
        width=image.width,
        height=image.height,
        colour=image.colour,
        depth=held.bits or image.depth,
        palette=held.palette,
        orientation=1 if held.turned else orientation,
        dpi=dpi or exif_dpi,
        icc_digest=digest_bytes(image.icc) if image.icc else None,
        layout=codec.title,
    )


def metadata_plugged(codec: CodecSpec, data: bytes) -> CodecMetadata:
    """Return what a codec finds in a file beside the picture, nothing where it does not look.

    Raises SourceError: that of the codec, or ``codec-failed``.
    """
    if codec.metadata is None:
        return CodecMetadata()
    found = _asked(codec, codec.metadata, data)
    fault = _metadata_fault(found)
    if fault or not isinstance(found, CodecMetadata):
        raise _broken(codec, fault)
    return found


def write_plugged(codec: CodecSpec, image: Image, held: CodecMetadata) -> bytes:
    """Return an image as a file in a codec's format, with the metadata that it has places for.

    Raises PublishError when the codec cannot.
    """
    assert codec.write is not None  # the caller asks only codecs that write
    cause: BaseException | None = None
    fault = "no bytes"
    try:
        data = resolve(codec.write)(image, *([held] if codec.places else []))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - as in _asked
        fault, cause = _words(error), error
    else:
        if isinstance(data, bytes) and data:
            return data
    raise PublishError(
        f"the codec {codec.id} ({codec.title}) cannot write it: {fault}. Cure: set format to tiff "
        "in the output profile, or install another version of the codec",
        code="codec-failed",
    ) from cause


def open_any(
    path: Path,
    page: int,
    codec: CodecSpec | None,
    *,
    max_pixels: int,
    scratch: Path | None = None,
) -> SourceRaster:
    """Open a file for reading by window; by ``codec``, if any, unless it is a format of our own.

    A file of our own is one that begins like it and has no suffix of the codec. Raises SourceError
    and OSError.
    """
    if codec is None or (_is_own(path) and path.suffix.lower() not in codec.suffixes):
        return open_source(path, page, max_pixels=max_pixels, scratch=scratch)
    picture = read_plugged(codec, path.read_bytes(), page, max_pixels=max_pixels)
    facts = PageFacts(header=picture.header, icc=picture.icc)
    return SourceRaster(ArrayRaster(picture.pixels), None, facts)


def _is_own(path: Path) -> bool:
    with path.open("rb") as stream:
        head = stream.read(16)
    try:
        return bool(sniff(head))
    except SourceError:
        return False


def _asked(codec: CodecSpec, function: str, *arguments: object) -> object:
    """Return what a function of a codec returns. Raises SourceError."""
    try:
        return resolve(function)(*arguments)
    except SourceError:
        raise
    except (Exception, SystemExit) as error:
        # A codec is somebody's code: whatever it raises over one file must not stop the others.
        raise _failed(codec, _words(error)) from error


def _words(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"it tried to end the program (exit code {error.code})"
    return str(error) or type(error).__name__


def _failed(codec: CodecSpec, why: str) -> SourceError:
    return SourceError(
        f"the codec {codec.id} ({codec.title}) cannot read it: {why}. Cure: check the file "
        "with the program that wrote it, or install another version of the codec",
        code="codec-failed",
    )


def _promised(codec: CodecSpec, data: bytes, max_pixels: int) -> ImageHeader:
    """Return what a codec says of a file by its header alone, when that may be decoded."""
    assert codec.probe is not None  # the caller asks only codecs that have one
    found = _asked(codec, codec.probe, data)
    if not isinstance(found, ImageHeader):
        raise _broken(codec, "no archivist.api.ImageHeader")
    check_size(found.width, found.height, max_pixels)
    return found


def _checked(codec: CodecSpec, image: object, max_pixels: int) -> Image:
    """Return what a codec gave, when it is a picture within the limit."""
    fault = _fault(image)
    if fault or not isinstance(image, Image):
        raise _broken(codec, fault)
    check_size(image.width, image.height, max_pixels)
    return image


def _broken(codec: CodecSpec, returned: str) -> SourceError:
    return SourceError(
        f"the codec {codec.id} returned {returned}. Cure: report it to its authors",
        code="codec-failed",
    )


def _header_of(image: Image) -> ImageHeader:
    return ImageHeader(
        width=image.width, height=image.height, colour=image.colour, depth=image.depth
    )


def _shown(header: ImageHeader) -> str:
    return f"{header.width} x {header.height} {header.colour} of {header.depth} bits"


def _metadata_fault(found: object) -> str:
    if not isinstance(found, CodecMetadata):
        return "no archivist.api.CodecMetadata"
    blocks = (found.exif, found.xmp, found.iptc)
    if not all(block is None or isinstance(block, bytes) for block in blocks):
        return "metadata that are no bytes"
    if found.dpi and not all(0 < value < math.inf for value in found.dpi):
        return f"a resolution of {found.dpi} dpi"
    return "" if 0 <= found.bits <= _MOST_BITS else f"samples of {found.bits} bits"


def _fault(image: object) -> str:
    if not isinstance(image, Image) or image.pixels.ndim != 3:
        return "no archivist.api.Image"
    if image.pixels.dtype != np.float32 or not np.isfinite(image.pixels).all():
        return "pixels that are no finite float32"
    if image.pixels.shape[2] != (1 if image.colour is Colour.GREY else 3) or not image.pixels.size:
        return f"{image.colour} pixels of the shape {image.pixels.shape}"
    return "" if image.depth in (8, 16) else f"a depth of {image.depth} bits, not 8 or 16"
