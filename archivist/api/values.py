"""The values that travel between steps.

All arrays are C-contiguous and read-only when a step receives them: a step makes new ones.
Every value here is frozen and compared by identity, because arrays have no cheap equality.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Colour(StrEnum):
    """What the channels of an image mean."""

    GREY = "grey"
    """One channel of lightness."""
    RGB = "rgb"
    """Three channels in the colour space of the scan's own profile (sRGB when it has none)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Image:
    """A photograph, upright.

    ``pixels`` is float32 of shape (height, width, channels) with 1 or 3 channels, values 0..1 as
    encoded in the scan (not linear light). ``depth`` is the bit depth of the scan, 8 or 16; a step
    need not round to it. ``icc`` is the scan's colour profile, or None when it has none.
    """

    pixels: NDArray[np.float32]
    colour: Colour
    depth: int = 8
    icc: bytes | None = None

    @property
    def height(self) -> int:
        """Rows of the image, in pixels."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns of the image, in pixels."""
        return int(self.pixels.shape[1])

    def with_pixels(self, pixels: NDArray[np.float32]) -> Image:
        """Return an image of the same scan with other pixels of the same number of channels."""
        return Image(pixels=pixels, colour=self.colour, depth=self.depth, icc=self.icc)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mask:
    """Chosen pixels: bool of shape (height, width); True means chosen (damaged, for instance)."""

    pixels: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Probability:
    """A graded map: float32 of shape (height, width), values 0..1."""

    pixels: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """A face: ``box`` is (x, y, width, height) and ``landmarks`` (x, y) pairs, in image pixels.

    The five landmarks are left eye, right eye, nose tip, left and right mouth corner as seen in
    the image. ``score`` is the detector's confidence, 0..1.
    """

    box: tuple[float, float, float, float]
    landmarks: tuple[tuple[float, float], ...]
    score: float


@dataclass(frozen=True, slots=True)
class Faces:
    """All faces found in one image."""

    faces: tuple[Face, ...]


class ReadPicture(Protocol):
    """How the pixels of a reference are read."""

    def __call__(self, longest: int = 0) -> Image:
        """Return the picture, its longer side reduced to at most ``longest`` pixels (0: not)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reference:
    """A region of another photograph of the same archive.

    ``asset`` is the SHA-256 (hex) of its scan, with ``#page`` when the file has several;
    ``region`` is (x, y, width, height) in pixels of the upright scan; ``score``, 0..1, and
    ``reason`` say how good it is as a reference. ``read`` decodes the region each time it is called
    and keeps nothing, so that many references need the memory of one; ``read(768)`` gives it small,
    never holding it whole. It raises
    :class:`~archivist.api.errors.AssetError` when the scan is gone or is not as it was.

    ``near`` is the region of the picture that it looks like, None for all of it; ``scale`` how many
    of its pixels fall on one of the picture, along a line, where that was measured; ``facts`` what
    the manifest says of it.
    """

    asset: str
    region: tuple[int, int, int, int]
    score: float
    reason: str
    read: ReadPicture
    near: tuple[int, int, int, int] | None = None
    scale: float | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """References in order of preference, and the index snapshot that they were chosen from.

    ``reason`` says how it came to so many, or to none.
    """

    references: tuple[Reference, ...]
    snapshot: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TransferMap:
    """Where texture was borrowed from, on a grid coarser than the output by ``stride`` pixels.

    ``source`` is int32 (h, w): the number of the reference in ``assets``, -1 for none;
    ``position`` int32 (h, w, 2): x, y of the borrowed patch's centre in the upright scan of that
    reference; ``similarity`` float32 (h, w), 0..1.
    """

    source: NDArray[np.int32]
    position: NDArray[np.int32]
    similarity: NDArray[np.float32]
    assets: tuple[str, ...]
    stride: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Embedding:
    """A description of an image for similarity search: unit vectors of one named model.

    ``vectors`` is float32 (regions, dimensions); ``regions`` gives (x, y, width, height) of each in
    image pixels, the whole image first.
    """

    vectors: NDArray[np.float32]
    regions: tuple[tuple[int, int, int, int], ...]
    model: str


@dataclass(frozen=True, slots=True)
class Scores:
    """Named measurements, all finite. In a tiled step they are means over the area of a tile."""

    values: Mapping[str, float] = field(default_factory=dict)


Value = Image | Mask | Probability | Faces | References | TransferMap | Embedding | Scores
