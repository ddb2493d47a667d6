"""The overlays of a report, over the result that an audit shows."""

from __future__ import annotations

from archivist.model import Status
from archivist.report.audit_rows import AuditStep, Photograph
from archivist.report.lenders import ReportReference
from archivist.report.overlays import Overlay, Overlays
from archivist.report.rows import ReportAsset, ReportStep
from archivist.store.blobs import BlobStore


def overlays_of(one: Photograph, size: tuple[int, int]) -> tuple[Overlay, ...]:
    """Return what can be laid over a result that is shown with this height and width.

    Lenders have no pictures here: an audit shows them further down, with the region framed.
    """
    places = (artifact.path for step in one.steps for artifact in step.artifacts)
    blob = next((path for path in places if path is not None), None)
    if blob is None:
        return ()
    width, height = one.asset.header.upright_size
    asset = ReportAsset(
        uid=one.asset.uid,
        digest=one.asset.digest,
        path=one.scan.path,
        status=Status.DONE,
        width=width,
        height=height,
        steps=tuple(_step(number, step) for number, step in enumerate(one.steps)),
    )
    # A blob lies two folders below the root of its store.
    return Overlays(BlobStore(blob.parents[2])).of(asset, size, lambda _: "")


def _step(number: int, step: AuditStep) -> ReportStep:
    record = step.record
    return ReportStep(
        ordinal=number,
        step=record.step,
        version=record.version,
        title=record.title,
        status=record.status,
        conjectural=record.conjectural,
        artifacts=record.outputs,
        inputs=record.inputs,
        references=tuple(
            ReportReference(
                uid=one.use.asset,
                path=one.paths[0] if one.paths else "",
                score=one.use.score,
                note=one.use.note,
            )
            for one in step.references
        ),
    )
