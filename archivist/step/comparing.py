"""The picture at work beside places of the archive, as the steps see them that choose."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from archivist.api.context import StepContext
from archivist.api.steps import Verdict
from archivist.api.values import Image, ReadPicture, Reference, References
from archivist.hashing import digest_bytes, digest_json
from archivist.lending import Lends
from archivist.model import MADE
from archivist.references.compare import KEPT, Comparer
from archivist.references.geometry import SIDE, Agreement
from archivist.references.rows import Place, Region
from archivist.references.rules import Facts, Rules, Tint
from archivist.references.select import NOT_SIMILAR, Rank, Selection, Sighting
from archivist.references.tint import tint_of
from archivist.step.lookalikes import Lookalikes

Grey = NDArray[np.uint8]
TINTS = 65536
"""Measured tints that a worker remembers, a few hundred bytes each."""


class Looker:
    """Compares the picture at work with places of the archive.

    Kept by the worker: neighbours in an archive have the same neighbours, and a picture is decoded
    and described once, and its tint measured once.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self._compare = Comparer(self._grey, kept=kept)
        self._greys: dict[Place, Callable[[], Grey]] = {}
        self._reads: Mapping[Place, ReadPicture] = {}
        self._tints: OrderedDict[Place, Tint] = OrderedDict()
        self._last: tuple[Place, Image] | None = None

    def look_at(
        self, image: Image, sightings: Sequence[Sighting], reads: Mapping[Place, ReadPicture]
    ) -> None:
        """Take up a picture and the places with which it will be compared."""
        self._reads, self._last = reads, None
        self._greys = {one.query: partial(grey_of, image, one.query.region) for one in sightings}
        self._greys |= {place: partial(self._reduced, place) for place in reads}

    def __call__(self, query: Place, reference: Place) -> Agreement | None:
        """Return how the picture agrees with a reference. Raises AssetError."""
        return self._compare(query, reference)

    def tint(self, reference: Place) -> Tint:
        """Return what colours a reference has. Raises AssetError."""
        if reference not in self._tints:
            self._tints[reference] = tint_of(self._small(reference).pixels)
            if len(self._tints) > TINTS:
                self._tints.popitem(last=False)
        return self._tints[reference]

    def _grey(self, place: Place) -> Grey:
        return self._greys[place]()

    def _reduced(self, place: Place) -> Grey:
        picture = self._small(place)
        return grey_of(picture, (0, 0, picture.width, picture.height))

    def _small(self, place: Place) -> Image:
        """Return a reference reduced; its tint and its features are asked for one after another."""
        if self._last is None or self._last[0] != place:
            self._last = place, self._reads[place](SIDE)
        return self._last[1]


class Candidates:
    """The lookalikes of a picture, as the rules and :mod:`~archivist.references.select` ask."""

    def __init__(self, image: Image, found: References, looker: Looker, ctx: StepContext) -> None:
        """Let ``looker`` take up the picture and its lookalikes."""
        self._found, self._looker, self._ctx = found, looker, ctx
        self._known = found if isinstance(found, Lookalikes) else None
        self.places = {Place(one.asset, one.region): one for one in found.references}
        self.sightings = _sightings(image, found)
        looker.look_at(
            image, self.sightings, {place: one.read for place, one in self.places.items()}
        )

    @property
    def query(self) -> Facts:
        """What is known of the picture itself."""
        return self._known.query if self._known else Facts(asset="")

    @property
    def facts(self) -> dict[str, Facts]:
        """What is known of the lookalikes, by uid."""
        return {one.asset: _facts(one) for one in self._found.references}

    @property
    def rank(self) -> Rank | None:
        """The hook by which plugins order references."""
        return self._known.rank if self._known else None

    def compare(self, query: Place, reference: Place) -> Agreement | None:
        """Return how two places agree. Raises AssetError."""
        self._check(reference)
        return self._looker(query, reference)

    def tint(self, reference: Place) -> Tint:
        """Return what colours a lookalike has. Raises AssetError."""
        self._check(reference)
        return self._looker.tint(reference)

    def outcome(self, selection: Selection) -> References | Verdict:
        """Return what was chosen, or why nothing; what was refused goes to the record."""
        unlike = [one for one in selection.refused if one.rule == NOT_SIMILAR]
        for refusal in selection.refused:
            if refusal.rule != NOT_SIMILAR:
                self._ctx.log.info("refused %s: %s", refusal.asset, refusal.reason)
        if unlike:  # of most photographs most others: a line each would fill the catalog
            self._ctx.log.info("%d others were not similar enough to be looked at", len(unlike))
        if not selection.choices:
            return Verdict(needed=False, reason=selection.reason)
        chosen = tuple(
            replace(
                self.places[one.place],
                score=one.score,
                reason=one.reason,
                scale=one.agreement.scale if one.agreement else None,
            )
            for one in selection.choices
        )
        return References(references=chosen, snapshot=self._found.snapshot, reason=selection.reason)

    def _check(self, reference: Place) -> None:
        self._ctx.check_cancelled()
        if self._known:
            self._known.check(reference.asset)  # it may be described already, and gone since


def rules_of(params: Any, what: Lends) -> Rules:
    """Return the rules that the params of a step name."""
    values = {field.name: getattr(params, field.name) for field in fields(params)}
    # An approved result is offered only where the configuration allows it.
    return Rules(lends=what, approved=True, **values)


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
        made=MADE in one.facts,
        approved=MADE in one.facts,
    )
