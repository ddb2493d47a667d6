"""The second pass of a plan: steps that take lookalikes of the archive."""

from __future__ import annotations

from dataclasses import replace

import pytest

from archivist.api import Kind, Port, StepSpec
from archivist.api.errors import ConfigError
from archivist.config import RecipeSettings
from archivist.model import Lookalike
from archivist.plan import build_recipe
from archivist.plan.recipe import check_ports
from archivist.plugins import Plugins

HERE = "a" * 64


def looks_like(digest: str, *, cosine: float = 0.9, x: int = 0) -> Lookalike:
    region = (x, 0, 300, 200)
    return Lookalike(asset=digest, page=0, region=region, near=(0, 0, 300, 200), cosine=cosine)


def told(archive) -> dict[str, tuple[str, str]]:
    return {step: (action, reason) for step, action, reason in archive.told()}


def test_before_the_archive_is_embedded_the_choice_follows_the_embedding(similar):
    similar.search = None

    assert told(similar)["looks.choose"] == ("follow", "follows looks.embed")
    assert told(similar)["looks.borrow"] == ("follow", "follows looks.choose")


def test_when_the_lookalikes_are_known_the_choice_runs(similar):
    assert told(similar)["looks.choose"] == ("run", "new")


def test_the_lookalikes_and_their_snapshot_travel_with_the_work(similar):
    similar.search.found = {HERE: (looks_like("b" * 64),)}

    page = similar.units()[0].files[0].pages[0]

    assert page.lookalikes == {"lookalikes": (looks_like("b" * 64),)}
    assert page.snapshot == similar.search.snapshot


def test_a_picture_without_an_embedding_has_no_lookalikes(similar):
    assert similar.units()[0].files[0].pages[0].lookalikes == {"lookalikes": ()}


def test_a_recipe_without_references_asks_for_no_lookalikes(archive):
    assert archive.units()[0].files[0].pages[0].lookalikes == {}


def test_the_same_lookalikes_again_need_nothing(similar):
    similar.search.found = {HERE: (looks_like("b" * 64),)}
    similar.finish()

    assert {action for action, _ in told(similar).values()} == {"reuse"}


def test_another_similarity_of_the_same_places_changes_nothing(similar):
    similar.search.found = {HERE: (looks_like("b" * 64),)}
    similar.finish()
    similar.search.found = {HERE: (looks_like("b" * 64, cosine=0.8),)}

    assert {action for action, _ in told(similar).values()} == {"reuse"}


@pytest.mark.parametrize("now", [(), (looks_like("c" * 64),), (looks_like("b" * 64, x=9),)])
def test_other_lookalikes_are_named_as_the_reason(similar, now):
    similar.search.found = {HERE: (looks_like("b" * 64),)}
    similar.finish()
    similar.search.found = {HERE: now}

    assert told(similar)["looks.choose"] == ("run", "input changed: lookalikes")
    assert told(similar)["looks.borrow"] == ("follow", "follows looks.choose")


def test_what_follows_carries_its_last_result_in_case_the_same_are_chosen(similar):
    similar.finish()
    similar.search.found = {HERE: (looks_like("b" * 64),)}

    page = similar.units()[0].files[0].pages[0]

    assert similar.past.newest[HERE, "looks.borrow"].result in page.known


def test_lookalikes_are_asked_for_once_for_many_files(similar):
    similar.files = [
        replace(f, digest=d * 64, assets=(replace(f.assets[0], digest=d * 64),))
        for f in similar.files
        for d in "abcd"
    ]
    similar.units()

    assert similar.search.asked == [4]


def test_texture_and_colour_are_looked_for_apart(colourful):
    colourful.search.found = {HERE: (looks_like("b" * 64),)}
    colourful.search.of_colour = {HERE: (looks_like("c" * 64),)}

    page = colourful.units()[0].files[0].pages[0]

    assert page.lookalikes == {
        "lookalikes": (looks_like("b" * 64),),
        "colour_lookalikes": (looks_like("c" * 64),),
    }


def test_other_lookalikes_in_colour_leave_the_choice_of_references_as_it_is(colourful):
    colourful.finish()
    colourful.search.of_colour = {HERE: (looks_like("c" * 64),)}

    assert told(colourful)["looks.choose"] == ("reuse", "up to date")
    assert told(colourful)["looks.match"] == ("run", "input changed: colour_lookalikes")


def test_before_the_archive_is_embedded_both_choices_follow_the_embedding(colourful):
    colourful.search = None

    assert told(colourful)["looks.match"] == ("follow", "follows looks.embed")


def test_an_embedding_that_was_not_kept_is_made_again_when_it_is_asked_for(similar):
    similar.specs = similar.specs[:1]
    similar.finish(kept=False)

    assert similar.told(asked={"embedding"}) == [
        ("looks.embed", "run", "its earlier result was not kept in the store")
    ]


def test_a_kept_embedding_is_not_made_again(similar):
    similar.specs = similar.specs[:1]
    similar.finish()

    assert similar.told(asked={"embedding"}) == [("looks.embed", "reuse", "up to date")]


# --- recipes --------------------------------------------------------------------------------


@pytest.fixture
def specs(similar) -> list[StepSpec]:
    return similar.specs


def test_a_recipe_that_embeds_chooses_and_borrows_is_taken(specs):
    check_ports(specs, {})


def test_a_choice_without_an_embedding_before_it_names_the_cure(specs):
    with pytest.raises(ConfigError, match=r"begin the recipe with .*embedding\.compute"):
        check_ports(specs[1:], {})


def test_a_choice_of_exemplars_needs_an_embedding_too(colourful):
    check_ports(colourful.specs, {})
    with pytest.raises(ConfigError, match=r"looks\.match finds similar pictures"):
        check_ports(colourful.specs[2:], {})


def test_an_embedding_of_anything_but_the_scan_is_refused(specs):
    mask = Port(name="mask", kind=Kind.MASK, required=False)
    specs[0] = replace(specs[0], inputs=[*specs[0].inputs, mask])

    with pytest.raises(ConfigError, match="of the scan alone"):
        check_ports(specs, {})


def test_a_step_that_cannot_do_without_references_needs_a_choice_before_it(specs):
    must = replace(specs[2], inputs=[replace(port, required=True) for port in specs[2].inputs])

    with pytest.raises(ConfigError, match="needs 'references'"):
        check_ports([specs[0], must], {})


def test_embeddings_with_params_of_their_own_for_some_assets_are_refused(specs, plugins_of):
    plugins: Plugins = plugins_of(*specs)
    settings = RecipeSettings(
        steps=tuple({"use": spec.id} for spec in specs),
        overrides=({"where": "width > 9", "use": "looks.embed"},),
    )

    with pytest.raises(ConfigError, match="cannot be compared"):
        build_recipe("enlarge", settings, plugins)
