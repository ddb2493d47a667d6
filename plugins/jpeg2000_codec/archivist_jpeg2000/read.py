"""Reading: the header first, then whether the file is whole, then the pixels."""

from __future__ import annotations

from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from archivist.api import Image, ImageHeader
from archivist_jpeg2000 import refuse
from archivist_jpeg2000.damage import check_whole
from archivist_jpeg2000.headers import File, open_file
from archivist_jpeg2000.pixels import look_up, scaled, sycc_to_rgb
from archivist_jpeg2000.spaces import Model


def probe(data: bytes) -> ImageHeader:
    """Return what :func:`read` gives for a file, by its headers alone. Raises SourceError."""
    return open_file(data).header


def read(data: bytes, page: int = 0) -> Image:
    """Return the picture of a JP2, JPX or codestream file; it has one page.

    Up to 8 bits become a depth of 8, more one of 16. The ICC profile goes along, sYCC and palettes
    become RGB. Raises SourceError: ``truncated``, ``damaged``, ``unsupported-colour``,
    ``unsupported-depth``, ``unsupported-layout``.
    """
    file = open_file(data)
    check_whole(data, file.frame, file.end)
    samples = _decoded(data, file)
    if file.palette:
        pixels = look_up(samples, file.palette, file.channels)
    else:
        pixels = scaled(samples, file.channels, file.frame.precision)
    if file.space.model is Model.SYCC:
        pixels = sycc_to_rgb(pixels, file.bits)
    header = file.header
    return Image(pixels=pixels, colour=header.colour, depth=header.depth, icc=file.space.icc)


def _decoded(data: bytes, file: File) -> NDArray[Any]:
    """Return the components as stored, uint8 or uint16 (height, width, components).

    The decoder gets the codestream alone, so that it turns no colours by its own rules.
    """
    frame = file.frame
    try:
        samples = imagecodecs.jpeg2k_decode(data[file.start : file.end])
    except (imagecodecs.Jpeg2kError, ValueError) as error:
        raise refuse.damaged(f"its pixels cannot be decoded ({error})") from error
    samples = np.asarray(samples)
    if samples.size != frame.height * frame.width * frame.components:
        raise refuse.damaged("its pixels are of another size than its header says")
    shaped: NDArray[Any] = samples.reshape(frame.height, frame.width, frame.components)
    if int(shaped.max()) >> frame.precision:
        raise refuse.damaged(f"it has samples of more than {frame.precision} bits")
    return shaped
