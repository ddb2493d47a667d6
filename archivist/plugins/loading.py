"""Find plugins by their entry points, load each on its own, and check what it offers."""

from __future__ import annotations

import difflib
import importlib
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Any

import pluggy

from archivist import __version__
from archivist.api import hookspecs
from archivist.api.errors import PluginError
from archivist.api.extensions import CheckSpec, CodecSpec, ExporterSpec
from archivist.api.hookspecs import GROUP
from archivist.api.steps import StepSpec
from archivist.model import shortened
from archivist.plugins.manager import PluginInfo, Plugins, PluginState, canonical
from archivist.plugins.validate import extension_problem, spec_problems

log = logging.getLogger(__name__)

BUILT_IN = {"references": "archivist.references.plugin"}
"""Plugins of archivist itself, by name: part of the engine, so no configuration keeps them out."""


def load_plugins(
    allow: Sequence[str] | None = None,
    block: Sequence[str] = (),
    *,
    extra: Mapping[str, object] | None = None,
) -> Plugins:
    """Load all installed plugins, each on its own; one that fails is recorded, the rest goes on.

    The plugins of archivist itself come first, whatever is allowed.
    ``allow`` restricts loading to these distributions (None: all); ``block`` keeps distributions
    or plugins out by name. ``extra`` adds plugin objects by name that are not installed. Looking
    through the installed packages costs about 90 ms, so only call this when steps are needed.
    """
    loader = _Loader()
    for name, module in BUILT_IN.items():
        info = _info(name, "archivist", __version__, module=module)
        loader.load(info, partial(importlib.import_module, module))
    for point in _entry_points():
        loader.load_entry_point(point, _kept_out(point, allow, block))
    for name, plugin in (extra or {}).items():
        loader.load(_info(name), partial(_same, plugin))
    return loader.finish()


def _same(plugin: object) -> object:
    return plugin


def _entry_points() -> list[EntryPoint]:
    # Sorted, so that the order of plugins does not hang on the order of folders on a disk.
    points = entry_points(group=GROUP)
    return sorted(points, key=lambda point: (_distribution(point)[0].lower(), point.name))


def _kept_out(point: EntryPoint, allow: Sequence[str] | None, block: Sequence[str]) -> str:
    """Return which key keeps a plugin out; empty when it may be loaded."""
    distribution = canonical(_distribution(point)[0])
    blocked = {canonical(name) for name in block}
    if distribution in blocked or canonical(point.name) in blocked:
        return "is named under [plugins] block"
    if allow is None or distribution in {canonical(name) for name in allow}:
        return ""
    return "is not named under [plugins] allow"


def unknown_plugins(
    plugins: Plugins, allow: Sequence[str], block: Sequence[str]
) -> tuple[str, ...]:
    """Return a sentence for each name under [plugins] that no installed plugin has."""
    distributions = {canonical(info.distribution) for info in plugins.infos}
    names = distributions | {canonical(info.name) for info in plugins.infos}
    wrong = [("allow", name) for name in allow if canonical(name) not in distributions]
    wrong += [("block", name) for name in block if canonical(name) not in names]
    return tuple(
        f"[plugins] {key} names {name!r}, but no plugin of that name is installed; "
        "`archivist plugins list` lists them"
        for key, name in wrong
    )


def _distribution(point: EntryPoint) -> tuple[str, str]:
    return (point.dist.name, point.dist.version) if point.dist else ("", "")


def _info(name: str, distribution: str = "", version: str = "", *, module: str = "") -> PluginInfo:
    return PluginInfo(
        name=name,
        distribution=distribution,
        version=version,
        module=module,
        state=PluginState.LOADED,
    )


