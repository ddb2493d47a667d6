"""JPEG compression and decompression as arithmetic on batches (entropy coding loses nothing).

Tables: ITU-T T.81, Annex K.1; their scaling by quality is the usual one of the IJG library.
Same contract as :mod:`archivist_torch.ageing.tone`.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name the field uses
from numpy.typing import NDArray
from torch import Tensor

from archivist_torch.ageing.tone import Parameters

LUMINANCE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    np.float32,
)
"""Table K.1."""

CHROMINANCE = np.full((8, 8), 99, np.float32)
"""Table K.2."""
CHROMINANCE[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]

TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
"""Red, green, blue to lightness and colour differences (JFIF 1.02)."""
TO_RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))
"""And back."""


def jpeg(pixels: Tensor, *, quality: Tensor, halved: Tensor) -> Tensor:
    """Compress at ``quality`` 1..100 and decompress; the result has 8 bits.

    Where ``halved`` is above 0.5, colour differences are kept at half the resolution (4:2:0).
    """
    height, width = pixels.shape[-2:]
    right, bottom = -width % 16, -height % 16
    padded = F.pad(pixels, (0, right, 0, bottom), mode="replicate")
    planes = _mix(torch.round(padded * 255), TO_YCC)
    light = _quantise(planes[:, :1] - 128, _table(LUMINANCE, quality))
    colour = _colour(planes[:, 1:], _table(CHROMINANCE, quality), halved > 0.5)
    decoded = _mix(torch.cat([light + 128, colour], 1), TO_RGB)
    return decoded[..., :height, :width].round().clamp(0, 255) / 255


def draw_jpeg(rng: np.random.Generator, strength: float) -> Parameters:
    """Draw a quality of 92..30; colour is halved in three of four."""
    return {"quality": float(round(92 - 62 * strength)), "halved": float(rng.random() < 0.75)}


def _colour(planes: Tensor, tables: Tensor, halved: Tensor) -> Tensor:
    """Quantise the colour differences, at half resolution in the rows that ask for it."""
    out = torch.empty_like(planes)
    if not halved.all():
        whole = ~halved
        out[whole] = _quantise(planes[whole], tables[whole])
    if halved.any():
        small = _quantise(F.avg_pool2d(planes[halved], 2), tables[halved])
        out[halved] = F.interpolate(small, scale_factor=2, mode="bilinear")
    return out


def _quantise(planes: Tensor, tables: Tensor) -> Tensor:
    """Round the cosine coefficients of all 8x8 blocks to multiples of ``tables`` (B, 64)."""
    count, channels, height, width = planes.shape
    blocks = planes.reshape(count, channels, height // 8, 8, width // 8, 8)
    blocks = blocks.permute(0, 1, 2, 4, 3, 5).reshape(count, -1, 64)
    basis = torch.from_numpy(_basis()).to(planes.device)
    step = tables[:, None]
    blocks = (torch.round(blocks @ basis.T / step) * step) @ basis
    blocks = blocks.reshape(count, channels, height // 8, width // 8, 8, 8)
    return blocks.permute(0, 1, 2, 4, 3, 5).reshape(planes.shape)


def _table(base: NDArray[np.float32], quality: Tensor) -> Tensor:
    """Return the quantisation steps (B, 64) of each quality."""
    scale = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)
    steps = torch.from_numpy(base).to(quality.device).reshape(1, 64) * scale[:, None]
    return torch.floor((steps + 50) / 100).clamp(1, 255)


@cache
def _basis() -> NDArray[np.float32]:
    """Return the orthonormal two-dimensional cosine transform of an 8x8 block, (64, 64)."""
    frequency, place = np.mgrid[:8, :8]
    line = np.cos((2 * place + 1) * frequency * np.pi / 16) / 2
    line[0] /= np.sqrt(2)
    return np.kron(line, line).astype(np.float32)


def _mix(pixels: Tensor, matrix: tuple[tuple[float, ...], ...]) -> Tensor:
    return torch.einsum("oc,bchw->bohw", pixels.new_tensor(matrix), pixels)
