"""Plans with references: their lookalikes are frozen with them and come back whole."""

from __future__ import annotations

from dataclasses import replace

import pytest

from archivist.catalog import queries
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
    pages = tuple(replace(page, lookalikes=lookalikes, snapshot=SNAPSHOT) for page in file.pages)
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
    assert page.lookalikes == (
        replace(lookalikes[0], path="b.jpg", facts=facts),
        replace(lookalikes[1], path="c.jpg", page=1),
    )


def test_the_snapshot_comes_back_and_is_told_of_the_run(catalog, planned, make, others, lookalikes):
    file = make.file("a")
    run = planned(file, *others, units=[with_lookalikes(make.unit(file), lookalikes)])

    assert frozen(catalog, run).snapshot == SNAPSHOT
    assert queries.run(catalog, run).snapshot == SNAPSHOT


def test_a_picture_that_nothing_looks_like_is_not_one_that_was_not_asked(catalog, planned, make):
    file = make.file("a")
    asked = planned(file, units=[with_lookalikes(make.unit(file), ())])
    assert frozen(catalog, asked).lookalikes == ()

    unasked = planned(file)
    assert frozen(catalog, unasked).lookalikes is None


def test_a_lookalike_whose_file_has_gone_has_no_path(
    catalog, writer, planned, make, others, lookalikes
):
    file = make.file("a")
    run = planned(file, *others, units=[with_lookalikes(make.unit(file), lookalikes)])
    again = writer.start_run(command="scan")
    writer.add_scan(again, [file])
    writer.finish_scan(again)

    assert [one.path for one in frozen(catalog, run).lookalikes] == ["", ""]


def test_the_digest_of_a_plan_holds_its_lookalikes(catalog, planned, make, others, lookalikes):
    file = make.file("a")

    def digest(chosen):
        unit = with_lookalikes(make.unit(file), chosen)
        return queries.run(catalog, planned(file, *others, units=[unit])).plan_digest

    assert digest(lookalikes) == digest(lookalikes) != digest(lookalikes[::-1])
