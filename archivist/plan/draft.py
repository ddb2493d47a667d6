"""The plan of one page while it is decided, step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from archivist.api.steps import StepSpec
from archivist.model import Action, Asset, KnownResult, Lookalike, Supplied, Task
from archivist.plan import reasons
from archivist.plan.lookup import Previous, Redo


@dataclass(frozen=True, slots=True)
class Link:
    """What a step made of a member of a sequence, as its next member finds it.

    ``digest`` is None as long as it is not made; ``size`` is that of the member's upright scan.
    """

    digest: str | None
    kept: bool
    size: tuple[int, int]


Carry = dict[tuple[int, str], Link]
"""(ordinal, port) -> the newest result in the sequence."""


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
    denied: Mapping[str, str] = field(default_factory=dict)
    """What the rights forbid: act -> reason."""
    redo: Redo | None = None
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

    def deny(self, task: Task) -> None:
        """Append a task that rights forbid; values stay as they are."""
        self.tasks.append(task)
        self.needs.append(())
        self.makes.append(set())

    @property
    def doing(self) -> list[Task]:
        """The tasks that are not denied."""
        return [task for task in self.tasks if task.action is not Action.DENIED]

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

    def pin(self, past: Mapping[tuple[str, str], Previous]) -> None:
        """Let the approved results stay; in a sequence they are what is handed on."""
        for n, task in enumerate(self.tasks):
            stays = past.get((task.asset, task.step))
            result = stays.result if stays is not None else None
            key = task.key if result is None else result.key
            if result is not None:
                self.known.setdefault(result.key, result)
            self.tasks[n] = replace(task, action=Action.PINNED, reason=reasons.PINNED, key=key)

    def hold(self) -> None:
        """Leave everything undone: the approved result of another scan stays in its place."""
        self.tasks = [replace(task, action=Action.HELD, reason=reasons.HELD) for task in self.tasks]

    def run_what_was_not_kept(self, asked: AbstractSet[str] = frozenset()) -> None:
        """Turn REUSE into RUN, from the end, where a value that was not kept is needed.

        By a later step, or by whoever asked for the plan (``asked``: names of values).
        """
        if not asked and all(task.action is Action.REUSE for task in self.doing):
            return
        wanted = {"image", *asked}
        for ordinal in range(len(self.tasks) - 1, -1, -1):
            task = self.tasks[ordinal]
            if task.action is Action.DENIED:
                continue
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
    spec: StepSpec, page: PageDraft, ordinal: int, carry: Carry
) -> list[tuple[str, str | None]]:
    """Return (port, digest) of the inputs that have a value, in the order of the ports.

    A member of another size than the one before it begins anew.
    """
    bound = []
    for port in spec.inputs:
        if port.previous:
            link = carry.get((ordinal, port.previous))
            if link is not None and link.size == page.asset.header.upright_size:
                bound.append((port.name, link.digest))
        elif port.name in page.values:
            bound.append((port.name, page.values[port.name]))
    return bound


def what_is_there(carry: Carry) -> Carry:
    """Return what a step can be given: what was not kept, or is no longer, begins anew."""
    return {place: link for place, link in carry.items() if link.kept}


def hand_on(carry: Carry, page: PageDraft, specs: Sequence[StepSpec]) -> None:
    """Note what the steps made of a member of a sequence, for the next member.

    Where a step makes nothing of it (it is skipped), what it made last stays.
    """
    size = page.asset.header.upright_size
    for task in page.tasks:
        ports = specs[task.ordinal].handed_on
        if task.action in (Action.RUN, Action.FOLLOW):
            links = {port: Link(None, True, size) for port in ports}
        else:
            result = page.known.get(str(task.key))
            links = {
                one.port: Link(one.digest, one.kept, size)
                for one in (result.outputs if result else ())
                if one.port in ports
            }
        carry.update({(task.ordinal, port): link for port, link in links.items()})
