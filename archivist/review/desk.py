"""The reviewer's desk: one photograph of the queue at a time, and decisions about it.

It keeps the queue in memory and opens the catalog anew for each question, for writing only as long
as a decision is recorded, so that a run and a reviewer get in each other's way as little as can be.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from archivist.api import CodecSpec, StepSpec, UsageError
from archivist.catalog.beside import open_to_decide
from archivist.catalog.queries import all_reviews, assets_of
from archivist.catalog.rows import Approval
from archivist.catalog.session import open_catalog
from archivist.catalog.standing import Standing
from archivist.config import ReviewSettings
from archivist.report.cards import Pair
from archivist.report.gather import CatalogSource
from archivist.report.named import Named
from archivist.report.pictures import StoredPictures
from archivist.report.rows import ReportAsset
from archivist.review.deciding import Decided, Opinion, Panel
from archivist.review.waiting import Waiting, look_at, queue

SIDE = 1400
"""Longest side of a shown picture in pixels; details are shown pixel for pixel."""
_UID = re.compile(r"[0-9a-f]{64}(#[0-9]{1,6})?")
REMEMBERED = 6
"""Pictures that are kept in memory: about 1 MB each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """All that is shown of one photograph. ``place`` counts from 1, 0 when it is not waiting."""

    asset: ReportAsset
    pair: Pair
    waiting: Waiting
    reviews: tuple[Approval, ...]
    place: int
    before: str
    after: str
    """Uids of the neighbours in the queue; empty where there is none."""

    @property
    def standing(self) -> Standing:
        """Where the result stands."""
        return self.waiting.standing


@dataclass(slots=True, kw_only=True)
class Desk:
    """What reviewers look at and decide about; may be asked from several threads."""

    url: str
    out: Path
    store: Path
    policy: ReviewSettings
    specs: Mapping[str, StepSpec]
    codecs: Mapping[str, CodecSpec]
    scans: Path | None = None
    """Where the scans are now, if they were moved."""
    limit: int = 200
    queue: list[Waiting] = field(default_factory=list)
    archive: str = ""
    _lock: Lock = field(default_factory=Lock)
    _pictures: dict[tuple[str, tuple[str, ...]], Pair] = field(default_factory=dict)

    def refresh(self) -> None:
        """Order anew what waits."""
        with open_catalog(self.url, write=False) as catalog:
            found = queue(catalog, self.policy, limit=self.limit)
            self.archive = CatalogSource(catalog, scans=self.scans).run.archive
        with self._lock:
            self.queue = found

    def sheet(self, uid: str = "") -> Sheet | None:
        """Return a photograph by its uid, or the first that waits; None when there is none."""
        uids = [one.result.asset.uid for one in self.queue]
        uid = uid or (uids[0] if uids else "")
        if not _UID.fullmatch(uid):
            return None
        place = uids.index(uid) if uid in uids else -1
        with open_catalog(self.url, write=False) as catalog:
            source = CatalogSource(catalog, specs=self.specs, scans=self.scans, out=self.out)
            found = source.of([uid])
            waiting = look_at(catalog, self.policy, uid)
            if not found or waiting is None:
                return None
            reviews = all_reviews(catalog, [uid]).get(uid, ())
            pair = self._pair(source, found[0], waiting.standing.results)
        following = uids[place + 1 : place + 2] if place >= 0 else uids[:1]
        return Sheet(
            asset=found[0],
            pair=pair,
            waiting=waiting,
            reviews=reviews,
            place=place + 1,
            before=uids[place - 1] if place > 0 else "",
            after=following[0] if following else "",
        )

    def decide(self, uid: str, opinion: Opinion, seen: tuple[str, ...]) -> Decided:
        """Record a decision about what was ``seen``, the output files by SHA-256.

        Raises UsageError when the policy, or what became of the result, forbids it, and
        CatalogError when a run writes to the catalog without a pause.
        """
        with self._lock, open_to_decide(self.url, home=self.out / ".archivist") as catalog:
            panel = Panel(catalog=catalog, policy=self.policy, specs=self.specs, out=self.out)
            known = [uid.partition("#")[0]] if _UID.fullmatch(uid) else []
            pages = assets_of(catalog, known).values()
            asset = tuple(one for some in pages for one in some if one.uid == uid)
            if not asset:
                raise UsageError("this photograph is not in the catalog. Cure: refresh the queue")
            named = Named(asked=uid, assets=asset, matches=())
            (decided,) = panel.decide([named], opinion, seen)
            if opinion.decision != "note":
                self.queue = [one for one in self.queue if one.result.asset.uid != uid]
        return decided

    def next_after(self, uid: str) -> str:
        """Return the uid of the photograph that follows in the queue, empty at its end."""
        uids = [one.result.asset.uid for one in self.queue]
        if uid in uids[:-1]:
            return uids[uids.index(uid) + 1]
        return ""

    def _pair(self, source: CatalogSource, asset: ReportAsset, results: tuple[str, ...]) -> Pair:
        key = asset.uid, results
        known = self._pictures.get(key)
        if known is None:
            maker = StoredPictures(source.run, self.store, side=SIDE, codecs=self.codecs)
            known = maker.pair(asset)
            with self._lock:
                self._pictures[key] = known
                while len(self._pictures) > REMEMBERED:
                    self._pictures.pop(next(iter(self._pictures)))
        return known
