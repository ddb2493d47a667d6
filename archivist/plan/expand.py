"""Recipe times assets: the tasks of each file, with what will run and why."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from itertools import chain, islice

from archivist.api.steps import StepSpec
from archivist.hashing import key_of, work_digest
from archivist.model import (
    Action,
    Asset,
    Certified,
    FileWork,
    OutputProfile,
    PageWork,
    Recipe,
    Task,
    WorkUnit,
    publication_key,
)
from archivist.plan import reasons
from archivist.plan.certified import Equivalents, Question
from archivist.plan.draft import Carry, PageDraft, bound_inputs, hand_on, what_is_there
from archivist.plan.estimate import estimate_page
from archivist.plan.facts import fact_names, facts_of
from archivist.plan.files import PlannedFile
from archivist.plan.lookalikes import Search, find_lookalikes, takes_lookalikes
from archivist.plan.lookup import Lookup, Output, Redo
from archivist.plan.past import Past
from archivist.plan.recipe import full_params
from archivist.plan.sequences import PlannedSequence, in_turns, spans
from archivist.plan.where import Predicate, parse
from archivist.plugins import Plugins
from archivist.rights import acts_of, refusal

PAGE = 500
"""Files looked up together: as many keys as one SQL `IN` takes comfortably."""
MEMBERS = 64
"""Files of one sequence that are looked up together; several sequences are planned by turns."""


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
        search: Search | None = None,
        asked: AbstractSet[str] = frozenset(),
        certified: Mapping[str, Sequence[Certified]] | None = None,
    ) -> None:
        """Prepare to plan a recipe.

        ``search`` finds lookalikes, for a recipe with references; without it they are taken as not
        known before the archive is embedded. ``asked`` names values that must be in the store
        afterwards. ``certified`` are versions and weights whose results stand for those of now.
        """
        self.recipe, self.plugins, self.lookup = recipe, plugins, lookup
        self.profiles, self.override = tuple(profiles), override
        self.device_family, self.stream_above_mp = device_family, stream_above_mp
        self._weights, self._search, self._asked = weights, search, asked
        self._equivalents = Equivalents(
            certified or {}, seed=recipe.seed, device_family=device_family
        )
        self._specs = [plugins.require(step.step) for step in recipe.steps]
        self._overrides: list[tuple[Predicate, str, Mapping[str, object]]] = [
            (parse(o.where, fact_names(names), where=f"recipe {recipe.name}"), o.step, o.params)
            for o in recipe.overrides
        ]
        self._work: dict[int, tuple[Mapping[str, object], Sequence[str], str]] = {}

    def units(
        self, files: Iterable[PlannedFile], sequences: Iterable[PlannedSequence] = ()
    ) -> Iterator[WorkUnit]:
        """Yield a unit for every file; one whose tasks are all REUSE or PINNED needs no work.

        Sequences are begun when ``files`` have ended, and come as spans of files in their order;
        see :mod:`archivist.plan.sequences`.
        """
        stream = iter(files)
        while page := list(islice(stream, PAGE)):
            yield from self._page_of_files(page)
        yield from in_turns(spans(one.name, self._sequence(one)) for one in sequences)

    def _sequence(self, sequence: PlannedSequence) -> Iterator[WorkUnit]:
        """Yield a unit for each file; a step may read what it made of the file before."""
        carry: Carry = {}
        members = iter(sequence.files)
        while page := list(islice(members, MEMBERS)):
            yield from self._page_of_files(page, carry)

    def _page_of_files(
        self, files: list[PlannedFile], carry: Carry | None = None
    ) -> Iterator[WorkUnit]:
        assets = [asset.uid for file in files for asset in file.assets]
        redo = self.lookup.redo(assets)
        pages = [self._start(file, asset, redo) for file in files for asset in file.assets]
        past = Past(self.lookup, files)
        for port in dict.fromkeys(chain.from_iterable(map(takes_lookalikes, self._specs))):
            find_lookalikes(pages, port, self._search)
        # A file is published whole: one approved page holds all pages of its file.
        pinned = frozenset() if self.override else self.lookup.pinned(assets)
        held = {page.asset.digest for page in pages if page.asset.uid in pinned}
        if carry is None:
            self._decide_all(pages, past, {}, held)
        else:
            past.ask(assets)
            for page in pages:
                self._decide_all([page], past, carry, held)
                hand_on(carry, page, self._specs)
        done = self.lookup.published([file.digest for file in files])
        by_asset = {page.asset.uid: page for page in pages}
        self._hold(files, by_asset)
        for file in files:
            yield self._unit(
                file, [by_asset[asset.uid] for asset in file.assets], done.get(file.digest, ())
            )

    def _hold(self, files: Sequence[PlannedFile], pages: Mapping[str, PageDraft]) -> None:
        """Leave files undone in whose places approved results of other scans lie."""
        if self.override:
            return
        held = self.lookup.held({path: file.digest for file in files for path in file.paths})
        for file in files:
            if not held.isdisjoint(file.paths):
                for asset in file.assets:
                    pages[asset.uid].hold()

    def _decide_all(
        self, pages: list[PageDraft], past: Past, carry: Carry, held: AbstractSet[str]
    ) -> None:
        """Decide all steps of these pages; ``held`` are the files that stay as they are."""
        for ordinal, spec in enumerate(self._specs):
            self._decide(ordinal, spec, pages, past, carry)
        for page in pages:
            if page.asset.digest in held:
                page.pin(past.previous)
            else:
                page.run_what_was_not_kept(self._asked)

    def _start(self, file: PlannedFile, asset: Asset, redo: Mapping[str, Redo]) -> PageDraft:
        values: dict[str, str | None] = {"image": asset.uid}
        values.update({item.port: item.digest for item in file.supplied})
        facts = facts_of(asset, file.paths[0]) if self._overrides else {}
        return PageDraft(
            asset=asset,
            facts=facts,
            supplied=file.supplied,
            values=values,
            denied=file.denied,
            redo=redo.get(asset.uid),
        )

    def _params(self, ordinal: int, page: PageDraft) -> Mapping[str, object]:
        step = self.recipe.steps[ordinal]
        own = [o for holds, name, o in self._overrides if name == step.step and holds(page.facts)]
        where = ""
        if page.redo is not None and step.step in page.redo.params:
            own.append(page.redo.params[step.step])
            where = f"{page.asset.uid[:12]}, rejected by {page.redo.by}"
        if not own:
            return step.params
        merged = dict(step.params)
        for values in own:
            merged.update(values)
        return full_params(self._specs[ordinal], merged, where=where)

    def work_of(self, ordinal: int) -> str:
        """Return the digest of what a step does to every asset that has no params of its own."""
        return self._work_of(self._specs[ordinal], self.recipe.steps[ordinal].params)[1]

    def _work_of(self, spec: StepSpec, params: Mapping[str, object]) -> tuple[Sequence[str], str]:
        """Return weights and work digest; by the identity of params, which most assets share."""
        found = self._work.get(id(params))
        if found is None:
            weights = self._weights(spec, params)
            work = work_digest(
                spec,
                params,
                weights=weights,
                seed=self.recipe.seed,
                device_family=self.device_family,
            )
            found = params, weights, work
            if params is self._recipe_params(spec):
                self._work[id(params)] = found
        return found[1], found[2]

    def _recipe_params(self, spec: StepSpec) -> Mapping[str, object]:
        return next(step.params for step in self.recipe.steps if step.step == spec.id)

    def _decide(
        self,
        ordinal: int,
        spec: StepSpec,
        pages: list[PageDraft],
        past: Past,
        carry: Carry,
    ) -> None:
        """Add the task of one step to every page; one look-up for all their keys."""
        plans = []
        for page in pages:
            params = self._params(ordinal, page)
            if denial := refusal(page.denied, acts_of(spec)):
                page.deny(self._task(page, ordinal, params, Action.DENIED, denial))
                continue
            weights, work = self._work_of(spec, params)
            inputs = bound_inputs(spec, page, ordinal, carry)
            key = _key(work, inputs)
            if key is not None and what_is_there(carry) != carry and not past.known([key]):
                inputs = bound_inputs(spec, page, ordinal, what_is_there(carry))
                key = _key(work, inputs)
            plans.append((page, params, weights, inputs, key))
        known = past.known([key for *_, key in plans if key is not None])
        questions = [
            Question(asset=page.asset.uid, params=params, weights=weights, inputs=inputs)
            for page, params, weights, inputs, key in plans
            if key is not None and key not in known
        ]
        equal = self._equivalents.find(spec, questions, past.known)
        past.ask([page.asset.uid for page, *_, key in plans if key not in known])
        for page, params, weights, inputs, own in plans:
            uid, version, key = page.asset.uid, spec.version, own
            result = known.get(key) if key else None
            if result is not None:
                action, reason = Action.REUSE, reasons.UP_TO_DATE
            elif uid in equal:
                result, version = equal[uid].result, equal[uid].certified.version
                action, reason, key = Action.REUSE, equal[uid].reason, result.key
            elif key is None:
                action, reason = Action.FOLLOW, page.follows(inputs)
                page.remember(past.previous.get((uid, spec.id)))
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
            if page.redo is not None and spec.id in page.redo.params:
                reason = f"{reason}; asked for by {page.redo.by}, who rejected the result"
            task = self._task(page, ordinal, params, action, reason, key, version=version)
            page.add(task, spec, result, tuple(name for name, _ in inputs))

    def _task(
        self,
        page: PageDraft,
        ordinal: int,
        params: Mapping[str, object],
        action: Action,
        reason: str,
        key: str | None = None,
        *,
        version: int | None = None,
    ) -> Task:
        spec = self._specs[ordinal]
        return Task(
            asset=page.asset.uid,
            ordinal=ordinal,
            step=spec.id,
            version=spec.version if version is None else version,
            params=params,
            action=action,
            reason=reason,
            key=key,
        )

    def _unit(
        self, file: PlannedFile, pages: list[PageDraft], done: Collection[Output]
    ) -> WorkUnit:
        self._publish_again(file, pages, done)
        seconds = ram = vram = 0.0
        for page in pages:
            active = {
                t.step: t.params for t in page.tasks if t.action in (Action.RUN, Action.FOLLOW)
            }
            if not active:
                continue
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
                    lookalikes=page.lookalikes,
                    snapshot=self._search.snapshot if self._search else "",
                )
                for page in pages
            ),
        )
        return WorkUnit(uid=file.digest, files=(work,), seconds=seconds, ram_mib=ram, vram_mib=vram)

    def _publish_again(
        self, file: PlannedFile, pages: list[PageDraft], done: Collection[Output]
    ) -> None:
        """Plan the last step once more where nothing runs but an output is not in place."""
        kept = [page.doing for page in pages]
        if not all(kept) or any(t.action is not Action.REUSE for tasks in kept for t in tasks):
            return
        images = [str(page.values["image"]) for page in pages]
        synthetic = any(
            self._specs[t.ordinal].synthetic and page.known[str(t.key)].status != "skipped"
            for page in pages
            for t in page.doing
        )
        wanted = {
            (publication_key(images, profile, path, synthetic=synthetic), profile.name, path)
            for profile in self.profiles
            for path in file.paths
        }
        lying = {(one.key, one.profile, one.source) for one in done if one.lies}
        if wanted <= lying:
            return
        reason = reasons.not_published({place[1:] for place in wanted - lying}, done)
        for page in pages:
            last = page.doing[-1]
            page.tasks[last.ordinal] = replace(last, action=Action.FOLLOW, reason=reason)
            page.run_what_was_not_kept()


def _key(work: str, inputs: Sequence[tuple[str, str | None]]) -> str | None:
    """Return a step key, None as long as an input is not known."""
    if any(digest is None for _, digest in inputs):
        return None
    return key_of(work, [(name, str(digest)) for name, digest in inputs])
