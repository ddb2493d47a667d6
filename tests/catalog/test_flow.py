"""The way of a run through the catalog, on both databases."""

from __future__ import annotations

from archivist.catalog import lookups, queue


def test_a_recorded_result_is_known_by_its_key(catalog, writer, planned, make):
    file = make.file("a")
    run = planned(file)

    writer.record(run, [make.outcome(file)])

    record = make.outcome(file).assets[0].records[0]
    found = lookups.known(catalog, [record.key, make.digest("unknown")])
    assert list(found) == [record.key]
    assert found[record.key].outputs == record.outputs
    assert found[record.key].record == record.digest
    assert found[record.key].scores == record.scores


def test_the_plan_is_read_back_as_it_was_stored(catalog, writer, planned, make):
    files = [make.file("a"), make.file("two pages", pages=2)]
    run = planned(*files)

    units = [unit for _, unit in queue.work_units(catalog, run)]

    assert units == [make.unit(file) for file in files]


def test_a_recorded_unit_is_no_longer_pending(catalog, writer, planned, make):
    files = [make.file("a"), make.file("b")]
    run = planned(*files)

    writer.record(run, [make.outcome(files[0])])

    assert [unit.unit for unit in queue.pending_units(catalog, run)] == [files[1].digest]


def test_previous_tells_what_the_newest_record_was_made_of(catalog, writer, planned, make):
    file = make.file("a")
    run = planned(file)
    writer.record(run, [make.outcome(file)])
    record = make.outcome(file).assets[0].records[1]

    found = lookups.previous(catalog, [file.digest], ["scratch.repair"])

    assert list(found) == [(file.digest, "scratch.repair")]
    before = found[file.digest, "scratch.repair"]
    assert (before.version, before.params, before.key) == (1, record.params, record.key)
    assert (before.inputs, before.weights) == (record.inputs, record.weights)
    assert (before.tiling, before.run) == (record.tiling, run)


def test_what_was_published_is_found_by_the_digest_of_the_scan(catalog, writer, planned, make):
    file = make.file("a")
    run = planned(file)
    writer.record(run, [make.outcome(file)])

    found = lookups.published(catalog, [file.digest])

    output = make.publication(file)
    assert found[file.digest, "master", "a.jpg"].output_digest == output.output_digest
