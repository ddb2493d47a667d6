"""The step ``face.refine``: some faces refined, none made another's."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from archivist.api import (
    Face,
    Faces,
    Image,
    Probability,
    Scores,
    StepContext,
    Value,
    Verdict,
)
from archivist_faces import identity
from archivist_faces.alignment import crop, place
from archivist_faces.fitting import fitted
from archivist_faces.identity import IdentityNet
from archivist_faces.params import RefineParams
from archivist_faces.plugin import IDENTITY
from archivist_faces.quality import quality
from archivist_faces.refiners import Proposal, Refiner, refiner
from archivist_torch.weights import load_network

Floats = NDArray[np.float32]


class Fate(StrEnum):
    """What became of a face."""

    REFINED = "refined"
    """It was refined."""
    SMALL = "too_small"
    """Its crop is smaller than the param ``smallest``."""
    UNSURE = "unsure"
    """It was detected with too low a score, or its landmarks are no face's."""
    GOOD = "good"
    """It is good as it is: sharp and clean, or the network would hardly change it."""
    GUARDED = "guarded"
    """It would have come to look like another person, and was left as it was."""
    BEYOND = "beyond_most"
    """There were more faces than the param ``most``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Treated:
    """One face: what became of it, in words, and how far its description moved (NaN: unknown)."""

    face: Face
    fate: Fate
    reason: str
    distance: float = math.nan


def applies(inputs: Mapping[str, Value], params: RefineParams, ctx: StepContext) -> Verdict:
    """Say whether any face is large and sure enough; whether it is good already, the step sees."""
    sorted_out = [one.fate for one in _sorted_out(inputs, params)]
    scores = {"faces": float(len(sorted_out))}
    if not sorted_out:
        return Verdict(needed=False, reason="no face was found", scores=scores)
    wanted = sum(fate is Fate.REFINED for fate in sorted_out)
    if wanted and params.fidelity < 1:
        reason = f"{wanted} of {len(sorted_out)} faces are large and sure enough"
        return Verdict(needed=True, reason=reason, scores=scores)
    left = "fidelity is 1" if wanted else _in_words(sorted_out)
    return Verdict(needed=False, reason=f"no face to refine: {left}", scores=scores)


def run(
    inputs: Mapping[str, Value], params: RefineParams, ctx: StepContext
) -> Mapping[str, Value] | Verdict:
    """Return ``image``, ``change``, ``refined`` and ``scores``.

    A Verdict when no face was changed: all are good, small, unsure, or would not have stayed
    themselves.
    """
    image = inputs["image"]
    assert isinstance(image, Image)
    pixels, treated = image.pixels, list[Treated]()
    refine, guard = refiner(params.network, ctx), _guard(ctx)
    todo = _sorted_out(inputs, params)
    for number, one in enumerate(todo):
        ctx.check_cancelled()
        ctx.progress(number / len(todo))
        found = one
        if one.fate is Fate.REFINED:
            pixels, found = _refined(pixels, one.face, params, refine, guard)
        treated.append(found)
        _tell(ctx, found)
    scores = summary(treated)
    if not any(one.fate is Fate.REFINED for one in treated):
        reason = _in_words([one.fate for one in treated]) or "no face was found"
        return Verdict(needed=False, reason=f"no face was refined: {reason}", scores=scores)
    change = np.abs(pixels - image.pixels).max(axis=2)
    return {
        "image": image.with_pixels(np.ascontiguousarray(pixels, np.float32)),
        "change": Probability(pixels=np.ascontiguousarray(change, np.float32)),
        "refined": Faces(tuple(one.face for one in treated if one.fate is Fate.REFINED)),
        "scores": Scores(scores),
    }


def summary(treated: Sequence[Treated]) -> dict[str, float]:
    """Return how many faces became what, and how far the refined and the guarded ones moved."""
    scores = {"faces": float(len(treated))}
    scores |= {fate.value: float(sum(one.fate is fate for one in treated)) for fate in Fate}
    for fate in (Fate.REFINED, Fate.GUARDED):
        moved = [one.distance for one in treated if one.fate is fate]
        if moved:
            scores |= {
                f"{fate.value}_distance_mean": float(np.mean(moved)),
                f"{fate.value}_distance_most": float(np.max(moved)),
            }
    return scores


def _refined(
    pixels: Floats, face: Face, params: RefineParams, refine: Refiner, guard: identity.Distance
) -> tuple[Floats, Treated]:
    """Return the picture with one face refined, or as it was, and what became of the face."""
    marks = np.asarray(face.landmarks, np.float64)
    found = quality(crop(pixels, fitted(marks)))
    if params.spare_good and found.good:
        reason = f"good already: sharp ({found.sharpness:.2f}) and clean ({found.clearness:.1f})"
        return pixels, Treated(face=face, fate=Fate.GOOD, reason=reason)
    proposal = refine(pixels, marks)
    change = mean_change(proposal)
    if change < params.least_change:
        reason = f"good already: it would change by {change:.4f}, limit {params.least_change:g}"
        return pixels, Treated(face=face, fate=Fate.GOOD, reason=reason)
    made = proposal.laid(pixels, 1 - params.fidelity)
    where = place(marks, identity.SIDE)
    moved = guard(*(crop(x, where) for x in (pixels, made)))
    if moved > params.identity_limit:
        reason = (
            f"left as it was: it would come to look like somebody else "
            f"(distance {moved:.3f}, limit {params.identity_limit:g})"
        )
        return pixels, Treated(face=face, fate=Fate.GUARDED, reason=reason, distance=moved)
    reason = f"refined, mean change {change:.4f}, identity distance {moved:.3f}"
    return made, Treated(face=face, fate=Fate.REFINED, reason=reason, distance=moved)


def mean_change(proposal: Proposal) -> float:
    """Return by how much a proposal changes the face, mean over its mask, of 1."""
    size = np.abs(proposal.correction).mean(axis=2)
    return float((size * proposal.mask).sum() / max(float(proposal.mask.sum()), 1.0))


def _sorted_out(inputs: Mapping[str, Value], params: RefineParams) -> list[Treated]:
    """Return the faces, the largest first, and which of them cannot be refined."""
    image, faces = inputs["image"], inputs["faces"]
    assert isinstance(image, Image)
    assert isinstance(faces, Faces)
    known = [(_side(face, image), face) for face in faces.faces]
    return list(_judged(sorted(known, key=lambda pair: -pair[0]), params))


def _judged(known: Sequence[tuple[float, Face]], params: RefineParams) -> Iterator[Treated]:
    wanted = 0
    for side, face in known:
        if not side > 0:
            reason = "its landmarks are no face's, or lie outside of the picture"
            yield Treated(face=face, fate=Fate.UNSURE, reason=reason)
        elif face.score < params.score:
            reason = f"score {face.score:.2f}, least {params.score:g}"
            yield Treated(face=face, fate=Fate.UNSURE, reason=reason)
        elif side < params.smallest:
            reason = f"a crop of {side:.0f} px, smallest {params.smallest}"
            yield Treated(face=face, fate=Fate.SMALL, reason=reason)
        elif wanted == params.most:
            yield Treated(face=face, fate=Fate.BEYOND, reason=f"more than {params.most} faces")
        else:
            wanted += 1
            yield Treated(face=face, fate=Fate.REFINED, reason="")


def _side(face: Face, image: Image) -> float:
    """Return the side of a face's crop in pixels of the picture; 0 where it has no place in it."""
    try:
        where = place(np.asarray(face.landmarks, np.float64), identity.SIDE)
    except ValueError:
        return 0.0
    inside = all(where.region(image.height, image.width))
    return where.scale * where.side if inside else 0.0


def _in_words(fates: Sequence[Fate]) -> str:
    """Return ``2 too small, 1 good`` for the fates of faces."""
    counts = {fate: sum(one is fate for one in fates) for fate in Fate}
    return ", ".join(f"{n} {fate.value.replace('_', ' ')}" for fate, n in counts.items() if n)


def _tell(ctx: StepContext, one: Treated) -> None:
    x, y, width, height = one.face.box
    ctx.log.info("face at %.0f,%.0f,%.0f,%.0f: %s", x, y, width, height, one.reason)


def _guard(ctx: StepContext) -> identity.Distance:
    """Return the distance of two crops, by the descriptor, loaded once per worker."""

    def make() -> Callable[[Floats, Floats], float]:
        network = load_network(IdentityNet, ctx.weights(IDENTITY.name)).to(ctx.device)
        return lambda one, other: identity.distance(network, one, other)

    return ctx.cached(f"archivist_faces/identity/{ctx.device}", make)
