"""Reading: the header first, then whether the file is whole, then the pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from archivist.api import Colour, Image, ImageHeader
from archivist_jpeg2000 import refuse
from archivist_jpeg2000.codestream import Frame, read_frame
from archivist_jpeg2000.container import read_wrapping
from archivist_jpeg2000.damage import check_whole
from archivist_jpeg2000.palette import Palette
from archivist_jpeg2000.pixels import look_up, scaled, sycc_to_rgb
from archivist_jpeg2000.plugin import CODESTREAM
from archivist_jpeg2000.spaces import Model, Space


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A file as its headers describe it; ``start`` and ``end`` are those of its codestream."""

    frame: Frame
    space: Space
    palette: Palette | None
    channels: tuple[int, ...]
    start: int
    end: int

    @property
    def header(self) -> ImageHeader:
        bits = self.palette.bits if self.palette else self.frame.precision
        return ImageHeader(
            width=self.frame.width,
            height=self.frame.height,
            colour=Colour.GREY if self.space.model is Model.GREY else Colour.RGB,
            depth=8 if bits <= 8 else 16,
        )


def probe(data: bytes) -> ImageHeader:
    """Return what :func:`read` gives for a file, by its headers alone. Raises SourceError."""
    return _open(data).header


def read(data: bytes, page: int = 0) -> Image:
    """Return the picture of a JP2, JPX or codestream file; it has one page.

    Up to 8 bits become a depth of 8, more one of 16. The ICC profile goes along, sYCC and palettes
    become RGB. Raises SourceError: ``truncated``, ``damaged``, ``unsupported-colour``,
    ``unsupported-depth``, ``unsupported-layout``.
    """
    file = _open(data)
    check_whole(data, file.frame, file.end)
    samples = _decoded(data, file)
    if file.palette:
        pixels = look_up(samples, file.palette, file.channels)
    else:
        pixels = scaled(samples, file.channels, file.frame.precision)
    if file.space.model is Model.SYCC:
        bits = file.palette.bits if file.palette else file.frame.precision
        pixels = sycc_to_rgb(pixels, bits)
    header = file.header
    return Image(pixels=pixels, colour=header.colour, depth=header.depth, icc=file.space.icc)


def _open(data: bytes) -> _File:
    if data.startswith(CODESTREAM):
        frame = read_frame(data, 0, len(data))
        space = _space_of_codestream(frame)
        channels = tuple(range(frame.components))
        return _File(
            frame=frame, space=space, palette=None, channels=channels, start=0, end=len(data)
        )
    wrapping = read_wrapping(data)
    frame = read_frame(data, wrapping.start, wrapping.end)
    meant = (wrapping.width, wrapping.height, wrapping.components)
    found = (frame.width, frame.height, frame.components)
    if meant != found:
        shown = [f"{width} x {height} pixels of {n}" for width, height, n in (meant, found)]
        raise refuse.damaged(f"its header says {shown[0]} components, its codestream {shown[1]}")
    return _File(
        frame=frame,
        space=wrapping.space,
        palette=wrapping.palette,
        channels=wrapping.channels,
        start=wrapping.start,
        end=wrapping.end,
    )


def _space_of_codestream(frame: Frame) -> Space:
    """Return the colours of a codestream without a file around it, by custom: grey or sRGB."""
    models = {1: Model.GREY, 3: Model.RGB}
    if frame.components not in models:
        raise refuse.colour(
            f"it is a codestream of {frame.components} components, and nothing says what they are"
        )
    return Space(models[frame.components])


def _decoded(data: bytes, file: _File) -> NDArray[Any]:
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
