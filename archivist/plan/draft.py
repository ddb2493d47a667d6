"""The plan of one page while it is decided, step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from archivist.api.steps import StepSpec
from archivist.model import Action, Asset, KnownResult, Lookalike, Supplied, Task
from archivist.plan import reasons
from archivist.plan.lookup import Previous

Carry = dict[tuple[int, str], str | None]
"""(ordinal, port) -> digest of what a step made of the previous member of a sequence."""


@dataclass(slots=True)
class PageDraft:
    """The state of one page while its tasks are decided, step by step."""

    asset: Asset
    facts: Mapping[str, object]
    supplied: tuple[Supplied, ...]
    values: dict[str, str | None]
    """Name of a value -> its digest; None when it will only be known after a step has run."""
    makers: dict[str, int] = field(default_factory=dict)
    tasks: list[Task] = field(default_factory=list)
    known: dict[str, KnownResult] = field(default_factory=dict)
    needs: list[tuple[str, ...]] = field(default_factory=list)
    makes: list[set[str]] = field(default_factory=list)
    lookalikes: dict[str, tuple[Lookalike, ...]] = field(default_factory=dict)
    """By the inputs of steps that ask for them; none as long as not all of the archive is embedded.
    """

    def add(
        self, task: Task, spec: StepSpec, result: KnownResult | None, needs: tuple[str, ...]
    ) -> None:
        """Append a task, and what is known of its outputs."""
        self.tasks.append(task)
        self.needs.append(needs)
        self.makes.append({port.name for port in spec.outputs})
        if result is None:
            for port in spec.outputs:
                self.values[port.name] = None
                self.makers[port.name] = task.ordinal
            return
        self.known[str(task.key)] = result
        for artifact in result.outputs:
            self.values[artifact.port] = artifact.digest
            self.makers[artifact.port] = task.ordinal

    def remember(self, previous: Previous | None) -> None:
        """Hand the newest result on: if the inputs turn out unchanged, the worker reuses it."""
        if previous is not None and previous.result is not None:
            self.known.setdefault(previous.result.key, previous.result)

    def follows(self, inputs: Sequence[tuple[str, str | None]]) -> str:
        """Return the reason of a step whose inputs are not known yet."""
        makers = {
            self.makers[name] for name, digest in inputs if digest is None and name in self.makers
        }
        names = [self.tasks[ordinal].step for ordinal in sorted(makers)]
        return "follows " + (", ".join(names) or "the member before in its sequence")

    def run_what_was_not_kept(self, asked: AbstractSet[str] = frozenset()) -> None:
        """Turn REUSE into RUN, from the end, where a value that was not kept is needed.

        By a later step, or by whoever asked for the plan (``asked``: names of values).
        """
        if not asked and all(task.action is Action.REUSE for task in self.tasks):
            return
        wanted = {"image", *asked}
        for ordinal in range(len(self.tasks) - 1, -1, -1):
            task = self.tasks[ordinal]
            result = self.known.get(str(task.key))
            outputs = {a.port: a.kept for a in result.outputs} if result else {}
            if any(not kept and port in wanted for port, kept in outputs.items()):
                task = replace(task, action=Action.RUN, reason=reasons.NOT_KEPT)
                self.tasks[ordinal] = task
                self.known.pop(str(task.key))
            wanted -= set(outputs) if result else self.makes[ordinal]
            if task.action is not Action.REUSE:
                wanted |= set(self.needs[ordinal])


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


def handed_on(pages: list[PageDraft], specs: list[StepSpec]) -> Carry:
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
