"""A catalog as it is after a large archive was treated: made-up assets, real rows.

Every asset is one file that went through all steps of a recipe: each step read the image of the
one before and made a new one; every third result was kept as a file in the store.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from archivist.api.values import Colour
from archivist.catalog.session import open_catalog
from archivist.catalog.writer import Writer
from archivist.hashing import digest_json
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
)
from archivist.step.record import sealed

BATCH = 200
"""Outcomes recorded together, as the pipeline does."""

STARTED = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
ENVIRONMENT = {"python": "3.11.7", "numpy": "2.4.6", "device": "cpu", "platform": "linux"}
_ENVIRONMENT = digest_json(ENVIRONMENT)
_TILING = {"mode": "tiled", "size": 1024, "overlap": 32}
_CONTRACT = MetadataContract(
    kept=tuple(f"Exif.Tag{n}" for n in range(40)), added={"Xmp.History": "the steps taken"}
)

KeyOf = Callable[[int, str], str]
"""(ordinal of the step, digest of the image it reads) -> step key."""

PublicationKey = Callable[[str, str], str]
"""(digest of the last image, path) -> identity of the output file."""


def sha(text: str) -> str:
    """Return a made-up digest."""
    return hashlib.sha256(text.encode()).hexdigest()


def simple_recipe(steps: int) -> Recipe:
    """Return a recipe of steps that exist in no plugin."""
    params = {"threshold": 0.4, "dilation": 2, "size": "compact"}
    return Recipe(
        name="bench",
        title="Benchmark",
        steps=tuple(RecipeStep(step=f"bench.step{n}", params=params) for n in range(steps)),
    )


def scan_file(number: int) -> ScanFile:
    """Return a file of one page."""
    digest = sha(f"scan {number}")
    header = Header(
        format="jpeg", width=6000, height=4000, colour=Colour.RGB, depth=8, dpi=(300.0, 300.0)
    )
    asset = Asset(
        digest=digest,
        page=0,
        pages=1,
        header=header,
        perceptual_hash=digest[:16],
        exif={"Image Make": "Scanner", "Image Model": "X 5", "EXIF DateTimeOriginal": "2020"},
        facts={"inventory_no": f"F {number}"},
    )
    path = f"box {number // 1000:03}/F{number:06}.jpg"
    return ScanFile(path=path, digest=digest, size=8_000_000, mtime_ns=number, assets=(asset,))


def unit(file: ScanFile, recipe: Recipe, key_of: KeyOf) -> WorkUnit:
    """Return the work for a file of which nothing is known yet."""
    asset = file.assets[0]
    tasks = tuple(
        Task(
            asset=asset.uid,
            ordinal=n,
            step=step.step,
            version=1,
            params=step.params,
            action=Action.FOLLOW if n else Action.RUN,
            reason="new",
            key=None if n else key_of(0, asset.uid),
        )
        for n, step in enumerate(recipe.steps)
    )
    page = PageWork(asset=asset, tasks=tasks)
    work = FileWork(digest=file.digest, paths=(file.path,), pages=(page,))
    return WorkUnit(uid=file.digest, files=(work,), seconds=1.0, ram_mib=500.0)


def records(
    asset: str, recipe: Recipe, key_of: KeyOf, kept: bool
) -> tuple[tuple[StepRecord, ...], str]:
    """Return the records of an asset's steps, and the digest of the last image."""
    image, parents, made = asset, (), []
    for n, step in enumerate(recipe.steps):
        key = key_of(n, image)
        output = sha(f"image {key}")
        record = StepRecord(
            asset=asset,
            ordinal=n,
            step=step.step,
            version=1,
            title="A step",
            distribution="archivist-bench",
            distribution_version="1.0",
            conjectural=False,
            key=key,
            status=Status.DONE,
            params=step.params,
            inputs=(InputUse(port="image", digest=image, role="prior" if n else "scan"),),
            outputs=(
                Artifact(
                    port="image",
                    kind="image",
                    digest=output,
                    kept=kept,
                    blob=sha(f"blob {key}") if kept else None,
                    size=5_000_000 if kept else 0,
                    media_type="image/png" if kept else "",
                    width=6000,
                    height=4000,
                ),
            ),
            weights=(WeightUse(name="net", digest=sha("net"), licence="Apache-2.0", source="us"),),
            seed=int(key[:15], 16),
            device="cpu",
            determinism="exact",
            tiling=_TILING,
            scores={"share": 0.0123},
            environment=_ENVIRONMENT,
            started=STARTED,
            seconds=0.25,
            peak_mib=512.5,
            operator="bench",
            parents=parents,
            digest=sha(f"record {key}"),
        )
        image, parents = output, (record.digest,)
        made.append(record)
    return tuple(made), image


