"""One task of a page: run the step, keep what it makes, record it."""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from archivist.api.errors import AssetError, StepError
from archivist.api.steps import Kind, StepSpec
from archivist.model import (
    MESSAGE_LENGTH,
    Artifact,
    Status,
    StepRecord,
    Task,
    WeightUse,
    now,
    shortened,
)
from archivist.step.context import WorkerContext
from archivist.step.execute import Execution, execute
from archivist.step.held import Held
from archivist.step.keeping import keep
from archivist.step.looking import Looked, look
from archivist.step.record import sealed
from archivist.step.session import told_apart
from archivist.step.uses import uses_of
from archivist.step.worked import edited

if TYPE_CHECKING:
    from archivist.step.page import PageRun


class TaskRun:
    """One task that is carried out (or skipped) now, and its record."""

    def __init__(
        self,
        page: PageRun,
        task: Task,
        spec: StepSpec,
        inputs: Mapping[str, Held],
        key: str,
        weights: tuple[WeightUse, ...],
    ) -> None:
        self.page, self.task, self.spec = page, task, spec
        self.inputs, self.key, self.weights = inputs, key, weights
        self.started, self.clock = now(), time.perf_counter()
        self.ctx = WorkerContext(
            spec=spec,
            session=page.here,
            seed=int(key[:15], 16),
            folders=page.folders,
        )

    def skip(self, reason: str) -> None:
        """Record that the step was not needed or not possible; values stay as they are."""
        self._note(self._record(Status.SKIPPED, reason=reason))

    def run(self) -> None:
        """Run the step, keep its outputs, record it. Raises AssetError after recording it."""
        page, handed = self.page, self.page.handed_on(self.spec)
        if self.task.ordinal in page.anew:
            self.ctx.log.info(page.anew[self.task.ordinal])
        try:
            done = execute(
                self.spec,
                self.task.params,
                self.inputs,
                self.ctx,
                scratch=page.scratch,
                stream_above_mp=page.workshop.stream_above_mp,
            )
            artifacts = tuple(
                keep(name, held, page.workshop, always=name in handed)
                for name, held in done.outputs.items()
            )
        except AssetError as error:
            self._record(Status.FAILED, code=error.code, reason=shortened(str(error)))
            raise
        except Exception as error:
            raise self._broken(error) from error
        if done.skipped is not None:
            self._note(self._record(Status.SKIPPED, reason=shortened(done.skipped), done=done))
            return
        looked = self._look(done)
        if looked.scores:
            done = replace(done, scores={**done.scores, **looked.scores})
        record = self._record(Status.DONE, done=done, outputs=artifacts)
        page.flags += looked.flags
        page.synthetic |= self.spec.synthetic
        page.rest_on(self.spec, self.inputs)
        origin = self._note(record)
        for held in done.outputs.values():
            held.maker = origin
        page.take_all(self.task, self.spec, done.outputs, artifacts, origin)

    def _note(self, record: StepRecord) -> str:
        """Note when the step was done; return the digest by which later records name its outputs.

        A result that is made again, because its files are gone, has its record already, and the
        catalog keeps one of each key.
        """
        known = self.page.known.get(self.key)
        made = {one.port: one.digest for one in record.outputs}
        again = known is not None and {one.port: one.digest for one in known.outputs} == made
        began = known.started if known is not None and again else None
        self.page.times.append((edited(record.outputs), began or record.started))
        return known.record if known is not None and again else record.digest

    def _look(self, done: Execution) -> Looked:
        """Let the checks of plugins compare the image that went in with the one that came out."""
        checks = self.page.here.plugins.checks.values()
        images = [port.name for port in self.spec.outputs if port.kind is Kind.IMAGE]
        if not images or not checks:
            return Looked()
        return look(
            checks,
            self.spec.id,
            before=self.inputs.get("image", self.page.values["image"]),
            after=done.outputs[images[0]],
            key=self.key,
            log=self.ctx.log,
            most_mp=self.page.workshop.stream_above_mp,
        )

    def _broken(self, error: Exception) -> StepError:
        """Record what a plugin did not foresee, with the place in its code."""
        self.ctx.log.error("".join(traceback.format_exception(error)))
        what = shortened(f"{type(error).__name__}: {error}", MESSAGE_LENGTH // 2)
        message = f"{self.spec.id} failed ({what}). Cure: archivist plugins check {self.spec.id}"
        self._record(Status.FAILED, code=StepError.code, reason=message)
        return StepError(message)

    def _record(
        self,
        status: Status,
        *,
        reason: str = "",
        code: str = "",
        done: Execution | None = None,
        outputs: tuple[Artifact, ...] = (),
    ) -> StepRecord:
        page, spec, task = self.page, self.spec, self.task
        owner = page.here.plugins.owners.get(spec.id)
        record = sealed(
            StepRecord(
                asset=task.asset,
                ordinal=task.ordinal,
                step=spec.id,
                version=spec.version,
                title=spec.title,
                distribution=owner.distribution if owner else "",
                distribution_version=owner.version if owner else "",
                conjectural=spec.conjectural,
                key=self.key,
                status=status,
                reason=reason,
                code=code,
                params=task.params,
                inputs=uses_of(self.inputs, done.outputs if done else {}),
                outputs=outputs,
                weights=told_apart(self.weights, self.ctx.used_weights),
                seed=page.workshop.seed,
                device=self.ctx.device,
                determinism=str(spec.determinism),
                tiling=done.tiling if done else {},
                scores=done.scores if done else {},
                environment=page.here.environment_digest,
                started=self.started,
                seconds=time.perf_counter() - self.clock,
                peak_mib=page.here.peak_mib(),
                log=self.ctx.lines,
                operator=page.workshop.operator,
                parents=tuple(dict.fromkeys(h.maker for h in self.inputs.values() if h.maker)),
            )
        )
        page.records.append(record)
        page.statuses.append((task, status, reason))
        return record
