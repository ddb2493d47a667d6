"""Steps, files and a past for the planner, without plugins or a database."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from archivist.api import Colour, Kind, Port, StepSpec, hookimpl, param
from archivist.lending import Lends
from archivist.model import (
    Artifact,
    Asset,
    Header,
    KnownResult,
    Lookalike,
    OutputProfile,
    Recipe,
    RecipeStep,
    WorkUnit,
)
from archivist.plan import Output, PlannedFile, PlannedSequence, Planner, Previous, Redo
from archivist.plan.recipe import full_params
from archivist.plugins import Plugins, load_plugins


@dataclass(frozen=True)
class FindParams:
    threshold: float = param(0.4, doc="Where damage begins.", low=0.0, high=1.0)


FIND = StepSpec(
    id="dust.find",
    version=1,
    title="Find dust",
    run="nowhere:run",
    params=FindParams,
    inputs=[Port(name="image", kind=Kind.IMAGE)],
    outputs=[Port(name="mask", kind=Kind.MASK)],
)
MEND = StepSpec(
    id="dust.mend",
    version=1,
    title="Mend dust",
    run="nowhere:run",
    inputs=[Port(name="image", kind=Kind.IMAGE), Port(name="mask", kind=Kind.MASK)],
    outputs=[Port(name="image", kind=Kind.IMAGE)],
)
EMBED = StepSpec(
    id="looks.embed",
    version=1,
    title="Describe the picture",
    run="nowhere:run",
    inputs=[Port(name="image", kind=Kind.IMAGE)],
    outputs=[Port(name="embedding", kind=Kind.EMBEDDING)],
)
CHOOSE = StepSpec(
    id="looks.choose",
    version=1,
    title="Choose references",
    run="nowhere:run",
    inputs=[
        Port(name="image", kind=Kind.IMAGE),
        Port(name="lookalikes", kind=Kind.REFERENCES),
    ],
    outputs=[Port(name="references", kind=Kind.REFERENCES)],
)
MATCH = replace(
    CHOOSE,
    id="looks.match",
    title="Choose exemplars",
    inputs=[
        Port(name="image", kind=Kind.IMAGE),
        Port(name="colour_lookalikes", kind=Kind.REFERENCES),
    ],
    outputs=[Port(name="exemplars", kind=Kind.REFERENCES)],
)
BORROW = StepSpec(
    id="looks.borrow",
    version=1,
    title="Borrow texture",
    run="nowhere:run",
    inputs=[
        Port(name="image", kind=Kind.IMAGE),
        Port(name="references", kind=Kind.REFERENCES, required=False),
    ],
    outputs=[Port(name="image", kind=Kind.IMAGE)],
)
CALM = StepSpec(
    id="film.calm",
    version=1,
    title="Take the frame before into account",
    run="nowhere:run",
    inputs=[
        Port(name="image", kind=Kind.IMAGE),
        Port(name="before", kind=Kind.IMAGE, previous="image", required=False),
    ],
    outputs=[Port(name="image", kind=Kind.IMAGE)],
)


def plugins_of(*specs: StepSpec) -> Plugins:
    class Offer:
        @hookimpl
        def archivist_steps(self):
            return specs

    return load_plugins(allow=["nothing-installed"], extra={"dust": Offer()})


@dataclass
class Past:
    """What the planner asks; keeps what :meth:`finish` says was done."""

    results: dict[str, KnownResult] = field(default_factory=dict)
    newest: dict[tuple[str, str], Previous] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    approved: set[str] = field(default_factory=set)
    occupied: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    asked: dict[str, Redo] = field(default_factory=dict)
    outputs: set[tuple[str, str, str]] = field(default_factory=set)

    def known(self, keys):
        return {key: self.results[key] for key in keys if key in self.results}

    def previous(self, assets):
        return {place: row for place, row in self.newest.items() if place[0] in assets}

    def failures(self, assets):
        return {asset: self.failed[asset] for asset in assets if asset in self.failed}

    def pinned(self, assets):
        return self.approved & set(assets)

    def held(self, paths):
        return self.occupied & set(paths)

    def redo(self, assets):
        return {asset: self.asked[asset] for asset in assets if asset in self.asked}

    def replaced(self, paths):
        return self.changed & set(paths)

    def published(self, digests):
        lying = [Output(key=key, profile=name, source=path) for key, name, path in self.outputs]
        return dict.fromkeys(digests, lying)


@dataclass
class Finder:
    """A search that finds what it is told, and notes how many it was asked at a time."""

    found: dict[str, tuple[Lookalike, ...]] = field(default_factory=dict)
    snapshot: str = "5" * 64
    asked: list[int] = field(default_factory=list)
    of_colour: dict[str, tuple[Lookalike, ...]] = field(default_factory=dict)

    def find(self, assets, what):
        self.asked.append(len(assets))
        return self.of_colour if what is Lends.COLOUR else self.found


class Archive:
    """A recipe over a few files, planned again and again."""

    def __init__(self) -> None:
        self.past = Past()
        self.specs = [FIND, MEND]
        self.params = {"dust.find": {}}
        self.files = [planned_file("a" * 64, "album/a.tif")]
        self.weights: list[str] = []
        self.search: Finder | None = None
        self.sequences: list[PlannedSequence] = []

    def units(self, **options: object) -> list[WorkUnit]:
        plugins = plugins_of(*self.specs)
        recipe = Recipe(
            name="dust",
            title="",
            steps=tuple(
                RecipeStep(step=s.id, params=full_params(s, self.params.get(s.id, {})))
                for s in self.specs
            ),
        )
        planner = Planner(
            recipe,
            plugins,
            self.past,
            profiles=[OutputProfile(name="restored")],
            weights=lambda spec, params: self.weights,
            search=self.search,
            **options,
        )
        return list(planner.units(self.files, self.sequences))

    def tasks(self, **options: object):
        return [t for u in self.units(**options) for f in u.files for p in f.pages for t in p.tasks]

    def told(self, **options: object) -> list[tuple[str, str, str]]:
        return [(t.step, str(t.action), t.reason) for t in self.tasks(**options)]

    def finish(
        self, *, mask: str = "1" * 64, references: str = "2" * 64, kept: bool = True
    ) -> None:
        """Do all that is planned, as a worker would: keys follow from the digests before them."""
        from archivist.hashing import step_key
        from archivist.model import lookalikes_digest, publication_key

        for unit in self.units():
            file = unit.files[0]
            values = {"image": file.pages[0].asset.uid}
            for port, found in file.pages[0].lookalikes.items():
                values[port] = lookalikes_digest(found)
            for task in file.pages[0].tasks:
                spec = next(s for s in self.specs if s.id == task.step)
                inputs = [(p.name, values[p.name]) for p in spec.inputs if p.name in values]
                key = step_key(
                    spec,
                    task.params,
                    inputs=inputs,
                    weights=self.weights,
                    seed=0,
                    device_family="cpu",
                )
                fixed = {"mask": mask, "references": references, "exemplars": "3" * 64}
                made = {p.name: fixed.get(p.name, key[::-1]) for p in spec.outputs}
                result = KnownResult(
                    key=key,
                    record=key,
                    status="done",
                    reason="",
                    outputs=tuple(
                        Artifact(port=n, kind=n, digest=d, kept=kept) for n, d in made.items()
                    ),
                )
                self.past.results[key] = result
                self.past.newest[task.asset, task.step] = Previous(
                    version=task.version,
                    params=task.params,
                    inputs=dict(inputs),
                    weights=list(self.weights),
                    result=result,
                )
                values.update(made)
            profile = OutputProfile(name="restored")
            for path in file.paths:
                name = publication_key([values["image"]], profile, path, synthetic=False)
                self.past.outputs.add((name, "restored", path))

    def raise_version(self, step: str) -> None:
        self.specs = [replace(s, version=s.version + 1) if s.id == step else s for s in self.specs]


def planned_file(digest: str, path: str, **facts: str) -> PlannedFile:
    header = Header(format="tiff", width=300, height=200, colour=Colour.GREY, depth=16)
    asset = Asset(digest=digest, page=0, pages=1, header=header, facts=facts)
    return PlannedFile(digest=digest, paths=(path,), assets=(asset,))


@pytest.fixture
def archive() -> Archive:
    return Archive()


@pytest.fixture(name="plugins_of")
def _plugins_of():
    """Give the function that loads steps as plugins."""
    return plugins_of


@pytest.fixture
def similar(archive: Archive) -> Archive:
    """Give an archive whose recipe chooses references."""
    archive.specs = [EMBED, CHOOSE, BORROW]
    archive.search = Finder()
    return archive


@pytest.fixture
def colourful(similar: Archive) -> Archive:
    """Give an archive whose recipe chooses references and, beside them, exemplars."""
    similar.specs = [EMBED, CHOOSE, MATCH, BORROW]
    return similar


@pytest.fixture
def film(archive: Archive) -> Archive:
    archive.specs = [CALM]
    frames = [planned_file(f"{n}" * 64, f"film/{n}.tif") for n in (1, 2, 3)]
    archive.files = []
    archive.sequences = [PlannedSequence(name="reel 1", files=frames)]
    return archive
