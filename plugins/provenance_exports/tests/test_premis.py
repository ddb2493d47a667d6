from __future__ import annotations

import xmlschema
from lxml import etree

from archivist_exports.premis import write_each, write_one

NAMES = {"p": "http://www.loc.gov/premis/v3"}


def texts(tree, path):
    return [found.text for found in tree.iterfind(path, NAMES)]


def test_the_document_is_valid_for_two_independent_validators(rows, schema, tmp_path):
    path = tmp_path / "premis.xml"
    write_one(iter(rows), path)
    etree.XMLSchema(etree.parse(schema)).assertValid(etree.parse(path))
    xmlschema.XMLSchema(schema).validate(path)


def test_the_validators_refuse_an_event_without_time(rows, schema, tmp_path):
    path = tmp_path / "premis.xml"
    write_one(iter(rows), path)
    tree = etree.parse(path)
    time = tree.find(".//p:eventDateTime", NAMES)
    time.getparent().remove(time)
    assert not etree.XMLSchema(etree.parse(schema)).validate(tree)


def test_each_photograph_gets_a_valid_document_of_its_own(rows, schema, tmp_path):
    write_each(iter(rows), tmp_path / "each")
    written = sorted((tmp_path / "each").rglob("*.xml"))
    assert {path.stem for path in written} == {row["digest"] for row in rows[1:-1]}
    valid = etree.XMLSchema(etree.parse(schema))
    assert all(valid.validate(etree.parse(path)) for path in written)


def test_identifiers_are_unique_and_none_is_orphaned(rows, tmp_path):
    path = tmp_path / "premis.xml"
    write_one(iter(rows), path)
    tree = etree.parse(path)
    events = texts(tree, ".//p:eventIdentifierValue")
    objects = texts(tree, ".//p:object/p:objectIdentifier[1]/p:objectIdentifierValue")
    agents = texts(tree, ".//p:agentIdentifierValue")
    linked = texts(tree, ".//p:linkingObjectIdentifierValue")
    lender = rows[1]["steps"][1]["inputs"][-1]["digest"]
    for names in (events, objects, agents):
        assert len(names) == len(set(names))
    assert set(linked) - set(objects) == {lender}
    assert set(texts(tree, ".//p:linkingAgentIdentifierValue")) <= set(agents)
    named = (".//p:linkingEventIdentifierValue", ".//p:relatedEventIdentifierValue")
    assert set(texts(tree, named[0]) + texts(tree, named[1])) <= set(events)


def test_an_event_names_software_operator_weights_and_reference_with_their_roles(rows, tmp_path):
    path = tmp_path / "premis.xml"
    write_one(iter(rows), path)
    found = {
        event.findtext(".//p:eventIdentifierValue", namespaces=NAMES): event
        for event in etree.parse(path).iterfind("p:event", NAMES)
    }
    detect, paint = (found[one["record"]] for one in rows[1]["steps"][:2])
    assert "weights" in texts(detect, ".//p:linkingObjectRole")
    assert "reference" in texts(paint, ".//p:linkingObjectRole")
    assert texts(paint, ".//p:linkingAgentRole")[-1] == "implementer"
    assert texts(detect, "p:eventType") == ["analysis"]
    assert texts(paint, "p:eventType") == ["modification"]


def test_the_newest_fixity_checks_are_events_of_their_files(rows, schema, tmp_path):
    path = tmp_path / "premis.xml"
    scan, output = rows[1]["path"], rows[1]["outputs"][0]["path"]
    checks = [("original", scan, "fine"), ("output", output, "changed")]
    rows[1]["fixity"] = [
        {
            "subject": subject,
            "path": name,
            "digest": "ab" * 32,
            "outcome": outcome,
            "at": "2026-11-30T05:00:00+00:00",
        }
        for subject, name, outcome in checks
    ]

    write_one(iter(rows), path)

    xmlschema.XMLSchema(schema).validate(path)
    found = [
        event
        for event in etree.parse(path).iterfind("p:event", NAMES)
        if texts(event, "p:eventType") == ["fixity check"]
    ]
    assert [texts(event, ".//p:eventOutcome") for event in found] == [["success"], ["fail"]]
    linked = [texts(event, ".//p:linkingObjectIdentifierValue") for event in found]
    assert linked == [[rows[1]["digest"]], [output]]


def test_outcomes_tell_failure_and_skipping_apart(rows, tmp_path):
    path = tmp_path / "premis.xml"
    write_one(iter(rows), path)
    outcomes = texts(etree.parse(path), ".//p:eventOutcome")
    assert sorted(outcomes) == ["approve", "fail", "skipped", "success", "success"]


def test_awkward_text_comes_back_with_pictures_of_control_characters(rows, tmp_path):
    path = tmp_path / "premis.xml"
    write_one(iter(rows), path)
    (note,) = texts(etree.parse(path), ".//p:otherRightsNote")
    assert note == '=1+1 <b>"Ö & b"</b> \u2401\u2407\ufffd \ufffd\r\n二'


def test_the_author_of_a_supplied_mask_is_an_agent_of_the_event_that_read_it(
    rows, schema, tmp_path
):
    step = rows[1]["steps"][0]
    step["inputs"].append(
        {"port": "mask", "digest": "a" * 64, "role": "supplied", "score": None}
        | {"note": "drawn by Anna Muster"}
    )
    path = tmp_path / "premis.xml"
    write_one(iter(rows), path)

    tree = etree.parse(path)
    etree.XMLSchema(etree.parse(schema)).assertValid(tree)
    (event,) = (
        event
        for event in tree.iterfind(".//p:event", NAMES)
        if step["record"] in texts(event, ".//p:eventIdentifierValue")
    )
    roles = {
        agent.findtext("p:linkingAgentIdentifierValue", namespaces=NAMES): agent.findtext(
            "p:linkingAgentRole", namespaces=NAMES
        )
        for agent in event.iterfind("p:linkingAgentIdentifier", NAMES)
    }
    assert roles["Anna Muster"] == "author of the mask"
    assert "Anna Muster" in texts(tree, ".//p:agentIdentifierValue")
