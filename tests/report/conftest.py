from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from archivist.api import Colour
from archivist.catalog.rows import RunState
from archivist.catalog.session import Catalog, open_catalog
from archivist.catalog.writer import Writer
from archivist.hashing import digest_bytes, digest_json
from archivist.model import (
    Action,
    Artifact,
    Asset,
    AssetOutcome,
    FileWork,
    Header,
    MetadataContract,
    PageWork,
    Publication,
    Recipe,
    RecipeStep,
    ScanFile,
    Status,
    StepRecord,
    Task,
    UnitOutcome,
    WeightUse,
    WorkUnit,
    now,
)
from archivist.report.cards import Pair
from archivist.report.rows import (
    ReportAsset,
    ReportFile,
    ReportRefusal,
    ReportRun,
    ReportStep,
)
from archivist.step.record import sealed
from archivist.store.blobs import BlobStore


@dataclass
class Rows:
    """A source of report rows held in memory."""

    run: ReportRun
    listed: list[ReportAsset] = field(default_factory=list)
    refused: list[ReportRefusal] = field(default_factory=list)

    def assets(self) -> Iterator[ReportAsset]:
        return iter(self.listed)

    def refusals(self) -> Iterator[ReportRefusal]:
        return iter(self.refused)


@dataclass
class FakePictures:
    """Pictures of a fixed number of characters; remembers how many were asked for."""

    size: int = 40
    made: int = 0

    def pairs(self, assets: list[ReportAsset]) -> Iterator[Pair]:
        for _ in assets:
            self.made += 1
            uri = "data:image/png;base64,".ljust(self.size, "A")
            yield Pair(before=uri, after=uri, mask=uri, width=4, height=3)


def _step(**changes: Any) -> ReportStep:
    facts = {
        "ordinal": 0,
        "step": "scratch.detect",
        "version": 3,
        "title": "Find scratches",
        "status": Status.DONE,
        "seconds": 2.0,
    }
    return ReportStep(**{**facts, **changes})


def _file(**changes: Any) -> ReportFile:
    facts = {"profile": "master", "path": "a.jpg", "digest": "f" * 64, "size": 1000}
    return ReportFile(**{**facts, **changes})


def _asset(path: str = "album/a.jpg", **changes: Any) -> ReportAsset:
    facts = {
        "uid": digest_bytes(path.encode("utf-8", "surrogateescape")),
        "digest": "d" * 64,
        "path": path,
        "status": Status.DONE,
        "width": 400,
        "height": 300,
        "format": "jpeg",
        "depth": 8,
        "colour": "rgb",
        "seconds": 2.5,
        "steps": (_step(),),
        "files": (_file(path=path),),
    }
    return ReportAsset(**{**facts, **changes})


def _failed(path: str = "album/broken.tif", **changes: Any) -> ReportAsset:
    facts = {
        "status": Status.FAILED,
        "code": "out-of-memory",
        "message": "does not fit. Cure: more memory",
        "files": (),
        "steps": (_step(status=Status.FAILED, code="out-of-memory", log=("tile 128 failed",)),),
    }
    return _asset(path, **{**facts, **changes})


@pytest.fixture
def step() -> Callable[..., ReportStep]:
    return _step


@pytest.fixture
def file() -> Callable[..., ReportFile]:
    return _file


@pytest.fixture
def asset() -> Callable[..., ReportAsset]:
    return _asset


@pytest.fixture
def failed() -> Callable[..., ReportAsset]:
    return _failed


@pytest.fixture
def lossy() -> MetadataContract:
    return MetadataContract(kept=("Make", "Model"), lost={"MPF:Preview": "shows the old picture"})


@pytest.fixture
def rows(tmp_path: Path) -> Rows:
    return Rows(
        ReportRun(
            uid="run-1",
            archive="Plates",
            scans=tmp_path / "scans",
            out=tmp_path / "out",
            recipe="scratch",
            operator="M. Okafor",
            started=datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
            finished=datetime(2026, 1, 2, 4, 4, tzinfo=UTC),
            version="0.1",
            retry="archivist run plates --out out",
        )
    )


@pytest.fixture
def pictures() -> FakePictures:
    return FakePictures()


# --- an archive with a catalog ---

ENVIRONMENT = {"archivist": "0.1", "processor": "Loom 9000", "system": "Linux 6", "gpu": ""}
NET = digest_bytes(b"net")
RECIPE = Recipe(
    name="scratch",
    title="Find and fill",
    steps=(RecipeStep(step="scratch.detect", params={"threshold": 0.5, "radius": 3}),),
)


