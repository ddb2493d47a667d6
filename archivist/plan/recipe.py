"""A recipe as written, checked against the plugins: steps, params, and ports that fit together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archivist.api.errors import ConfigError
from archivist.api.steps import StepSpec
from archivist.config import (
    RecipeSettings,
    Settings,
    first_party_steps,
    shipped_recipes,
    unknown,
)
from archivist.model import Override, Recipe, RecipeStep
from archivist.plan.lookalikes import takes_lookalikes
from archivist.plan.ports import check_ports
from archivist.plan.where import parse
from archivist.plugins import Plugins, PluginState, make_params, plain_params

SHIPPED = "the recipes that ship"
"""What errors name instead of a file."""


def choose_recipe(settings: Settings, name: str | None, plugins: Plugins, *, where: str) -> Recipe:
    """Return the recipe of that name (None: the configured one), checked.

    Raises :class:`ConfigError` naming the file, the key and what is allowed.
    """
    name = name or settings.recipe
    if name not in settings.recipes:
        problem = unknown(name, settings.recipes)
        if not settings.recipes:
            problem += ". Cure: archivist.config.load() gives settings with the recipes that ship"
        raise ConfigError(problem, where=where, key="recipe")
    return build_recipe(
        name, settings.recipes[name], plugins, where=place_of(name, settings, where)
    )


def place_of(name: str, settings: Settings, where: str) -> str:
    """Return where a recipe stands: in the file ``where``, or among those that ship."""
    shipped = shipped_recipes().get(name, {}).get("steps")
    return SHIPPED if shipped == list(settings.recipes[name].steps) else where


def build_recipe(
    name: str, settings: RecipeSettings, plugins: Plugins, *, where: str = ""
) -> Recipe:
    """Return a recipe with all defaults filled in, its ports checked."""
    key = f"recipes.{name}"
    if not settings.steps:
        raise ConfigError("has no steps; give steps = [{ use = ... }]", where=where, key=key)
    steps = tuple(
        _step(table, plugins, where=where, key=f"{key}.steps[{n}]")
        for n, table in enumerate(settings.steps)
    )
    overrides = tuple(
        _override(table, steps, plugins, where=where, key=f"{key}.overrides[{n}]")
        for n, table in enumerate(settings.overrides)
    )
    _check_once(steps, where=where, key=key)
    specs = [plugins.require(step.step) for step in steps]
    check_ports(specs, settings.inputs, where, key)
    _check_one_embedding(specs, overrides, where=where, key=key)
    return Recipe(
        name=name,
        title=settings.title,
        steps=steps,
        overrides=overrides,
        inputs=dict(settings.inputs),
        seed=settings.seed,
    )


def _spec(table: Mapping[str, Any], plugins: Plugins, *, where: str, key: str) -> StepSpec:
    use = table.get("use")
    if not isinstance(use, str):
        raise ConfigError("needs `use`, the id of a step", where=where, key=key)
    if use not in plugins.steps:
        raise ConfigError(_why_missing(use, plugins), where=where, key=f"{key}.use")
    return plugins.steps[use]


def _why_missing(step: str, plugins: Plugins) -> str:
    """Say why there is no such step: misspelt, kept out, broken, or not installed."""
    homes = first_party_steps()
    if step in plugins.withdrawn:
        return f"{step} cannot be used: {plugins.withdrawn[step]}"
    if step not in homes:
        absent = plugins.why_absent(step)
        name = unknown(step, {*plugins.steps, *homes})
        return f"{step} is not there: {absent}. If it is not from there: {name}" if absent else name
    home = homes[step]
    there = next((info for info in plugins.infos if info.distribution == home), None)
    if there is None:
        return f"{step} comes with {home}, which is not installed. Cure: pip install {home}"
    if there.state is PluginState.BLOCKED:
        cure = "name it under [plugins] allow, and not under block"
        return f"{step} comes with {home}, which the configuration keeps out. Cure: {cure}"
    if there.state is PluginState.BROKEN:
        return f"{step} comes with {home}, which cannot be loaded: {there.error}"
    cure = f"pip install --upgrade {home}"
    return f"{step} does not come with {home} {there.version}, but with a newer one. Cure: {cure}"


def _step(table: Mapping[str, Any], plugins: Plugins, *, where: str, key: str) -> RecipeStep:
    spec = _spec(table, plugins, where=where, key=key)
    return RecipeStep(step=spec.id, params=full_params(spec, _own(table), where=where, key=key))


def _own(table: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in table.items() if name not in ("use", "where")}


def full_params(
    spec: StepSpec, values: Mapping[str, Any], *, where: str = "", key: str = ""
) -> dict[str, object]:
    """Return the params of a step with every default filled in, checked."""
    return plain_params(make_params(spec, values, where=where, key=key))


def _override(
    table: Mapping[str, Any],
    steps: tuple[RecipeStep, ...],
    plugins: Plugins,
    *,
    where: str,
    key: str,
) -> Override:
    spec = _spec(table, plugins, where=where, key=key)
    if spec.id not in {step.step for step in steps}:
        message = f"{spec.id!r} is no step of this recipe"
        raise ConfigError(message, where=where, key=f"{key}.use")
    expression = table.get("where")
    if not isinstance(expression, str):
        raise ConfigError("needs `where`, an expression", where=where, key=key)
    parse(expression, where=where, key=f"{key}.where")
    full_params(spec, _own(table), where=where, key=key)
    return Override(where=expression, step=spec.id, params=_own(table))


def _check_once(steps: tuple[RecipeStep, ...], *, where: str, key: str) -> None:
    names = [step.step for step in steps]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        message = f"{', '.join(twice)} occurs twice; a recipe names each step once"
        raise ConfigError(message, where=where, key=f"{key}.steps")


def _check_one_embedding(
    specs: list[StepSpec], overrides: tuple[Override, ...], *, where: str, key: str
) -> None:
    """Refuse params of their own for the embeddings of some assets: all must be comparable."""
    if not any(takes_lookalikes(spec) for spec in specs):
        return
    for number, override in enumerate(overrides):
        if override.step == specs[0].id:
            message = (
                f"{specs[0].id} must embed all pictures with the same params, else they cannot be "
                "compared; give the params in the recipe's own steps"
            )
            raise ConfigError(message, where=where, key=f"{key}.overrides[{number}]")
