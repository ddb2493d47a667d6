"""A recipe as written, checked against the plugins: steps, params, and ports that fit together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archivist.api.errors import ConfigError
from archivist.api.steps import Kind, StepSpec
from archivist.config import RecipeSettings, Settings, unknown
from archivist.model import Override, Recipe, RecipeStep
from archivist.plan.lookalikes import embeds_the_scan, takes_lookalikes
from archivist.plan.where import parse
from archivist.plugins import Plugins, make_params, plain_params


def choose_recipe(settings: Settings, name: str | None, plugins: Plugins, *, where: str) -> Recipe:
    """Return the recipe of that name (None: the configured one), checked.

    Raises :class:`ConfigError` naming the file, the key and what is allowed.
    """
    name = name or settings.recipe
    if name not in settings.recipes:
        raise ConfigError(unknown(name, settings.recipes), where=where, key="recipe")
    return build_recipe(name, settings.recipes[name], plugins, where=where)


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
        raise ConfigError(unknown(use, plugins.steps), where=where, key=f"{key}.use")
    return plugins.steps[use]


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
    parse(expression)
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


def check_ports(
    specs: list[StepSpec], supplied: Mapping[str, str], where: str = "", key: str = ""
) -> None:
    """Check that each required input is made by an earlier step, or is the scan itself.

    Raises :class:`ConfigError` that names the step, the port and the steps before it.
    """
    made: dict[str, Kind] = {"image": Kind.IMAGE}
    wanted = {port.name: port.kind for spec in specs for port in spec.inputs}
    for name in supplied:
        if name not in wanted:
            raise ConfigError(unknown(name, wanted), where=where, key=f"{key}.inputs")
        made[name] = wanted[name]
    for number, spec in enumerate(specs):
        place = f"{key}.steps[{number}]"
        if asked := takes_lookalikes(spec):
            if not (number and embeds_the_scan(specs[0])):
                message = (
                    f"{spec.id} finds similar pictures by their embeddings; begin the recipe with "
                    'a step that makes one of the scan alone: { use = "embedding.compute" }'
                )
                raise ConfigError(message, where=where, key=place)
            made |= dict.fromkeys(asked, Kind.REFERENCES)
        for port in spec.inputs:
            if port.previous:
                continue
            kind = made.get(port.name)
            if kind is None and port.required:
                message = (
                    f"{spec.id} needs {port.name!r} ({port.kind}), which no earlier step makes; "
                    f"put a step that makes it before {spec.id}"
                )
                raise ConfigError(message, where=where, key=place)
            if kind is not None and kind is not port.kind:
                message = f"{spec.id} needs {port.name!r} as {port.kind}, an earlier step makes it"
                raise ConfigError(f"{message} as {kind}", where=where, key=place)
        made.update({port.name: port.kind for port in spec.outputs})
