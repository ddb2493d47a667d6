"""The synthesis map in colours: one translucent layer for each part, and one still picture."""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from archivist.report.origin import Origin, Part, Synthesis
from archivist.report.thumbnails import MASK_COLOUR

Colour = tuple[int, int, int]

UNTOUCHED: Colour = (168, 164, 156)
"""The grey of the untouched part in the bar; on the picture it has no colour."""
# Hues that stay apart for people who see red and green alike (after Okabe and Ito, 2008); more
# than four parts of one origin use them again.
_COLOURS: dict[Origin, tuple[Colour, ...]] = {
    Origin.UNTOUCHED: (UNTOUCHED,),
    Origin.ENLARGED: ((120, 144, 196), (92, 120, 180)),
    Origin.CORRECTED: ((0, 140, 160), (60, 176, 190), (0, 104, 130), (110, 190, 170)),
    Origin.COLOUR_BORROWED: ((0, 158, 115), (110, 190, 90), (20, 120, 90), (160, 210, 120)),
    Origin.COLOUR_INVENTED: ((30, 0, 255), (0, 0, 190), (80, 70, 255)),
    Origin.INVENTED: ((140, 80, 200), (176, 120, 226), (104, 60, 160)),
    Origin.UNCERTAIN: ((134, 84, 40), (170, 116, 66), (98, 58, 24)),
    Origin.FILLED: (MASK_COLOUR, (214, 60, 40), (255, 128, 110)),
    Origin.COPIED: ((230, 159, 0), (240, 228, 66), (190, 110, 0), (250, 190, 90)),
}
_OPACITY, _SMALL_OPACITY = 120, 190
"""Of parts that may cover the whole picture, which must stay visible, and of fills."""
_LEVELS = 8


def colours_of(parts: Sequence[Part]) -> tuple[Colour, ...]:
    """Return a colour for each part; parts of one origin get neighbouring ones."""
    seen: Counter[Origin] = Counter()
    found = []
    for part in parts:
        choice = _COLOURS[part.source.origin]
        found.append(choice[seen[part.source.origin] % len(choice)])
        seen[part.source.origin] += 1
    return tuple(found)


def css(colour: Colour) -> str:
    """Return a colour as a style sheet writes it."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def layer_uris(found: Synthesis) -> tuple[str, ...]:
    """Return a translucent PNG for each part, empty for the untouched one."""
    colours = colours_of(found.parts)
    return tuple(
        ""
        if part.source.origin is Origin.UNTOUCHED
        else _layer(found, number, colour, part.source.origin)
        for number, (part, colour) in enumerate(zip(found.parts, colours, strict=True))
    )


def _layer(found: Synthesis, number: int, colour: Colour, origin: Origin) -> str:
    strength = np.where(found.labels == number, _strength(found.cover), 0.0)
    # Eight levels of transparency compress three times better than 256 and look the same.
    levels = np.rint(strength * (_LEVELS - 1)).astype(np.uint8)
    image = Image.frombytes("P", (levels.shape[1], levels.shape[0]), levels.tobytes())
    image.putpalette(bytes(colour) * _LEVELS)
    opacity = _SMALL_OPACITY if origin is Origin.FILLED else _OPACITY
    alphas = bytes(round(opacity * level / (_LEVELS - 1)) for level in range(_LEVELS))
    stream = io.BytesIO()
    image.save(stream, "PNG", transparency=alphas, optimize=True)
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"


def _strength(cover: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how strongly to colour: never so weakly that a thin scratch disappears."""
    strength: NDArray[np.float32] = np.where(cover > 0, np.clip(cover * 3, 0.4, 1.0), 0.0)
    return strength


def still(found: Synthesis, result: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the result in pale grey with its parts in colour, for paper: uint8 (h, w, 3)."""
    height, width = found.labels.shape
    grey = result.mean(axis=2, dtype=np.float32)
    grey = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)
    canvas = np.repeat((110 + grey * 145 / 255)[:, :, None], 3, axis=2)
    for number, (part, colour) in enumerate(zip(found.parts, colours_of(found.parts), strict=True)):
        if part.source.origin is Origin.UNTOUCHED:
            continue
        share = np.where(found.labels == number, _strength(found.cover) * 0.8, 0.0)[:, :, None]
        canvas = canvas * (1 - share) + np.array(colour, np.float32) * share
    drawn: NDArray[np.uint8] = np.rint(canvas).astype(np.uint8)
    return drawn
