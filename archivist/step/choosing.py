"""The step ``references.choose``: of what looks alike, what shows the same things in finer detail.

The rules that need no pixels were applied when the plan searched the index; here the pictures are
compared by their local features (:mod:`archivist.references.geometry`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from archivist.api.context import StepContext
from archivist.api.steps import Verdict
from archivist.api.values import Image, ReadPicture, Reference, References, Value
from archivist.hashing import digest_bytes, digest_json
from archivist.references.compare import Comparer
from archivist.references.geometry import SIDE, Agreement
from archivist.references.plugin import ChooseParams
from archivist.references.rows import Place, Region
from archivist.references.rules import Facts, Kin, Rules
from archivist.references.select import Sighting, choose
from archivist.step.lookalikes import Lookalikes

Grey = NDArray[np.uint8]


def run(
    inputs: Mapping[str, Value], params: ChooseParams, ctx: StepContext
) -> Mapping[str, Value] | Verdict:
    """Return the chosen references, or a verdict with the reason when none fits.

    A lookalike that cannot be read is refused like one that shows something else.
    """
    image, found = inputs["image"], inputs["lookalikes"]
    assert isinstance(image, Image)
    assert isinstance(found, References)
    places = {Place(one.asset, one.region): one for one in found.references}
    sightings = _sightings(image, found)
    looker = ctx.cached("looker", Looker)
    looker.look_at(image, sightings, {place: one.read for place, one in places.items()})

    def compare(query: Place, reference: Place) -> Agreement | None:
        ctx.check_cancelled()
        if isinstance(found, Lookalikes):
            found.check(reference.asset)  # it may be described already, and gone since
        return looker(query, reference)

    selection = choose(
        found.query if isinstance(found, Lookalikes) else Facts(asset=""),
        {one.asset: _facts(one) for one in found.references},
        sightings,
        compare,
        _rules(params),
        kin=Kin(),
        rank=found.rank if isinstance(found, Lookalikes) else None,
    )
    for refusal in selection.refused:
        ctx.log.info("refused %s: %s", refusal.asset, refusal.reason)
    if not selection.choices:
        return Verdict(needed=False, reason=selection.reason)
    chosen = tuple(
        replace(places[one.place], score=one.score, reason=one.reason, scale=one.agreement.scale)
        for one in selection.choices
    )
    return {
        "references": References(
            references=chosen, snapshot=found.snapshot, reason=selection.reason
        )
    }


class Looker:
    """Compares the picture at work with places of the archive.

    Kept by the worker: neighbours in an archive have the same neighbours, and a picture is decoded
    and described once.
    """

    def __init__(self) -> None:
        self._compare = Comparer(self._grey)
        self._greys: dict[Place, Callable[[], Grey]] = {}

    def look_at(
        self, image: Image, sightings: Sequence[Sighting], reads: Mapping[Place, ReadPicture]
    ) -> None:
        """Take up a picture and the places with which it will be compared."""
        self._greys = {one.query: partial(grey_of, image, one.query.region) for one in sightings}
        self._greys |= {place: partial(_reduced, read) for place, read in reads.items()}

    def __call__(self, query: Place, reference: Place) -> Agreement | None:
        """Return how the picture agrees with a reference. Raises AssetError."""
        return self._compare(query, reference)

    def _grey(self, place: Place) -> Grey:
        return self._greys[place]()


def _reduced(read: ReadPicture) -> Grey:
    picture = read(SIDE)
    return grey_of(picture, (0, 0, picture.width, picture.height))


def grey_of(image: Image, region: Region) -> Grey:
    """Return the lightness of a region, reduced to the side at which features are sought."""
    x, y, width, height = region
    pixels = image.pixels[y : y + height, x : x + width]
    factor = SIDE / max(height, width)
    if factor < 1:
        size = max(1, round(width * factor)), max(1, round(height * factor))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        pixels = pixels.reshape(size[1], size[0], -1)
    grey = pixels[:, :, 0] if pixels.shape[2] == 1 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return np.rint(np.clip(grey, 0, 1) * 255).astype(np.uint8)


def _sightings(image: Image, found: References) -> tuple[Sighting, ...]:
    """Return which region of the picture each lookalike is like.

    Regions are in pixels of the scan; an earlier step may have made the picture larger.
    """
    factor = 1.0
    if isinstance(found, Lookalikes) and found.query.width:
        factor = image.width / found.query.width
    name = _name_of(image)
    return tuple(
        Sighting(
            Place(name, _scaled(one.near, factor, image)),
            Place(one.asset, one.region),
            one.score,
        )
        for one in found.references
    )


def _scaled(near: Region | None, factor: float, image: Image) -> Region:
    if near is None:
        return 0, 0, image.width, image.height
    x, y, width, height = (round(number * factor) for number in near)
    x, y = min(x, image.width - 1), min(y, image.height - 1)
    return x, y, max(1, min(width, image.width - x)), max(1, min(height, image.height - y))


def _name_of(image: Image) -> str:
    """Return what stands for the picture in places: a digest of how it looks, and its size."""
    small = grey_of(image, (0, 0, image.width, image.height))
    return digest_json([image.height, image.width, digest_bytes(small.tobytes())])


def _facts(one: Reference) -> Facts:
    return Facts(
        asset=one.asset,
        rights=one.facts.get("rights", ""),
        object_id=one.facts.get("object_id", ""),
        date=one.facts.get("date", ""),
    )


def _rules(params: ChooseParams) -> Rules:
    return Rules(**{field.name: getattr(params, field.name) for field in fields(params)})
