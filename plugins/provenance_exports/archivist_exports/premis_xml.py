"""Elements of PREMIS 3 as lxml builds them, in the order that the schema asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lxml import etree

NAMESPACE = "http://www.loc.gov/premis/v3"
INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
SCHEMA = "http://www.loc.gov/standards/premis/v3/premis.xsd"
NAMES = {"premis": NAMESPACE, "xsi": INSTANCE}
VOCABULARY = "http://id.loc.gov/vocabulary/preservation/"
"""The terms that the Library of Congress maintains for PREMIS."""

Identifier = tuple[str, str]
"""Type and value."""


def make(name: str, *parts: Any, **attributes: str) -> Any:
    """Return an element with texts, numbers and elements in it; None is left out."""
    made = etree.Element(f"{{{NAMESPACE}}}{name}", attributes, nsmap=NAMES)
    for part in parts:
        if part is None:
            continue
        if isinstance(part, str | int | float):
            made.text = str(part)
        else:
            made.append(part)
    return made


def term(name: str, word: str, vocabulary: str, code: str) -> Any:
    """Return an element with a word of a vocabulary of the Library of Congress."""
    uri = VOCABULARY + vocabulary
    return make(name, word, authority=vocabulary, authorityURI=uri, valueURI=f"{uri}/{code}")


def identify(name: str, identifier: Identifier, *more: Any) -> Any:
    """Return an element that names something: ``objectIdentifier``, ``linkingAgentIdentifier``."""
    kind, value = identifier
    return make(name, make(f"{name}Type", kind), make(f"{name}Value", value), *more)


def file_object(
    identifiers: tuple[Identifier, ...],
    *,
    digest: str | None,
    size: int = 0,
    media_type: str,
    name: str | None = None,
    place: Identifier | None = None,
    properties: Mapping[str, object] | None = None,
    relationships: tuple[Any, ...] = (),
    events: tuple[Identifier, ...] = (),
) -> Any:
    """Return an ``object`` of the category file. ``digest`` is a SHA-256."""
    found = [
        make(
            "significantProperties",
            make("significantPropertiesType", key),
            make("significantPropertiesValue", str(value)),
        )
        for key, value in (properties or {}).items()
    ]
    made = make(
        "object",
        *(identify("objectIdentifier", one) for one in identifiers),
        *found,
        _characteristics(digest, size, media_type),
        None if name is None else make("originalName", name),
        None if place is None else make("storage", identify("contentLocation", place)),
        *relationships,
        *(identify("linkingEventIdentifier", one) for one in events),
    )
    made.set(f"{{{INSTANCE}}}type", "premis:file")
    return made


def _characteristics(digest: str | None, size: int, media_type: str) -> Any:
    fixity = None
    if digest is not None:
        algorithm = make("messageDigestAlgorithm", "SHA-256")
        fixity = make("fixity", algorithm, make("messageDigest", digest))
    designation = make("formatDesignation", make("formatName", media_type))
    return make(
        "objectCharacteristics",
        fixity,
        make("size", size) if size else None,
        make("format", designation),
    )


def derived_from(source: Identifier, events: tuple[Identifier, ...]) -> Any:
    """Return the relationship of an output with its scan, by way of events."""
    return make(
        "relationship",
        term("relationshipType", "derivation", "relationshipType", "der"),
        term("relationshipSubType", "has source", "relationshipSubType", "hss"),
        identify("relatedObjectIdentifier", source),
        *(identify("relatedEventIdentifier", one) for one in events),
    )


def agent(identifier: Identifier, name: str, kind: str, version: str = "") -> Any:
    """Return an ``agent``: ``kind`` is software or person."""
    return make(
        "agent",
        identify("agentIdentifier", identifier),
        make("agentName", name),
        make("agentType", kind),
        make("agentVersion", version) if version else None,
    )


def rights(identifier: Identifier, information: Any, basis: str, objects: list[Identifier]) -> Any:
    """Return a ``rights`` with one statement on some objects."""
    statement = make(
        "rightsStatement",
        identify("rightsStatementIdentifier", identifier),
        make("rightsBasis", basis),
        information,
        *(identify("linkingObjectIdentifier", one) for one in objects),
    )
    return make("rights", statement)
