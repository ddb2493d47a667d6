"""Units that say in their name what shall happen to them, and the work that obeys."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

import pytest

from archivist.api.values import Colour
from archivist.model import (
    Asset,
    AssetOutcome,
    FileWork,
    Header,
    PageWork,
    Status,
    UnitOutcome,
    WorkUnit,
)


@pytest.fixture
def make_unit() -> Callable[..., WorkUnit]:
    def make(uid: str, seconds: float = 0.01, ram: float = 0.0, vram: float = 0.0) -> WorkUnit:
        header = Header(format="JPEG", width=4, height=3, colour=Colour.RGB, depth=8)
        page = PageWork(asset=Asset(digest=uid, page=0, pages=1, header=header), tasks=())
        file = FileWork(digest=uid, paths=(f"{uid}.jpg",), pages=(page,))
        return WorkUnit(uid=uid, files=(file,), seconds=seconds, ram_mib=ram, vram_mib=vram)

    return make


@pytest.fixture
def make_units(make_unit) -> Callable[..., Iterator[WorkUnit]]:
    def make(count: int, **facts: float) -> Iterator[WorkUnit]:
        return (make_unit(f"u{number}", **facts) for number in range(count))

    return make


@pytest.fixture
def work() -> Callable[[Sequence[WorkUnit]], list[UnitOutcome]]:
    """Work that a worker gets by value, so it may not use anything of this module.

    A uid may be ``kill...``, ``raise...``, ``sleep=0.2...``; the others are done. Each outcome
    tells its process and the environment in ``environment``.
    """

    def outcome(unit: WorkUnit) -> UnitOutcome:
        import os
        import time

        if unit.uid.startswith("kill"):
            os._exit(9)
        if unit.uid.startswith("raise"):
            raise ValueError("a bad file")
        if unit.uid.startswith("sleep="):
            time.sleep(float(unit.uid.split("=")[1].split("-")[0]))
        names = ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES")
        facts = {"pid": os.getpid(), **{name: os.environ.get(name) for name in names}}
        return UnitOutcome(
            unit=unit.uid,
            assets=(AssetOutcome(asset=unit.files[0].digest, status=Status.DONE),),
            environment=facts,
            started=datetime(2026, 1, 1, tzinfo=UTC),
            seconds=unit.seconds,
        )

    def do(units: Sequence[WorkUnit]) -> list[UnitOutcome]:
        return [outcome(unit) for unit in units]

    return do
