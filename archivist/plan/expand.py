"""Recipe times assets: the tasks of each file, with what will run and why."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from itertools import islice

from archivist.api.steps import StepSpec
from archivist.hashing import digest_json, step_key
from archivist.model import (
    Action,
    Asset,
    FileWork,
    KnownResult,
    OutputProfile,
    PageWork,
    Recipe,
    Supplied,
    Task,
    WorkUnit,
    publication_key,
)
from archivist.plan import reasons
from archivist.plan.estimate import estimate_page
from archivist.plan.lookup import Lookup, Previous
from archivist.plan.recipe import full_params
from archivist.plan.where import Predicate, parse
from archivist.plugins import Plugins

PAGE = 500
"""Files looked up together: as many keys as one SQL `IN` takes comfortably."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFile:
    """A file that the plan looks at: its digest, every path where it lies, its pages."""

    digest: str
    paths: tuple[str, ...]
    assets: tuple[Asset, ...]
    supplied: tuple[Supplied, ...] = ()


Carry = dict[tuple[int, str], str | None]
"""(ordinal, port) -> digest of what a step made of the previous member of a sequence."""


@dataclass(slots=True)
class _Page:
    """The state of one page while its tasks are decided, step by step."""

    asset: Asset
    facts: Mapping[str, object]
    supplied: tuple[Supplied, ...]
    values: dict[str, str | None]
    """Name of a value -> its digest; None when it will only be known after a step has run."""
    kept: dict[str, bool] = field(default_factory=dict)
    makers: dict[str, int] = field(default_factory=dict)
    tasks: list[Task] = field(default_factory=list)
    known: dict[str, KnownResult] = field(default_factory=dict)
    needs: list[tuple[str, ...]] = field(default_factory=list)
    makes: list[set[str]] = field(default_factory=list)


class _Past:
    """What was done before with the assets of one page of files; asked only where it matters."""

    def __init__(self, lookup: Lookup, files: Sequence[PlannedFile]) -> None:
        self._lookup = lookup
        self._files = {asset.uid: file for file in files for asset in file.assets}
        self._asked: set[str] = set()
        self.previous: dict[tuple[str, str], Previous] = {}
        self.failures: dict[str, str] = {}
        self.replaced: set[str] = set()

    def ask(self, assets: Sequence[str]) -> None:
        """Learn about these assets, unless that was done for an earlier step."""
        new = [asset for asset in assets if asset not in self._asked]
        if not new:
            return
        self._asked.update(new)
        self.previous.update(self._lookup.previous(new))
        self.failures.update(self._lookup.failures(new))
        files = [self._files[asset] for asset in new]
        replaced = self._lookup.replaced({p: file.digest for file in files for p in file.paths})
        self.replaced.update(
            asset for asset in new if any(p in replaced for p in self._files[asset].paths)
        )


