"""RO-Crate 1.1 in the profile Process Run Crate: outputs, and each step as an action."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote

from archivist_exports.copying import copy, portable
from archivist_exports.params import CrateParams
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

CONTEXT = "https://w3id.org/ro/crate/1.1/context"
RO_CRATE = "https://w3id.org/ro/crate/1.1"
PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_STATUS = {"failed": "http://schema.org/FailedActionStatus"}
_DONE = "http://schema.org/CompletedActionStatus"

Entity = dict[str, Any]


def write(rows: Iterable[Row], destination: Path, params: CrateParams) -> None:
    """Make a crate: ``ro-crate-metadata.json`` and ``outputs``.

    Scans stay where they are and are named by digest. Raises UsageError when an output is missing
    or not as recorded, and OSError.
    """
    run, photographs = gathered(rows)
    destination.mkdir()
    with (destination / "ro-crate-metadata.json").open("w", encoding="utf-8") as stream:
        graph = _Graph(stream)
        graph.put(_descriptor())
        parts: list[str] = []
        actions: list[str] = []
        for photograph in photographs:
            outputs = photograph.outputs
            parts += [_copied(graph, destination, photograph, output) for output in outputs]
            actions += _Story(run, graph, photograph).tell()
        if "://" in params.licence:
            graph.put({"@id": params.licence, "@type": "CreativeWork", "name": params.licence})
        graph.put(_root(run, params, parts, actions))
        graph.put(
            {"@id": PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"}
        )
        graph.close()


class _Graph:
    """The list of entities, written as they come."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._once, self._begun = stream, set[str](), False
        stream.write(f'{{"@context": {json.dumps(CONTEXT)},\n "@graph": [')

    def put(self, entity: Entity) -> None:
        """Write an entity; what has no value is left out."""
        facts = {key: value for key, value in entity.items() if value not in ("", None, [])}
        self._stream.write(",\n  " if self._begun else "\n  ")
        self._stream.write(json.dumps(facts, ensure_ascii=False))
        self._begun = True

    def put_once(self, entity: Entity) -> str:
        """Write an entity that several photographs share; return its name."""
        name = str(entity["@id"])
        if name not in self._once:
            self._once.add(name)
            self.put(entity)
        return name

    def close(self) -> None:
        """End the document."""
        self._stream.write("\n ]}\n")


def _descriptor() -> Entity:
    return {
        "@id": "ro-crate-metadata.json",
        "@type": "CreativeWork",
        "about": {"@id": "./"},
        "conformsTo": {"@id": RO_CRATE},
    }


def _root(run: Row, params: CrateParams, parts: list[str], actions: list[str]) -> Entity:
    told = run["run"]
    licence = params.licence or "See the usage terms of each file"
    return {
        "@id": "./",
        "@type": "Dataset",
        "name": params.name or f"{told['archive']}, restored with the recipe {told['recipe']}",
        "description": f"Outputs of archivist {told['archivist']}, run {told['uid']}, "
        "with the steps that made them",
        "datePublished": datetime.now(UTC).date().isoformat(),
        "license": {"@id": licence} if "://" in licence else licence,
        "identifier": f"urn:uuid:{told['uid']}",
        "conformsTo": {"@id": PROFILE},
        "hasPart": [{"@id": name} for name in parts],
        "mentions": [{"@id": name} for name in actions],
    }


def _copied(graph: _Graph, root: Path, photograph: Photograph, output: Row) -> str:
    name = f"outputs/{portable(output['path'])}"
    size = copy(output, root / name)
    entity = {
        "@id": quote(name),
        "@type": ["File", "ImageObject"],
        "name": f"{photograph.title} ({output['profile']})",
        "alternateName": output["path"],
        "contentSize": str(size),
        "encodingFormat": output["media_type"],
        "identifier": f"sha256:{output['digest']}",
        "license": photograph.facts.get("rights"),
        "isBasedOn": {"@id": f"#scan-{photograph.digest}"},
    }
    graph.put(entity)
    return str(entity["@id"])


