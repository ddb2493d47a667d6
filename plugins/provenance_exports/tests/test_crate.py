from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest

from archivist_exports.crate import write
from archivist_exports.params import CrateParams


@pytest.fixture
def crate(rows, tmp_path):
    write(iter(rows), tmp_path / "crate", CrateParams(licence="https://example.org/terms"))
    return tmp_path / "crate"


@pytest.fixture
def graph(crate):
    data = json.loads((crate / "ro-crate-metadata.json").read_text("utf-8"))
    return {entity["@id"]: entity for entity in data["@graph"]}


def linked(entity: dict[str, Any]) -> Iterator[str]:
    for key, value in entity.items():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                assert set(item) == {"@id"}, f"{key} is nested"
                yield item["@id"]


@pytest.mark.filterwarnings("default")
def test_the_library_reads_the_crate_with_all_its_files(crate):
    from rocrate.rocrate import ROCrate

    read = ROCrate(str(crate))
    files = [one for one in read.data_entities if "File" in one.type]
    assert len(files) == 3
    actions = [one for one in read.contextual_entities if one.type == "CreateAction"]
    assert {one.id for one in actions} == {one.id for one in read.root_dataset["mentions"]}
    assert all(one["instrument"].type == "SoftwareApplication" for one in actions)


def test_the_graph_is_flat_and_every_link_leads_to_an_entity(graph):
    external = ("http://schema.org/", "https://w3id.org/ro/crate/1.1")
    for entity in graph.values():
        for name in linked(entity):
            assert name in graph or name.startswith(external)


def test_names_are_unique(crate, graph):
    data = json.loads((crate / "ro-crate-metadata.json").read_text("utf-8"))
    assert len(data["@graph"]) == len(graph)


def test_the_crate_declares_the_profile(graph):
    assert graph["./"]["conformsTo"]["@id"] == "https://w3id.org/ro/wfrun/process/0.5"
    assert graph["ro-crate-metadata.json"]["about"] == {"@id": "./"}


def test_every_file_of_the_root_is_there(crate, graph):
    for part in graph["./"]["hasPart"]:
        assert (crate / unquote(part["@id"])).is_file()


def test_the_action_that_painted_names_its_reference(graph, rows):
    action = graph[f"#step-{rows[1]['steps'][1]['record']}"]
    lender = rows[1]["steps"][1]["inputs"][-1]["digest"]
    assert {"@id": f"#reference-{lender}"} in action["object"]


def test_a_failed_step_is_a_failed_action_with_its_error(graph, rows):
    action = graph[f"#step-{rows[3]['steps'][0]['record']}"]
    assert action["actionStatus"]["@id"] == "http://schema.org/FailedActionStatus"
    assert action["error"] == "no memory"
