"""What the kept maps of a result say of one place: what was borrowed there, and how sure a step is.

Places are shares of the picture, 0..1, because later steps may have made it larger.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from archivist.api.errors import StoreError
from archivist.api.values import TransferMap
from archivist.catalog.rows import AssetReport
from archivist.catalog.session import Catalog
from archivist.lending import Lends, lends
from archivist.model import Artifact, Status, StepRecord
from archivist.report.gather import references_of
from archivist.report.lenders import ReportReference, load_map, uids_of
from archivist.store.artifacts import load_picture
from archivist.store.blobs import BlobStore

Box = tuple[float, float, float, float]
"""x, y, width, height, in shares of the picture."""
_WIDEST = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class Borrowing:
    """Texture or colour at the place came from ``x, y`` of the upright scan of a reference."""

    reference: ReportReference
    x: int
    y: int
    similarity: float
    lends: Lends
    step: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """What a graded map of a step that invents says of the place: ``value`` is 0..1.

    ``port`` names the map: ``confidence`` of colours, ``change`` of faces.
    """

    port: str
    value: float
    step: str
    version: int
    models: tuple[str, ...]
    colours: bool
    """True when the step colours the picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AtPlace:
    """What is known of a place. ``cell`` is the patch that was matched as one, None without."""

    borrowings: tuple[Borrowing, ...] = ()
    grades: tuple[Grade, ...] = ()
    cell: Box | None = None
    problem: str = ""
    """Why it is not known whether anything was borrowed, empty when it is known."""


@dataclass(slots=True)
class _Looked:
    borrowings: list[Borrowing] = field(default_factory=list)
    cell: Box | None = None
    problems: list[str] = field(default_factory=list)


def look_at(
    catalog: Catalog, report: AssetReport, share: tuple[float, float], store: BlobStore
) -> AtPlace:
    """Look a place (x, y) up in the newest map of each kind of borrowing, and in graded maps."""
    known = references_of(catalog, [report])
    looked = _Looked()
    for record, artifact in _newest_maps(report):
        if not artifact.kept:
            looked.problems.append(f"the {artifact.port} was not kept; add it to store.keep")
            continue
        try:
            value = load_map(store, artifact)
        except StoreError as error:
            looked.problems.append(str(error))
            continue
        _in_map(value, record, lends(artifact.port), known, share, looked)
    return AtPlace(
        borrowings=tuple(looked.borrowings),
        grades=tuple(_grades(report, share, store)),
        cell=looked.cell,
        problem="; ".join(looked.problems),
    )


def worked(record: StepRecord) -> bool:
    """Tell whether the result of a step is part of the picture."""
    return record.status in (Status.DONE, Status.REUSED)


def image_of(record: StepRecord) -> Artifact | None:
    """Return the picture that a step made."""
    return next((one for one in record.outputs if one.kind == "image"), None)


def colours(record: StepRecord) -> bool:
    """Tell whether a step colours pictures: it says which exemplar lent the colour of a place."""
    return any(
        one.kind == "transfer_map" and lends(one.port) is Lends.COLOUR for one in record.outputs
    )


def _newest_maps(report: AssetReport) -> list[tuple[StepRecord, Artifact]]:
    """Return the newest map of texture, then that of colour, each with its step."""
    found: dict[Lends, tuple[StepRecord, Artifact]] = {}
    for record in filter(worked, report.records):
        for artifact in record.outputs:
            if artifact.kind == "transfer_map":
                found[lends(artifact.port)] = record, artifact
    return [found[what] for what in Lends if what in found]


def _in_map(
    value: TransferMap,
    record: StepRecord,
    what: Lends,
    known: Mapping[str, ReportReference],
    share: tuple[float, float],
    looked: _Looked,
) -> None:
    rows, columns = value.source.shape
    # The grid may reach a little beyond the picture: its cells are whole.
    image = image_of(record)
    across = image.width / value.stride if image and image.width else columns
    down = image.height / value.stride if image and image.height else rows
    column = min(int(share[0] * across), columns - 1)
    row = min(int(share[1] * down), rows - 1)
    looked.cell = looked.cell or (column / across, row / down, 1 / across, 1 / down)
    number = int(value.source[row, column])
    if number < 0:
        return
    uid = value.assets[number]
    use = uids_of(record.inputs).get(uid)
    reference = known.get(uid, ReportReference(uid=uid))
    x, y = (int(place) for place in value.position[row, column])
    looked.borrowings.append(
        Borrowing(
            reference=replace(reference, score=use.score, note=use.note) if use else reference,
            x=x,
            y=y,
            similarity=float(value.similarity[row, column]),
            lends=what,
            step=record.step,
            version=record.version,
        )
    )


def _grades(report: AssetReport, share: tuple[float, float], store: BlobStore) -> Iterator[Grade]:
    """Yield what kept graded maps of steps that invent say; one that is damaged says nothing."""
    for record in report.records:
        if not (record.conjectural and worked(record)):
            continue
        for artifact in record.outputs:
            if artifact.kind == "probability" and artifact.kept:
                value = _graded(artifact, share, store)
                if value is not None:
                    yield Grade(
                        port=artifact.port,
                        value=value,
                        step=record.step,
                        version=record.version,
                        models=tuple(weight.name for weight in record.used_weights),
                        colours=colours(record),
                    )


def _graded(artifact: Artifact, share: tuple[float, float], store: BlobStore) -> float | None:
    try:
        raster = load_picture(store, artifact).raster
    except StoreError:
        return None
    height, width, _ = raster.shape
    x, y = min(int(share[0] * width), width - 1), min(int(share[1] * height), height - 1)
    return float(raster.read(y, y + 1, x, x + 1)[0, 0, 0]) / _WIDEST
