"""Catalogs for tests: each on SQLite and on a Postgres server that the session starts itself."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from archivist.api.values import Colour
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
    InputUse,
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

ENVIRONMENT = {"python": "3.11", "numpy": "2.4"}
STEPS = ("scratch.detect", "scratch.repair")


def digest(text: str) -> str:
    return digest_bytes(text.encode())


def make_asset(name: str, *, page: int = 0, pages: int = 1, **changes: Any) -> Asset:
    header = Header(format="jpeg", width=640, height=480, colour=Colour.RGB, depth=8)
    values = {"digest": digest(name), "page": page, "pages": pages, "header": header}
    return Asset(**{**values, **changes})


def make_file(name: str, *, pages: int = 1, **changes: Any) -> ScanFile:
    assets = tuple(make_asset(name, page=n, pages=pages) for n in range(pages))
    values = {"path": f"{name}.jpg", "digest": digest(name), "size": 1000, "mtime_ns": 5}
    return ScanFile(**{**values, "assets": assets, **changes})


def make_task(asset: Asset, ordinal: int = 0, **changes: Any) -> Task:
    step = STEPS[ordinal]
    values = {
        "asset": asset.uid,
        "ordinal": ordinal,
        "step": step,
        "version": 1,
        "params": {"threshold": 0.4},
        "action": Action.RUN if ordinal == 0 else Action.FOLLOW,
        "reason": "new",
        "key": digest(f"{asset.uid} {step}") if ordinal == 0 else None,
    }
    return Task(**{**values, **changes})


def make_unit(file: ScanFile, **changes: Any) -> WorkUnit:
    pages = tuple(
        PageWork(asset=asset, tasks=tuple(make_task(asset, n) for n in range(len(STEPS))))
        for asset in file.assets
    )
    work = FileWork(digest=file.digest, paths=(file.path,), pages=pages)
    return WorkUnit(**{"uid": file.digest, "files": (work,), "seconds": 1.5, **changes})


def make_artifact(name: str, **changes: Any) -> Artifact:
    values = {
        "port": "mask",
        "kind": "mask",
        "digest": digest(f"value {name}"),
        "blob": digest(f"blob {name}"),
        "size": 1234,
        "media_type": "image/png",
        "width": 640,
        "height": 480,
    }
    return Artifact(**{**values, **changes})


def make_record(asset: str, ordinal: int = 0, **changes: Any) -> StepRecord:
    step = STEPS[ordinal]
    values = {
        "asset": asset,
        "ordinal": ordinal,
        "step": step,
        "version": 1,
        "title": "Find scratches",
        "distribution": "archivist-scratch",
        "distribution_version": "0.1",
        "conjectural": False,
        "key": digest(f"{asset} {step}"),
        "status": Status.DONE,
        "params": {"threshold": 0.4, "size": "compact"},
        "inputs": (InputUse(port="image", digest=digest(f"pixels {asset}"), role="scan"),),
        "outputs": (make_artifact(f"{asset} {step}"),),
        "weights": (WeightUse(name="unet", digest=digest("unet"), licence="MIT", source="us"),),
        "seed": 2**63 - 1,
        "device": "cpu",
        "determinism": "exact",
        "tiling": {"mode": "tiled", "overlap": 32},
        "scores": {"share": 0.25},
        "environment": digest_json(ENVIRONMENT),
        "started": now(),
        "seconds": 0.5,
        "peak_mib": 100.5,
        "log": ("a note",),
        "operator": "Ada",
        "parents": (digest("parent 1"), digest("parent 2")),
        "digest": digest(f"record {asset} {step}"),
    }
    return StepRecord(**{**values, **changes})


def make_publication(file: ScanFile, **changes: Any) -> Publication:
    contract = MetadataContract(kept=("Exif.Make",), changed={"XMP.History": "step added"})
    values = {
        "source": file.path,
        "digest": file.digest,
        "profile": "master",
        "path": file.path,
        "output_digest": digest(f"output {file.path}"),
        "size": 2000,
        "media_type": "image/jpeg",
        "untouched": False,
        "contract": contract,
    }
    return Publication(**{**values, **changes})


def make_outcome(file: ScanFile, **changes: Any) -> UnitOutcome:
    assets = tuple(
        AssetOutcome(
            asset=asset.uid,
            status=Status.DONE,
            records=tuple(make_record(asset.uid, n) for n in range(len(STEPS))),
            seconds=1.0,
        )
        for asset in file.assets
    )
    values = {
        "unit": file.digest,
        "assets": assets,
        "publications": (make_publication(file),),
        "environment": ENVIRONMENT,
        "worker": "w1",
        "started": now(),
        "seconds": 1.25,
        "peak_mib": 300.0,
    }
    return UnitOutcome(**{**values, **changes})


RECIPE = Recipe(
    name="scratch",
    title="Repair scratches",
    steps=tuple(RecipeStep(step=step, params={"threshold": 0.4}) for step in STEPS),
)


@pytest.fixture
def make() -> SimpleNamespace:
    """Give factories: file, asset, unit, task, record, artifact, outcome, publication, digest."""
    return SimpleNamespace(
        file=make_file,
        asset=make_asset,
        unit=make_unit,
        task=make_task,
        record=make_record,
        artifact=make_artifact,
        outcome=make_outcome,
        publication=make_publication,
        digest=digest,
        recipe=RECIPE,
        steps=STEPS,
    )


# --- databases ---


def _programs() -> Path | None:
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "pg_ctl").exists()), None)


def _as_server_user(command: list[str], **options: Any) -> None:
    """Run a server program; initdb refuses to be root."""
    if os.geteuid() == 0:
        user = "postgres" if _has_user("postgres") else "nobody"
        ids = [f"--reuid={user}", f"--regid={_group(user)}", "--clear-groups"]
        command = ["setpriv", *ids, *command]
    subprocess.run(command, check=True, capture_output=True, timeout=120, **options)


def _has_user(name: str) -> bool:
    import pwd

    return any(entry.pw_name == name for entry in pwd.getpwall())


def _group(user: str) -> int:
    import pwd

    return pwd.getpwnam(user).pw_gid


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Start a Postgres server of our own; give its URL without a database."""
    programs = _programs()
    if programs is None:
        pytest.skip("the server programs of PostgreSQL (initdb, pg_ctl) are not installed")
    folder = Path(tempfile.mkdtemp(prefix="archivist-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres" if _has_user("postgres") else "nobody")
    data, log = folder / "data", folder / "log"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    initdb = [str(programs / "initdb"), "-D", str(data), "-U", "archivist", "-A", "trust"]
    settings = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c max_connections=50"
    control = [str(programs / "pg_ctl"), "-D", str(data), "-w"]
    try:
        _as_server_user([*initdb, "-E", "UTF8", "--no-sync"], cwd=folder)
        _as_server_user([*control, "-l", str(log), "-o", settings, "start"], cwd=folder)
        try:
            yield f"postgresql+psycopg://archivist@127.0.0.1:{port}"
        finally:
            _as_server_user([*control, "-m", "immediate", "stop"], cwd=folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Give the URL of a SQLite catalog that is not there yet."""
    return f"sqlite:///{tmp_path / 'catalog.sqlite'}"


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """Give the URL of an empty Postgres database."""
    psycopg = pytest.importorskip("psycopg")
    name = f"test_{uuid4().hex}"
    plain = postgres_server.replace("+psycopg", "")
    with psycopg.connect(f"{plain}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield f"{postgres_server}/{name}"
    with psycopg.connect(f"{plain}/postgres", autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest) -> str:
    """Give the URL of an empty catalog on each database."""
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@pytest.fixture
def catalog(url: str) -> Iterator[Catalog]:
    """Give an open catalog on each database."""
    with open_catalog(url, write=True) as opened:
        yield opened


@pytest.fixture
def writer(catalog: Catalog) -> Writer:
    """Give the writer of the catalog."""
    return Writer(catalog)


@pytest.fixture
def planned(writer: Writer) -> Callable[..., str]:
    """Give a function that scans files and stores the plan of their units; it returns the run."""

    def plan(*files: ScanFile, units: list[WorkUnit] | None = None) -> str:
        run = writer.start_run(command="run", recipe=RECIPE)
        writer.add_scan(run, files)
        writer.store_plan(run, RECIPE, units or [make_unit(file) for file in files])
        return run

    return plan
