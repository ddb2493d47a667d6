"""Carry out in a catalog what the lines of a journal say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Table, select
from sqlalchemy.exc import IntegrityError

from archivist.catalog import ledger, outcomes, records, tables
from archivist.catalog.bulk import change_rows, delete_rows, execute_rows, insert_rows
from archivist.catalog.journal.lines import facts_text, read_line
from archivist.catalog.repeats import Repeats, asset_ids
from archivist.catalog.step_rows import StepRows
from archivist.catalog.types import Instant
from archivist.hashing import digest_bytes
from archivist.model import Artifact, IdleWeight, InputUse, Status, StepRecord, WeightUse

CALLS = {"keep": records.KEEP, "close": outcomes.CLOSE}
"""The updates that lines name."""

_STARTED = "started"
_RunId = tuple[int, str]


class Unusable(Exception):
    """A line cannot be carried out; says why."""


@dataclass(slots=True)
class Replay:
    """Carries out lines; lives for one transaction.

    With ``lenient`` what cannot be carried out is noted in ``left_out``, else Unusable is raised.
    """

    connection: Connection
    lenient: bool = False
    left_out: list[str] = field(default_factory=list)
    _repeats: Repeats = field(default_factory=Repeats)
    _runs: dict[str, _RunId] = field(default_factory=dict)

    def run(self, lines: Iterable[bytes]) -> None:
        """Carry out the lines of a batch; records that follow each other go in bulk."""
        waiting: list[tuple[dict[str, Any], StepRecord]] = []
        for line in lines:
            said = self._read(line)
            kind = next(iter(said), "")
            if kind == "entry" and said["kind"] == ledger.STEP:
                waiting.append((said, step_record(said["facts"], said["digest"])))
                continue
            self._steps(waiting)
            if said:
                self._attempt(line, partial(self._other, kind, said))
        self._steps(waiting)

    def _read(self, line: bytes) -> dict[str, Any]:
        try:
            said = read_line(line)
            if "entry" in said and digest_bytes(facts_text(line)) != said["digest"]:
                raise Unusable(f"the facts of entry {said['entry']} do not have their digest")
        except (ValueError, KeyError) as error:
            self._refuse(f"a line cannot be read: {error}")
        except Unusable as error:
            self._refuse(str(error))
        else:
            return said
        return {}

    def _refuse(self, why: str) -> None:
        if not self.lenient:
            raise Unusable(why)
        self.left_out.append(why)

    def _attempt(self, line: bytes, do: Callable[[], None]) -> None:
        """Carry out one line; when it leans on a line that was lost, only this one fails."""
        if not self.lenient:
            do()
            return
        try:
            with self.connection.begin_nested():
                do()
        except (Unusable, IntegrityError, KeyError) as error:
            self._repeats.forget()
            reason = getattr(error, "orig", error)
            self.left_out.append(f"{line[:60].decode('utf-8', 'replace')}...: {reason}")

    def _other(self, kind: str, said: Mapping[str, Any]) -> None:
        if kind == "entry":
            self._entry(said)
        elif kind == "rows":
            self._rows(said)
        elif kind == "set":
            table = _table(said["set"])
            change_rows(self.connection, table, _values(table, said["to"]), said["where"])
        elif kind == "delete":
            delete_rows(self.connection, _table(said["delete"]), said["where"])
        elif kind == "call" and said["call"] in CALLS:
            self._call(said)
        else:
            raise Unusable(f"this archivist does not know lines of the kind {kind!r}")

    def _rows(self, said: Mapping[str, Any]) -> None:
        table = _table(said["rows"])
        columns = said["columns"]
        order = [name for name in table.c.keys() if name in columns]  # noqa: SIM118
        if len(order) < len(columns):
            raise Unusable(f"this archivist does not know all columns of {table.name}")
        read = [(columns.index(name), _reader(table, name)) for name in order]
        insert_rows(
            self.connection,
            table,
            tuple(order),
            [tuple(of(row[n]) for n, of in read) for row in said["values"]],
            conflict=tuple(said.get("conflict", ())),
            update=tuple(said.get("update", ())),
            add=tuple(said.get("add", ())),
        )

    def _call(self, said: Mapping[str, Any]) -> None:
        columns = tuple(said["columns"])
        at = columns.index(_STARTED) if _STARTED in columns else -1
        rows = [
            tuple(_instant(value) if n == at else value for n, value in enumerate(row))
            for row in said["values"]
        ]
        execute_rows(self.connection, CALLS[said["call"]], columns, rows, called=said["call"])

    # --- entries ---

    def _steps(self, waiting: list[tuple[dict[str, Any], StepRecord]]) -> None:
        """Write the records that wait, in bulk, or one by one when that does not work."""
        if not waiting:
            return
        pieces = [waiting]
        if self.lenient:
            try:
                with self.connection.begin_nested():
                    self._write_steps(waiting)
                pieces = []
            except (Unusable, IntegrityError, KeyError):
                self._repeats.forget()
                pieces = [[one] for one in waiting]
        for piece in pieces:
            name = f"entry {piece[0][0]['entry']}, {piece[0][1].step}".encode()
            self._attempt(name, partial(self._write_steps, piece))
        waiting.clear()

    def _write_steps(self, found: Sequence[tuple[Mapping[str, Any], StepRecord]]) -> None:
        try:
            numbers = asset_ids(self.connection, {record.asset for _, record in found})
        except Exception as error:
            raise Unusable(str(error)) from error
        rows = StepRows(self.connection, self._repeats)
        for said, record in found:
            rows.add(
                record,
                said["row"],
                asset_id=numbers[record.asset],
                run=self._run(said["run"]),
                environment={},
            )
        rows.write_rows()
        self._enter([said for said, _ in found])

    def _enter(self, entries: Sequence[Mapping[str, Any]]) -> None:
        rows = [(one["entry"], one["kind"], one["row"], one["digest"]) for one in entries]
        insert_rows(self.connection, tables.ledger, ledger.COLUMNS, rows)

    def _entry(self, said: Mapping[str, Any]) -> None:
        """Enter a record that is no step; its row has lines of its own."""
        if said["kind"] not in ledger.KINDS:
            raise Unusable(f"this archivist does not know records of the kind {said['kind']!r}")
        self._number(_table(said["kind"]), "id", said["row"])
        self._enter([said])

    def _run(self, uid: str) -> _RunId:
        if uid not in self._runs:
            self._runs[uid] = (self._number(tables.run, "uid", uid), uid)
        return self._runs[uid]

    def _number(self, table: Table, column: str, value: str | int) -> int:
        number = self.connection.scalar(select(table.c.id).where(table.c[column] == value))
        if number is None:
            raise Unusable(f"the {table.name} {value} that it names is missing")
        return int(number)


def step_record(facts: Mapping[str, Any], digest: str) -> StepRecord:
    """Return the step record of its facts as they stand in the journal."""
    plain = {
        **facts,
        "status": Status(facts["status"]),
        "inputs": tuple(InputUse(**_real(one, "score")) for one in facts["inputs"]),
        "outputs": tuple(Artifact(**one) for one in facts["outputs"]),
        "weights": tuple(map(_weight, facts["weights"])),
        "scores": {name: float(score) for name, score in facts["scores"].items()},
        "started": _instant(facts["started"]),
        "log": tuple(facts["log"]),
        "parents": tuple(facts["parents"]),
        "digest": digest,
    }
    return StepRecord(**_real(_real(plain, "seconds"), "peak_mib"))


def _weight(facts: Mapping[str, Any]) -> WeightUse:
    kind = WeightUse if facts.get("used", True) else IdleWeight
    return kind(**facts)


def _real(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Let a number be a float again: whole ones are written as integers."""
    value = values[name]
    return {**values, name: None if value is None else float(value)}


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _table(name: str) -> Table:
    if name not in tables.metadata.tables:
        raise Unusable(f"this archivist does not know the table {name!r}")
    return tables.metadata.tables[name]


def _reader(table: Table, name: str) -> Callable[[Any], Any]:
    return _instant if isinstance(table.c[name].type, Instant) else _as_it_is


def _as_it_is(value: Any) -> Any:
    return value


def _values(table: Table, values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _reader(table, name)(value) for name, value in values.items()}
