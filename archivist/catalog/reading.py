"""Turn rows into the values of :mod:`archivist.model`; remember the rows that repeat."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from archivist.api.values import Colour
from archivist.catalog import tables
from archivist.catalog.bulk import select_in
from archivist.catalog.memo import Memo
from archivist.catalog.repeats import split_uid
from archivist.catalog.scans import FACTS
from archivist.model import (
    Artifact,
    Asset,
    Header,
    IdleWeight,
    InputUse,
    Status,
    StepRecord,
    WeightUse,
)


def uid_of(digest: str, page: int, pages_of_file: int) -> str:
    """Return the uid of an asset, as :attr:`archivist.model.Asset.uid` says."""
    return digest if pages_of_file == 1 else f"{digest}#{page}"


def asset_of(row: Row[Any]) -> Asset:
    """Return the asset of a row of the table ``asset``."""
    facts = {name: value for name in FACTS if (value := getattr(row, name)) is not None}
    header = Header(
        format=row.format,
        width=row.width,
        height=row.height,
        colour=Colour(row.colour),
        depth=row.depth,
        alpha=row.alpha,
        palette=row.palette,
        orientation=row.orientation,
        dpi=None if row.dpi_x is None else (row.dpi_x, row.dpi_y),
        icc_digest=row.icc_digest,
        layout=row.layout,
    )
    return Asset(
        digest=row.digest,
        page=row.page,
        pages=row.pages,
        header=header,
        perceptual_hash=row.perceptual_hash,
        exif=row.exif or {},
        facts={**facts, **(row.facts or {})},
    )


_a, _in, _out, _blob = tables.asset.c, tables.step_input.c, tables.artifact.c, tables.blob.c
_used = tables.step_weights.c
_IDS = select(_a.id, _a.digest, _a.page)
_UIDS = select(_a.id, _a.digest, _a.page, _a.pages)
_INPUTS = select(_in.step_id, _in.port, _in.digest, _in.role, _in.score, _in.note).order_by(
    _in.step_id, _in.ordinal
)
_WEIGHTS = select(_used.step_id, _used.ordinal, _used.weights_id).order_by(
    _used.step_id, _used.ordinal
)
OUTPUT = (
    _out.port,
    _out.kind,
    _out.digest,
    _out.kept,
    _out.blob,
    _out.size,
    _out.media_type,
    _out.width,
    _out.height,
    _blob.purged,
)
"""The columns that :func:`artifact_of` reads."""
_ARTIFACTS = (
    select(_out.step_id, *OUTPUT)
    .select_from(tables.artifact.outerjoin(tables.blob, _blob.digest == _out.blob))
    .order_by(_out.step_id, _out.ordinal)
)


def ids_of_assets(connection: Connection, uids: Iterable[str]) -> dict[int, str]:
    """Return row numbers and uids of the assets that are in the catalog."""
    wanted = {split_uid(uid): uid for uid in uids}
    digests = {digest for digest, _ in wanted}
    rows = select_in(connection, _IDS, _a.digest, digests)
    return {row[0]: wanted[row[1:]] for row in rows if row[1:] in wanted}


def uids_of_assets(connection: Connection, ids: Iterable[int]) -> dict[int, str]:
    """Return the uids of assets by row number."""
    rows = select_in(connection, _UIDS, _a.id, set(ids))
    return {number: uid_of(digest, page, count) for number, digest, page, count in rows}


def inputs_of(connection: Connection, steps: Sequence[int]) -> Mapping[int, tuple[InputUse, ...]]:
    """Return the inputs of steps, in order."""
    found: defaultdict[int, tuple[InputUse, ...]] = defaultdict(tuple)
    for row in select_in(connection, _INPUTS, _in.step_id, steps):
        digest, note = (row[2] + row[5], "") if row[5].startswith("#") else (row[2], row[5])
        use = InputUse(port=row[1], digest=digest, role=row[3], score=row[4], note=note)
        found[row[0]] += (use,)
    return found


def file_and_page(use: InputUse) -> tuple[str, str]:
    """Return digest and note of an input as they are stored: a page (``#1``) goes to the note.

    The scan of a page is known by its asset's uid; the column of digests takes the file's alone.
    """
    digest, mark, page = use.digest.partition("#")
    return (digest, mark + page) if mark else (digest, use.note)


def weights_of(
    connection: Connection, memo: Memo, steps: Sequence[int]
) -> Mapping[int, tuple[WeightUse, ...]]:
    """Return the weights that steps declared, used or idle, in the order of the step key."""
    uses = list(select_in(connection, _WEIGHTS, _used.step_id, steps))
    rows = memo.rows(connection, tables.weights, (number for *_, number in uses))
    found: defaultdict[int, tuple[WeightUse, ...]] = defaultdict(tuple)
    for step_id, ordinal, number in sorted(uses, key=_place_of_weight):
        found[step_id] += (weight_of(rows[number], IdleWeight if ordinal < 0 else WeightUse),)
    return found


def weight_of(row: Row[Any], kind: type[WeightUse] = WeightUse) -> WeightUse:
    """Return the weight file of a row of the table ``weights``."""
    return kind(name=row.name, digest=row.digest, licence=row.licence, source=row.source)


def weight_ordinal(place: int, weight: WeightUse) -> int:
    """Return how the place of a weight among those of its step is stored: below 0 when idle."""
    return -1 - place if isinstance(weight, IdleWeight) else place


def _place_of_weight(use: Sequence[int]) -> tuple[int, int]:
    step_id, ordinal, _ = use
    return step_id, -1 - ordinal if ordinal < 0 else ordinal


def artifacts_of(
    connection: Connection, steps: Sequence[int]
) -> Mapping[int, tuple[Artifact, ...]]:
    """Return the outputs of steps, in order; a file that was deleted is no longer ``kept``."""
    found: defaultdict[int, tuple[Artifact, ...]] = defaultdict(tuple)
    for row in select_in(connection, _ARTIFACTS, _out.step_id, steps):
        found[row[0]] += (artifact_of(*row[1:]),)
    return found


def artifact_of(
    port: str,
    kind: str,
    digest: str,
    kept: bool,
    blob: str | None,
    size: int,
    media_type: str,
    width: int,
    height: int,
    purged: datetime | None,
) -> Artifact:
    """Return the output of the columns :data:`OUTPUT`."""
    return Artifact(
        port=port,
        kind=kind,
        digest=digest,
        kept=kept and purged is None,
        blob=blob,
        size=size,
        media_type=media_type,
        width=width,
        height=height,
    )


def records_of_rows(
    connection: Connection, memo: Memo, rows: Sequence[Row[Any]], uids: Mapping[int, str]
) -> list[StepRecord]:
    """Return the step records of rows of the table ``step``, whole as they were recorded.

    Only ``Artifact.kept`` may differ: it says whether the file is kept now.
    """
    ids = [row.id for row in rows]
    inputs, outputs = inputs_of(connection, ids), artifacts_of(connection, ids)
    weights = weights_of(connection, memo, ids)
    versions = memo.rows(connection, tables.plugin_version, (r.plugin_version_id for r in rows))
    wanted = {r.params_id for r in rows} | {r.tiling_id for r in rows}
    params = memo.rows(connection, tables.params, wanted)
    environments = memo.rows(connection, tables.environment, (r.environment_id for r in rows))
    return [
        _record(
            row,
            asset=uids[row.asset_id],
            version=versions[row.plugin_version_id],
            params=params[row.params_id].value,
            tiling=params[row.tiling_id].value,
            environment=environments[row.environment_id].digest,
            inputs=inputs[row.id],
            outputs=outputs[row.id],
            weights=weights[row.id],
        )
        for row in rows
    ]


def _record(row: Row[Any], *, version: Row[Any], **rest: Any) -> StepRecord:
    return StepRecord(
        ordinal=row.ordinal,
        step=version.step,
        version=version.version,
        title=version.title,
        distribution=version.distribution,
        distribution_version=version.distribution_version,
        conjectural=version.conjectural,
        determinism=version.determinism,
        key=row.key,
        status=Status(row.status),
        reason=row.reason,
        code=row.code,
        seed=row.seed,
        device=row.device,
        scores=row.scores or {},
        started=row.started,
        seconds=row.seconds,
        peak_mib=row.peak_mib,
        log=tuple(row.log or ()),
        operator=row.operator,
        parents=row.parents,
        digest=row.digest,
        **rest,
    )
