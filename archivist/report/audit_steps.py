"""The steps behind a result as an audit tells them: inputs with makers, artifacts, machines."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from archivist.catalog import queries
from archivist.catalog.behind import Made, Plan
from archivist.catalog.rows import RunRow
from archivist.catalog.session import Catalog
from archivist.hashing import digest_file
from archivist.model import Artifact, InputUse, Role, StepRecord
from archivist.report.audit_find import Where
from archivist.report.audit_rows import (
    AuditArtifact,
    AuditInput,
    AuditStep,
    Condition,
)
from archivist.report.words import readable
from archivist.store.blobs import BlobStore

_SNAPSHOT = re.compile(r"\b[0-9a-f]{64}\b")


class StepTeller:
    """Tells the steps of results; remembers the environments, of which there are few."""

    def __init__(self, catalog: Catalog, where: Where) -> None:
        self._catalog, self._where = catalog, where
        self._environments: dict[str, Mapping[str, object]] = {}

    def told(
        self, made: Sequence[Made], plan: Plan, run: RunRow | None, out: Path | None
    ) -> tuple[AuditStep, ...]:
        """Return the steps of a result; ``run`` is the one whose result it is."""
        makers = _makers(made, plan)
        references = self._references(made)
        snapshot = _snapshot(made) or ("" if run is None else run.snapshot)
        steps = []
        for one in made:
            record = one.record
            steps.append(
                AuditStep(
                    record=record,
                    run=one.run,
                    reused=run is not None and one.run != run.uid,
                    inputs=tuple(
                        self._input(use, makers, references, snapshot, plan)
                        for use in record.inputs
                    ),
                    artifacts=tuple(self._artifact(artifact, out) for artifact in record.outputs),
                    environment=self._environment(record.environment),
                    defaults=self._defaults(record),
                )
            )
        return tuple(steps)

    def _references(
        self, made: Sequence[Made]
    ) -> dict[str, tuple[tuple[str, ...], Mapping[str, str]]]:
        digests = {
            use.digest for one in made for use in one.record.inputs if use.role in Role.PHOTOGRAPHS
        }
        paths = queries.paths_of(self._catalog, digests)
        assets = queries.assets_of(self._catalog, digests)
        return {
            digest: (paths.get(digest, ()), assets[digest][0].facts if digest in assets else {})
            for digest in digests
        }

    def _input(
        self,
        use: InputUse,
        makers: Mapping[str, str],
        references: Mapping[str, tuple[tuple[str, ...], Mapping[str, str]]],
        snapshot: str,
        plan: Plan,
    ) -> AuditInput:
        if use.role in Role.PHOTOGRAPHS:
            paths, facts = references[use.digest]
            maker = (
                "chosen from the archive"
                if use.role == Role.CHOSEN
                else "a photograph borrowed from"
            )
            return AuditInput(use=use, maker=maker, paths=paths, facts=facts, snapshot=snapshot)
        if use.role == Role.SCAN:
            return AuditInput(use=use, maker="the scan")
        if use.role == Role.SUPPLIED:
            drawn = tuple(one.path for one in plan.supplied if one.digest == use.digest)
            who = use.note or "made by a person (not named)"
            return AuditInput(use=use, maker=who, paths=drawn)
        if use.role == Role.BEFORE:
            return AuditInput(
                use=use, maker=f"this step's result before it in the sequence, {use.note}"
            )
        return AuditInput(use=use, maker=makers.get(use.digest, "supplied by the engine"))

    def _artifact(self, artifact: Artifact, out: Path | None) -> AuditArtifact:
        if not artifact.kept or artifact.blob is None or out is None:
            return AuditArtifact(artifact=artifact)
        path = BlobStore(store_of(out)).path(artifact.blob)
        condition = Condition.NOT_CHECKED
        if self._where.look:
            condition = condition_of(path, artifact.blob)
        return AuditArtifact(artifact=artifact, path=path, condition=condition)

    def _environment(self, digest: str) -> Mapping[str, object]:
        if digest not in self._environments:
            self._environments[digest] = queries.environment(self._catalog, digest) or {}
        return self._environments[digest]

    def _defaults(self, record: StepRecord) -> dict[str, object] | None:
        spec = self._where.specs.get(record.step)
        if spec is None or spec.version != record.version:
            return None
        return {one.name: one.default for one in dataclasses.fields(spec.params)}


def _makers(made: Sequence[Made], plan: Plan) -> dict[str, str]:
    """Return by the digests of values which step made them, in words."""
    found = {one.digest: f"made by a person: {readable(one.path)}" for one in plan.supplied}
    for number, one in enumerate(made, start=1):
        for output in one.record.outputs:
            found.setdefault(output.digest, f"{output.port} of step {number}, {one.record.step}")
    return found


def _snapshot(made: Sequence[Made]) -> str:
    """Return the digest of the index that lookalikes were found in, as a step noted it."""
    notes = (
        _SNAPSHOT.search(use.note)
        for one in made
        for use in one.record.inputs
        if "snapshot" in use.note
    )
    return next((found[0] for found in notes if found), "")


def store_of(out: Path) -> Path:
    """Return the folder of stored results in an output folder."""
    return out / ".archivist" / "store"


def condition_of(file: Path, digest: str) -> Condition:
    """Compare a file with its recorded digest."""
    try:
        return Condition.FINE if digest_file(file) == digest else Condition.CHANGED
    except (FileNotFoundError, NotADirectoryError):
        return Condition.MISSING
    except OSError:
        return Condition.UNREADABLE
