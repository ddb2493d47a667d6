from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from archivist.api import Kind, Port, StepSpec, UsageError, param
from archivist.catalog.rows import Decision, RunState
from archivist.model import Refusal, Status
from archivist.report.gather import CatalogSource
from archivist.report.rows import Result


@dataclass(frozen=True)
class Params:
    threshold: float = param(0.4, doc="threshold")
    radius: int = param(3, doc="radius")


SPEC = StepSpec(
    id="scratch.detect",
    version=3,
    title="Find scratches",
    run="nowhere:run",
    inputs=[Port(name="image", kind=Kind.IMAGE)],
    outputs=[Port(name="mask", kind=Kind.MASK)],
    params=Params,
)


def test_the_run_is_told_with_its_facts(archive, tmp_path):
    file = archive.file("a.tif")
    run = archive.start(file)
    archive.end(run, file)
    archive.writer.finish_run(run)
    told = CatalogSource(archive.catalog).run
    assert (told.uid, told.archive, told.operator, told.state) == (run, "Plates", "Ada", "finished")
    assert (told.recipe, told.recipe_title) == ("scratch", "Find and fill")
    assert (told.machine, told.version) == ("Loom 9000, Linux 6", "0.1")
    assert told.retry == (f"archivist run {tmp_path / 'Plates'} --out '{tmp_path / 'out dir'}'")


def test_a_photograph_is_told_with_steps_files_and_facts(archive):
    file = archive.file("album/a.tif")
    run = archive.start(file)
    archive.end(run, file)
    (asset,) = CatalogSource(archive.catalog, specs={SPEC.id: SPEC}).assets()
    assert (asset.path, asset.result, asset.seconds) == ("album/a.tif", Result.RESTORED, 1.5)
    assert (asset.width, asset.height, asset.depth) == (480, 640, 16)
    assert asset.facts == {"title": "Title of album/a.tif"}
    assert asset.changed == 0.25
    assert asset.steps[0].own_params == {"threshold": 0.5}
    assert asset.steps[0].weights[0].name == "net"
    assert asset.files[0].contract.lost == {"Preview": "old"}


def test_defaults_of_another_version_are_not_compared(archive):
    file = archive.file("a.tif")
    archive.end(archive.start(file), file)
    other = replace(SPEC, version=4)
    (asset,) = CatalogSource(archive.catalog, specs={SPEC.id: other}).assets()
    assert asset.steps[0].defaults is None


def test_a_failure_is_told_with_its_cure(archive):
    file = archive.file("a.tif")
    archive.end(archive.start(file), file, status=Status.FAILED, code="cut", message="Cure: copy")
    (asset,) = CatalogSource(archive.catalog).assets()
    assert (asset.result, asset.code, asset.message) == (Result.FAILED, "cut", "Cure: copy")
    assert asset.changed is None


def test_what_no_run_has_reached_is_waiting(archive):
    files = [archive.file("a.tif"), archive.file("b.tif")]
    run = archive.start(*files)
    archive.end(run, files[0])
    archive.writer.finish_run(run, RunState.INTERRUPTED)
    source = CatalogSource(archive.catalog)
    assert source.run.state == "interrupted"
    assert [asset.result for asset in source.assets()] == [Result.RESTORED, Result.WAITING]


def test_what_no_run_was_asked_to_treat_is_not_waiting(archive):
    files = [archive.file("a.tif"), archive.file("b.tif")]
    run = archive.start(files[0])
    archive.writer.add_scan(run, [files[1]])
    archive.end(run, files[0])
    archive.writer.finish_run(run)

    results = [asset.result for asset in CatalogSource(archive.catalog).assets()]

    assert results == [Result.RESTORED, Result.NOT_ASKED]


def test_what_was_left_undone_for_an_approved_result_is_held_not_restored(archive):
    file = archive.file("a.tif")
    archive.end(archive.start(file), file, status=Status.SKIPPED, code="approved", publish=False)

    (asset,) = CatalogSource(archive.catalog).assets()

    assert asset.result is Result.HELD


def test_a_later_run_without_work_still_tells_the_archive(archive):
    file = archive.file("a.tif")
    archive.end(archive.start(file), file)
    second = archive.start()
    source = CatalogSource(archive.catalog)
    assert source.run.uid == second
    assert len(list(source.assets())) == 1
    assert list(CatalogSource(archive.catalog, run=second).assets()) == []


def test_an_untouched_output_is_an_unchanged_photograph(archive):
    file = archive.file("a.tif")
    archive.end(archive.start(file), file, untouched=True)
    (asset,) = CatalogSource(archive.catalog).assets()
    assert (asset.result, asset.changed) == (Result.UNCHANGED, 0.0)


def test_near_duplicates_are_told_on_both_sides(archive):
    files = [
        archive.file("a.tif", phash="00ff00ff00ff00ff"),
        archive.file("b.tif", phash="00ff00ff00ff00fe"),
        archive.file("c.tif", phash="ff00ff00ff00ff00"),
    ]
    run = archive.start(*files)
    archive.writer.near_duplicates(run, max_distance=4)
    similar = {asset.path: asset.similar for asset in CatalogSource(archive.catalog).assets()}
    assert [(one.path, one.distance) for one in similar["a.tif"]] == [("b.tif", 1)]
    assert [one.path for one in similar["b.tif"]] == ["a.tif"]
    assert similar["c.tif"] == ()


def test_refusals_and_skipped_files_are_told(archive):
    refusals = [
        Refusal(path="x.tif", code="truncated", reason="cut off"),
        Refusal(path="Thumbs.db", code="no-picture", reason="no", status=Status.SKIPPED),
    ]
    archive.start(archive.file("a.tif"), refusals=refusals)
    told = {row.path: row.result for row in CatalogSource(archive.catalog).refusals()}
    assert told == {"x.tif": Result.REFUSED, "Thumbs.db": Result.SKIPPED}


def test_a_review_is_told(archive):
    file = archive.file("a.tif")
    archive.end(archive.start(file), file)
    archive.writer.review(file.assets[0].uid, Decision.APPROVE, by="Grace", reason="well done")
    (asset,) = CatalogSource(archive.catalog).assets()
    assert (asset.review.said, asset.review.reviewer) == ("approved", "Grace")


def test_a_catalog_without_a_run_says_what_to_do(archive):
    with pytest.raises(UsageError, match="archivist run SCANS --out DIR"):
        CatalogSource(archive.catalog)


def test_moved_folders_can_be_named(archive, tmp_path):
    file = archive.file("a.tif")
    archive.end(archive.start(file), file)
    told = CatalogSource(archive.catalog, scans=tmp_path / "x", out=tmp_path / "y").run
    assert (told.scans, told.out) == (tmp_path / "x", tmp_path / "y")
