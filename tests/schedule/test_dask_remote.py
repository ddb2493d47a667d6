"""The runner on a cluster that somebody else started: a scheduler and workers of plain Dask."""

from __future__ import annotations

import logging
import os

import pytest
from distributed import LocalCluster

import archivist
from archivist.api.errors import UsageError
from archivist.model import Status
from archivist.schedule import dask_remote
from archivist.schedule.dask_remote import compare, compare_python
from archivist.schedule.runner import Requirement, Shared, StopSignal, make_runner


@pytest.fixture(scope="module")
def cluster():
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        memory_limit=0,
        silence_logs=logging.CRITICAL,
    ) as cluster:
        yield cluster


def _open(cluster, **how):
    return make_runner(cluster.scheduler_address, **how)


def test_an_existing_cluster_does_the_work(cluster, make_units, work):
    with _open(cluster) as runner:
        outcomes = list(runner.run(make_units(100), work, stop=StopSignal()))
    assert len({o.unit for o in outcomes}) == len(outcomes) == 100
    assert os.getpid() not in {o.environment["pid"] for o in outcomes}


def test_it_is_described_and_left_as_it_was(cluster):
    before = set(cluster.scheduler_info["workers"])
    with _open(cluster) as runner:
        assert "2 workers, 2 threads, 0 GPUs" in runner.describe()
    assert set(cluster.scheduler_info["workers"]) == before


def test_a_unit_that_kills_its_worker_is_found_though_dask_would_retry(
    cluster, make_unit, make_units, work
):
    units = [*make_units(20), make_unit("kill"), *(make_unit(f"v{n}") for n in range(20))]
    with _open(cluster) as runner:
        outcomes = list(runner.run(iter(units), work, stop=StopSignal()))
    failed = [o.unit for o in outcomes if o.assets[0].status is Status.FAILED]
    assert failed == ["kill"]
    assert len(outcomes) == 41


def test_folders_that_the_workers_see_are_accepted_and_left_clean(cluster, tmp_path):
    scans, out = tmp_path / "scans", tmp_path / "out"
    scans.mkdir()
    with _open(cluster, shared=Shared(read=[scans], write=[out])):
        pass
    assert list(out.iterdir()) == []


def test_a_folder_that_a_worker_does_not_see_is_named_with_the_cure(cluster, tmp_path):
    missing = tmp_path / "elsewhere"
    with (
        pytest.raises(UsageError, match=r"does not see .*elsewhere.*Cure: mount"),
        _open(cluster, shared=Shared(read=[missing])),
    ):
        pass


def test_work_that_needs_a_gpu_is_refused_by_a_cluster_without(cluster):
    with (
        pytest.raises(UsageError, match=r"--resources \"GPU=1\""),
        _open(cluster, requirement=Requirement(needs_gpu=True)),
    ):
        pass


def test_no_scheduler_at_the_address_is_said_with_the_cure(monkeypatch):
    monkeypatch.setattr(dask_remote, "CONNECT_SECONDS", 0.5)
    with (
        pytest.raises(UsageError, match=r"no Dask scheduler answers at .*Cure"),
        make_runner("tcp://127.0.0.1:9"),
    ):
        pass


def test_a_scheduler_without_workers_is_said_with_the_cure(monkeypatch):
    monkeypatch.setattr(dask_remote, "WORKER_SECONDS", 0.2)
    with (
        LocalCluster(
            n_workers=0,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        ) as empty,
        pytest.raises(UsageError, match="has no workers"),
        _open(empty),
    ):
        pass


HERE = {"versions": {"archivist": archivist.__version__, "archivist-x": "2.0"}, "unseen": []}


@pytest.mark.parametrize(
    ("versions", "complaint"),
    [
        ({**HERE["versions"], "archivist-x": "1.9"}, "it has archivist-x 1.9, this machine 2.0"),
        ({"archivist": archivist.__version__}, "it has no archivist-x, this machine 2.0"),
        ({}, "it has no archivist, this machine"),
    ],
)
def test_another_version_on_a_worker_is_named_with_the_cure(versions, complaint):
    text = compare(HERE, {"versions": versions, "unseen": []})
    assert complaint in text
    assert "Cure: pip install" in text


def test_the_same_versions_are_no_complaint():
    assert compare(HERE, {**HERE, "host": "other"}) == ""


@pytest.mark.parametrize(
    ("there", "same"), [("3.11.2.final.0", True), ("3.12.1.final.0", False), ("2.7.1", False)]
)
def test_only_the_minor_version_of_python_matters(there, same):
    assert (compare_python("3.11.7", there) == "") is same