def outcome(
    file: ScanFile,
    recipe: Recipe,
    key_of: KeyOf,
    *,
    kept: bool = False,
    publication_key: PublicationKey | None = None,
) -> UnitOutcome:
    """Return what a worker sends when it has treated a file."""
    uid = file.assets[0].uid
    done, image = records(uid, recipe, key_of, kept)
    publications: tuple[Publication, ...] = ()
    if publication_key is not None:
        publications = (
            Publication(
                source=file.path,
                digest=file.digest,
                profile="master",
                path=file.path,
                output_digest=sha(f"output {file.path}"),
                size=8_100_000,
                media_type="image/jpeg",
                untouched=False,
                contract=_CONTRACT,
                key=publication_key(image, file.path),
            ),
        )
    asset = AssetOutcome(asset=uid, status=Status.DONE, records=done, seconds=0.75)
    return UnitOutcome(
        unit=file.digest,
        assets=(asset,),
        publications=publications,
        environment=ENVIRONMENT,
        worker="bench",
        started=STARTED,
        seconds=0.8,
        peak_mib=600.0,
    )


def sealed_outcome(made: UnitOutcome) -> UnitOutcome:
    """Return an outcome whose records have the digests of what they say."""
    (asset,) = made.assets
    records = tuple(sealed(record) for record in asset.records)
    return replace(made, assets=(replace(asset, records=records),))


def plain_key(ordinal: int, image: str) -> str:
    """Return a made-up step key."""
    return sha(f"key {ordinal} {image}")


def plain_publication_key(image: str, path: str) -> str:
    """Return a made-up identity of an output."""
    return sha(f"published {image} {path}")


def fill(
    url: str,
    *,
    assets: int = 100_000,
    recipe: Recipe | None = None,
    key_of: KeyOf = plain_key,
    publication_key: PublicationKey | None = plain_publication_key,
    seal: bool = False,
) -> str:
    """Make a catalog in which everything is done; return the uid of the run.

    For a plan of "nothing to do" give the ``recipe`` and the ``key_of`` of the planner's steps:
    each step must have one input port and one output port, both an image. With ``seal`` records
    have the digests of what they say.
    """
    recipe = recipe or simple_recipe(3)
    with open_catalog(url, write=True) as catalog:
        writer = Writer(catalog)
        run = writer.start_run(command="run", recipe=recipe)
        writer.add_scan(run, map(scan_file, range(assets)))
        writer.finish_scan(run)
        units = (unit(scan_file(n), recipe, key_of) for n in range(assets))
        writer.store_plan(run, recipe, units)
        for batch in _batches(assets):
            made = [
                outcome(
                    scan_file(n),
                    recipe,
                    key_of,
                    kept=n % 3 == 0,
                    publication_key=publication_key,
                )
                for n in batch
            ]
            writer.record(run, [sealed_outcome(one) for one in made] if seal else made)
        writer.finish_run(run)
    return run


def _batches(count: int) -> Iterator[Sequence[int]]:
    for start in range(0, count, BATCH):
        yield range(start, min(start + BATCH, count))
