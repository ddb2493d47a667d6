"""A codec under examination: its files, and what a check of it comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from archivist.api.errors import PublishError
from archivist.api.extensions import CodecMetadata, CodecSpec
from archivist.api.values import Colour, Image
from archivist.imaging.picture import Picture
from archivist.imaging.plugged import read_plugged, write_plugged
from archivist.testing.samples import sample_image

MOST = 1 << 24
"""Pixels that a file may declare here; the samples have a megapixel at most."""


class Unexamined(Exception):
    """A promise cannot be examined; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a check came to: a ``problem`` in words, empty for none, and a ``note`` beside."""

    problem: str = ""
    note: str = ""


FINE = Found()


@dataclass(kw_only=True)
class CodecCase:
    """A codec with sample files by name: those of its author, and one that it wrote itself."""

    spec: CodecSpec
    files: Mapping[str, bytes]
    module: str | None
    _written: bytes | None = field(default=None, init=False)

    def ordinary(self) -> Image:
        """Return an image that the codec writes: in colour, else in grey. Raises PublishError."""
        return self._ordinary(96, 128)

    def large(self, side: int) -> Image:
        """Return a square image that the codec writes. Raises PublishError."""
        return self._ordinary(side, side)

    def samples(self) -> Mapping[str, bytes]:
        """Return files of the format by name. Raises Unexamined when there are none."""
        found = dict(self.files)
        if self.spec.write is not None:
            if self._written is None:
                self._written = self.write(self.ordinary())
            found["a file that it wrote"] = self._written
        if not found:
            raise Unexamined("it writes no files: give some of its format (files=, --sample)")
        return found

    def write(self, image: Image, held: CodecMetadata | None = None) -> bytes:
        """Return an image as a file. Raises PublishError."""
        return write_plugged(self.spec, image, held or CodecMetadata())

    def read(self, data: bytes) -> Picture:
        """Return the picture of a file, as the engine reads it. Raises SourceError."""
        return read_plugged(self.spec, data, max_pixels=MOST)

    def _ordinary(self, height: int, width: int) -> Image:
        image = sample_image(height, width)
        try:
            self.write(sample_image(8, 8))
        except PublishError:
            return sample_image(height, width, colour=Colour.GREY)
        return image
