from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from archivist.api import Colour, Kind, Port, StepSpec, UsageError, param
from archivist.catalog.rows import Decision, RunState
from archivist.catalog.session import open_catalog
from archivist.catalog.writer import Writer
from archivist.hashing import digest_bytes, digest_json
from archivist.model import (
    Action,
    Asset,
    AssetOutcome,
    FileWork,
    Header,
    MetadataContract,
    PageWork,
    Publication,
    Recipe,
    RecipeStep,
    Refusal,
    ScanFile,
    Status,
    StepRecord,
    Task,
    UnitOutcome,
    WeightUse,
    WorkUnit,
    now,
)
from archivist.report.gather import CatalogSource
from archivist.report.rows import Result

ENVIRONMENT = {"archivist": "0.1", "processor": "Loom 9000", "system": "Linux 6", "gpu": ""}
RECIPE = Recipe(
    name="scratch",
    title="Find and fill",
    steps=(RecipeStep(step="scratch.detect", params={"threshold": 0.5, "radius": 3}),),
)


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


def digest(text):
    return digest_bytes(text.encode())


def scan_file(name, *, phash=None):
    header = Header(
        format="tiff", width=640, height=480, colour=Colour.GREY, depth=16, orientation=6
    )
    asset = Asset(
        digest=digest(name),
        page=0,
        pages=1,
        header=header,
        perceptual_hash=phash,
        facts={"title": f"Title of {name}"},
    )
    return ScanFile(path=name, digest=asset.digest, size=100, mtime_ns=5, assets=(asset,))


def record(asset, **changes):
    facts = {
        "asset": asset,
        "ordinal": 0,
        "step": "scratch.detect",
        "version": 3,
        "title": "Find scratches",
        "distribution": "archivist-scratch",
        "distribution_version": "0.1",
        "conjectural": False,
        "key": digest(f"key {asset}"),
        "status": Status.DONE,
        "params": {"threshold": 0.5, "radius": 3},
        "inputs": (),
        "weights": (WeightUse(name="net", digest=digest("net"), licence="MIT", source="us"),),
        "seed": 1,
        "device": "cpu",
        "determinism": "exact",
        "scores": {"damaged_share": 0.25},
        "environment": digest_json(ENVIRONMENT),
        "started": now(),
        "seconds": 0.5,
        "digest": digest(f"record {asset}"),
    }
    return StepRecord(**{**facts, **changes})


class Archive:
    """A catalog in which runs can be written in one line."""

    def __init__(self, catalog, scans, out):
        self.catalog, self.writer = catalog, Writer(catalog)
        self.settings = {
            "scans": str(scans),
            "out": str(out),
            "settings": {"recipes": {"scratch": {"title": "Find and fill"}}},
        }

    def start(self, *files, refusals=()):
        run = self.writer.start_run(
            command="run", operator="Ada", settings=self.settings, recipe=RECIPE
        )
        self.writer.add_scan(run, [*files, *refusals])
        self.writer.store_plan(run, RECIPE, [self._unit(file) for file in files])
        return run

    def _unit(self, file):
        (asset,) = file.assets
        task = Task(
            asset=asset.uid,
            ordinal=0,
            step="scratch.detect",
            version=3,
            params={},
            action=Action.RUN,
            reason="new",
            key=digest(f"key {asset.uid}"),
        )
        work = FileWork(
            digest=file.digest, paths=(file.path,), pages=(PageWork(asset=asset, tasks=(task,)),)
        )
        return WorkUnit(uid=file.digest, files=(work,), seconds=1.0)

    def end(self, run, file, *, status=Status.DONE, untouched=False, **outcome):
        (asset,) = file.assets
        ended = AssetOutcome(
            asset=asset.uid,
            status=status,
            records=(record(asset.uid, status=status),),
            seconds=1.5,
            **outcome,
        )
        publication = Publication(
            source=file.path,
            digest=file.digest,
            profile="master",
            path=file.path,
            output_digest=digest(f"output {file.path}"),
            size=2000,
            media_type="image/tiff",
            untouched=untouched,
            contract=MetadataContract(kept=("Make",), lost={"Preview": "old"}),
        )
        unit = UnitOutcome(
            unit=file.digest,
            assets=(ended,),
            publications=() if status is Status.FAILED else (publication,),
            environment=ENVIRONMENT,
            started=now(),
            seconds=2.0,
        )
        self.writer.record(run, [unit])