class _Story:
    """How one photograph came to its outputs, as actions."""

    def __init__(self, run: Row, graph: _Graph, photograph: Photograph) -> None:
        self._run, self._graph, self._photograph = run, graph, photograph
        self._scan = f"#scan-{photograph.digest}"

    def tell(self) -> Iterator[str]:
        """Write what was made of the photograph; yield the names of the actions."""
        photograph = self._photograph
        entity = _scan(photograph.digest)
        entity |= {
            "name": photograph.title,
            "alternateName": photograph.path,
            "contentSize": str(photograph.first["size"]),
            "encodingFormat": photograph.media_type,
            "license": photograph.facts.get("rights"),
        }
        self._graph.put(entity)
        for page, step in photograph.steps:
            yield self._step(page, step)
        if photograph.outputs:
            yield self._publication()

    def _step(self, page: Row, step: Row) -> str:
        name = f"#step-{step['record']}"
        made = [self._value(step, one) for one in step["artifacts"]]
        notes = [note for note in (step["reason"], detail(step)) if note]
        self._graph.put(
            {
                "@id": name,
                "@type": "CreateAction",
                "name": f"{step['step']} ({step['status']})",
                "description": "\n".join(notes),
                "instrument": {"@id": self._software(step)},
                "agent": self._person(step["operator"]),
                "startTime": began(self._run, step),
                "endTime": ended(self._run, step),
                "actionStatus": {"@id": _STATUS.get(step["status"], _DONE)},
                "error": step["reason"] if step["status"] == "failed" else None,
                "object": [{"@id": one} for one in dict.fromkeys(self._used(page, step))],
                "result": [{"@id": one} for one in made],
            }
        )
        return name

    def _used(self, page: Row, step: Row) -> Iterator[str]:
        yield self._scan
        for record, port in sources(page, step).values():
            yield f"#value-{record}-{quote(port)}"
        for use in references(step):
            name = f"#reference-{use['digest']}"
            yield self._graph.put_once({**_scan(use["digest"]), "@id": name, "name": "Reference"})
        for weight in step["weights"]:
            entity = {
                "@id": f"#weights-{weight['digest']}",
                "@type": "CreativeWork",
                "name": weight["name"],
                "identifier": f"sha256:{weight['digest']}",
                "license": weight["licence"],
                "description": weight["source"],
            }
            yield self._graph.put_once(entity)

    def _value(self, step: Row, artifact: Row) -> str:
        name = f"#value-{step['record']}-{quote(artifact['port'])}"
        self._graph.put(
            {
                "@id": name,
                "@type": "CreativeWork",
                "name": f"{artifact['port']} of {step['step']}",
                "additionalType": artifact["kind"],
                "identifier": f"sha256:{artifact['digest']}",
            }
        )
        return name

    def _publication(self) -> str:
        photograph, told = self._photograph, self._run["run"]
        name = f"#publication-{photograph.digest}"
        last = [
            f"#value-{step['record']}-{quote(image['port'])}"
            for _, step in photograph.steps
            if worked(step) and (image := image_of(step))
        ]
        ends = [ended(self._run, step) for _, step in photograph.steps]
        self._graph.put(
            {
                "@id": name,
                "@type": "CreateAction",
                "name": "publish",
                "instrument": {"@id": self._core()},
                "agent": self._person(told["operator"]),
                "endTime": max(ends, default=told["started"]),
                "actionStatus": {"@id": _DONE},
                "object": [{"@id": one} for one in (self._scan, *last)],
                "result": [
                    {"@id": quote(f"outputs/{portable(one['path'])}")} for one in photograph.outputs
                ],
            }
        )
        return name

    def _software(self, step: Row) -> str:
        name, version = step["distribution"], step["distribution_version"]
        return self._application(name, version) if name else self._core()

    def _core(self) -> str:
        return self._application("archivist", self._run["run"]["archivist"])

    def _application(self, name: str, version: str) -> str:
        return self._graph.put_once(
            {
                "@id": f"#software-{quote(name)}-{quote(version)}",
                "@type": "SoftwareApplication",
                "name": name,
                "softwareVersion": version,
            }
        )

    def _person(self, name: str) -> Entity | None:
        if not name:
            return None
        entity = {"@id": f"#person-{quote(name)}", "@type": "Person", "name": name}
        return {"@id": self._graph.put_once(entity)}


def _scan(digest: str) -> Entity:
    return {
        "@id": f"#scan-{digest}",
        "@type": ["CreativeWork", "ImageObject"],
        "identifier": f"sha256:{digest}",
    }
