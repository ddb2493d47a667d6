from __future__ import annotations

import json

import pytest
from prov.model import ProvActivity, ProvDocument, ProvEntity, ProvUsage

from archivist.api import UsageError
from archivist_exports.params import ProvParams
from archivist_exports.prov import write


@pytest.fixture
def written(rows, tmp_path):
    path = tmp_path / "prov.json"
    write(iter(rows), path, ProvParams())
    return path


def test_the_document_survives_a_round_trip_through_the_library(written):
    read = ProvDocument.deserialize(str(written), format="json")
    assert ProvDocument.deserialize(content=read.serialize(format="json"), format="json") == read


def test_each_step_is_an_activity_with_start_and_end(written, rows):
    read = ProvDocument.deserialize(str(written), format="json")
    steps = [one for row in rows[1:-1] for one in row["steps"]]
    found = {one.identifier.localpart: one for one in read.get_records(ProvActivity)}
    for step in steps:
        activity = found[step["record"]]
        assert (activity.get_endTime() - activity.get_startTime()).total_seconds() == 1.5


def test_what_was_used_has_its_role(written):
    read = ProvDocument.deserialize(str(written), format="json")
    roles = [
        str(value)
        for one in read.get_records(ProvUsage)
        for name, value in one.extra_attributes
        if str(name) == "prov:role"
    ]
    assert set(roles) == {"scan", "prior", "weights", "reference", "reviewed"}


def test_every_output_is_derived_from_its_scan(written, rows):
    data = json.loads(written.read_text("ascii"))
    derived = {one["prov:generatedEntity"] for one in data["wasDerivedFrom"].values()}
    outputs = {name for name in data["entity"] if name.startswith("output:")}
    assert derived == outputs
    assert len(outputs) == 3


def test_names_are_unique_however_many_photographs_share_them(written, rows):
    pairs = []
    json.loads(written.read_text("ascii"), object_pairs_hook=pairs.append)
    assert all(len(found) == len(dict(found)) for found in pairs)


def test_the_namespace_is_that_of_the_institution(rows, tmp_path):
    path = tmp_path / "prov.json"
    write(iter(rows), path, ProvParams(namespace="https://museum.example/p/"))
    read = ProvDocument.deserialize(str(path), format="json")
    assert all(
        one.identifier.uri.startswith("https://museum.example/p/")
        for one in read.get_records(ProvEntity)
    )


def test_a_namespace_that_is_no_iri_is_refused_with_the_cure(rows, tmp_path):
    with pytest.raises(UsageError, match="--set namespace=https"):
        write(iter(rows), tmp_path / "prov.json", ProvParams(namespace="our museum"))
