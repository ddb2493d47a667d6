from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from archivist.hashing import digest_bytes
from archivist.model import MetadataContract, Status
from archivist.report.cards import Pair
from archivist.report.rows import (
    ReportAsset,
    ReportFile,
    ReportRefusal,
    ReportRun,
    ReportStep,
)


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
