"""The plugins of a process: what became of each, what they offer, and their hooks as methods."""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import pluggy

from archivist.api.errors import PluginError, UsageError
from archivist.api.extensions import (
    Candidate,
    CheckSpec,
    CodecSpec,
    ExporterSpec,
    ReferenceQuery,
    RunInfo,
    StepEvent,
)
from archivist.api.steps import StepSpec

log = logging.getLogger(__name__)

Extension = CodecSpec | CheckSpec | ExporterSpec


class PluginState(StrEnum):
    """What became of an installed plugin."""

    LOADED = "loaded"
    """It works."""
    BROKEN = "broken"
    """It cannot be loaded, or part of what it offers cannot be used; ``error`` says why."""
    BLOCKED = "blocked"
    """The configuration does not let it load; none of its code was run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginInfo:
    """An installed plugin.

    ``module`` is where it is, ``seconds`` the time that loading it took.
    """

    name: str
    distribution: str
    version: str
    state: PluginState
    module: str = ""
    seconds: float = 0.0
    error: str | None = None
    kept_out: str = ""
    """Which key of the configuration does not let it load, and how."""
    hooks: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    """Codecs, checks and exporters that it offers, by kind and id: ``codec:jp2``."""


def canonical(name: str) -> str:
    """Return a distribution's name as package indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _may_offer(info: PluginInfo, step_id: str) -> bool:
    distribution = canonical(info.distribution)
    names = {canonical(info.name), distribution, distribution.removeprefix("archivist-")}
    return canonical(step_id.partition(".")[0]) in names and not info.steps


@dataclass(frozen=True, slots=True)
class Offer:
    """Something that a plugin offers: a ``step``, ``codec``, ``check`` or ``exporter``."""

    kind: str
    spec: StepSpec | Extension
    owner: PluginInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugins:
    """All plugins of a process and what they offer, keyed by id. Made by :func:`load_plugins`."""

    manager: pluggy.PluginManager
    steps: Mapping[str, StepSpec]
    owners: Mapping[str, PluginInfo]
    """The plugin of each step, by step id."""
    infos: tuple[PluginInfo, ...]
    codecs: Mapping[str, CodecSpec]
    checks: Mapping[str, CheckSpec]
    exporters: Mapping[str, ExporterSpec]
    withdrawn: Mapping[str, str] = field(default_factory=dict)
    """Steps that were offered but cannot be used, by id, each with the reason."""
    extension_owners: Mapping[tuple[str, str], PluginInfo] = field(default_factory=dict)
    """The plugin of each codec, check and exporter, by kind (``codecs``) and id."""

    def offer(self, name: str) -> Offer:
        """Return what goes by an id (``jp2``), or by kind and id (``codec:jp2``).

        Raises :class:`~archivist.api.errors.UsageError` when there is none, or several kinds have
        it, with the cure.
        """
        kind, _, plain = name.rpartition(":")
        found = [one for one in self._offers() if one.spec.id == plain and kind in ("", one.kind)]
        if len(found) > 1:
            names = " or ".join(f"{one.kind}:{plain}" for one in found)
            raise UsageError(f"{plain!r} is the id of several things. Cure: name one: {names}")
        if found:
            return found[0]
        if kind not in ("", "step"):
            cure = "archivist plugins list names what there is, by kind and id"
            raise UsageError(f"there is no {kind} {plain!r}. Cure: {cure}")
        others = sorted({one.spec.id for one in self._offers() if one.kind != "step"})
        nearest = difflib.get_close_matches(plain, [*self.steps, *others], n=1, cutoff=0.5)
        if nearest and nearest[0] in others:
            known = ", ".join(others)
            raise UsageError(
                f"nothing is called {name!r}; did you mean {nearest[0]!r}? Beside steps are "
                f"known: {known}"
            )
        return Offer("step", self.require(plain), self.owners[plain])

    def _offers(self) -> Iterator[Offer]:
        for step, spec in self.steps.items():
            yield Offer("step", spec, self.owners[step])
        extensions: Mapping[str, Mapping[str, Extension]] = {
            "codecs": self.codecs,
            "checks": self.checks,
            "exporters": self.exporters,
        }
        for name, specs in extensions.items():
            for other, extension in specs.items():
                owner = self.extension_owners[name, other]
                yield Offer(name.removesuffix("s"), extension, owner)

    def require(self, step_id: str) -> StepSpec:
        """Return a step.

        Raises :class:`~archivist.api.errors.UsageError` that names the nearest id and all others.
        """
        if step_id in self.steps:
            return self.steps[step_id]
        if step_id in self.withdrawn:
            raise UsageError(f"step {step_id!r} cannot be used: {self.withdrawn[step_id]}")
        absent = self.why_absent(step_id)
        if absent:
            raise UsageError(f"there is no step {step_id!r}: {absent}")
        near = difflib.get_close_matches(step_id, self.steps, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}? " if near else ""
        known = ", ".join(sorted(self.steps)) or "none; install a plugin"
        raise UsageError(f"there is no step {step_id!r}; {hint}Known steps: {known}")

    def why_absent(self, step_id: str) -> str:
        """Say which plugin may have the step but is kept out or broken; empty if none seems to.

        Code that was not loaded tells no steps, so the plugin is known by its name, or by that of
        its distribution: ``x`` or ``archivist-x`` for the step ``x.verb``.
        """
        for info in self.infos:
            named = _may_offer(info, step_id)
            if info.state is PluginState.BLOCKED and named:
                cure = f"Cure: let it in there, as {info.distribution}"
                return f"it may come with {info.distribution}, which {info.kept_out}. {cure}"
            named = named or f"step {step_id}:" in str(info.error)
            if info.state is PluginState.BROKEN and named:
                cure = f"Cure: pip install --upgrade {info.distribution}, or tell its author"
                return (
                    f"it may come with {info.distribution}, which is broken: {info.error}. {cure}"
                )
        return ""

    def rank_references(
        self, query: ReferenceQuery, candidates: Sequence[Candidate]
    ) -> Sequence[Candidate] | None:
        """Return the candidates in the order of the first plugin that orders them, else None.

        Raises :class:`~archivist.api.errors.PluginError` when a plugin names other candidates.
        """
        ranked = self.manager.hook.archivist_rank_references(query=query, candidates=candidates)
        if ranked is None:
            return None
        offered = {candidate.digest for candidate in candidates}
        foreign = [candidate.digest for candidate in ranked if candidate.digest not in offered]
        if foreign:
            message = f"returned a candidate that it was not given: {foreign[0]}"
            raise PluginError("archivist_rank_references", message)
        return tuple(ranked)

    def step_finished(self, event: StepEvent) -> None:
        """Tell all observers that a step of an asset ended. An observer's error is only logged."""
        self._observe("archivist_step_finished", event=event)

    def run_finished(self, run: RunInfo) -> None:
        """Tell all observers that the run ended. An observer's error is only logged."""
        self._observe("archivist_run_finished", run=run)

    def _observe(self, hook: str, **arguments: object) -> None:
        # Each observer is called on its own, so that one that fails does not silence the next.
        for impl in getattr(self.manager.hook, hook).get_hookimpls():
            values = [arguments[name] for name in impl.argnames]
            try:
                impl.function(*values)
            except Exception:
                log.exception("plugin %s failed in %s; the run goes on", impl.plugin_name, hook)
