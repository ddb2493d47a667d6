"""Plans with references: their lookalikes are frozen with them and come back whole."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text

from archivist.catalog import migrate, queries
from archivist.catalog.session import open_catalog
from archivist.catalog.writer import Writer
from archivist.model import Lookalike

NEAR = (0, 0, 320, 240)
SNAPSHOT = "5" * 64


@pytest.fixture
def others(make):
    facts = {"rights": "CC0", "object_id": "bridge", "date": "1905", "title": "The bridge"}
    asset = replace(make.file("b").assets[0], facts=facts)
    return [make.file("b", assets=(asset,)), make.file("c", pages=2)]


@pytest.fixture
def lookalikes(others):
    return tuple(
        Lookalike(asset=page.uid, page=page.page, region=(8, 9, 640, 480), near=NEAR, cosine=0.75)
        for file in others
        for page in file.assets[-1:]
    )


def with_lookalikes(unit, lookalikes):
    (file,) = unit.files
    found = {"lookalikes": lookalikes}
    pages = tuple(replace(page, lookalikes=found, snapshot=SNAPSHOT) for page in file.pages)
    return replace(unit, files=(replace(file, pages=pages),))


def frozen(catalog, run):
    ((_, unit),) = queries.work_units(catalog, run)
    return unit.files[0].pages[0]


def test_the_lookalikes_of_a_plan_come_back_in_their_order_with_path_page_and_facts(
    catalog, planned, make, others, lookalikes
):
    file = make.file("a")
    run = planned(file, *others, units=[with_lookalikes(make.unit(file), lookalikes)])

    page = frozen(catalog, run)

    facts = {"rights": "CC0", "object_id": "bridge", "date": "1905"}
    assert page.lookalikes["lookalikes"] == (
        replace(lookalikes[0], path="b.jpg", facts=facts),
        replace(lookalikes[1], path="c.jpg", page=1),
    )


def test_the_snapshot_comes_back_and_is_told_of_the_run(catalog, planned, make, others, lookalikes):
    file = make.file("a")
    run = planned(file, *others, units=[with_lookalikes(make.unit(file), lookalikes)])

    assert frozen(catalog, run).snapshot == SNAPSHOT
    assert queries.run(catalog, run).snapshot == SNAPSHOT


def test_what_looks_alike_for_each_input_comes_back_under_its_name(
    catalog, planned, make, others, lookalikes
):
    file = make.file("a")
    unit = with_lookalikes(make.unit(file), lookalikes[:1])
    page = unit.files[0].pages[0]
    both = page.lookalikes | {"colour_lookalikes": lookalikes[1:]}
    unit = replace(unit, files=(replace(unit.files[0], pages=(replace(page, lookalikes=both),)),))

    found = frozen(catalog, planned(file, *others, units=[unit])).lookalikes

    assert {port: [one.asset for one in some] for port, some in found.items()} == {
        "lookalikes": [lookalikes[0].asset],
        "colour_lookalikes": [lookalikes[1].asset],
    }


def test_an_upgrade_keeps_the_lookalikes_of_a_frozen_plan(url, make, others, lookalikes):
    from alembic import command

    file = make.file("a")
    with open_catalog(url, write=True) as catalog:
        writer = Writer(catalog)
        run = writer.start_run(command="run", recipe=make.recipe)
        writer.add_scan(run, [file, *others])
        writer.store_plan(run, make.recipe, [with_lookalikes(make.unit(file), lookalikes)])
        with catalog.engine.connect() as connection:
            command.downgrade(migrate._config(connection), "0003")
            connection.commit()
            rows = connection.execute(text("SELECT count(*) FROM plan_lookalikes"))
            assert rows.scalar_one() == 1
            connection.rollback()

    with open_catalog(url, write=True) as catalog:
        found = frozen(catalog, run).lookalikes
        assert [one.asset for one in found["lookalikes"]] == [one.asset for one in lookalikes]


def test_a_picture_that_nothing_looks_like_is_not_one_that_was_not_asked(catalog, planned, make):
    file = make.file("a")
    asked = planned(file, units=[with_lookalikes(make.unit(file), ())])
    assert frozen(catalog, asked).lookalikes == {"lookalikes": ()}

    unasked = planned(file)
    assert frozen(catalog, unasked).lookalikes == {}


def test_a_lookalike_whose_file_has_gone_has_no_path(
    catalog, writer, planned, make, others, lookalikes
):
    file = make.file("a")
    run = planned(file, *others, units=[with_lookalikes(make.unit(file), lookalikes)])
    again = writer.start_run(command="scan")
    writer.add_scan(again, [file])
    writer.finish_scan(again)

    assert [one.path for one in frozen(catalog, run).lookalikes["lookalikes"]] == ["", ""]


def test_the_digest_of_a_plan_holds_its_lookalikes(catalog, planned, make, others, lookalikes):
    file = make.file("a")

    def digest(chosen):
        unit = with_lookalikes(make.unit(file), chosen)
        return queries.run(catalog, planned(file, *others, units=[unit])).plan_digest

    assert digest(lookalikes) == digest(lookalikes) != digest(lookalikes[::-1])
