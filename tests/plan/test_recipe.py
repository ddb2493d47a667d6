"""Recipes are checked when they are read: steps that are there, ports that fit, a sound order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from archivist.api import Kind, Port
from archivist.api.errors import ConfigError, UsageError
from archivist.config import RecipeSettings, Settings, first_party_steps, load, shipped_recipes
from archivist.plan import build_recipe, choose_recipe
from archivist.plan.ports import check_ports
from archivist.plugins import PluginInfo, PluginState, load_plugins


def recipe(plugins, *steps: str, **more):
    settings = RecipeSettings(steps=tuple({"use": step} for step in steps), **more)
    return build_recipe("mine", settings, plugins, where="archive.toml")


@pytest.fixture
def find(archive):
    return archive.specs[0]


@pytest.fixture
def mend(archive):
    return archive.specs[1]


@pytest.fixture
def soften(mend):
    """A step that takes a mask where there is one."""
    mask = Port(name="mask", kind=Kind.MASK, required=False)
    return replace(mend, id="dust.soften", inputs=[mend.inputs[0], mask])


@pytest.fixture
def plugins(plugins_of, find, mend):
    return plugins_of(find, mend)


def test_a_step_that_nobody_knows_names_the_nearest_with_file_and_key(plugins):
    message = r"archive\.toml: recipes\.mine\.steps\[1\]\.use: .*'dust\.mnd'.*mean 'dust\.mend'"
    with pytest.raises(ConfigError, match=message):
        recipe(plugins, "dust.find", "dust.mnd")


def test_a_misspelt_step_of_a_plugin_that_is_not_installed_is_named_too(plugins):
    with pytest.raises(ConfigError, match=r"mean 'color\.colorize'"):
        recipe(plugins, "colour.colorize")


def test_a_step_whose_plugin_is_not_installed_names_it(plugins):
    others = tuple(one for one in plugins.infos if one.distribution != "archivist-faces")

    with pytest.raises(ConfigError, match=r"comes with archivist-faces, which is not installed"):
        recipe(replace(plugins, infos=others), "face.detect")


@pytest.mark.parametrize(
    ("state", "error", "says"),
    [
        (PluginState.BLOCKED, None, "which the configuration keeps out"),
        (PluginState.BROKEN, "ImportError: no torch", "cannot be loaded: ImportError: no torch"),
        (PluginState.LOADED, None, "does not come with archivist-faces 0.1"),
    ],
)
def test_a_step_that_its_plugin_does_not_give_says_why(plugins, state, error, says):
    info = PluginInfo(
        name="faces", distribution="archivist-faces", version="0.1", state=state, error=error
    )
    with pytest.raises(ConfigError, match=says):
        recipe(replace(plugins, infos=(info,)), "face.detect")


@pytest.mark.parametrize(
    ("name", "distribution", "more", "says"),
    [
        ("film", "museum", {"kept_out": "is named under [plugins] block"}, "is named under"),
        ("f", "archivist-film", {"kept_out": "is not named under [plugins] allow"}, "let it in"),
        ("f", "Film", {"error": "SyntaxError: line 3"}, "is broken: SyntaxError: line 3"),
        ("f", "museum", {"error": "step film.steady: no title"}, "is broken: step film.steady"),
    ],
)
def test_a_step_of_a_strange_plugin_that_is_kept_out_or_broken_says_so(
    plugins, name, distribution, more, says
):
    state = PluginState.BLOCKED if "kept_out" in more else PluginState.BROKEN
    info = PluginInfo(name=name, distribution=distribution, version="1.0", state=state, **more)
    plugins = replace(plugins, infos=(*plugins.infos, info))

    message = rf"steps\[0\]\.use: film.steady is not there: it may come with {distribution}, which"
    with pytest.raises(ConfigError, match=message) as caught:
        recipe(plugins, "film.steady")
    assert says in str(caught.value)
    with pytest.raises(UsageError, match=f"it may come with {distribution}"):
        plugins.require("film.steady")


def test_a_broken_plugin_is_not_blamed_for_a_misspelt_step_beside_its_own(plugins):
    info = PluginInfo(
        name="dust",
        distribution="dust",
        version="1.0",
        state=PluginState.BROKEN,
        error="checks: no title",
        steps=("dust.find",),
    )
    with pytest.raises(ConfigError, match=r"use: unknown name 'dust\.mnd'"):
        recipe(replace(plugins, infos=(*plugins.infos, info)), "dust.mnd")


def test_a_recipe_that_ships_is_not_looked_for_in_the_users_file(plugins):
    with pytest.raises(ConfigError, match=r"^the recipes that ship: recipes\.full\.steps"):
        choose_recipe(load(), "full", plugins, where="archive.toml")


def test_a_recipe_of_the_user_with_the_name_of_one_that_ships_is_the_users(plugins):
    settings = Settings(recipes={"full": RecipeSettings(steps=({"use": "dust.mnd"},))})

    with pytest.raises(ConfigError, match=r"^archive\.toml: recipes\.full"):
        choose_recipe(settings, "full", plugins, where="archive.toml")


def test_every_step_that_ships_in_a_recipe_has_a_distribution():
    used = {step["use"] for table in shipped_recipes().values() for step in table["steps"]}

    assert used <= set(first_party_steps())


def test_the_distributions_of_the_steps_are_those_that_offer_them():
    owners = {step: info.distribution for step, info in load_plugins().owners.items()}
    ours = {step: owners[step] for step in first_party_steps() if step in owners}

    assert ours == {step: first_party_steps()[step] for step in ours}
    assert len(ours) >= 6


def test_a_step_twice_is_refused(plugins):
    with pytest.raises(ConfigError, match=r"dust\.find occurs twice"):
        recipe(plugins, "dust.find", "dust.mend", "dust.find")


def test_mending_before_finding_says_which_to_put_first(find, mend):
    with pytest.raises(ConfigError, match=r"put dust\.find before dust\.mend"):
        check_ports([mend, find], {})


def test_an_optional_input_that_is_made_too_late_for_all_is_refused(find, soften):
    with pytest.raises(ConfigError, match=r"put dust\.find before dust\.soften"):
        check_ports([soften, find], {})


def test_a_value_that_is_made_later_for_another_step_is_no_wrong_order(find, mend, soften):
    check_ports([soften, find, mend], {})


def test_a_value_made_by_hand_needs_no_step_that_makes_it(mend):
    check_ports([mend], {"mask": "masks"})


def test_an_input_that_no_step_makes_says_so(mend):
    with pytest.raises(ConfigError, match=r"dust\.mend needs 'mask' \(mask\), which no earlier"):
        check_ports([mend], {})


def test_a_value_of_another_kind_names_the_step_that_makes_it(find, mend):
    soft = replace(find, outputs=[Port(name="mask", kind=Kind.PROBABILITY)])

    with pytest.raises(ConfigError, match=r"as mask, dust\.find makes it as probability"):
        check_ports([soft, mend], {})


def test_an_input_by_hand_that_no_step_takes_names_the_nearest(find, mend):
    with pytest.raises(ConfigError, match=r"mine\.inputs: unknown name 'maks'.*'mask'"):
        check_ports([find, mend], {"maks": "masks"}, key="mine")


def test_an_expression_of_an_override_is_shown_with_file_and_key(plugins):
    overrides = ({"where": "width >", "use": "dust.find"},)

    with pytest.raises(ConfigError, match=r"archive\.toml: recipes\.mine\.overrides\[0\]\.where"):
        recipe(plugins, "dust.find", "dust.mend", overrides=overrides)


def test_settings_without_any_recipe_are_refused_with_the_way_to_load_them(plugins_of):
    with pytest.raises(ConfigError, match=r"Cure: archivist\.config\.load\(\)"):
        choose_recipe(Settings(), "scratch", plugins_of(), where="defaults")