class Archive:
    """Scans, outputs and a catalog in which a run is written in one line."""

    def __init__(self, catalog: Catalog, root: Path) -> None:
        self.catalog, self.writer = catalog, Writer(catalog)
        self.scans, self.out = root / "Plates", root / "out dir"
        self.store = BlobStore(self.out / ".archivist" / "store")
        self.settings = {
            "scans": str(self.scans),
            "out": str(self.out),
            "settings": {"recipes": {"scratch": {"title": "Find and fill"}}},
        }

    def file(self, path: str, *, phash: str | None = None) -> ScanFile:
        """Make a scan, not on the disk: :meth:`put` does that."""
        data = f"scan {path}".encode()
        header = Header(
            format="tiff", width=640, height=480, colour=Colour.GREY, depth=16, orientation=6
        )
        asset = Asset(
            digest=digest_bytes(data),
            page=0,
            pages=1,
            header=header,
            perceptual_hash=phash,
            facts={"title": f"Title of {path}"},
        )
        return ScanFile(path=path, digest=asset.digest, size=100, mtime_ns=5, assets=(asset,))

    def put(self, path: str) -> ScanFile:
        """Make a scan with its output, both on the disk, and the run that made it."""
        file = self.file(path)
        for folder, word in ((self.scans, "scan"), (self.out, "output")):
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(f"{word} {path}".encode())
        run = self.start(file)
        self.end(run, file)
        self.writer.finish_run(run, RunState.DONE)
        return file

    def start(self, *files: ScanFile, refusals: Any = ()) -> str:
        """Begin a run that has these files to do."""
        run = self.writer.start_run(
            command="run", operator="Ada", settings=self.settings, recipe=RECIPE
        )
        self.writer.add_scan(run, [*files, *refusals])
        self.writer.store_plan(run, RECIPE, [self._unit(file) for file in files])
        return run

    def end(
        self,
        run: str,
        file: ScanFile,
        *,
        status: Status = Status.DONE,
        untouched: bool = False,
        publish: bool = True,
        **outcome: Any,
    ) -> None:
        """Record how a file ended."""
        (asset,) = file.assets
        ended = AssetOutcome(
            asset=asset.uid,
            status=status,
            records=(self.record(asset.uid, status=status),),
            seconds=1.5,
            **outcome,
        )
        publication = Publication(
            source=file.path,
            digest=file.digest,
            profile="master",
            path=file.path,
            output_digest=digest_bytes(f"output {file.path}".encode()),
            size=2000,
            media_type="image/tiff",
            untouched=untouched,
            contract=MetadataContract(kept=("Make",), lost={"Preview": "old"}),
        )
        unit = UnitOutcome(
            unit=file.digest,
            assets=(ended,),
            publications=() if status is Status.FAILED or not publish else (publication,),
            environment=ENVIRONMENT,
            started=now(),
            seconds=2.0,
        )
        self.writer.record(run, [unit])

    def record(self, asset: str, **changes: Any) -> StepRecord:
        """Make the record of a step that left a mask in the store."""
        blob = self.store.put_bytes(f"mask of {asset}".encode())
        mask = Artifact(
            port="mask",
            kind="mask",
            digest=digest_bytes(f"pixels of the mask of {asset}".encode()),
            blob=blob,
            size=12,
            media_type="image/png",
        )
        facts = {
            "asset": asset,
            "ordinal": 0,
            "step": "scratch.detect",
            "version": 3,
            "title": "Find scratches",
            "distribution": "archivist-scratch",
            "distribution_version": "0.1",
            "conjectural": False,
            "key": digest_bytes(f"key {asset}".encode()),
            "status": Status.DONE,
            "params": {"threshold": 0.5, "radius": 3},
            "inputs": (),
            "outputs": (mask,),
            "weights": (WeightUse(name="net", digest=NET, licence="MIT", source="us"),),
            "seed": 1,
            "device": "cpu",
            "determinism": "exact",
            "scores": {"damaged_share": 0.25},
            "environment": digest_json(ENVIRONMENT),
            "started": now(),
            "seconds": 0.5,
        }
        return sealed(StepRecord(**{**facts, **changes}))

    def _unit(self, file: ScanFile) -> WorkUnit:
        (asset,) = file.assets
        record = self.record(asset.uid)
        task = Task(
            asset=asset.uid,
            ordinal=0,
            step=record.step,
            version=record.version,
            params=record.params,
            action=Action.RUN,
            reason="new",
            key=record.key,
        )
        page = PageWork(asset=asset, tasks=(task,))
        work = FileWork(digest=file.digest, paths=(file.path,), pages=(page,))
        return WorkUnit(uid=file.digest, files=(work,), seconds=1.0)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    """Give an archive whose catalog lies where commands look for it."""
    home = tmp_path / "out dir" / ".archivist"
    home.mkdir(parents=True)
    with open_catalog(f"sqlite:///{home / 'catalog.sqlite'}", write=True) as catalog:
        yield Archive(catalog, tmp_path)


@pytest.fixture
def command(archive: Archive, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Run the command line on the archive; options after ``--out``."""
    from archivist.cli.main import invoke

    def run(*arguments: str, out: bool = True) -> Answer:
        place = ["--out", str(archive.out)] if out else []
        code = invoke([*arguments, *place])
        told = capsys.readouterr()
        return Answer(code, told.out, told.err)

    return run


class Answer(NamedTuple):
    """What a command said."""

    code: int
    out: str
    err: str
