"""Ask the catalog what the planner wants to know, and give it the files."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

from archivist.api.errors import UsageError, WeightsCorrupt, WeightsMissing
from archivist.api.steps import Device, StepSpec
from archivist.catalog import queries
from archivist.catalog.found import FoundFile, files_of_run
from archivist.catalog.sizes import bytes_per_pixel
from archivist.hashing import digest_file
from archivist.model import (
    OutputProfile,
    Recipe,
    Supplied,
    WorkUnit,
    text_to_path,
)
from archivist.pipeline.certified import certified_for
from archivist.pipeline.job import Desk, Job
from archivist.pipeline.lookup import CatalogLookup
from archivist.pipeline.makers import MAKERS, asks_for_makers, makers_of
from archivist.pipeline.rights import Gate, check_policy, gate_of
from archivist.pipeline.sequences import Roll
from archivist.plan import (
    PlannedFile,
    PlannedSequence,
    Planner,
    Search,
    Sizes,
    fact_names,
    facts_of,
    parse,
)
from archivist.plugins import Plugins, find_weights, make_params, weights_folders
from archivist.plugins import weight_digest as digest_of_weight
from archivist.scan import SequencePatterns, read_manifest, sample_of
from archivist.schedule.runner import check_scheduler


def planner_for(
    desk: Desk,
    *,
    profiles: Sequence[OutputProfile],
    override: bool = False,
    search: Search | None = None,
    asked: AbstractSet[str] = frozenset(),
    barred: Mapping[str, str] | None = None,
) -> Planner:
    """Return the planner of a recipe, with the catalog as its memory; see :class:`Planner`.

    ``barred`` are photographs that may lend nothing, with the reason.
    """
    job, recipe = desk.job, desk.recipe
    spare_the_collector()
    folders = weights_folders(job.settings.weights.folder)

    def weights(spec: StepSpec, params: Mapping[str, object]) -> Sequence[str]:
        needed = spec.required_weights(make_params(spec, params))
        try:
            for weight in needed:
                find_weights(weight, folders)
        except (WeightsMissing, WeightsCorrupt) as error:
            # Before the first task it is a matter of the installation, not of an asset.
            raise UsageError(f"{spec.id}: {error}") from error
        return [digest_of_weight(weight, folders) or "" for weight in needed]

    return Planner(
        recipe,
        desk.plugins,
        CatalogLookup(
            desk.catalog,
            job.out,
            [step.step for step in recipe.steps],
            profiles=[profile.name for profile in profiles],
            policy=job.settings.review,
            barred=barred or {},
            note=desk.watcher.note,
        ),
        profiles=profiles,
        weights=weights,
        device_family=desk.family,
        override=override,
        stream_above_mp=job.settings.schedule.stream_above_megapixels,
        names=columns_of(job),
        search=search,
        asked=asked,
        certified=certified_for(desk.catalog, desk.plugins),
    )


FATE = ("status", "code", "review")
"""What ``--where`` may also ask: how the asset ended last, and what a reviewer said."""

MOST_UNUSED = 10
"""Files made by hand for no scan that are told one by one."""


def sizes_for(desk: Desk) -> Sizes:
    """Return what estimates the disk that outputs and the store will take."""
    settings = desk.job.settings
    return Sizes(
        plugins=desk.plugins,
        profiles=settings.output.profiles,
        keep=settings.store.keep,
        measured=bytes_per_pixel(desk.catalog),
    )


def columns_of(job: Job) -> tuple[str, ...]:
    """Return the columns of the manifest, if there is one."""
    name = job.settings.scan.manifest
    return read_manifest(Path(name)).columns if name else ()


def spare_the_collector() -> None:
    """Tell the garbage collector that what is loaded by now stays until the end.

    A plan makes millions of short-lived objects; walking through those of all imported libraries
    again and again would cost a tenth of its time.
    """
    gc.freeze()


def device_family(recipe: Recipe, plugins: Plugins, gpus: int) -> str:
    """Return ``cuda`` when a step of the recipe would use a GPU and there is one, else ``cpu``."""
    wants = any(plugins.steps[s.step].cost.device is not Device.CPU for s in recipe.steps)
    return "cuda" if wants and gpus else "cpu"


def units_of(desk: Desk, planner: Planner) -> Iterator[WorkUnit]:
    """Yield the plan for the files that this run's scan saw and that are asked for."""
    files = _asked_for(desk)
    roll, gate = Roll(desk), gate_of(desk.job)
    used: set[str] = set()

    def planned(file: FoundFile) -> PlannedFile:
        one = _planned(file, desk, gate)
        used.update(supplied.path for supplied in one.supplied)
        return one

    yield from planner.units(
        map(planned, roll.single(files)),
        (
            PlannedSequence(name=name, files=map(planned, members))
            for name, members in roll.sequences()
        ),
    )
    _tell_unused(desk, used)


