"""One page through the recipe: bind, look for a known result, run, keep, record."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from archivist.api.errors import AssetError, StepError
from archivist.api.steps import Kind, StepSpec
from archivist.hashing import key_of, work_digest
from archivist.imaging.raster import WideRaster, value_digest
from archivist.model import (
    DENIED,
    Action,
    Artifact,
    AssetOutcome,
    Flag,
    KnownResult,
    PageWork,
    Role,
    Status,
    StepRecord,
    Task,
    WeightUse,
    Workshop,
    shortened,
)
from archivist.plugins import make_params
from archivist.rights import Act, acts_of
from archivist.step.fitting import fit
from archivist.step.held import Held
from archivist.step.keeping import is_there, recall
from archivist.step.lookalikes import Neighbours
from archivist.step.rights import Rested
from archivist.step.session import Session, weight_uses
from archivist.step.source import OpenedPage, supplied_mask
from archivist.step.task import TaskRun
from archivist.step.uses import uses_of
from archivist.step.worked import Time, edited


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PageDraft:
    """A page after its steps. ``image`` is the final image."""

    outcome: AssetOutcome
    page: OpenedPage | None = None
    image: Held | None = None
    changed: bool = False
    synthetic: bool = False
    rested: Rested = field(default_factory=Rested)
    edits: tuple[Task, ...] = ()
    """The tasks that made an image, in their order."""
    worked: tuple[Time, ...] = ()
    """When its steps began, now or when their results were made."""
    handed: Mapping[tuple[int, str], Made] = field(default_factory=dict)
    """(ordinal, output) -> what a step reads again at the next member of a sequence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a step made, as it lies in the store, and the digest of the record that tells how."""

    held: Held
    artifact: Artifact
    record: str


class PageRun:
    """Carries one page through its tasks."""

    def __init__(
        self,
        work: PageWork,
        workshop: Workshop,
        here: Session,
        scratch: Path,
        *,
        previous: Mapping[tuple[int, str], Held],
        anew: Mapping[int, str],
        in_sequence: bool,
    ) -> None:
        self.work, self.workshop, self.here = work, workshop, here
        self.scratch, self.previous, self.anew = scratch, previous, anew
        self.in_sequence = in_sequence
        self.folders = tuple(Path(folder) for folder in workshop.weights)
        self.known = {result.key: result for result in work.known}
        self.values: dict[str, Held] = {}
        self.records: list[StepRecord] = []
        self.flags: list[Flag] = []
        self.times: list[Time] = []
        self.handed: dict[tuple[int, str], Made] = {}
        self.statuses: list[tuple[Task, Status, str]] = []
        self.synthetic = False
        self.acts: set[str] = {Act.RESTORATION}
        self.lenders: set[str] = set()
        self.grown = 1
        self.neighbours = Neighbours(work, workshop, here, scratch)

    def failed_to_open(self, error: AssetError) -> PageDraft:
        """Return the draft of a page that could not be decoded."""
        return PageDraft(
            outcome=AssetOutcome(
                asset=self.work.asset.uid,
                status=Status.FAILED,
                code=error.code,
                message=shortened(str(error)),
            )
        )

    def carry_out(self, page: OpenedPage) -> PageDraft:
        """Run the tasks in their order until one fails; never raises for what a step does."""
        clock = time.perf_counter()
        source = Held(
            kind=Kind.IMAGE,
            digest=self.work.asset.uid,
            role=Role.SCAN,
            load=lambda: page.picture,
        )
        self.values["image"] = source
        for port in self.work.lookalikes:
            self.values[port] = self.neighbours.held(port)
        failure: AssetError | None = None
        try:
            for item in self.work.supplied:
                self.values[item.port] = supplied_mask(
                    item.path, item.digest, self.workshop, self.work.asset.facts
                )
            for task in self.work.tasks:
                self._task(task)
        except AssetError as error:
            failure = error
        changed = failure is None and self._changed(source)
        outcome = self._outcome(failure, changed, time.perf_counter() - clock)
        return PageDraft(
            outcome=outcome,
            page=page,
            image=self.values["image"],
            changed=changed,
            synthetic=self.synthetic,
            rested=Rested(acts=frozenset(self.acts), lenders=frozenset(self.lenders)),
            edits=self._edits(),
            worked=tuple(self.times),
            handed=self.handed,
        )

    def _edits(self) -> tuple[Task, ...]:
        return tuple(
            task
            for task, status, _ in self.statuses
            if status in (Status.DONE, Status.REUSED)
            and _makes_image(self.here.plugins.steps[task.step])
        )

    def _changed(self, source: Held) -> bool:
        """Tell whether any sample of the final image differs from the scan."""
        final = self.values["image"]
        if final is source:
            return False
        if final.raster.shape != source.raster.shape:
            return True
        return final.digest != value_digest(WideRaster(source.raster))

    def _outcome(self, failure: AssetError | None, changed: bool, seconds: float) -> AssetOutcome:
        status, code, message = Status.DONE, "", ""
        if failure is not None:
            status, code, message = Status.FAILED, failure.code, shortened(str(failure))
        elif not changed and self._makes_images():
            status, code = Status.SKIPPED, "not-needed"
            skips = [reason for _, state, reason in self.statuses if state is Status.SKIPPED]
            message = "; ".join(dict.fromkeys(skips)) or "no step changed a pixel"
            if any(task.action is Action.DENIED for task in self.work.tasks):
                code = DENIED
        return AssetOutcome(
            asset=self.work.asset.uid,
            status=status,
            code=code,
            message=message,
            records=tuple(self.records),
            seconds=seconds,
            flags=tuple(self.flags),
        )

    def _makes_images(self) -> bool:
        return any(_makes_image(self._spec(task)) for task in self.work.tasks)

    def _spec(self, task: Task) -> StepSpec:
        spec = self.here.plugins.steps.get(task.step)
        if spec is None:
            message = f"{task.step} is not installed on this worker"
            raise StepError(f"{message}. Cure: install its plugin there", code="plugin-missing")
        certified = self.workshop.certified.get(task.step, ())
        planned = {spec.version, *(one.version for one in certified)}
        if task.version not in planned:
            message = f"{task.step} was planned in version {task.version}, this worker has"
            cure = "run the same command again: it plans anew"
            raise StepError(f"{message} {spec.version}. Cure: {cure}", code="plugin-changed")
        return spec

    def _task(self, task: Task) -> None:
        """Reuse, skip or run one task; what is denied leaves nothing but its reason."""
        if task.action is Action.DENIED:
            self.statuses.append((task, Status.SKIPPED, task.reason))
            return
        spec = self._spec(task)
        inputs = self._bind(task, spec)
        missing = [p.name for p in spec.inputs if p.required and p.name not in inputs]
        weights = weight_uses(spec, task.params, self.folders)
        work = self.here.work_digest(
            spec,
            task.params,
            weights=[use.digest for use in weights],
            seed=self.workshop.seed,
            device_family=self.workshop.device_family,
        )
        read = [(name, held.digest) for name, held in inputs.items()]
        key = key_of(work, read)
        known = self.known.get(key) or self._equivalent(spec, task, weights, read)
        wanted = known is not None and task.action is not Action.RUN
        if known is not None and wanted and self._is_usable(spec, known):
            self._reuse(task, spec, known)
            if self.statuses[-1][1] is Status.REUSED:
                self.rest_on(spec, inputs)
            return
        call = TaskRun(self, task, spec, fit(inputs, self.grown), key, weights)
        if missing:
            call.skip(f"there is no {', '.join(missing)} for it to work on")
        else:
            call.run()

    def _equivalent(
        self,
        spec: StepSpec,
        task: Task,
        weights: Sequence[WeightUse],
        read: Sequence[tuple[str, str]],
    ) -> KnownResult | None:
        """Return a known result of a version or weights that were certified as equivalent."""
        for one in self.workshop.certified.get(spec.id, ()):
            if one.stands_for(spec.version, [use.digest for use in weights]):
                work = work_digest(
                    replace(spec, version=one.version),
                    task.params,
                    weights=one.weights,
                    seed=self.workshop.seed,
                    device_family=self.workshop.device_family,
                )
                known = self.known.get(key_of(work, read))
                if known is not None:
                    return known
        return None

    def _bind(self, task: Task, spec: StepSpec) -> dict[str, Held]:
        bound = {}
        for port in spec.inputs:
            held = (
                self.previous.get((task.ordinal, port.previous))
                if port.previous
                else self.values.get(port.name)
            )
            if held is not None:
                bound[port.name] = held
        return bound

    def handed_on(self, spec: StepSpec) -> frozenset[str]:
        """Return the outputs of a step that the next member of a sequence reads."""
        return spec.handed_on if self.in_sequence else frozenset()

    def _is_usable(self, spec: StepSpec, known: KnownResult) -> bool:
        """Tell whether a known result is there, with all that the next member needs of it."""
        needed = self.handed_on(spec)
        kept = all(item.kept for item in known.outputs if item.port in needed)
        return kept and is_there(known, self.workshop)

    def rest_on(self, spec: StepSpec, inputs: Mapping[str, Held]) -> None:
        """Note what a step did and which scans lent to it, for a last look at their rights."""
        self.acts.update(acts_of(spec))
        self.lenders.update(use.digest for use in uses_of(inputs, {}) if use.role == Role.REFERENCE)

    def take_all(
        self,
        task: Task,
        spec: StepSpec,
        outputs: Mapping[str, Held],
        artifacts: Sequence[Artifact],
        record: str,
    ) -> None:
        """Let the outputs of a step be the newest values of their names."""
        grown = self.grown
        if _makes_image(spec):
            grown *= spec.scale(make_params(spec, task.params))
        for name, held in outputs.items():
            held.grown = grown
            self.values[name] = held
        if outputs:
            self.grown = grown
        for artifact in artifacts:
            if artifact.port in self.handed_on(spec):
                made = Made(held=outputs[artifact.port], artifact=artifact, record=record)
                self.handed[task.ordinal, artifact.port] = made

    def _reuse(self, task: Task, spec: StepSpec, known: KnownResult) -> None:
        read = self.neighbours.read
        recalled = {
            artifact.port: recall(artifact, known.record, self.workshop, self.scratch, read)
            for artifact in known.outputs
        }
        self.take_all(task, spec, recalled, known.outputs, known.record)
        self.times += [(edited(known.outputs), known.started)] if known.started else []
        status = Status.SKIPPED if known.status == Status.SKIPPED else Status.REUSED
        self.synthetic |= spec.synthetic and status is Status.REUSED
        self.statuses.append((task, status, known.reason))


def _makes_image(spec: StepSpec) -> bool:
    return any(port.kind is Kind.IMAGE for port in spec.outputs)
