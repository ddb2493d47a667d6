"""Photographs as the compact network is given them: at working size, padded, lightness alone."""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archivist_colorization.compact.decoder import STRIDE
from archivist_colorization.compact.encoder import MULTIPLE
from archivist_colorization.compact.network import Compact
from archivist_colorization.inference import padded, working_size
from archivist_colorization.lightness import Pixels

Floats = NDArray[np.float32]


def ready(network: Compact, device: torch.device) -> Compact:
    """Return the network on a device, laid out for speed."""
    network = network.eval().to(device)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def reduced(pixels: Pixels, area: float) -> Floats:
    """Return pixels as float32 0..1 at working size, sides multiples of STRIDE."""
    exact = working_size(*pixels.shape[:2], round(area))
    height, width = (max(STRIDE, math.floor(side / STRIDE + 0.5) * STRIDE) for side in exact)
    floats = pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)
    smaller = height <= floats.shape[0] and width <= floats.shape[1]
    way = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(floats, (width, height), interpolation=way), np.float32)


def laid(network: Compact, light: Floats) -> Tensor:
    """Return a lightness (h, w) as a batch (1, 1, h, w) on the network's device, padded."""
    device = next(network.parameters()).device
    whole = padded(light[..., None], (MULTIPLE, MULTIPLE), MULTIPLE).to(device)
    return whole.contiguous(memory_format=torch.channels_last)