def _planned(file: FoundFile, desk: Desk, gate: Gate) -> PlannedFile:
    return PlannedFile(
        digest=file.digest,
        paths=file.paths,
        assets=file.assets,
        supplied=supplied_for(desk.recipe, file.paths),
        denied=gate.of(file),
    )


def _tell_unused(desk: Desk, used: AbstractSet[str]) -> None:
    """Note the files made by hand that belong to no scan: a misnamed one would go unnoticed."""
    if desk.job.sample or desk.job.where is not None:
        return
    for port, folder in desk.recipe.inputs.items():
        files = (path for path in sorted(Path(folder).rglob("[!.]*")) if _is_file(path))
        idle = [path for path in files if str(path.resolve()) not in used]
        for path in idle[:MOST_UNUSED]:
            desk.watcher.note(
                f"inputs.{port}: {path} belongs to no scan. Cure: name it like the scan, with its "
                "folders: album/a.jpg, album/a.jpg.png or album/a.png for album/a.jpg"
            )
        if len(idle) > MOST_UNUSED:
            more = len(idle) - MOST_UNUSED
            desk.watcher.note(f"inputs.{port}: the same of {more} more in {folder}")


def _asked_for(desk: Desk) -> Iterator[FoundFile]:
    """Yield the files that ``--where`` takes, and of these only a sample if one is asked for."""
    if not desk.job.sample:
        return _wanted(desk)
    chosen = sample_of((path for file in _wanted(desk) for path in file.paths), desk.job.sample)
    return (file for file in _wanted(desk) if not chosen.isdisjoint(file.paths))


def check_request(job: Job, recipe: Recipe) -> None:
    """Raise UsageError for a wrong request, before hours go into a scan.

    Checked are ``--scheduler``, ``--workers``, ``--where``, the manifest, the rules of rights, the
    patterns of sequences and the inputs.
    """
    check_scheduler(job.scheduler, job.workers)
    SequencePatterns(job.settings.scan.sequences)
    columns = columns_of(job)
    check_policy(job, columns)
    names = {*fact_names(columns), *FATE, *MAKERS}
    if job.where is not None:
        parse(job.where, names)
    for port, folder in recipe.inputs.items():
        if not Path(folder).is_dir():
            raise UsageError(
                f"recipe {recipe.name!r} takes its {port} from {Path(folder).absolute()}, which is "
                f"no folder. Cure: correct inputs.{port} in {job.where_from}"
            )


def _wanted(desk: Desk) -> Iterator[FoundFile]:
    job, catalog = desk.job, desk.catalog
    files = files_of_run(catalog, desk.run)
    if job.where is None:
        yield from files
        return
    wants = parse(job.where, {*fact_names(columns_of(job)), *FATE, *MAKERS})
    asked = asks_for_makers(job.where)
    for file in files:
        uids = [asset.uid for asset in file.assets]
        outcomes, reviews = queries.last_outcomes(catalog, uids), queries.reviews(catalog, uids)
        makers = makers_of(catalog, uids) if asked else {}
        for asset in file.assets:
            last, review = outcomes.get(asset.uid), reviews.get(asset.uid)
            facts = facts_of(asset, file.paths[0]) | {
                "status": last.status if last else "",
                "code": last.code if last else "",
                "review": str(review.decision) if review else "",
                **makers.get(asset.uid, {}),
            }
            if wants(facts):
                yield file
                break


def supplied_for(recipe: Recipe, paths: Sequence[str]) -> tuple[Supplied, ...]:
    """Return the values that a person made for a file: named like the scan, or with ``.png``."""
    found = []
    for port, folder in recipe.inputs.items():
        for path in paths:
            name = Path(folder) / text_to_path(path)
            places = (name, name.with_name(name.name + ".png"), name.with_suffix(".png"))
            place = next((p for p in places if _is_file(p)), None)
            if place is not None:
                digest = _digest(place)
                found.append(Supplied(port=port, path=str(place.resolve()), digest=digest))
                break
    return tuple(found)


def _digest(path: Path) -> str:
    try:
        return digest_file(path)
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"{path} cannot be read: {reason}. Cure: check its permissions") from error


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that becomes too long by ".png"
        return False
