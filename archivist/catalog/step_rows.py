"""Step records as rows: the step, its inputs, weights and outputs, and its entry in the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from archivist.catalog import ledger, reading, tables
from archivist.catalog.bulk import insert_rows
from archivist.catalog.journal.lines import batch_of
from archivist.catalog.reading import file_and_page
from archivist.catalog.repeats import Repeats
from archivist.hashing import canonical_json, names_of, take_text
from archivist.model import Status, StepRecord

_STEP = tuple(tables.step.c.keys())
_INPUT = ("step_id", "ordinal", "port", "role", "digest", "score", "note")
_WEIGHTS = ("step_id", "ordinal", "weights_id")
_ARTIFACT = tuple(tables.artifact.c.keys())
_WORDS = {status: status.value for status in Status}  # Enum.value is slow

Rows = list[tuple[Any, ...]]


def facts_of_record(record: StepRecord) -> dict[str, Any]:
    """Return what the digest of a record is of: everything but the digest itself."""
    return {name: getattr(record, name) for name in names_of(StepRecord) if name != "digest"}


class StepRows:
    """Gathers records, and writes them in bulk."""

    def __init__(self, connection: Connection, repeats: Repeats) -> None:
        self._connection, self._repeats = connection, repeats
        self._noting = batch_of(connection) is not None
        self._steps: Rows = []
        self._inputs: Rows = []
        self._weights: Rows = []
        self._artifacts: Rows = []
        self._entered: list[ledger.Record] = []

    def add(
        self,
        record: StepRecord,
        step_id: int,
        *,
        asset_id: int,
        run: tuple[int, str],
        environment: Mapping[str, object],
    ) -> None:
        """Add a record; ``run`` is number and uid, ``environment`` what its digest stands for."""
        self._steps.append(self._step_row(record, step_id, asset_id, run[0], environment))
        self._add_parts(record, step_id)
        text = self._text(record) if self._noting else b""
        self._entered.append(ledger.Record(step_id, record.digest, text, run[1]))

    @staticmethod
    def _text(record: StepRecord) -> bytes:
        return take_text(record.digest) or canonical_json(facts_of_record(record))

    def _step_row(
        self,
        record: StepRecord,
        step_id: int,
        asset_id: int,
        run: int,
        environment: Mapping[str, object],
    ) -> tuple[Any, ...]:
        connection, repeats = self._connection, self._repeats
        return (
            step_id,
            run,
            asset_id,
            record.ordinal,
            repeats.plugin_version(connection, record),
            record.key,
            _WORDS[record.status],
            record.reason,
            record.code,
            repeats.params(connection, record.params),
            repeats.params(connection, record.tiling),
            record.seed,
            record.device,
            dict(record.scores) or None,
            repeats.environment(connection, record.environment, environment),
            record.started,
            record.seconds,
            record.peak_mib,
            record.log or None,
            record.operator,
            record.parents,
            record.digest,
        )

    def _add_parts(self, record: StepRecord, step_id: int) -> None:
        for n, use in enumerate(record.inputs):
            digest, note = file_and_page(use)
            self._inputs.append((step_id, n, use.port, use.role, digest, use.score, note))
        for n, weight in enumerate(record.weights):
            number = self._repeats.weights(self._connection, weight)
            self._weights.append((step_id, reading.weight_ordinal(n, weight), number))
        for n, out in enumerate(record.outputs):
            file = (out.blob, out.kept, out.size, out.media_type)
            self._artifacts.append(
                (step_id, n, out.port, out.kind, out.digest, *file, out.width, out.height)
            )

    def write(self) -> None:
        """Write all that was added, at the end of the ledger."""
        self.write_rows()
        ledger.enter(self._connection, ledger.STEP, self._entered)
        self._entered.clear()

    def write_rows(self) -> None:
        """Write all that was added, but not to the ledger."""
        for table, columns, rows in (
            (tables.step, _STEP, self._steps),
            (tables.step_input, _INPUT, self._inputs),
            (tables.step_weights, _WEIGHTS, self._weights),
            (tables.artifact, _ARTIFACT, self._artifacts),
        ):
            insert_rows(self._connection, table, columns, rows)
            rows.clear()
