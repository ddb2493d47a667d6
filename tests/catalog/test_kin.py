"""How assets are related, and how people name them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from archivist.catalog import queries


def hashed(make, name: str, bits: int):
    asset = replace(make.file(name).assets[0], perceptual_hash=f"{bits:016x}")
    return make.file(name, assets=(asset,))


@pytest.fixture
def near(catalog, writer, make):
    """Return a function that scans pictures of these hashes and tells the near ones of each."""

    def find(**hashes: int) -> dict[str, dict[str, int]]:
        run = writer.start_run(command="scan")
        writer.add_scan(run, [hashed(make, name, bits) for name, bits in hashes.items()])
        writer.near_duplicates(run, max_distance=4)
        names = {make.digest(name): name for name in hashes}
        found = queries.near_of(catalog, names)
        return {
            names[uid]: {names[other]: bits for other, bits in others.items()}
            for uid, others in found.items()
        }

    return find


def test_near_duplicates_are_told_from_either_side_with_their_bits(near):
    found = near(a=0b1011, b=0b1000, far=0xFFFF << 20)

    assert found == {"a": {"b": 2}, "b": {"a": 2}, "far": {}}


def test_all_pictures_of_equal_hashes_are_near_each_other(near):
    found = near(a=5, b=5, c=5)

    assert found == {"a": {"b": 0, "c": 0}, "b": {"a": 0, "c": 0}, "c": {"a": 0, "b": 0}}


def test_what_is_near_to_one_of_several_equals_is_near_to_all(near):
    found = near(a=5, b=5, near=4, twin=4)

    assert found["b"] == {"a": 0, "near": 1, "twin": 1}
    assert found["twin"] == {"near": 0, "a": 1, "b": 1}


def test_an_output_among_the_scans_is_kin_of_what_it_was_made_from(catalog, writer, planned, make):
    scan, copy = make.file("a"), make.file("copy")
    run = planned(scan, copy)
    publication = make.publication(scan, output_digest=copy.digest)
    writer.record(run, [make.outcome(scan, publications=(publication,))])

    assert queries.derivatives(catalog) == {
        scan.digest: {copy.digest},
        copy.digest: {scan.digest},
    }


def test_an_untouched_copy_is_no_derivative(catalog, writer, planned, make):
    scan = make.file("a")
    run = planned(scan)
    publication = make.publication(scan, output_digest=scan.digest)
    writer.record(run, [make.outcome(scan, publications=(publication,))])

    assert queries.derivatives(catalog) == {}


# --- names ----------------------------------------------------------------------------------


@pytest.fixture
def named(catalog, writer, make):
    facts = {"inventory_no": "1931-0047"}
    one = make.file("one", assets=(replace(make.file("one").assets[0], facts=facts),))
    two = make.file("two", pages=2)
    writer.add_scan(writer.start_run(command="scan"), [one, two])

    def uids(name: str) -> list[str]:
        return [asset.uid for asset in queries.assets_named(catalog, name)]

    return uids


@pytest.mark.parametrize("name", ["one.jpg", "1931-0047"])
def test_an_asset_is_found_by_path_and_by_inventory_number(named, make, name):
    assert named(name) == [make.digest("one")]


def test_an_asset_is_found_by_its_digest_in_either_case(named, make):
    assert named(make.digest("one").upper()) == [make.digest("one")]


def test_a_file_of_several_pages_gives_all_of_them_or_the_one_that_is_named(named, make):
    first, second = f"{make.digest('two')}#0", f"{make.digest('two')}#1"

    assert named("two.jpg") == [first, second]
    assert named("two.jpg#1") == [second]
    assert named(second) == [second]


def test_what_is_not_there_gives_nothing(named):
    assert named("three.jpg") == []


# --- first passes ---------------------------------------------------------------------------


def test_a_first_pass_keeps_its_records_and_ends_no_asset(catalog, writer, make):
    file = make.file("a")
    run = writer.start_run(command="run")
    writer.add_scan(run, [file])
    writer.make_first_pass(run, command="embed", recipe=make.recipe)
    writer.store_plan(run, make.recipe, [make.unit(file)])

    writer.record(run, [make.outcome(file, publications=())])

    assert queries.run(catalog, run).command == "embed"
    assert queries.count_pending(catalog, run) == 0
    assert len(queries.records_of(catalog, file.digest)) == len(make.steps)
    assert queries.totals(catalog) == {"pending": 1}


def test_a_run_goes_on_with_the_scan_of_its_first_pass(catalog, writer, make):
    from archivist.catalog.found import files_of_run

    first = writer.start_run(command="embed")
    writer.add_scan(first, [make.file("a")])
    second = writer.start_run(command="run")

    writer.take_over_scan(second, of=first)

    assert [file.paths for file in files_of_run(catalog, second)] == [("a.jpg",)]
    assert list(files_of_run(catalog, first)) == []
