"""Compare two runs: what differed in their settings, steps and machines, and in what came out.

Each run is taken as it left the archive: a run that found a result done already stands for the
result of the earlier run that made it. Compared are the photographs that either of them treated.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from archivist.api import ArchivistError, UsageError
from archivist.catalog import behind, lineage, queries
from archivist.catalog.behind import Made
from archivist.catalog.bulk import pages
from archivist.catalog.lineage import Written
from archivist.catalog.rows import RunRow
from archivist.catalog.session import Catalog
from archivist.model import Artifact, MetadataContract, Status
from archivist.report.measuring import Measure, measure
from archivist.store.artifacts import load_picture
from archivist.store.blobs import BlobStore

_PAGE = 200
_LISTED = 1000
"""Outputs that differ and are named; more are only counted."""
NONE = "(none)"


class Verdict(StrEnum):
    """How an output of one run compares with that of the other."""

    IDENTICAL = "identical"
    """The same file, byte by byte."""
    SAME_PIXELS = "same pixels"
    """Another file (its metadata, its container), the same picture."""
    DIFFERENT = "different"
    ONLY_FIRST = "only in the first"
    ONLY_SECOND = "only in the second"


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A fact that differs; ``count`` says for how many photographs, 0 for facts of the run."""

    area: str
    """run, settings, versions, params, weights, environment or result."""
    name: str
    first: str
    second: str
    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputDifference:
    """An output that is not identical. ``metadata`` maps tags to what became of them in each."""

    source: str
    path: str
    page: int
    pages: int
    verdict: Verdict
    measure: Measure | None = None
    note: str = ""
    metadata: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    pictures: tuple[Artifact | None, Artifact | None] = (None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two runs side by side."""

    first: RunRow
    second: RunRow
    changed: tuple[Changed, ...]
    counts: Mapping[Verdict, int]
    outputs: tuple[OutputDifference, ...]
    assets: int


# --- names of runs --------------------------------------------------------------------------


def run_named(catalog: Catalog, name: str) -> RunRow:
    """Return a run by its uid, the first digits of it, ``last``, or ``last~2`` (two before it).

    ``last`` counts only runs that restored. Raises UsageError.
    """
    back = name.removeprefix("last").removeprefix("~")
    if name.startswith("last") and (not back or back.isdecimal()):
        found = queries.runs(catalog, limit=int(back or 0) + 1, command="run")
        if len(found) > int(back or 0):
            return found[-1]
        raise UsageError(
            f"there is no run {name}: the catalog has {len(found)}. "
            "Cure: archivist status lists the runs"
        )
    fitting = lineage.runs_beginning(catalog, name)
    if len(fitting) == 1:
        return queries.run(catalog, fitting[0])
    known = ", ".join(fitting[:4])
    problem = f"several runs begin with {name}: {known}" if fitting else f"there is no run {name}"
    raise UsageError(
        f"{problem}. Cure: give more of its uid (archivist status lists them), or last, last~1"
    )


# --- compare --------------------------------------------------------------------------------


def compare(
    catalog: Catalog, first: RunRow, second: RunRow, *, store: Path | None, measured: int = 200
) -> Comparison:
    """Return how two runs differ; at most ``measured`` different outputs are looked at."""
    return _Comparing(catalog, first, second, store, measured).compare()


class _Comparing:
    def __init__(
        self, catalog: Catalog, first: RunRow, second: RunRow, store: Path | None, measured: int
    ) -> None:
        self._catalog, self._runs = catalog, (first, second)
        self._numbers = lineage.run_numbers(catalog, [first.uid, second.uid])
        self._store = None if store is None else BlobStore(store)
        self._left = measured
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
        changed = [*_facts(first, second)]
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
            digest, _, page = uid.partition("#")
            written = tuple(lineage.lying(one.get(digest, ())) for one in files)
            self._files(uid, int(page or 0), written[0], written[1], made[0], made[1])

    # --- steps ---

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
        record = made.record
        found = {
            ("versions", ""): f"v{record.version}",
            ("versions", record.distribution): record.distribution_version,
            ("result", ""): str(record.status).replace("reused", "done"),
            ("environment", "device"): record.device,
        }
        found |= {("params", name): _text(value) for name, value in record.params.items()}
        found |= {("weights", one.name): one.digest for one in record.weights}
        facts = self._environment(record.environment)
        found |= {("environment", name): _text(value) for name, value in facts.items()}
        return found

    def _environment(self, digest: str) -> Mapping[str, object]:
        if digest not in self._environments:
            found = queries.environment(self._catalog, digest) or {}
            self._environments[digest] = _flat(found)
        return self._environments[digest]

    # --- outputs ---

    def _files(
        self,
        uid: str,
        page: int,
        first: Sequence[Written],
        second: Sequence[Written],
        made: Sequence[Made],
        remade: Sequence[Made],
    ) -> None:
        both = [{_place(one): one for one in files} for files in (first, second)]
        images = _last_image(uid, made), _last_image(uid, remade)
        for place in dict.fromkeys([*both[0], *both[1]]):
            one, two = both[0].get(place), both[1].get(place)
            verdict = _verdict(one, two, images)
            self._counts[verdict] += 1
            if verdict is Verdict.IDENTICAL or len(self._outputs) >= _LISTED:
                continue
            item = (two or one).publication  # type: ignore[union-attr]
            found, note = None, ""
            if verdict is Verdict.DIFFERENT:
                found, note = self._measured(images)
            self._outputs.append(
                OutputDifference(
                    source=item.source,
                    path=item.path,
                    page=page,
                    pages=2 if "#" in uid else 1,
                    verdict=verdict,
                    measure=found,
                    note=note,
                    metadata=_metadata(one, two),
                    pictures=(images[0][1], images[1][1]),
                )
            )

    def _measured(
        self, images: tuple[tuple[str, Artifact | None], tuple[str, Artifact | None]]
    ) -> tuple[Measure | None, str]:
        """Return how the last pictures differ, or the reason why that is not known."""
        artifacts = images[0][1], images[1][1]
        if None in artifacts and images[0][0] != images[1][0]:
            return None, "one of them is the scan itself, unchanged"
        if self._store is None:
            return None, "it is not known where the store lies; name the folder with --out"
        if self._left <= 0:
            return None, "not measured: enough others were (--measure)"
        self._left -= 1
        try:
            rasters = [load_picture(self._store, one).raster for one in artifacts if one]
        except ArchivistError as error:
            return None, str(error)
        if rasters[0].shape != rasters[1].shape:
            sizes = " and ".join(f"{one.shape[1]} by {one.shape[0]}" for one in rasters)
            return None, f"of different size or channels: {sizes}"
        return measure(rasters[0], rasters[1]), ""


def _facts(first: RunRow, second: RunRow) -> Iterator[Changed]:
    """Yield what differs between the runs as such."""
    for name in ("command", "recipe", "recipe_digest", "operator", "state", "snapshot"):
        one, two = str(getattr(first, name) or NONE), str(getattr(second, name) or NONE)
        if one != two:
            yield Changed(area="run", name=name, first=one, second=two)
    flat = _flat(first.settings), _flat(second.settings)
    for name in dict.fromkeys([*flat[0], *flat[1]]):
        values = [_text(facts[name]) if name in facts else NONE for facts in flat]
        if values[0] != values[1]:
            yield Changed(area="settings", name=name, first=values[0], second=values[1])


def _flat(facts: Mapping[str, object], before: str = "") -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in facts.items():
        if isinstance(value, Mapping):
            found.update(_flat(value, f"{before}{name}."))
        else:
            found[f"{before}{name}"] = value
    return found


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    return "yes" if value is True else "no" if value is False else str(value)


def _place(one: Written) -> tuple[str, str, str]:
    item = one.publication
    return item.profile, item.source, item.path


def _last_image(uid: str, made: Sequence[Made]) -> tuple[str, Artifact | None]:
    """Return the digest of the last picture and where it lies; the scan's uid when unchanged."""
    for one in reversed(made):
        if one.record.status in (Status.DONE, Status.REUSED):
            for output in one.record.outputs:
                if output.kind == "image":
                    return output.digest, output
    return uid, None


def _verdict(
    one: Written | None,
    two: Written | None,
    images: tuple[tuple[str, Artifact | None], tuple[str, Artifact | None]],
) -> Verdict:
    if one is None:
        return Verdict.ONLY_SECOND
    if two is None:
        return Verdict.ONLY_FIRST
    if one.publication.output_digest == two.publication.output_digest:
        return Verdict.IDENTICAL
    return Verdict.SAME_PIXELS if images[0][0] == images[1][0] else Verdict.DIFFERENT


def _metadata(one: Written | None, two: Written | None) -> dict[str, tuple[str, str]]:
    """Return the tags whose fate differs between the metadata contracts of two outputs."""
    if one is None or two is None:
        return {}
    fates = _fates(one.publication.contract), _fates(two.publication.contract)
    return {
        tag: (fates[0].get(tag, NONE), fates[1].get(tag, NONE))
        for tag in dict.fromkeys([*fates[0], *fates[1]])
        if fates[0].get(tag) != fates[1].get(tag)
    }


def _fates(contract: MetadataContract) -> dict[str, str]:
    found = dict.fromkeys(contract.kept, "kept")
    for name in ("changed", "added", "lost"):
        found |= {tag: f"{name}: {why}" for tag, why in getattr(contract, name).items()}
    return found
