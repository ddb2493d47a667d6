"""The step ``face.detect``: faces on a photograph of any size and condition."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import cv2
import numpy as np
import torch

from archivist.api import Face, Faces, Image, Scores, StepContext, Value
from archivist_faces.alignment import crop, place
from archivist_faces.mtcnn import Detections, Floats, Mtcnn, Settings, detect
from archivist_faces.params import DetectParams
from archivist_faces.plugin import MTCNN
from archivist_faces.turned import ALL_ROUND, detect_turned, merged
from archivist_torch.weights import load_network

LONGEST = 4800
"""A larger picture is looked at on a copy whose longer side is this."""
FINEST = 1 / 200
"""No face smaller than this share of the longer side is looked for."""
CALMED = 1.4
"""Sigma in pixels of the blur of the second look. On 80 small grey noisy portraits the plain look
finds 64 in a hundred, with its tones stretched 68, blurred by 0.8 px 82, by 1.4 px 92, both 93."""
EAGER = {"proposal": 0.5, "refinement": 0.5}
"""Scores that a box needs on the way in the second look."""
TURNED_LONGEST = 1024
"""Turned faces are looked for on a copy of this length, so that seven more looks cost little."""
TURNED_SCORE = 0.95
"""A turned face must be surer: seven more looks are seven more chances to err."""
ASKED_SIDE, ASKED_CALM = 96, 0.7
"""A find is cut out upright at this side, calmed by this sigma, and asked about once more..."""
ASKED = Settings(smallest=28, proposal=0.4, refinement=0.4, final=0.3)
"""...as it is and mirrored. Leaves and stones that look like a face seldom do so from both sides:
of nine false finds on 48 photographs none is left at a score of 0.8."""
FIRST = 0.75
"""Score that a find needs before it is asked about."""
CERTAIN = 0.95
"""An answer above this needs no other."""


def run(inputs: Mapping[str, Value], params: DetectParams, ctx: StepContext) -> Mapping[str, Value]:
    """Return ``faces`` and ``scores``; a photograph without faces has none, which is no fault."""
    image = inputs["image"]
    assert isinstance(image, Image)
    network = _network(ctx)
    found = find(network, image.pixels, params, pause=ctx.check_cancelled)
    faces = as_faces(found)
    ctx.log.info("%d faces", len(faces.faces))
    sides = found.boxes[:, 2] - found.boxes[:, 0]
    scores = {"faces": float(len(found))}
    if len(found):
        scores |= {
            "best_score": float(found.scores.max()),
            "least_score": float(found.scores.min()),
            "largest": float(sides.max()),
            "smallest": float(sides.min()),
        }
    return {"faces": faces, "scores": Scores(scores)}


def find(
    network: Mtcnn,
    pixels: Floats,
    params: DetectParams,
    *,
    pause: Callable[[], None] = lambda: None,
) -> Detections:
    """Return the faces of a picture (h, w, 1 or 3), float32 0..1, best first, in its pixels.

    ``pause`` is called between looks.
    """
    seen, factor = _reduced(_stretched(pixels), LONGEST)
    smallest = max(params.smallest * factor, FINEST * max(seen.shape[:2]), 12.0)
    settings = Settings(smallest=smallest, final=FIRST)
    looks = [detect(network, seen, settings)]
    pause()
    calm = _calmed(seen)
    looks.append(detect(network, calm, replace(settings, **EAGER)))
    sure = confirmed(network, (calm, seen), merged(looks), params.score)
    if params.turned == "always" or (params.turned == "auto" and not len(sure)):
        pause()
        turned = confirmed(network, (calm, seen), _turned(network, seen, settings), params.score)
        sure = merged([sure, turned])
    return _scaled(sure.take(np.arange(min(len(sure), params.most))), 1 / factor)


def confirmed(
    network: Mtcnn, pictures: Sequence[Floats], found: Detections, least: float
) -> Detections:
    """Return the finds that score at least so much when they are asked about; best first.

    The better answer of several versions of the picture counts, and becomes the score where it is
    lower than the first one.
    """
    asked = [_best_answer(network, pictures, landmarks) for landmarks in found.landmarks]
    scores = np.minimum(found.scores, np.array(asked, np.float32))
    lower = Detections(boxes=found.boxes, landmarks=found.landmarks, scores=scores)
    order = np.argsort(-scores, kind="stable")
    return lower.take(order[scores[order] >= least])


def as_faces(found: Detections) -> Faces:
    """Return detections as the value that steps exchange."""
    return Faces(
        tuple(
            Face(
                box=(float(x), float(y), float(right - x), float(bottom - y)),
                landmarks=tuple((float(u), float(v)) for u, v in landmarks),
                score=float(np.clip(score, 0, 1)),
            )
            for (x, y, right, bottom), landmarks, score in zip(
                found.boxes, found.landmarks, found.scores, strict=True
            )
        )
    )


def _best_answer(network: Mtcnn, pictures: Sequence[Floats], landmarks: Floats) -> float:
    best = 0.0
    for pixels in pictures:
        if best < CERTAIN:
            best = max(best, _second(network, pixels, landmarks))
    return best


def _second(network: Mtcnn, pixels: Floats, landmarks: Floats) -> float:
    """Return the mean score, 0..1, of a face cut out upright, as it is and mirrored."""
    try:
        seen = _calmed(crop(pixels, place(landmarks, ASKED_SIDE)), ASKED_CALM)
    except ValueError:
        return 0.0
    return (_asked(network, seen) + _asked(network, np.ascontiguousarray(seen[:, ::-1]))) / 2


def _asked(network: Mtcnn, seen: Floats) -> float:
    """Return the best score of a find in the middle of a crop, 0 where there is none."""
    found = detect(network, seen, ASKED)
    middle = (found.boxes[:, :2] + found.boxes[:, 2:]) / (2 * ASKED_SIDE) - 0.5
    central = (np.abs(middle) < 0.17).all(axis=1)
    return float(found.scores[central].max(initial=0))


def _turned(network: Mtcnn, seen: Floats, settings: Settings) -> Detections:
    small, factor = _reduced(_calmed(seen, 0.8), TURNED_LONGEST)
    strict = replace(
        settings,
        smallest=max(20.0, settings.smallest * factor),
        final=max(settings.final, TURNED_SCORE),
    )
    return _scaled(detect_turned(network, small, ALL_ROUND[1:], strict), 1 / factor)


def _stretched(pixels: Floats) -> Floats:
    """Return a picture whose tones, faded as they may be, span the whole range."""
    step = max(1, max(pixels.shape[:2]) // 512)
    low, high = np.percentile(pixels[::step, ::step], [1, 99])
    return np.clip((pixels - low) / max(high - low, 0.1), 0, 1).astype(np.float32)


def _calmed(pixels: Floats, sigma: float = CALMED) -> Floats:
    return _planes(cv2.GaussianBlur(pixels, (0, 0), sigma), pixels)


def _reduced(pixels: Floats, longest: int) -> tuple[Floats, float]:
    """Return a copy no longer than that, and by which factor its sides are shorter."""
    height, width = pixels.shape[:2]
    factor = min(1.0, longest / max(height, width))
    if factor == 1:
        return pixels, 1.0
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return _planes(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), pixels), factor


def _planes(found: Floats, like: Floats) -> Floats:
    """Give pixels back their axis of channels, which OpenCV drops when it is one."""
    return np.asarray(found.reshape(*found.shape[:2], like.shape[2]), np.float32)


def _scaled(found: Detections, by: float) -> Detections:
    return Detections(
        boxes=found.boxes * np.float32(by),
        landmarks=found.landmarks * np.float32(by),
        scores=found.scores,
    )


def _network(ctx: StepContext) -> Mtcnn:
    def make() -> Mtcnn:
        torch.set_num_threads(max(1, ctx.threads))
        return load_network(Mtcnn, ctx.weights(MTCNN.name)).to(ctx.device)

    return ctx.cached(f"archivist_faces/mtcnn/{ctx.device}", make)
