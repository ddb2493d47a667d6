"""PREMIS 3: scans, outputs and kept values as objects, steps, checks and reviews as events."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

from lxml import etree

from archivist_exports import premis_xml as xml
from archivist_exports.photographs import (
    OTHER,
    Photograph,
    Row,
    began,
    detail,
    gathered,
    image_of,
    references,
    sources,
    worked,
)
from archivist_exports.premis_xml import Identifier

FILE, OUTPUT, VALUE = "SHA-256", "archivist output", "archivist value"
EVENT, REVIEW = "archivist record SHA-256", "archivist review"
FIXITY = "archivist fixity check"
_MEMORY = 1 << 24
_ROLES = "eventRelatedAgentRole"
_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    f'<premis:premis xmlns:premis="{xml.NAMESPACE}" xmlns:xsi="{xml.INSTANCE}" version="3.0" '
    f'xsi:schemaLocation="{xml.NAMESPACE} {xml.SCHEMA}">\n'
).encode()


def write_one(rows: Iterable[Row], destination: Path) -> None:
    """Write one document about all photographs. Raises UsageError without any, and OSError."""
    run, photographs = gathered(rows)
    with destination.open("wb") as stream:
        write_document(stream, run, photographs)


def write_each(rows: Iterable[Row], destination: Path) -> None:
    """Write a document for each photograph: ``aa/SHA-256.xml``. Raises as :func:`write_one`."""
    run, photographs = gathered(rows)
    for photograph in photographs:
        path = destination / photograph.digest[:2] / f"{photograph.digest}.xml"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as stream:
            write_document(stream, run, [photograph])


def write_document(stream: IO[bytes], run: Row, photographs: Iterable[Photograph]) -> None:
    """Write a whole document; memory does not grow with the photographs."""
    with (
        tempfile.SpooledTemporaryFile(_MEMORY) as events,
        tempfile.SpooledTemporaryFile(_MEMORY) as rights,
    ):
        stream.write(_HEAD)
        document = _Document(run, stream, events, rights)
        for photograph in photographs:
            document.tell(photograph)
        events.seek(0)
        shutil.copyfileobj(events, stream)
        for agent in document.agents.values():
            _put(stream, agent)
        rights.seek(0)
        shutil.copyfileobj(rights, stream)
        stream.write(b"</premis:premis>\n")


def _put(stream: Any, element: Any) -> None:
    stream.write(etree.tostring(element, encoding="utf-8") + b"\n")


DRAWN_BY = "drawn by "
"""How the note of a mask begins whose author is known."""


class _Document:
    """What is told of photographs, each kind of entity where the schema wants it."""

    def __init__(self, run: Row, objects: Any, events: Any, rights: Any) -> None:
        self._run, self._objects, self._events, self._rights = run, objects, events, rights
        self.agents: dict[Identifier, Any] = {}
        self._weights: set[str] = set()

    def tell(self, photograph: Photograph) -> None:
        """Write the objects, events and rights of a photograph."""
        scan = (FILE, photograph.digest)
        outputs = [(OUTPUT, one["path"]) for one in photograph.outputs]
        _put(self._objects, _scan(photograph))
        steps = list(photograph.steps)
        made = tuple((EVENT, step["record"]) for _, step in steps if worked(step))
        for one, name in zip(photograph.outputs, outputs, strict=True):
            _put(self._objects, _output(one, name, scan, made))
        for page, step in steps:
            for artifact in step["artifacts"]:
                _put(self._objects, _value(step, artifact))
            for weight in step["weights"]:
                self._weight(weight)
            _put(self._events, self._step(photograph, page, step))
        for check in photograph.first.get("fixity", ()):
            _put(self._events, self._fixity(photograph, check))
        for page in photograph.pages:
            if page["review"]:
                _put(self._events, self._review(page, outputs))
        if terms := photograph.facts.get("rights"):
            _put(self._rights, _rights(photograph, terms, [scan, *outputs]))

    def _weight(self, weight: Row) -> None:
        if weight["digest"] in self._weights:
            return
        self._weights.add(weight["digest"])
        name = (FILE, weight["digest"])
        made = xml.file_object(
            (name,),
            digest=weight["digest"],
            media_type=OTHER,
            name=weight["name"],
            properties={"source": weight["source"]},
        )
        _put(self._objects, made)
        terms = xml.make("licenseInformation", xml.make("licenseTerms", weight["licence"]))
        identifier = ("archivist licence of weights", weight["digest"])
        _put(self._rights, xml.rights(identifier, terms, "license", [name]))

    def _step(self, photograph: Photograph, page: Row, step: Row) -> Any:
        paints = image_of(step) is not None
        kind = xml.term("eventType", "modification", "eventType", "mod")
        return xml.make(
            "event",
            xml.identify("eventIdentifier", (EVENT, step["record"])),
            kind if paints else xml.make("eventType", "analysis"),
            xml.make("eventDateTime", began(self._run, step)),
            xml.make("eventDetailInformation", xml.make("eventDetail", detail(step))),
            _outcome(step),
            *self._agents_of(step),
            *_links(photograph, page, step),
        )

    def _agents_of(self, step: Row) -> Iterable[Any]:
        software = self._software(step["distribution"], step["distribution_version"])
        yield _by(software, "executing program", "exe")
        core = self._software("archivist", self._run["run"]["archivist"])
        if core != software:
            yield _by(core, "executing program", "exe")
        if operator := step["operator"] or self._run["run"]["operator"]:
            yield _by(self._person(operator), "implementer", "imp")
        for name in _drawn_by(step):
            role = xml.make("linkingAgentRole", "author of the mask")
            yield xml.identify("linkingAgentIdentifier", self._person(name), role)

    def _review(self, page: Row, outputs: list[Identifier]) -> Any:
        review = page["review"]
        note = xml.make("eventOutcomeDetailNote", review["reason"])
        return xml.make(
            "event",
            xml.identify("eventIdentifier", (REVIEW, f"{page['uid']} {review['at']}")),
            xml.make("eventType", "quality review"),
            xml.make("eventDateTime", review["at"]),
            xml.make(
                "eventOutcomeInformation",
                xml.make("eventOutcome", review["decision"]),
                xml.make("eventOutcomeDetail", note) if review["reason"] else None,
            ),
            _by(self._person(review["reviewer"]), "implementer", "imp"),
            *(xml.identify("linkingObjectIdentifier", one) for one in outputs),
        )

    def _fixity(self, photograph: Photograph, check: Row) -> Any:
        """Return the newest time that a file was read and compared with its digest."""
        original = check["subject"] == "original"
        name = (FILE, photograph.digest) if original else (OUTPUT, check["path"])
        outcome = (
            xml.term("eventOutcome", "success", "eventOutcome", "suc")
            if check["outcome"] == "fine"
            else xml.term("eventOutcome", "fail", "eventOutcome", "fai")
        )
        made = f"{check['subject']} {check['path']} {check['at']}"
        note = xml.make("eventOutcomeDetailNote", f"{check['outcome']}: {check['path']}")
        told = xml.make("eventDetail", f"SHA-256 computed anew, expected {check['digest']}")
        return xml.make(
            "event",
            xml.identify("eventIdentifier", (FIXITY, made)),
            xml.term("eventType", "fixity check", "eventType", "fix"),
            xml.make("eventDateTime", check["at"]),
            xml.make("eventDetailInformation", told),
            xml.make("eventOutcomeInformation", outcome, xml.make("eventOutcomeDetail", note)),
            _by(
                self._software("archivist", self._run["run"]["archivist"]),
                "executing program",
                "exe",
            ),
            xml.identify("linkingObjectIdentifier", name),
        )

    def _software(self, name: str, version: str) -> Identifier:
        name = name or "archivist"
        identifier = ("Python distribution", f"{name} {version}".strip())
        if identifier not in self.agents:
            self.agents[identifier] = xml.agent(identifier, name, "software", version)
        return identifier

    def _person(self, name: str) -> Identifier:
        identifier = ("name", name)
        if identifier not in self.agents:
            self.agents[identifier] = xml.agent(identifier, name, "person")
        return identifier


def _by(agent: Identifier, role: str, code: str) -> Any:
    word = xml.term("linkingAgentRole", role, _ROLES, code)
    return xml.identify("linkingAgentIdentifier", agent, word)


def _drawn_by(step: Row) -> list[str]:
    """Return the authors of the masks that people drew and the step read, where they are named."""
    notes = [use["note"] for use in step["inputs"] if use["role"] == "supplied"]
    return [name for note in notes if (name := note.removeprefix(DRAWN_BY)) != note]


def _outcome(step: Row) -> Any:
    word: Any
    if worked(step):
        word = xml.term("eventOutcome", "success", "eventOutcome", "suc")
    elif step["status"] == "failed":
        word = xml.term("eventOutcome", "fail", "eventOutcome", "fai")
    else:
        word = xml.make("eventOutcome", step["status"])
    scores = "; ".join(f"{name} {value:g}" for name, value in step["scores"].items())
    reused = "the result of an equal step was reused" if step["status"] == "reused" else ""
    notes = [note for note in (reused, step["reason"], scores) if note]
    details = (
        xml.make("eventOutcomeDetail", xml.make("eventOutcomeDetailNote", note)) for note in notes
    )
    return xml.make("eventOutcomeInformation", word, *details)


def _links(photograph: Photograph, page: Row, step: Row) -> Iterable[Any]:
    """Yield what a step read and made, each with its role."""
    found: list[tuple[Identifier, str]] = [((FILE, photograph.digest), "source")]
    found += [
        ((VALUE, f"{record}/{port}"), "source") for record, port in sources(page, step).values()
    ]
    found += [((FILE, use["digest"]), "reference") for use in references(step)]
    found += [((FILE, weight["digest"]), "weights") for weight in step["weights"]]
    found += [((VALUE, f"{step['record']}/{one['port']}"), "outcome") for one in step["artifacts"]]
    for identifier, role in dict.fromkeys(found):
        yield xml.identify(
            "linkingObjectIdentifier", identifier, xml.make("linkingObjectRole", role)
        )


def _scan(photograph: Photograph) -> Any:
    properties = {
        f"page {page['page'] + 1}": f"{page['width']} x {page['height']} px, {page['depth']} bits, "
        f"{page['colour']}"
        for page in photograph.pages
    }
    return xml.file_object(
        ((FILE, photograph.digest),),
        digest=photograph.digest,
        size=photograph.first["size"],
        media_type=photograph.media_type,
        name=photograph.path,
        place=("path relative to the scans", photograph.path),
        properties=properties,
    )


def _output(output: Row, name: Identifier, scan: Identifier, events: tuple[Identifier, ...]) -> Any:
    contract = output["metadata"]
    counts = ", ".join(
        f"{len(contract[key])} {key}" for key in ("kept", "changed", "added", "lost")
    )
    return xml.file_object(
        (name, ("SHA-256 of an output", output["digest"])),
        digest=output["digest"],
        size=output["size"],
        media_type=output["media_type"] or OTHER,
        place=("path relative to the outputs", output["path"]),
        properties={"profile": output["profile"], "metadata": counts},
        relationships=(xml.derived_from(scan, events),),
        events=events,
    )


def _value(step: Row, artifact: Row) -> Any:
    return xml.file_object(
        ((VALUE, f"{step['record']}/{artifact['port']}"),),
        digest=artifact["blob"] if artifact["kept"] else None,
        size=artifact["size"] if artifact["kept"] else 0,
        media_type=artifact["media_type"] or OTHER,
        properties={
            "kind": artifact["kind"],
            "SHA-256 of the value": artifact["digest"],
            "kept": "yes" if artifact["kept"] and artifact["blob"] else "no",
        },
        events=((EVENT, step["record"]),),
    )


def _rights(photograph: Photograph, terms: str, objects: list[Identifier]) -> Any:
    information = xml.make(
        "otherRightsInformation",
        xml.make("otherRightsBasis", "statement of the archive's manifest"),
        xml.make("otherRightsNote", terms),
    )
    identifier = ("archivist rights", photograph.digest)
    return xml.rights(identifier, information, "other", objects)
