"""What the headers of a file say of its picture, before a pixel is decoded."""

from __future__ import annotations

from dataclasses import dataclass

from archivist.api import Colour, ImageHeader
from archivist_jpeg2000 import refuse
from archivist_jpeg2000.codestream import Frame, read_frame
from archivist_jpeg2000.container import read_wrapping
from archivist_jpeg2000.palette import Palette
from archivist_jpeg2000.plugin import CODESTREAM
from archivist_jpeg2000.spaces import Model, Space


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file as its headers describe it; ``start`` and ``end`` are those of its codestream."""

    frame: Frame
    space: Space
    palette: Palette | None
    channels: tuple[int, ...]
    start: int
    end: int

    @property
    def bits(self) -> int:
        """The bits of a sample of the picture, 1 to 16; with a palette those of its colours."""
        return self.palette.bits if self.palette else self.frame.precision

    @property
    def header(self) -> ImageHeader:
        """What the pixels will be."""
        return ImageHeader(
            width=self.frame.width,
            height=self.frame.height,
            colour=Colour.GREY if self.space.model is Model.GREY else Colour.RGB,
            depth=8 if self.bits <= 8 else 16,
        )


def open_file(data: bytes) -> File:
    """Return a file as its headers describe it. Raises SourceError."""
    if data.startswith(CODESTREAM):
        frame = read_frame(data, 0, len(data))
        space = _space_of_codestream(frame)
        channels = tuple(range(frame.components))
        return File(
            frame=frame, space=space, palette=None, channels=channels, start=0, end=len(data)
        )
    wrapping = read_wrapping(data)
    frame = read_frame(data, wrapping.start, wrapping.end)
    meant = (wrapping.width, wrapping.height, wrapping.components)
    found = (frame.width, frame.height, frame.components)
    if meant != found:
        shown = [f"{width} x {height} pixels of {n}" for width, height, n in (meant, found)]
        raise refuse.damaged(f"its header says {shown[0]} components, its codestream {shown[1]}")
    return File(
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
