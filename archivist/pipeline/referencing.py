"""The second pass of a recipe with references: what each picture looks like, by the index."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from archivist import __version__
from archivist.api.errors import UsageError
from archivist.catalog import queries
from archivist.catalog.bulk import pages
from archivist.catalog.finding import refusal_at
from archivist.catalog.found import files_of_run
from archivist.catalog.session import Catalog
from archivist.config import ReferenceSettings
from archivist.hashing import digest_json
from archivist.lending import Lends
from archivist.model import Asset, Lookalike, path_to_text
from archivist.pipeline.job import Desk
from archivist.pipeline.rights import not_lending
from archivist.references.eligible import Eligible
from archivist.references.found import FoundBefore
from archivist.references.index import VectorIndex
from archivist.references.rows import Place
from archivist.references.rules import Facts, Kin, Rules, facts_of
from archivist.references.search import Match
from archivist.references.select import Sighting, sightings
from archivist.report.named import named

PICTURES = 64
"""Pictures that look for others at a time: each block of the index is read once for all of them."""
MASKS = 1 << 28
"""Bytes of masks (queries times rows) at a time; with a larger index fewer pictures at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveSearch:
    """Finds what looks like a picture; implements :class:`archivist.plan.Search`."""

    catalog: Catalog
    index: VectorIndex
    eligible: Eligible
    derived: Mapping[str, frozenset[str]]
    """SHA-256 of a file -> those of the files made from it, or that it was made from."""
    most: Mapping[Lends, int]
    """Lookalikes of a picture at most, by what they may lend."""
    snapshot: str
    barred: Mapping[str, str]
    """Photographs that may lend nothing, with the reason."""
    before: Mapping[Lends, FoundBefore]
    """What was found in this state of the archive already."""

    def find(self, assets: Sequence[Asset], what: Lends) -> dict[str, tuple[Lookalike, ...]]:
        """Return the lookalikes of assets by their uids, those of the same object first."""
        found = self.before[what].of([asset.uid for asset in assets])
        rest = [asset for asset in assets if asset.uid not in found]
        new = {
            uid: sightings
            for some in pages(rest, PICTURES)
            for uid, sightings in self._find(some, what)
        }
        self.before[what].add(new)
        return {uid: tuple(map(_lookalike, some)) for uid, some in (found | new).items()}

    def _find(
        self, assets: Sequence[Asset], what: Lends
    ) -> Iterator[tuple[str, tuple[Sighting, ...]]]:
        near = queries.near_of(self.catalog, [asset.uid for asset in assets])
        waiting: list[_Query] = []
        for asset in assets:
            places, vectors = self.index.embedding_of(asset.uid)
            if not places:
                continue
            kin = Kin(
                near=near.get(asset.uid, {}), derived=self._pages(self.derived.get(asset.digest))
            )
            facts = facts_of(asset)
            mask = self.eligible.mask(facts, kin, what)
            waiting.append(_Query(facts, places, vectors, mask))
            if sum(len(query.places) for query in waiting) * len(self.index) > MASKS:
                yield from self._search(waiting, what)
                waiting = []
        if waiting:
            yield from self._search(waiting, what)

    def _pages(self, digests: Iterable[str] | None) -> frozenset[str]:
        """Return the uids of all pages of files."""
        found = queries.assets_of(self.catalog, digests or ())
        return frozenset(asset.uid for assets in found.values() for asset in assets)

    def _search(
        self, asked: Sequence[_Query], what: Lends
    ) -> Iterator[tuple[str, tuple[Sighting, ...]]]:
        vectors = np.concatenate([query.vectors for query in asked])
        masks = np.repeat(
            np.stack([query.mask for query in asked]), [len(one.places) for one in asked], axis=0
        )
        matches = iter(self.index.search(vectors, k=self.most[what], allowed=masks))
        for query in asked:
            own = [next(matches) for _ in query.places]
            yield query.facts.asset, self._sightings(query, own, what)

    def _sightings(
        self, query: _Query, found: Sequence[Sequence[Match]], what: Lends
    ) -> tuple[Sighting, ...]:
        """Return the most similar; those of the same object come first, which a step key holds.

        Colour is borrowed from whole pictures for whole pictures, also where only parts are alike.
        """
        nearest = sightings(query.places, found)[: self.most[what]]
        if what is Lends.COLOUR:
            whole = _whole(query.places)
            nearest = tuple(
                replace(one, query=whole, reference=self._whole(one.reference)) for one in nearest
            )
        same = {
            one.reference.asset
            for one in nearest
            if self.eligible.shows_same_object(query.facts, one.reference.asset)
        }
        return tuple(sorted(nearest, key=lambda one: one.reference.asset not in same))

    def _whole(self, part: Place) -> Place:
        return _whole(self.index.embedding_of(part.asset)[0])


def _lookalike(one: Sighting) -> Lookalike:
    return Lookalike(
        asset=one.reference.asset,
        page=int(one.reference.asset.partition("#")[2] or 0),
        region=one.reference.region,
        near=one.query.region,
        cosine=one.cosine,
    )


def _whole(places: Sequence[Place]) -> Place:
    """Return the largest of the places of an asset: the whole picture."""
    return max(places, key=lambda one: one.region[2] * one.region[3])


