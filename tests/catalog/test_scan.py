"""What a scan finds: files, assets, refusals, near duplicates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from archivist.catalog import queries
from archivist.catalog.near import near_pairs
from archivist.model import Refusal, Status, path_to_text


def _scan(writer, *items, whole=True):
    run = writer.start_run(command="scan")
    writer.add_scan(run, items)
    return writer.finish_scan(run) if whole else None


def test_an_asset_is_read_back_whole(catalog, writer, make):
    asset = make.asset(
        "a",
        perceptual_hash="00ff00ff00ff00ff",
        exif={"EXIF DateTimeOriginal": "1901:01:01"},
        facts={"inventory_no": "F 12", "title": "Market, Ærø", "photographer": "unknown"},
    )
    header = replace(asset.header, dpi=(300.0, 299.5), icc_digest=make.digest("icc"), orientation=6)
    asset = replace(asset, header=header)

    _scan(writer, make.file("a", assets=(asset,)))

    assert queries.assets_of(catalog, [asset.digest]) == {asset.digest: (asset,)}


def test_pages_of_a_file_come_in_order(catalog, writer, make):
    file = make.file("album", pages=3)

    _scan(writer, file)

    assert queries.assets_of(catalog, [file.digest])[file.digest] == file.assets


def test_an_unchanged_file_is_recognised_by_path(catalog, writer, make):
    files = [make.file(f"{n:04}") for n in range(30)]
    _scan(writer, *files)

    stats = queries.file_stats(catalog)

    assert stats["0007.jpg"].digest == files[7].digest
    assert (stats["0007.jpg"].size, stats["0007.jpg"].mtime_ns) == (1000, 5)
    assert stats.get("0007.jpgx") is None
    assert stats.get("zzz") is None
    assert "0000.jpg" in stats


def test_looking_up_a_walk_reads_ahead(catalog, writer, make, monkeypatch):
    from archivist.catalog import lookups

    monkeypatch.setattr(lookups, "_WINDOW", 10)
    files = [make.file(f"{folder}/{n:02}") for folder in "abc" for n in range(15)]
    _scan(writer, *files)
    stats = queries.file_stats(catalog)
    loads = []
    load = stats._load
    monkeypatch.setattr(
        lookups.FileStats, "_load", lambda self, path: loads.append(path) or load(path)
    )

    assert all(stats[file.path].digest == file.digest for file in files)
    assert len(loads) <= 6


def test_scanning_again_adds_nothing(catalog, writer, make):
    items = [make.file("a"), Refusal(path="x.doc", code="format", reason="no picture")]
    _scan(writer, *items)
    before = queries.info(catalog).counts

    assert _scan(writer, *items) == (0, 0)

    after = queries.info(catalog).counts
    assert {**after, "run": 0, "event": 0} == {**before, "run": 0, "event": 0}


def test_a_file_that_is_gone_is_marked_absent_and_comes_back(catalog, writer, make):
    a, b = make.file("a"), make.file("b")
    _scan(writer, a, b)

    assert _scan(writer, a) == (1, 0)
    assert queries.file_stats(catalog).get("b.jpg") is None
    assert queries.paths_of(catalog, [a.digest, b.digest]) == {a.digest: ("a.jpg",)}

    _scan(writer, a, b)
    assert "b.jpg" in queries.file_stats(catalog)


def test_a_sample_marks_nothing_as_absent(catalog, writer, make):
    _scan(writer, make.file("a"), make.file("b"))

    _scan(writer, make.file("a"), whole=False)

    assert "b.jpg" in queries.file_stats(catalog)


def test_a_scan_that_changed_leaves_an_event(catalog, writer, make):
    _scan(writer, make.file("a"))

    _scan(writer, replace(make.file("b"), path="a.jpg"))

    [event] = queries.events(catalog, type="scan.changed")
    assert event.detail == {"path": "a.jpg", "was": make.digest("a"), "is": make.digest("b")}


def test_copies_of_a_file_are_one_asset_with_two_paths(catalog, writer, make):
    file = make.file("a")

    _scan(writer, file, replace(file, path="copy/a.jpg"))

    assert queries.info(catalog).counts["asset"] == 1
    assert queries.paths_of(catalog, [file.digest])[file.digest] == ("a.jpg", "copy/a.jpg")


def test_a_refused_file_that_was_mended_is_no_longer_refused(catalog, writer, make):
    _scan(writer, Refusal(path="a.jpg", code="truncated", reason="scan it again", size=7))
    [refusal] = queries.refusals(catalog)
    assert (refusal.code, refusal.status, refusal.size) == ("truncated", Status.FAILED, 7)

    _scan(writer, make.file("a"))

    assert queries.refusals(catalog) == ()


def test_a_file_that_broke_is_refused_and_no_longer_present(catalog, writer, make):
    _scan(writer, make.file("a"))

    _scan(writer, Refusal(path="a.jpg", code="truncated", reason="scan it again"))

    assert queries.file_stats(catalog).get("a.jpg") is None
    assert [one.path for one in queries.refusals(catalog)] == ["a.jpg"]


def test_a_scan_without_the_manifest_keeps_its_facts(catalog, writer, make):
    facts = {"inventory_no": "F 12", "photographer": "unknown"}
    _scan(writer, make.file("a", assets=(make.asset("a", facts=facts),)))

    _scan(writer, make.file("a"))

    assert queries.assets_of(catalog, [make.digest("a")])[make.digest("a")][0].facts == facts


def test_odd_names_survive(catalog, writer, make):
    names = ["-x.jpg", "new\nline.jpg", path_to_text("caf\udce9.jpg"), "ü.jpg", "u\u0308.jpg"]

    _scan(writer, *(make.file(name, path=name) for name in names))

    stats = queries.file_stats(catalog)
    assert [stats[name].digest for name in names] == [make.digest(name) for name in names]


@pytest.mark.parametrize("name", ["a\0.jpg", "a\ud800.jpg"])
def test_a_name_that_no_database_stores_is_refused(writer, make, name):
    run = writer.start_run(command="scan")

    with pytest.raises(Exception, match="path_to_text"):
        writer.add_scan(run, [make.file("a", path=name)])


def test_two_collections_share_a_catalog(url, make):
    from archivist.catalog.session import open_catalog
    from archivist.catalog.writer import Writer

    for name in ("glass plates", "albums"):
        with open_catalog(url, write=True, collection=name) as catalog:
            _scan(Writer(catalog), make.file(name, path="1.jpg"))

    with open_catalog(url, write=False, collection="glass plates") as catalog:
        assert queries.file_stats(catalog)["1.jpg"].digest == make.digest("glass plates")


def test_near_duplicates_are_found_once_and_kept(catalog, writer, make):
    hashes = {"a": "f0f0f0f0f0f0f0f0", "b": "f0f0f0f0f0f0f0f3", "c": "0f0f0f0f0f0f0f0f"}
    files = [
        make.file(name, assets=(make.asset(name, perceptual_hash=value),))
        for name, value in hashes.items()
    ]
    run = writer.start_run(command="scan")
    writer.add_scan(run, files)

    assert [writer.near_duplicates(run, 4), writer.near_duplicates(run, 4)] == [1, 0]
    assert writer.near_duplicates(run, 3) == 1

    [pair] = queries.near_duplicates(catalog)
    assert {pair.first, pair.second, pair.distance} == {make.digest("a"), make.digest("b"), 2}


@pytest.mark.parametrize("distance", [0, 3, 4, 7, 8])
def test_near_pairs_equal_a_comparison_of_all_with_all(distance):
    random = np.random.default_rng(3)
    base = random.integers(0, 2**63, 60, dtype=np.uint64)
    flips = random.integers(0, 64, (60, 5)).astype(np.uint64)
    near = base.copy()
    for column in flips.T:
        near ^= np.uint64(1) << column
    hashes = np.concatenate([base, near, base ^ (np.uint64(0xFF) << np.uint64(4))])

    found = {(a, b): bits for a, b, bits in near_pairs(hashes, distance)}

    everything = {
        (a, b): bits
        for a in range(len(hashes))
        for b in range(a + 1, len(hashes))
        if (bits := int(hashes[a] ^ hashes[b]).bit_count()) <= distance
    }
    assert found == everything


def test_equal_hashes_are_paired_with_the_first_only():
    hashes = np.array([7, 7, 7, 7], dtype=np.uint64)

    assert list(near_pairs(hashes, 4)) == [(0, 1, 0), (0, 2, 0), (0, 3, 0)]


def test_a_distance_that_compares_everything_is_refused():
    with pytest.raises(ValueError, match=r"0\.\.11"):
        list(near_pairs(np.zeros(2, np.uint64), 12))