class _Loader:
    """Collects plugins and what they offer until the picture is whole."""

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager(GROUP)
        self.manager.add_hookspecs(hookspecs)
        self.infos: dict[str, PluginInfo] = {}
        self.problems: dict[str, list[str]] = {}
        self.offers: dict[str, list[tuple[str, StepSpec]]] = {}
        self.extensions: dict[str, dict[str, Any]] = {"codecs": {}, "checks": {}, "exporters": {}}
        self.extension_keys: dict[tuple[str, str], str] = {}

    def load_entry_point(self, point: EntryPoint, kept_out: str) -> None:
        info = _info(point.name, *_distribution(point), module=point.module)
        if kept_out:
            self._add(replace(info, state=PluginState.BLOCKED, kept_out=kept_out))
        else:
            self.load(info, point.load)

    def load(self, info: PluginInfo, make: Callable[[], object]) -> None:
        start = time.perf_counter()
        key = self._add(info)
        try:
            self._register(key, make())
            self._collect(key)
        except (Exception, SystemExit) as error:
            log.debug("plugin %s cannot be loaded", info.name, exc_info=True)
            self.problems[key].append(shortened(f"{type(error).__name__}: {error}"))
        self.infos[key] = replace(self.infos[key], seconds=time.perf_counter() - start)

    def finish(self) -> Plugins:
        self._withdraw_duplicates()
        for key, problems in self.problems.items():
            if problems:
                error = "; ".join(problems)
                self.infos[key] = replace(self.infos[key], state=PluginState.BROKEN, error=error)
        kept = {step: offers[0] for step, offers in self.offers.items() if len(offers) == 1}
        for step, (key, _) in kept.items():
            info = self.infos[key]
            self.infos[key] = replace(info, steps=(*info.steps, step))
        for (name, other), key in self.extension_keys.items():
            shown = f"{name.removesuffix('s')}:{other}"
            self.infos[key] = replace(self.infos[key], others=(*self.infos[key].others, shown))
        return Plugins(
            manager=self.manager,
            steps=MappingProxyType({step: spec for step, (_, spec) in kept.items()}),
            owners=MappingProxyType({step: self.infos[key] for step, (key, _) in kept.items()}),
            infos=tuple(self.infos.values()),
            withdrawn=MappingProxyType(self.withdrawn),
            extension_owners=MappingProxyType(
                {place: self.infos[key] for place, key in self.extension_keys.items()}
            ),
            **{name: MappingProxyType(found) for name, found in self.extensions.items()},
        )

    @property
    def withdrawn(self) -> dict[str, str]:
        return {
            step: _duplicate(step, [self._label(key) for key, _ in offers])
            for step, offers in self.offers.items()
            if len(offers) > 1
        }

    def _add(self, info: PluginInfo) -> str:
        key = info.name if info.name not in self.infos else f"{info.name} ({info.distribution})"
        self.infos[key], self.problems[key] = info, []
        return key

    def _register(self, key: str, plugin: object) -> None:
        self.manager.register(plugin, name=key)
        callers = self.manager.get_hookcallers(plugin) or []
        unknown = [caller.name for caller in callers if not caller.has_spec()]
        if unknown:
            self.manager.unregister(name=key)
            near = difflib.get_close_matches(unknown[0], _hook_names(), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise PluginError(key, f"there is no hook {unknown[0]!r}{hint}")
        hooks = tuple(sorted(caller.name for caller in callers))
        self.infos[key] = replace(self.infos[key], hooks=hooks)

    def _collect(self, key: str) -> None:
        for spec in self._call(key, "archivist_steps"):
            problems = spec_problems(spec)
            if problems:
                name = getattr(spec, "id", repr(spec))
                self.problems[key].extend(f"step {name}: {problem}" for problem in problems)
            else:
                self.offers.setdefault(spec.id, []).append((key, spec))
        for name, kind in (
            ("codecs", CodecSpec),
            ("checks", CheckSpec),
            ("exporters", ExporterSpec),
        ):
            for offer in self._call(key, f"archivist_{name}"):
                self._collect_extension(key, name, kind, offer)

    def _collect_extension(self, key: str, name: str, kind: type, offer: Any) -> None:
        found = self.extensions[name]
        problem = extension_problem(offer, kind)
        if problem is None and offer.id in found:
            problem = "its id is taken by another plugin"
        if problem is None:
            found[offer.id] = offer
            self.extension_keys[name, offer.id] = key
        else:
            self.problems[key].append(f"{name}: {getattr(offer, 'id', offer)!r}: {problem}")

    def _call(self, key: str, hook: str) -> list[Any]:
        plugin = self.manager.get_plugin(key)
        caller = getattr(self.manager.hook, hook)
        offers: list[Any] = []
        for impl in caller.get_hookimpls():
            if impl.plugin is plugin:
                result: Iterable[Any] | None = impl.function()
                offers.extend(result or ())
        return offers

    def _withdraw_duplicates(self) -> None:
        # Which of two plugins came first must not decide how photographs are treated.
        for step, reason in self.withdrawn.items():
            for key, _ in self.offers[step]:
                self.problems[key].append(f"step {step}: {reason}")

    def _label(self, key: str) -> str:
        info = self.infos[key]
        return f"{info.name} ({info.distribution} {info.version})" if info.distribution else key


def _duplicate(step: str, labels: Sequence[str]) -> str:
    return (
        f"{' and '.join(labels)} both offer it; "
        "uninstall one of them or name it under [plugins] block"
    )


def _hook_names() -> list[str]:
    return [name for name in vars(hookspecs) if name.startswith("archivist_")]
