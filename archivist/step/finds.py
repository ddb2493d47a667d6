"""What the engine demands of faces and descriptions that a step found in a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral, Real

import numpy as np

from archivist.api.errors import BadOutput
from archivist.api.values import Embedding, Face, Faces

LANDMARKS = 5
"""Points of a face: eyes, nose tip, corners of the mouth."""
ROUNDING = 1e-3
"""A score may leave 0..1 by this much, which is rounding of a network's last layer."""

Size = tuple[int, int]
"""Width and height of the picture that something was found in."""


def accept_faces(place: str, value: Faces, size: Size | None) -> Faces:
    """Return faces with plain floats, those of numpy too; files hold nothing else.

    Raises :class:`BadOutput` for a face that is none: numbers that are not finite, a box without
    area or wholly outside the picture, a score outside 0..1, other than five landmarks. A box may
    reach over the edge, as that of a face cut off by it does. ``place`` says whose they are.
    """
    if not isinstance(value.faces, Sequence):
        raise BadOutput(f"{place} holds {type(value.faces).__name__}, expected a tuple of Face")
    return Faces(
        tuple(
            _accept_face(f"{place}: face {number}", face, size)
            for number, face in enumerate(value.faces, start=1)
        )
    )


def _accept_face(place: str, face: object, size: Size | None) -> Face:
    if not isinstance(face, Face):
        raise BadOutput(f"{place} is {type(face).__name__}, expected Face")
    x, y, width, height = box = _numbers(place, "box", face.box, 4, "(x, y, width, height)")
    if width <= 0 or height <= 0:
        cure = "give (x, y, width, height), not two corners"
        raise BadOutput(f"{place} has the box {_shown(box)}, which has no area; {cure}")
    if size is not None and not (-width < x < size[0] and -height < y < size[1]):
        found = f"{place} has the box {_shown(box)}, outside the image of {size[0]} x {size[1]}"
        raise BadOutput(
            f"{found}; give it in pixels of the image, not of a reduced copy or in 0..1"
        )
    score = _number(place, "score", face.score)
    if not -ROUNDING <= score <= 1 + ROUNDING:
        raise BadOutput(f"{place} has the score {score:.4g}, allowed is 0 to 1")
    return Face(
        box=(x, y, width, height),
        landmarks=_landmarks(place, face.landmarks),
        score=min(max(score, 0.0), 1.0),
    )


def _landmarks(place: str, points: object) -> tuple[tuple[float, float], ...]:
    if not isinstance(points, Sequence | np.ndarray) or len(points) != LANDMARKS:
        count = len(points) if isinstance(points, Sequence | np.ndarray) else "no"
        expected = "eyes, nose tip and corners of the mouth as five (x, y)"
        raise BadOutput(f"{place} has {count} landmarks, expected {expected}")
    pairs = (_numbers(place, "a landmark", point, 2, "(x, y)") for point in points)
    return tuple((x, y) for x, y in pairs)


def accept_embedding(place: str, value: Embedding, size: Size | None) -> Embedding:
    """Return an embedding with plain whole numbers as regions.

    Raises :class:`BadOutput` for vectors that nothing can be compared with (not float32, none, not
    finite, of length 0), for regions that are not one for each vector inside the picture, and for a
    model without a name. ``place`` says whose it is.
    """
    vectors = value.vectors
    if not isinstance(vectors, np.ndarray) or vectors.ndim != 2 or vectors.dtype != np.float32:
        found = f"{getattr(vectors, 'dtype', type(vectors).__name__)}"
        found = f"{found} of shape {getattr(vectors, 'shape', ())}"
        raise BadOutput(f"{place} has vectors that are {found}, expected float32 (regions, n)")
    if not vectors.size:
        raise BadOutput(f"{place} is empty, expected a vector for the whole image at least")
    if not np.isfinite(vectors).all():
        raise BadOutput(f"{place} holds NaN or infinity")
    if not np.linalg.norm(vectors, axis=1).all():
        cure = "refuse a picture in which there is nothing to describe with `Unsupported`"
        raise BadOutput(f"{place} has a vector of length 0, which is like no other; {cure}")
    if not isinstance(value.model, str) or not value.model.strip():
        raise BadOutput(f"{place} names no model; vectors of different models are never compared")
    regions = value.regions
    if not isinstance(regions, Sequence | np.ndarray) or len(regions) != len(vectors):
        count = len(regions) if isinstance(regions, Sequence | np.ndarray) else "no"
        raise BadOutput(f"{place} has {count} regions for {len(vectors)} vectors, expected as many")
    return replace(value, regions=tuple(_region(place, region, size) for region in regions))


def _region(place: str, region: object, size: Size | None) -> tuple[int, int, int, int]:
    numbers = _numbers(place, "a region", region, 4, "(x, y, width, height)")
    if not all(isinstance(one, Integral) for one in region):  # type: ignore[attr-defined]
        raise BadOutput(f"{place} has the region {_shown(numbers)}, expected whole numbers")
    x, y, width, height = (int(one) for one in numbers)
    fits = size is None or (x + width <= size[0] and y + height <= size[1])
    if min(x, y) < 0 or min(width, height) < 1 or not fits:
        image = f"the image of {size[0]} x {size[1]}" if size else "an image"
        raise BadOutput(
            f"{place} has the region {_shown(numbers)}, not inside {image}; give x, y, width and "
            "height in pixels of the image"
        )
    return x, y, width, height


def _numbers(place: str, name: str, values: object, count: int, expected: str) -> tuple[float, ...]:
    if not isinstance(values, Sequence | np.ndarray) or len(values) != count:
        raise BadOutput(f"{place} has as {name} {values!r:.80}, expected {expected}")
    return tuple(_number(place, name, one) for one in values)


def _number(place: str, name: str, value: object) -> float:
    if not isinstance(value, Real) or not math.isfinite(value):
        raise BadOutput(
            f"{place}: the {name.removeprefix('a ')} holds {value!r:.80}, no finite number"
        )
    return float(value)


def _shown(numbers: Sequence[float]) -> str:
    return f"({', '.join(f'{one:.4g}' for one in numbers)})"
