"""Parts of things that look like scratches: a tail, a thorn, the tip of a leaf.

To a network that sees their shape they are short strokes on an even ground. What sets them apart is
one end: there they widen into a body of the same tone, where a scratch just ends. Long thin strokes
are spared, since a scratch across a bright sky may run into a dark rock.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]
Region = NDArray[np.bool_]

MARGIN = 32
"""Pixels around a region in which its body is looked for."""
WIDER = 1.2
"""How much thicker than the region its body is, at the least."""
SLENDER = 10.0
"""Length in widths from which a stroke is spared. Of the plausible regions of synthetic damage 8 %
count as outgrowths, without this 13 %, and in real prints most of the long scratches did."""


def grows_out(grey: Pixels, region: Region) -> bool:
    """Say whether a region (height, width) of a grey picture continues in a thicker body.

    Both are the region's box with MARGIN around it. The body is what is connected and nearer in
    tone to the region than to its surroundings.
    """
    near = cv2.dilate(region.astype(np.uint8), np.ones((5, 5), np.uint8))
    ring = (cv2.dilate(near, np.ones((9, 9), np.uint8)) > near).astype(bool)
    if not ring.any():
        return False
    tone, around = (float(np.median(grey[part])) for part in (region, ring))
    middle = (tone + around) / 2
    alike = grey > middle if tone > around else grey < middle
    _, labels = cv2.connectedComponents((alike | region).astype(np.uint8), connectivity=4)
    body = alike & np.isin(labels, np.unique(labels[region]))
    outside = body & (near == 0)
    if outside.sum() <= region.sum():
        return False
    framed = np.pad(body.astype(np.uint8), 1)  # the edge of the box is an edge of the body
    depth = cv2.distanceTransform(framed, cv2.DIST_L2, cv2.DIST_MASK_3)[1:-1, 1:-1]
    return bool(depth[outside].max() + 1 > WIDER * (depth[region].max() + 1))