@pytest.fixture
def archive(tmp_path):
    with open_catalog(f"sqlite:///{tmp_path / 'c.sqlite'}", write=True) as catalog:
        yield Archive(catalog, tmp_path / "Plates", tmp_path / "out dir")


def test_the_run_is_told_with_its_facts(archive, tmp_path):
    file = scan_file("a.tif")
    run = archive.start(file)
    archive.end(run, file)
    archive.writer.finish_run(run)
    told = CatalogSource(archive.catalog).run
    assert (told.uid, told.archive, told.operator, told.state) == (run, "Plates", "Ada", "finished")
    assert (told.recipe, told.recipe_title) == ("scratch", "Find and fill")
    assert (told.machine, told.version) == ("Loom 9000, Linux 6", "0.1")
    assert told.retry == (
        f"archivist run {tmp_path / 'Plates'} --out '{tmp_path / 'out dir'}'"
    )


def test_a_photograph_is_told_with_steps_files_and_facts(archive):
    file = scan_file("album/a.tif")
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
    file = scan_file("a.tif")
    archive.end(archive.start(file), file)
    other = replace(SPEC, version=4)
    (asset,) = CatalogSource(archive.catalog, specs={SPEC.id: other}).assets()
    assert asset.steps[0].defaults is None


def test_a_failure_is_told_with_its_cure(archive):
    file = scan_file("a.tif")
    archive.end(archive.start(file), file, status=Status.FAILED, code="cut", message="Cure: copy")
    (asset,) = CatalogSource(archive.catalog).assets()
    assert (asset.result, asset.code, asset.message) == (Result.FAILED, "cut", "Cure: copy")
    assert asset.changed is None


def test_what_no_run_has_reached_is_waiting(archive):
    files = [scan_file("a.tif"), scan_file("b.tif")]
    run = archive.start(*files)
    archive.end(run, files[0])
    archive.writer.finish_run(run, RunState.INTERRUPTED)
    source = CatalogSource(archive.catalog)
    assert source.run.state == "interrupted"
    assert [asset.result for asset in source.assets()] == [Result.RESTORED, Result.WAITING]


def test_a_later_run_without_work_still_tells_the_archive(archive):
    file = scan_file("a.tif")
    archive.end(archive.start(file), file)
    second = archive.writer.start_run(command="run", settings=archive.settings, recipe=RECIPE)
    source = CatalogSource(archive.catalog)
    assert source.run.uid == second
    assert len(list(source.assets())) == 1
    assert list(CatalogSource(archive.catalog, run=second).assets()) == []


def test_an_untouched_output_is_an_unchanged_photograph(archive):
    file = scan_file("a.tif")
    archive.end(archive.start(file), file, untouched=True)
    (asset,) = CatalogSource(archive.catalog).assets()
    assert (asset.result, asset.changed) == (Result.UNCHANGED, 0.0)


def test_near_duplicates_are_told_on_both_sides(archive):
    files = [
        scan_file("a.tif", phash="00ff00ff00ff00ff"),
        scan_file("b.tif", phash="00ff00ff00ff00fe"),
        scan_file("c.tif", phash="ff00ff00ff00ff00"),
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
    archive.start(scan_file("a.tif"), refusals=refusals)
    told = {row.path: row.result for row in CatalogSource(archive.catalog).refusals()}
    assert told == {"x.tif": Result.REFUSED, "Thumbs.db": Result.SKIPPED}


def test_a_review_is_told(archive):
    file = scan_file("a.tif")
    archive.end(archive.start(file), file)
    archive.writer.review(
        file.assets[0].uid, Decision.APPROVE, by="Grace", reason="well done"
    )
    (asset,) = CatalogSource(archive.catalog).assets()
    assert (asset.review.said, asset.review.reviewer) == ("approved", "Grace")


def test_a_catalog_without_a_run_says_what_to_do(archive):
    with pytest.raises(UsageError, match="archivist run SCANS --out DIR"):
        CatalogSource(archive.catalog)


def test_moved_folders_can_be_named(archive, tmp_path):
    file = scan_file("a.tif")
    archive.end(archive.start(file), file)
    told = CatalogSource(archive.catalog, scans=tmp_path / "x", out=tmp_path / "y").run
    assert (told.scans, told.out) == (tmp_path / "x", tmp_path / "y")
