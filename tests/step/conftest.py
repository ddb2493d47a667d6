"""One page in a worker: scans of the same things in two sizes, and a step that borrows."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

from archivist.api import Kind, Mask, Port, References, StepSpec, hookimpl, param
from archivist.api.steps import NoParams
from archivist.hashing import digest_bytes
from archivist.imaging.probe import read_facts
from archivist.lending import LOOKALIKES
from archivist.model import (
    Action,
    Asset,
    FileWork,
    KnownResult,
    Lookalike,
    OutputProfile,
    PageWork,
    StepRecord,
    Task,
    Workshop,
    WorkUnit,
)
from archivist.plugins import load_plugins, make_params, plain_params
from archivist.step.chain import Chain
from archivist.step.files import (
    FileDraft,
    FileOutcome,
    compute_file,
    finish_files,
    open_file,
    stage_file,
)
from archivist.step.held import Held
from archivist.step.page import PageDraft, PageRun
from archivist.step.session import Session

SIZE = (240, 320)
FORMATS = {".jpg": "JPEG", ".png": "PNG", ".tif": "TIFF"}


def things(height: int, width: int, seed: int = 1) -> NDArray[np.uint8]:
    """Return a grey picture full of corners, the same things at any size."""
    draw = np.random.default_rng(seed)
    whole = np.full((960, 1280), 90, np.uint8)
    for _ in range(160):
        x, y = (int(draw.integers(0, side)) for side in (1280, 960))
        across, down = (int(side) for side in draw.integers(20, 160, 2))
        level = int(draw.integers(20, 235))
        cv2.rectangle(whole, (x, y), (x + across, y + down), level, -1)
    return np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def painted(grey: NDArray[np.uint8], seed: int = 5) -> NDArray[np.uint8]:
    """Return a grey picture in colour: fields of many hues, as light as it was."""
    height, width = grey.shape
    hues = np.random.default_rng(seed).uniform(-40, 40, (6, 8, 2)).astype(np.float32)
    fields = cv2.resize(hues, (width, height), interpolation=cv2.INTER_NEAREST)
    light = 10 + grey.astype(np.float32)[:, :, None] / 255 * 80
    rgb = cv2.cvtColor(np.concatenate([light, fields], axis=2), cv2.COLOR_Lab2RGB)
    return np.asarray(np.rint(rgb.clip(0, 1) * 255), np.uint8)


def borrow(inputs, params, ctx):
    """Mix the picture with what its first reference shows."""
    image, references = inputs["image"], inputs.get("references")
    if references is None:
        return {"image": image.with_pixels(image.pixels * 0.5)}
    found = references.references[0].read().pixels
    small = cv2.resize(found, (image.width, image.height)).reshape(image.pixels.shape)
    return {"image": image.with_pixels((image.pixels + small) / 2)}


def enlarge(inputs, params, ctx):
    """Repeat each pixel."""
    pixels = inputs["image"].pixels.repeat(params.scale, axis=0).repeat(params.scale, axis=1)
    return {"image": inputs["image"].with_pixels(pixels)}


def fixed(inputs, params, ctx):
    """Repeat each pixel twice, whatever is asked for."""
    return enlarge(inputs, EnlargeParams(2), ctx)


def mark(inputs, params, ctx):
    """Choose the lightest pixels."""
    return {"mask": Mask(pixels=inputs["image"].pixels.max(axis=2) > 0.85)}


def fill(inputs, params, ctx):
    """Make what is chosen black."""
    keep = ~inputs["mask"].pixels[:, :, None]
    return {"image": inputs["image"].with_pixels(inputs["image"].pixels * keep)}


@dataclass(frozen=True)
class EnlargeParams:
    """How much."""

    scale: int = param(2, doc="Times.", choices=(1, 2, 4))


IMAGE = Port(name="image", kind=Kind.IMAGE)
MASK = Port(name="mask", kind=Kind.MASK)
BORROW = StepSpec(
    id="test.borrow",
    version=1,
    title="Borrow",
    run="borrowing_steps:borrow",
    inputs=(IMAGE, Port(name="references", kind=Kind.REFERENCES, required=False)),
    outputs=(IMAGE,),
)

OTHERS = tuple(
    StepSpec(
        id=f"test.{verb}",
        version=1,
        title=verb,
        run=f"borrowing_steps:{verb}",
        inputs=inputs,
        outputs=outputs,
        params=params,
        scale_param=scale,
    )
    for verb, inputs, outputs, params, scale in (
        ("enlarge", (IMAGE,), (IMAGE,), EnlargeParams, "scale"),
        ("mark", (IMAGE,), (MASK,), NoParams, ""),
        ("fill", (IMAGE, MASK), (IMAGE,), NoParams, ""),
    )
)


class Offer:
    """The plugin of the test."""

    @hookimpl
    def archivist_steps(self) -> tuple[StepSpec, ...]:
        return (BORROW, *OTHERS)


@dataclass
class Desk:
    """Carries one page of a folder of scans through steps."""

    scans: Path
    workshop: Workshop
    here: Session
    steps: tuple[str, ...] = ("references.choose", "test.borrow")
    params: dict[str, Mapping[str, object]] = field(default_factory=dict)
    known: tuple[KnownResult, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    noted: dict[tuple[int, str], Held] = field(default_factory=dict)
    made: dict[PageDraft, Mapping[tuple[int, str], Held]] = field(default_factory=dict)
    """Of each draft the outputs of its steps, those that were reused too: (ordinal, name)."""

    def add(self, name: str, pixels: NDArray[np.uint8], **save: object) -> str:
        """Write a scan and return its digest."""
        stream = BytesIO()
        Pillow.fromarray(pixels).save(stream, FORMATS[Path(name).suffix], **save)
        (self.scans / name).write_bytes(stream.getvalue())
        return digest_bytes(stream.getvalue())

    def lookalike(self, name: str, **more: object) -> Lookalike:
        """Return the whole of a scan as a lookalike of the whole page."""
        data = (self.scans / name).read_bytes()
        (facts,) = read_facts(data, max_pixels=10**8)
        width, height = facts.header.upright_size
        one = Lookalike(
            asset=digest_bytes(data),
            page=0,
            path=name,
            region=(0, 0, width, height),
            near=(0, 0, SIZE[1], SIZE[0]),
            cosine=0.8,
        )
        return replace(one, **more)  # type: ignore[arg-type]

    def run(self, *lookalikes: Lookalike, action: Action = Action.RUN) -> PageDraft:
        """Carry ``query.png`` through the steps and return what became of it."""
        self.noted.clear()
        (page,) = self._draft("query.png", lookalikes, action).pages
        self.made[page] = dict(self.noted)
        return page

    def draft(self, name: str) -> FileDraft:
        """Carry a scan through the steps; its output is still to be written."""
        return self._draft(name, None, Action.RUN)

    def publish(self, name: str) -> FileOutcome:
        """Carry a scan through the steps and write its output."""
        staged = stage_file(self.draft(name), self.workshop, self.here)
        (outcome,) = finish_files([staged], self.workshop)
        return outcome

    def _draft(
        self, name: str, lookalikes: tuple[Lookalike, ...] | None, action: Action
    ) -> FileDraft:
        data = (self.scans / name).read_bytes()
        (facts,) = read_facts(data, max_pixels=10**8)
        digest = digest_bytes(data)
        asset = Asset(digest=digest, page=0, pages=1, header=facts.header, facts=self.facts)
        tasks = tuple(self._task(n, step, digest, action) for n, step in enumerate(self.steps))
        found = {} if lookalikes is None else dict.fromkeys(LOOKALIKES, lookalikes)
        page = PageWork(
            asset=asset, tasks=tasks, known=self.known, lookalikes=found, snapshot="5a" * 32
        )
        file = FileWork(digest=digest, paths=(name,), pages=(page,))
        unit = WorkUnit(uid=digest, files=(file,), seconds=0.0)
        opened = open_file(file, self.workshop, self.here)
        return compute_file(opened, self.workshop, self.here, Chain(unit, self.workshop, self.here))

    def remember(self, draft: PageDraft) -> None:
        """Let later runs reuse what this one made."""
        self.known += tuple(map(_known, draft.outcome.records))

    def install(self, **plugins: object) -> None:
        """Let there be other plugins beside that of the test."""
        self.here = Session(load_plugins(allow=[], extra={"test": Offer(), **plugins}))

    def _task(self, ordinal: int, step: str, asset: str, action: Action) -> Task:
        spec = self.here.plugins.require(step)
        return Task(
            asset=asset,
            ordinal=ordinal,
            step=step,
            version=spec.version,
            params=plain_params(make_params(spec, self.params.get(step, {}))),
            action=action,
            reason="",
        )


def _known(record: StepRecord) -> KnownResult:
    return KnownResult(
        key=record.key,
        record=record.digest,
        status=str(record.status),
        reason=record.reason,
        outputs=record.outputs,
    )


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A page ``query.png`` with ``finer.png``, the same things twice as fine, and ``other.png``."""
    module = types.ModuleType("borrowing_steps")
    vars(module).update(borrow=borrow, enlarge=enlarge, fixed=fixed, mark=mark, fill=fill)
    monkeypatch.setitem(sys.modules, "borrowing_steps", module)
    scans = tmp_path / "scans"
    scans.mkdir()
    workshop = Workshop(
        scans=str(scans),
        out=str(tmp_path / "out"),
        store=str(tmp_path / "store"),
        weights=(),
        scratch=str(tmp_path / "scratch"),
        profiles=(OutputProfile(name="same"),),
        keep=("image",),
        run="run",
        operator="",
        max_pixels=10**8,
    )
    desk = Desk(scans, workshop, Session(load_plugins(allow=[], extra={"test": Offer()})))
    take_all = PageRun.take_all

    def note(run, task, spec, outputs, *more):
        desk.noted.update({(task.ordinal, name): held for name, held in outputs.items()})
        take_all(run, task, spec, outputs, *more)

    monkeypatch.setattr(PageRun, "take_all", note)
    desk.add("query.png", things(*SIZE))
    desk.add("finer.png", things(480, 640))
    desk.add("other.png", things(480, 640, seed=2))
    return desk


@pytest.fixture
def sights() -> type:
    """The pictures that the scans show."""

    class Sights:
        """Pictures by size and number."""

        make = staticmethod(things)
        paint = staticmethod(painted)
        size = SIZE

    return Sights


@pytest.fixture
def chosen(desk: Desk) -> object:
    """Return a function that gives the references that a page ended with."""

    def references_of(draft: PageDraft) -> References:
        found = desk.made[draft][0, "references"].get()
        assert isinstance(found, References)
        return found

    return references_of