@dataclass(frozen=True, slots=True, eq=False)
class _Query:
    """A picture that looks for others: its regions, their vectors, the rows it may find."""

    facts: Facts
    places: tuple[Place, ...]
    vectors: NDArray[np.float32]
    mask: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class NothingToFind:
    """The search in an archive of which no picture could be embedded."""

    snapshot: str = digest_json([])
    barred: Mapping[str, str] = field(default_factory=dict)

    def find(self, assets: Sequence[Asset], what: Lends) -> dict[str, tuple[Lookalike, ...]]:
        """Return no lookalikes."""
        return {}


def search_in(index: VectorIndex | None, desk: Desk) -> ArchiveSearch | NothingToFind:
    """Return a search among the pictures that the run's scan saw, under the rules of the job."""
    barred = not_lending(desk)
    if index is None:
        return NothingToFind(barred=barred)
    catalog, settings = desk.catalog, desk.job.settings.references
    rules = rules_of(settings, desk.excluded | barred.keys())
    pairs = queries.outputs_among_scans(catalog)
    made = {output for _, output in pairs}
    approved = approved_outputs(desk, pairs) if settings.approved else frozenset()
    facts = (
        replace(facts_of(one), made=one.digest in made, approved=one.digest in approved)
        for file in files_of_run(catalog, desk.run)
        for one in file.assets
    )
    engine = _choose_engine(index, settings.approximate_above)
    seen, derived = sha256(), queries.derivatives(catalog)
    eligible = Eligible(index, _digested(facts, seen.update), rules)
    most = {Lends.TEXTURE: settings.lookalikes, Lends.COLOUR: settings.colour_lookalikes}
    state = digest_json(
        {
            "version": __version__,
            "index": index.state(),
            "engine": engine,
            "facts": seen.hexdigest(),
            "rules": {**asdict(rules), "excluded": sorted(rules.excluded)},
            "near": queries.near_state(catalog),
            "derived": {digest: sorted(others) for digest, others in derived.items()},
        }
    )
    return ArchiveSearch(
        catalog=catalog,
        index=index,
        eligible=eligible,
        derived=derived,
        most=most,
        snapshot=eligible.snapshot,
        barred=barred,
        before={
            what: FoundBefore(index, str(what), f"{state} {count}") for what, count in most.items()
        },
    )


def approved_outputs(desk: Desk, pairs: Iterable[tuple[str, str]]) -> frozenset[str]:
    """Return, of pairs of a scan and an output, the outputs in place that are approved as a whole.

    SHA-256 of files. An output that was replaced since, or of which one page is not approved, is
    none.
    """
    catalog, policy = desk.catalog, desk.job.settings.review
    by_source = {source for source, _ in pairs}
    assets = queries.assets_of(catalog, by_source)
    uids = [asset.uid for pages_of in assets.values() for asset in pages_of]
    held = queries.pinned(catalog, uids, policy)
    whole = {digest for digest, some in assets.items() if all(asset.uid in held for asset in some)}
    in_place = {
        one.output_digest for one in queries.publications(catalog, digests=sorted(by_source))
    }
    return frozenset(output for source, output in pairs if source in whole and output in in_place)


def _choose_engine(index: VectorIndex, above: int) -> str:
    """Let a graph search a large index, if the settings say so; return the engine's name."""
    if not above or len(index) <= above:
        return "exact"
    from archivist.references.approximate import Graph

    index.nearest = Graph(index, threads=os.cpu_count() or 1)
    return "usearch"


def _digested(facts: Iterable[Facts], enter: Callable[[bytes], None]) -> Iterator[Facts]:
    """Yield facts as they come, and let them enter a digest."""
    for fact in facts:
        enter(repr(fact).encode())
        yield fact


def rules_of(settings: ReferenceSettings, uids: frozenset[str]) -> Rules:
    """Return the rules that need no pixels; those over geometry are params of the step."""
    return Rules(
        rights=settings.rights,
        max_years=None if settings.max_years < 0 else settings.max_years,
        near_bits=settings.near_bits,
        approved=settings.approved,
        excluded=uids,
    )


def excluded(desk: Desk) -> frozenset[str]:
    """Return the uids of what is excluded as a reference, named as for every other command.

    A path counts from the folder of scans first, wherever the command is given. Raises UsageError
    for a name that is of nothing in the archive or of several things: a picture that nobody may
    see in others must not lend because its name was misspelt.
    """
    names = desk.job.settings.references.excluded
    return frozenset(asset.uid for name in names for asset in _excluded_by(name, desk))


def _excluded_by(name: str, desk: Desk) -> tuple[Asset, ...]:
    if assets := queries.assets_named(desk.catalog, name):
        return assets
    if _is_refused(name, desk):
        desk.watcher.note(f"{name} is excluded as a reference; it was refused by the scan anyway")
        return ()
    try:
        return named(desk.catalog, name, scans=desk.job.scans, out=desk.job.out).assets
    except UsageError as error:
        raise UsageError(
            f"excluded as a reference is {name!r}, but {error}. What is no longer in the archive "
            "can be left out of --exclude and of `excluded` under [references]"
        ) from error


def _is_refused(name: str, desk: Desk) -> bool:
    """Tell whether a path, from the folder of scans or whole, is of a file that cannot lend."""
    path = desk.job.scans / name
    try:
        below = str(path.relative_to(desk.job.scans))
        return refusal_at(desk.catalog, path_to_text(below)) is not None
    except ValueError:  # it lies elsewhere, or no catalog can hold such a name
        return False