class Planner:
    """Turns files into work units, a page of files at a time."""

    def __init__(
        self,
        recipe: Recipe,
        plugins: Plugins,
        lookup: Lookup,
        *,
        profiles: Sequence[OutputProfile],
        weights: Callable[[StepSpec, Mapping[str, object]], Sequence[str]],
        device_family: str = "cpu",
        override: bool = False,
        stream_above_mp: float = 64.0,
        names: Collection[str] = (),
    ) -> None:
        self.recipe, self.plugins, self.lookup = recipe, plugins, lookup
        self.profiles, self.override = tuple(profiles), override
        self.device_family, self.stream_above_mp = device_family, stream_above_mp
        self._weights = weights
        self._specs = [plugins.require(step.step) for step in recipe.steps]
        self._overrides: list[tuple[Predicate, str, Mapping[str, object]]] = [
            (parse(o.where, {*FACT_NAMES, *names}, where=f"recipe {recipe.name}"), o.step, o.params)
            for o in recipe.overrides
        ]
        self._weight_cache: dict[str, Sequence[str]] = {}

    def units(self, files: Iterable[PlannedFile]) -> Iterator[WorkUnit]:
        """Yield a unit for every file; one whose tasks are all REUSE or PINNED needs no work.

        Files of a sequence (a column of the manifest) come last, each sequence as one unit in the
        order of its positions.
        """
        sequences: dict[str, list[PlannedFile]] = {}
        stream = _single(files, sequences)
        while page := list(islice(stream, PAGE)):
            yield from self._page_of_files(page)
        for name, members in sorted(sequences.items()):
            yield self._sequence(name, sorted(members, key=_place))

    def _sequence(self, name: str, members: list[PlannedFile]) -> WorkUnit:
        """Return one unit; a step may read what it made of the member before."""
        carry: Carry = {}
        units = [unit for member in members for unit in self._page_of_files([member], carry)]
        return WorkUnit(
            uid=f"sequence {name}",
            files=tuple(file for unit in units for file in unit.files),
            seconds=sum(unit.seconds for unit in units),
            ram_mib=max(unit.ram_mib for unit in units),
            vram_mib=max(unit.vram_mib for unit in units),
            sequence=name,
        )

    def _page_of_files(
        self, files: list[PlannedFile], carry: Carry | None = None
    ) -> Iterator[WorkUnit]:
        pages = [self._start(file, asset) for file in files for asset in file.assets]
        assets = [page.asset.uid for page in pages]
        pinned = frozenset() if self.override else self.lookup.pinned(assets)
        past = _Past(self.lookup, files)
        for ordinal, spec in enumerate(self._specs):
            self._decide(ordinal, spec, pages, past, carry or {})
        for page in pages:
            if page.asset.uid in pinned:
                page.tasks = [
                    replace(task, action=Action.PINNED, reason=reasons.PINNED)
                    for task in page.tasks
                ]
            else:
                _run_what_was_not_kept(page)
        if carry is not None:
            carry.clear()
            carry.update(_handed_on(pages, self._specs))
        done = self.lookup.published([file.digest for file in files])
        by_asset = {page.asset.uid: page for page in pages}
        for file in files:
            yield self._unit(file, [by_asset[asset.uid] for asset in file.assets], done)

    def _start(self, file: PlannedFile, asset: Asset) -> _Page:
        values: dict[str, str | None] = {"image": asset.uid}
        values.update({item.port: item.digest for item in file.supplied})
        facts = facts_of(asset, file.paths[0])
        return _Page(asset=asset, facts=facts, supplied=file.supplied, values=values)

    def _params(self, ordinal: int, page: _Page) -> Mapping[str, object]:
        step = self.recipe.steps[ordinal]
        own = [o for holds, name, o in self._overrides if name == step.step and holds(page.facts)]
        if not own:
            return step.params
        merged = dict(step.params)
        for values in own:
            merged.update(values)
        return full_params(self._specs[ordinal], merged)

    def _weights_of(self, spec: StepSpec, params: Mapping[str, object]) -> Sequence[str]:
        cache_key = digest_json([spec.id, params])
        if cache_key not in self._weight_cache:
            self._weight_cache[cache_key] = self._weights(spec, params)
        return self._weight_cache[cache_key]

    def _decide(
        self,
        ordinal: int,
        spec: StepSpec,
        pages: list[_Page],
        past: _Past,
        carry: Carry,
    ) -> None:
        """Add the task of one step to every page; one look-up for all their keys."""
        plans = []
        for page in pages:
            params = self._params(ordinal, page)
            weights = self._weights_of(spec, params)
            inputs = bound_inputs(spec, page.values, ordinal, carry)
            key = None
            if all(digest is not None for _, digest in inputs):
                key = step_key(
                    spec,
                    params,
                    inputs=[(name, str(digest)) for name, digest in inputs],
                    weights=weights,
                    seed=self.recipe.seed,
                    device_family=self.device_family,
                )
            plans.append((page, params, weights, inputs, key))
        known = self.lookup.known([key for *_, key in plans if key is not None])
        past.ask([page.asset.uid for page, *_, key in plans if key not in known])
        for page, params, weights, inputs, key in plans:
            uid = page.asset.uid
            result = known.get(key) if key else None
            if result is not None:
                action, reason = Action.REUSE, reasons.UP_TO_DATE
            elif key is None:
                action, reason = Action.FOLLOW, _follows(page, inputs)
                _remember(page, past.previous.get((uid, spec.id)))
            else:
                action = Action.RUN
                reason = reasons.why(
                    past.previous.get((uid, spec.id)),
                    version=spec.version,
                    params=params,
                    inputs={name: str(digest) for name, digest in inputs},
                    weights=weights,
                    replaced=uid in past.replaced,
                    failure=past.failures.get(uid),
                )
            task = Task(
                asset=page.asset.uid,
                ordinal=ordinal,
                step=spec.id,
                version=spec.version,
                params=params,
                action=action,
                reason=reason,
                key=key,
            )
            _add(page, task, spec, result, tuple(name for name, _ in inputs))

    def _unit(
        self, file: PlannedFile, pages: list[_Page], done: AbstractSet[tuple[str, str, str]]
    ) -> WorkUnit:
        self._publish_again(file, pages, done)
        seconds = ram = vram = 0.0
        for page in pages:
            active = {
                t.step: t.params for t in page.tasks if t.action in (Action.RUN, Action.FOLLOW)
            }
            cost = estimate_page(
                self.plugins, page.asset.header, active, stream_above_mp=self.stream_above_mp
            )
            seconds += cost.seconds
            ram, vram = max(ram, cost.ram_mib), max(vram, cost.vram_mib)
        work = FileWork(
            digest=file.digest,
            paths=file.paths,
            pages=tuple(
                PageWork(
                    asset=page.asset,
                    tasks=tuple(page.tasks),
                    known=tuple(page.known.values()),
                    supplied=page.supplied,
                )
                for page in pages
            ),
        )
        return WorkUnit(uid=file.digest, files=(work,), seconds=seconds, ram_mib=ram, vram_mib=vram)

    def _publish_again(
        self, file: PlannedFile, pages: list[_Page], done: AbstractSet[tuple[str, str, str]]
    ) -> None:
        """Plan the last step once more where nothing runs but an output is not in place."""
        if any(t.action is not Action.REUSE for page in pages for t in page.tasks):
            return
        images = [str(page.values["image"]) for page in pages]
        conjectural = any(
            self._specs[t.ordinal].conjectural and page.known[str(t.key)].status != "skipped"
            for page in pages
            for t in page.tasks
        )
        wanted = {
            (publication_key(images, profile, path, conjectural=conjectural), profile.name, path)
            for profile in self.profiles
            for path in file.paths
        }
        if wanted <= done:
            return
        for page in pages:
            last = page.tasks[-1]
            page.tasks[-1] = replace(last, action=Action.FOLLOW, reason=reasons.NOT_PUBLISHED)
            _run_what_was_not_kept(page)


