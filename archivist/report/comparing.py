"""Compare two runs: what differed in their settings, steps and machines, and in what came out.

Each run is taken as it left the archive: a run that found a result done already stands for the
result of the earlier run that made it. Compared are the photographs that either of them treated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from archivist.api import StepSpec
from archivist.catalog import behind, lineage, queries
from archivist.catalog.behind import Made
from archivist.catalog.bulk import pages
from archivist.catalog.lineage import Written
from archivist.catalog.rows import RunRow
from archivist.catalog.session import Catalog
from archivist.report.comparing_facts import (
    NONE,
    flat,
    metadata_differences,
    run_differences,
    step_facts,
)
from archivist.report.comparing_pictures import Images, Measuring, last_image
from archivist.report.comparing_rows import Changed, Comparison, OutputDifference, Verdict
from archivist.store.blobs import BlobStore

_PAGE = 200
_LISTED = 1000
"""Outputs that differ and are named; more are only counted."""


def compare(
    catalog: Catalog,
    first: RunRow,
    second: RunRow,
    *,
    store: Path | None,
    specs: Mapping[str, StepSpec] | None = None,
    measured: int = 200,
) -> Comparison:
    """Return how two runs differ; at most ``measured`` different outputs are looked at.

    ``specs`` are the installed steps, which declare tolerances.
    """
    measuring = Measuring(None if store is None else BlobStore(store), specs or {}, measured)
    return _Comparing(catalog, first, second, measuring).compare()


class _Comparing:
    def __init__(
        self, catalog: Catalog, first: RunRow, second: RunRow, measuring: Measuring
    ) -> None:
        self._catalog, self._runs, self._measuring = catalog, (first, second), measuring
        self._numbers = lineage.run_numbers(catalog, [first.uid, second.uid])
        self._changed: Counter[tuple[str, str, str, str]] = Counter()
        self._counts: Counter[Verdict] = Counter()
        self._outputs: list[OutputDifference] = []
        self._environments: dict[str, Mapping[str, object]] = {}

    def compare(self) -> Comparison:
        first, second = self._runs
        assets = 0
        for uids in pages(lineage.treated_by(self._catalog, self._numbers), _PAGE):
            assets += len(uids)
            self._page(uids)
        changed = [*run_differences(first, second)]
        changed += [
            Changed(area=area, name=name, first=one, second=two, count=count)
            for (area, name, one, two), count in sorted(self._changed.items())
        ]
        return Comparison(
            first=first,
            second=second,
            changed=tuple(changed),
            counts=dict(self._counts),
            outputs=tuple(self._outputs),
            assets=assets,
        )

    def _page(self, uids: Sequence[str]) -> None:
        digests = {uid.partition("#")[0] for uid in uids}
        chains, files = [], []
        for number in self._numbers:
            chains.append(behind.records_behind(self._catalog, dict.fromkeys(uids, number)))
            files.append(lineage.written_of(self._catalog, digests, until=number))
        for uid in uids:
            made = tuple(chain.get(uid, ((), None))[0] for chain in chains)
            self._steps(made[0], made[1])
            written = tuple(lineage.lying(one.get(uid.partition("#")[0], ())) for one in files)
            self._files(uid, (written[0], written[1]), (made[0], made[1]))

    def _steps(self, first: Sequence[Made], second: Sequence[Made]) -> None:
        """Note what differs between the records of the same step."""
        both = [{one.record.step: one for one in made} for made in (first, second)]
        for step in dict.fromkeys([*both[0], *both[1]]):
            pair = [self._aspects(made.get(step)) for made in both]
            for key in dict.fromkeys([*pair[0], *pair[1]]):
                values = [facts.get(key, NONE) for facts in pair]
                if values[0] != values[1]:
                    area, name = key
                    self._changed[area, f"{step} {name}".strip(), values[0], values[1]] += 1

    def _aspects(self, made: Made | None) -> dict[tuple[str, str], str]:
        if made is None:
            return {}
        digest = made.record.environment
        if digest not in self._environments:
            found = queries.environment(self._catalog, digest) or {}
            self._environments[digest] = flat(found)
        return step_facts(made.record, self._environments[digest])

    def _files(
        self,
        uid: str,
        files: tuple[Sequence[Written], Sequence[Written]],
        made: tuple[Sequence[Made], Sequence[Made]],
    ) -> None:
        both = [{_place(one): one for one in some} for some in files]
        images = last_image(uid, made[0]), last_image(uid, made[1])
        for place in dict.fromkeys([*both[0], *both[1]]):
            one, two = both[0].get(place), both[1].get(place)
            verdict = _verdict(one, two, images)
            if verdict is not Verdict.IDENTICAL:
                verdict = self._different(uid, (one, two), verdict, images, made)
            self._counts[verdict] += 1

    def _different(
        self,
        uid: str,
        pair: tuple[Written | None, Written | None],
        verdict: Verdict,
        images: Images,
        made: tuple[Sequence[Made], Sequence[Made]],
    ) -> Verdict:
        """Note an output that is not identical, and return the verdict after a closer look."""
        metadata = metadata_differences(*pair)
        for tag, (before, after) in metadata.items():
            self._changed["metadata", tag, before, after] += 1
        if len(self._outputs) >= _LISTED:
            return verdict
        found, note, tolerance = None, "", 0.0
        if verdict is Verdict.DIFFERENT:
            found, note = self._measuring.measured(images)
            tolerance = self._measuring.tolerance(*made)
            if found is not None and found.largest <= tolerance:
                verdict = Verdict.WITHIN
        item = (pair[1] or pair[0]).publication  # type: ignore[union-attr]
        self._outputs.append(
            OutputDifference(
                source=item.source,
                path=item.path,
                page=int(uid.partition("#")[2] or 0),
                pages=2 if "#" in uid else 1,
                verdict=verdict,
                measure=found,
                tolerance=tolerance,
                note=note,
                metadata=metadata,
                pictures=(images[0][1], images[1][1]),
            )
        )
        return verdict


def _place(one: Written) -> tuple[str, str, str]:
    item = one.publication
    return item.profile, item.source, item.path


def _verdict(one: Written | None, two: Written | None, images: Images) -> Verdict:
    if one is None:
        return Verdict.ONLY_SECOND
    if two is None:
        return Verdict.ONLY_FIRST
    if one.publication.output_digest == two.publication.output_digest:
        return Verdict.IDENTICAL
    return Verdict.SAME_PIXELS if images[0][0] == images[1][0] else Verdict.DIFFERENT
