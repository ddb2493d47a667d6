"""All hooks on one page. A plugin implements some of them with ``@hookimpl``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pluggy

from archivist.api.extensions import (
    Candidate,
    CheckSpec,
    CodecSpec,
    ExporterSpec,
    ReferenceQuery,
    RunInfo,
    StepEvent,
)
from archivist.api.steps import StepSpec

GROUP = "archivist"
"""The entry-point group by which plugins are found, and pluggy's project name."""

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


@hookspec
def archivist_steps() -> Iterable[StepSpec]:  # type: ignore[empty-body]
    """Offer restoration steps. Called in the command-line process: import nothing heavy."""


@hookspec
def archivist_codecs() -> Iterable[CodecSpec]:  # type: ignore[empty-body]
    """Offer readers and writers for more image formats."""


@hookspec
def archivist_checks() -> Iterable[CheckSpec]:  # type: ignore[empty-body]
    """Offer checks that compare an image before and after a step and may ask a person to look."""


@hookspec
def archivist_exporters() -> Iterable[ExporterSpec]:  # type: ignore[empty-body]
    """Offer report formats. Exporters read plain rows, never the database session."""


@hookspec(firstresult=True)
def archivist_rank_references(
    query: ReferenceQuery, candidates: Sequence[Candidate]
) -> Sequence[Candidate] | None:
    """Order reference candidates; return None to leave it to the next plugin or the default."""


@hookspec
def archivist_step_finished(event: StepEvent) -> None:
    """Observe one finished, skipped or failed step, in the main process; errors are only logged."""


@hookspec
def archivist_run_finished(run: RunInfo) -> None:
    """Observe the end of a run, in the main process; errors are only logged."""
