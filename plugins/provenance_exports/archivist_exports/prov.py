"""PROV-JSON: files and values as entities, steps as activities, software and people as agents."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

from archivist.api import UsageError
from archivist_exports.params import ProvParams
from archivist_exports.photographs import (
    Photograph,
    Row,
    began,
    detail,
    ended,
    gathered,
    image_of,
    references,
    sources,
    worked,
)

_MEMORY = 1 << 24
_KINDS = ("file", "output", "value", "step", "review", "agent")
_TABLES = (
    "entity",
    "activity",
    "agent",
    "used",
    "wasGeneratedBy",
    "wasDerivedFrom",
    "wasAssociatedWith",
    "wasAttributedTo",
)


def write(rows: Iterable[Row], destination: Path, params: ProvParams) -> None:
    """Write one document about all photographs; memory does not grow with them.

    Raises UsageError without a photograph or with a namespace that is no IRI, and OSError.
    """
    if ":" not in params.namespace or any(letter.isspace() for letter in params.namespace):
        raise UsageError(
            f"namespace {params.namespace!r} is no IRI. "
            "Cure: --set namespace=https://museum.example.org/provenance/"
        )
    run, photographs = gathered(rows)
    with ExitStack() as stack:
        tables = _Tables(stack)
        for photograph in photographs:
            _Telling(run, tables, photograph).tell()
        tables.write(destination, _prefixes(params.namespace))


def _prefixes(namespace: str) -> dict[str, str]:
    kinds = {kind: f"{namespace}{kind}/" for kind in _KINDS}
    return {**kinds, "archivist": f"{namespace}terms/"}


def _spool() -> Any:
    return tempfile.SpooledTemporaryFile(_MEMORY)


class _Tables:
    """The parts of a document, each in a file of its own until all is told."""

    def __init__(self, stack: ExitStack) -> None:
        self._files: dict[str, Any] = {}
        for name in _TABLES:
            self._files[name] = stack.enter_context(_spool())
        self._once: set[str] = set()
        self._number = count(1)

    def put(self, table: str, name: str, facts: Mapping[str, object]) -> None:
        """Write a record; relations have no name of their own and get one."""
        stream = self._files[table]
        key = json.dumps(name or f"_:r{next(self._number)}")
        stream.write(b",\n  " if stream.tell() else b"  ")
        stream.write(f"{key}: {json.dumps(facts)}".encode("ascii"))

    def put_once(self, table: str, name: str, facts: Mapping[str, object]) -> None:
        """Write a record that several photographs share: an agent, a weight file."""
        if name not in self._once:
            self._once.add(name)
            self.put(table, name, facts)

    def write(self, path: Path, prefixes: Mapping[str, str]) -> None:
        """Put the document together."""
        with path.open("wb") as stream:
            stream.write(f'{{"prefix": {json.dumps(prefixes)}'.encode("ascii"))
            for name, part in self._files.items():
                if part.tell():
                    stream.write(f',\n "{name}": {{\n'.encode("ascii"))
                    part.seek(0)
                    shutil.copyfileobj(part, stream)
                    stream.write(b"\n }")
            stream.write(b"}\n")


class _Telling:
    """What is told of one photograph."""

    def __init__(self, run: Row, tables: _Tables, photograph: Photograph) -> None:
        self._run, self._tables, self._photograph = run, tables, photograph
        self._scan = f"file:{photograph.digest}"

    def tell(self) -> None:
        """Write the entities, activities and relations of the photograph."""
        photograph = self._photograph
        facts = {
            "prov:type": _kind("Scan"),
            "prov:label": photograph.title,
            "archivist:path": photograph.path,
            "archivist:sha256": photograph.digest,
            "archivist:size": photograph.first["size"],
            "archivist:format": photograph.media_type,
        }
        if rights := photograph.facts.get("rights"):
            facts["archivist:rights"] = rights
        self._tables.put("entity", self._scan, facts)
        for page, step in photograph.steps:
            self._step(page, step)
        for output in photograph.outputs:
            self._output(output)
        for page in photograph.pages:
            if page["review"]:
                self._review(page)

    def _step(self, page: Row, step: Row) -> None:
        put, name = self._tables.put, f"step:{step['record']}"
        put(
            "activity",
            name,
            {
                "prov:startTime": began(self._run, step),
                "prov:endTime": ended(self._run, step),
                "prov:type": _kind("Step"),
                "prov:label": step["step"],
                "archivist:status": step["status"],
                "archivist:reason": step["reason"],
                "archivist:detail": detail(step),
            },
        )
        self._associate(name, *self._software(step), "software")
        if operator := step["operator"]:
            self._associate(name, *_person(operator), "operator")
        for used, role in self._used(page, step):
            put("used", "", _relation("activity", name, "entity", used, role))
        for artifact in step["artifacts"]:
            self._value(step, artifact)

    def _used(self, page: Row, step: Row) -> Iterable[tuple[str, str]]:
        yield self._scan, "scan"
        for record, port in sources(page, step).values():
            yield f"value:{record}/{port}", "prior"
        for use in references(step):
            yield f"file:{use['digest']}", "reference"
        for weight in step["weights"]:
            name = f"file:{weight['digest']}"
            facts = {"prov:type": _kind("Weights"), "prov:label": weight["name"]}
            more = {f"archivist:{key}": weight[key] for key in ("licence", "source")}
            self._tables.put_once("entity", name, {**facts, **more})
            yield name, "weights"

    def _value(self, step: Row, artifact: Row) -> None:
        name, activity = f"value:{step['record']}/{artifact['port']}", f"step:{step['record']}"
        facts = {
            "prov:type": _kind("Value"),
            "archivist:kind": artifact["kind"],
            "archivist:sha256": artifact["digest"],
            "archivist:kept": bool(artifact["kept"] and artifact["blob"]),
        }
        self._tables.put("entity", name, facts)
        made = {"prov:entity": name, "prov:activity": activity, "prov:time": ended(self._run, step)}
        self._tables.put("wasGeneratedBy", "", made)

    def _output(self, output: Row) -> None:
        name = f"output:{quote(output['path'])}"
        put = self._tables.put
        put(
            "entity",
            name,
            {
                "prov:type": _kind("Output"),
                "archivist:path": output["path"],
                "archivist:sha256": output["digest"],
                "archivist:size": output["size"],
                "archivist:format": output["media_type"],
                "archivist:profile": output["profile"],
                "archivist:untouched": output["untouched"],
            },
        )
        derived, source = "prov:generatedEntity", "prov:usedEntity"
        put("wasDerivedFrom", "", {derived: name, source: self._scan})
        for page in self._photograph.pages:
            painters = [step for step in page["steps"] if image_of(step)]
            if painters and not output["untouched"]:
                last = painters[-1]
                image = image_of(last)
                value = f"value:{last['record']}/{image['port']}" if image else self._scan
                put("wasDerivedFrom", "", {derived: name, source: value})
            for step in page["steps"]:
                if worked(step):
                    agent, facts = self._software(step)
                    self._tables.put_once("agent", agent, facts)
        agent, facts = _software("archivist", self._run["run"]["archivist"])
        self._tables.put_once("agent", agent, facts)
        put("wasAttributedTo", "", {"prov:entity": name, "prov:agent": agent})

    def _review(self, page: Row) -> None:
        review = page["review"]
        name = f"review:{quote(page['uid'])}/{quote(review['at'])}"
        facts = {
            "prov:startTime": review["at"],
            "prov:endTime": review["at"],
            "prov:type": _kind("Review"),
            "archivist:decision": review["decision"],
            "archivist:reason": review["reason"],
        }
        self._tables.put("activity", name, facts)
        self._associate(name, *_person(review["reviewer"]), "reviewer")
        for output in self._photograph.outputs:
            used = f"output:{quote(output['path'])}"
            relation = _relation("activity", name, "entity", used, "reviewed")
            self._tables.put("used", "", relation)

    def _associate(self, activity: str, agent: str, facts: Mapping[str, object], role: str) -> None:
        self._tables.put_once("agent", agent, facts)
        relation = _relation("activity", activity, "agent", agent, role)
        self._tables.put("wasAssociatedWith", "", relation)

    def _software(self, step: Row) -> tuple[str, dict[str, object]]:
        own = ("archivist", self._run["run"]["archivist"])
        name, version = step["distribution"], step["distribution_version"]
        return _software(name, version) if name else _software(*own)


def _software(name: str, version: str) -> tuple[str, dict[str, object]]:
    facts: dict[str, object] = {
        "prov:type": {"$": "prov:SoftwareAgent", "type": "prov:QUALIFIED_NAME"},
        "prov:label": name,
        "archivist:version": version,
    }
    return f"agent:{quote(name)}/{quote(version)}", facts


def _person(name: str) -> tuple[str, dict[str, object]]:
    kind = {"$": "prov:Person", "type": "prov:QUALIFIED_NAME"}
    facts: dict[str, object] = {"prov:type": kind, "prov:label": name}
    return f"agent:person/{quote(name)}", facts


def _kind(name: str) -> dict[str, str]:
    return {"$": f"archivist:{name}", "type": "prov:QUALIFIED_NAME"}


def _relation(of: str, one: str, to: str, other: str, role: str) -> dict[str, str]:
    return {f"prov:{of}": one, f"prov:{to}": other, "prov:role": role}
