"""Where pixels lie: in memory or in a file, read and written by window.

A raster has the shape (height, width, channels). All windows are (y0, y1, x0, x1), ends excluded,
and lie inside the picture.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from archivist.imaging.orient import stored_window, upright
from archivist.imaging.picture import widen

Shape = tuple[int, int, int]

BAND_BYTES = 8 << 20
"""Rows are hashed and copied in bands of about this size."""


class Raster(Protocol):
    """A picture that is read and written by window."""

    @property
    def shape(self) -> Shape:
        """Height, width and channels."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the samples, native byte order."""

    def read(self, y0: int, y1: int, x0: int, x1: int) -> NDArray[Any]:
        """Return the samples of a window, (rows, columns, channels); do not write into them."""

    def write(self, y0: int, x0: int, window: NDArray[Any]) -> None:
        """Store the samples (rows, columns, channels) of the window that begins at (y0, x0)."""


class ArrayRaster:
    """A raster in memory; an array (height, width) has one channel."""

    def __init__(self, array: NDArray[Any]) -> None:
        self.array = array if array.ndim == 3 else array[:, :, np.newaxis]

    @property
    def shape(self) -> Shape:
        """Height, width and channels."""
        height, width, channels = self.array.shape
        return height, width, channels

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the samples."""
        return self.array.dtype

    def read(self, y0: int, y1: int, x0: int, x1: int) -> NDArray[Any]:
        """Return a window as a view."""
        return self.array[y0:y1, x0:x1]

    def write(self, y0: int, x0: int, window: NDArray[Any]) -> None:
        """Store a window."""
        rows, columns = window.shape[:2]
        self.array[y0 : y0 + rows, x0 : x0 + columns] = window


class FileRaster:
    """A raster in a file of NumPy's own format (``.npy``).

    The file is mapped for each access and unmapped after it, so that the resident memory of the
    process does not grow with the picture.
    """

    def __init__(self, path: Path, shape: Shape, dtype: np.dtype[Any], offset: int) -> None:
        self.path, self._shape, self._dtype, self._offset = path, shape, dtype, offset

    @classmethod
    def create(cls, path: Path, shape: Shape, dtype: DTypeLike) -> FileRaster:
        """Make a new file, filled with zeros, its space reserved on the disk.

        Raises OSError when the disk is full: without the reservation, writing into the mapping
        would end the process with SIGBUS.
        """
        kind = np.dtype(dtype)
        description = np.lib.format.dtype_to_descr(kind)
        header = {"descr": description, "fortran_order": False, "shape": shape}
        size = kind.itemsize * shape[0] * shape[1] * shape[2]
        try:
            with path.open("wb") as stream:
                np.lib.format.write_array_header_2_0(stream, header)
                offset = stream.tell()
                _reserve(stream, size)
        except OSError:
            path.unlink(missing_ok=True)
            raise
        return cls(path, shape, kind, offset)

    @classmethod
    def open(cls, path: Path) -> FileRaster:
        """Return the raster of an existing file. Raises OSError and ValueError."""
        with path.open("rb") as stream:
            np.lib.format.read_magic(stream)
            shape, _, dtype = np.lib.format.read_array_header_2_0(stream)
            return cls(path, (shape[0], shape[1], shape[2]), dtype, stream.tell())

    @property
    def shape(self) -> Shape:
        """Height, width and channels."""
        return self._shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the samples."""
        return self._dtype

    def read(self, y0: int, y1: int, x0: int, x1: int) -> NDArray[Any]:
        """Return a copy of a window."""
        return np.array(self._mapped("r")[y0:y1, x0:x1])

    def write(self, y0: int, x0: int, window: NDArray[Any]) -> None:
        """Store a window."""
        rows, columns = window.shape[:2]
        self._mapped("r+")[y0 : y0 + rows, x0 : x0 + columns] = window

    def delete(self) -> None:
        """Remove the file; the raster cannot be used after it."""
        self.path.unlink(missing_ok=True)

    def _mapped(self, mode: Any) -> NDArray[Any]:
        return np.memmap(self.path, self._dtype, mode, self._offset, self._shape)


class UprightRaster:
    """A read-only view of a stored raster, turned upright window by window."""

    def __init__(self, stored: Raster, orientation: int) -> None:
        self._stored, self._orientation = stored, orientation

    @property
    def shape(self) -> Shape:
        """Height, width and channels after turning."""
        height, width, channels = self._stored.shape
        return (width, height, channels) if self._orientation >= 5 else (height, width, channels)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the samples."""
        return self._stored.dtype

    def read(self, y0: int, y1: int, x0: int, x1: int) -> NDArray[Any]:
        """Return a window of the upright picture."""
        height, width, _ = self._stored.shape
        window = stored_window((y0, y1, x0, x1), self._orientation, height, width)
        return upright(self._stored.read(*window), self._orientation)

    def write(self, y0: int, x0: int, window: NDArray[Any]) -> None:
        """Refuse: a scan is never written to."""
        raise TypeError("this raster is read-only")


class WideRaster:
    """A read-only view of a uint8 or uint16 raster as uint16, 8-bit values times 257."""

    def __init__(self, narrow: Raster) -> None:
        self._narrow = narrow

    @property
    def shape(self) -> Shape:
        """Height, width and channels."""
        return self._narrow.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Always uint16."""
        return np.dtype(np.uint16)

    def read(self, y0: int, y1: int, x0: int, x1: int) -> NDArray[Any]:
        """Return a window as uint16."""
        return widen(self._narrow.read(y0, y1, x0, x1))

    def write(self, y0: int, x0: int, window: NDArray[Any]) -> None:
        """Refuse: the view only reads."""
        raise TypeError("this raster is read-only")


def bands(raster: Raster) -> list[tuple[int, int]]:
    """Return (first row, end row) of full-width bands of about :data:`BAND_BYTES`."""
    height, width, channels = raster.shape
    rows = max(1, BAND_BYTES // max(1, width * channels * raster.dtype.itemsize))
    return [(start, min(start + rows, height)) for start in range(0, height, rows)]


def copy_raster(source: Raster, target: Raster) -> None:
    """Copy all samples, band by band; both have the same shape and type."""
    for start, end in bands(source):
        target.write(start, 0, source.read(start, end, 0, source.shape[1]))


def _reserve(stream: BinaryIO, size: int) -> None:
    """Extend a file by zeros that have their place on the disk. Raises OSError when it is full."""
    if not size:
        return
    if hasattr(os, "posix_fallocate"):
        try:
            stream.flush()
            os.posix_fallocate(stream.fileno(), stream.tell(), size)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
                raise
        else:
            return
    # macOS, and file systems such as ZFS, cannot reserve: there the zeros are written.
    block = bytes(min(size, BAND_BYTES))
    for start in range(0, size, len(block)):
        stream.write(block[: size - start])