def facts_of(asset: Asset, path: str) -> dict[str, object]:
    """Return what an expression (``--where``, overrides) may ask of an asset."""
    header = asset.header
    facts: dict[str, object] = {
        "path": path,
        "digest": asset.digest,
        "page": asset.page,
        "pages": asset.pages,
        "format": header.format,
        "width": header.width,
        "height": header.height,
        "depth": header.depth,
        "colour": str(header.colour),
    }
    facts.update(asset.facts)
    return facts


FACT_NAMES = (
    "path",
    "digest",
    "page",
    "pages",
    "format",
    "width",
    "height",
    "depth",
    "colour",
    "inventory_no",
    "title",
    "date",
    "series",
    "rights",
    "object_id",
)
"""The names that every expression may ask for; a manifest adds its own columns."""


def bound_inputs(
    spec: StepSpec, values: Mapping[str, str | None], ordinal: int, carry: Carry
) -> list[tuple[str, str | None]]:
    """Return (port, digest) of the inputs that have a value, in the order of the ports."""
    bound = []
    for port in spec.inputs:
        if port.previous and (ordinal, port.previous) in carry:
            bound.append((port.name, carry[ordinal, port.previous]))
        elif not port.previous and port.name in values:
            bound.append((port.name, values[port.name]))
    return bound


def _handed_on(pages: list[_Page], specs: list[StepSpec]) -> Carry:
    """Return what each step made of a member of a sequence, for the next member."""
    carry: Carry = {}
    for page in pages:
        for task in page.tasks:
            result = page.known.get(str(task.key)) if task.action is Action.REUSE else None
            if result is not None:
                carry.update({(task.ordinal, a.port): a.digest for a in result.outputs})
            else:
                ports = specs[task.ordinal].outputs
                carry.update({(task.ordinal, port.name): None for port in ports})
    return carry


def _single(
    files: Iterable[PlannedFile], sequences: dict[str, list[PlannedFile]]
) -> Iterator[PlannedFile]:
    """Yield the files that belong to no sequence; put the others aside."""
    for file in files:
        name = file.assets[0].facts.get("sequence", "")
        if name:
            sequences.setdefault(name, []).append(file)
        else:
            yield file


def _place(file: PlannedFile) -> tuple[float, str, str]:
    """Order by position: numbers first, then text, then the path."""
    position = file.assets[0].facts.get("position", "")
    try:
        return float(position), "", file.paths[0]
    except ValueError:
        return float("inf"), position, file.paths[0]


def _follows(page: _Page, inputs: Sequence[tuple[str, str | None]]) -> str:
    makers = {
        page.makers[name] for name, digest in inputs if digest is None and name in page.makers
    }
    names = [page.tasks[ordinal].step for ordinal in sorted(makers)]
    return "follows " + (", ".join(names) or "the member before in its sequence")


def _remember(page: _Page, previous: Previous | None) -> None:
    """Hand the newest result on: if the inputs turn out unchanged, the worker reuses it."""
    if previous is not None and previous.result is not None:
        page.known.setdefault(previous.result.key, previous.result)


def _add(
    page: _Page, task: Task, spec: StepSpec, result: KnownResult | None, needs: tuple[str, ...]
) -> None:
    page.tasks.append(task)
    page.needs.append(needs)
    page.makes.append({port.name for port in spec.outputs})
    if result is None:
        for port in spec.outputs:
            page.values[port.name] = None
            page.kept[port.name] = True
            page.makers[port.name] = task.ordinal
        return
    page.known[str(task.key)] = result
    for artifact in result.outputs:
        page.values[artifact.port] = artifact.digest
        page.kept[artifact.port] = artifact.kept
        page.makers[artifact.port] = task.ordinal


def _run_what_was_not_kept(page: _Page) -> None:
    """Turn REUSE into RUN, from the end, where a later step needs a value that was not kept."""
    if all(task.action is Action.REUSE for task in page.tasks):
        return
    wanted = {"image"}
    for ordinal in range(len(page.tasks) - 1, -1, -1):
        task = page.tasks[ordinal]
        result = page.known.get(str(task.key))
        outputs = {a.port: a.kept for a in result.outputs} if result else {}
        if any(not kept and port in wanted for port, kept in outputs.items()):
            task = replace(task, action=Action.RUN, reason=reasons.NOT_KEPT)
            page.tasks[ordinal] = task
            page.known.pop(str(task.key))
        wanted -= set(outputs) if result else page.makes[ordinal]
        if task.action is not Action.REUSE:
            wanted |= set(page.needs[ordinal])
