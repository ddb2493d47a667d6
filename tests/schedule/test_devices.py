from __future__ import annotations

import os
import subprocess
import sys

import pytest

from archivist.schedule.devices import (
    BASE_MIB,
    Gpu,
    Machine,
    available_cores,
    available_memory_mib,
    find_gpus,
    parse_gpus,
    plan_workers,
    visible_gpus,
)
from archivist.schedule.runner import Requirement

TWO_GPUS = (Gpu("GPU-aaa", "H200", 143771), Gpu("GPU-bbb", "H200", 143771))
ANSWER = """\
0, GPU-aaa-1, 143771, NVIDIA H200
1, GPU-bbb-2, [N/A], NVIDIA "Odd, Name"
"""


@pytest.mark.parametrize(
    ("machine", "requirement", "workers", "threads"),
    [
        (Machine(8, 64_000), Requirement(500), 8, 1),
        (Machine(8, 5_000), Requirement(1_000 - BASE_MIB), 4, 2),
        (Machine(2, 1_000), Requirement(4_000), 1, 2),
        (Machine(7, 5_000), Requirement(1_500), 2, 3),
        (Machine(16, 64_000, TWO_GPUS), Requirement(500, vram_mib=900), 2, 8),
        (Machine(16, 64_000, TWO_GPUS), Requirement(500, needs_gpu=True), 2, 8),
        (Machine(16, 64_000, TWO_GPUS), Requirement(500), 16, 1),
    ],
)
def test_workers_follow_from_cores_memory_and_gpus(machine, requirement, workers, threads):
    plan = plan_workers(machine, requirement)
    assert (plan.workers, plan.threads) == (workers, threads)


def test_each_gpu_worker_has_its_own_gpu():
    plan = plan_workers(Machine(16, 64_000, TWO_GPUS), Requirement(needs_gpu=True))
    assert plan.gpus == TWO_GPUS


def test_more_workers_than_gpus_are_not_started():
    plan = plan_workers(Machine(16, 64_000, TWO_GPUS), Requirement(vram_mib=1), workers=9)
    assert plan.workers == 2


def test_the_asked_number_of_workers_is_taken_and_shares_the_threads():
    plan = plan_workers(Machine(8, 2_000), Requirement(4_000), workers=3)
    assert (plan.workers, plan.threads) == (3, 2)


def test_no_worker_starts_for_nothing():
    assert plan_workers(Machine(64, 512_000), Requirement(), most_units=3).workers == 3


def test_nothing_to_do_still_makes_a_plan():
    assert plan_workers(Machine(4, 8_000), Requirement(), most_units=0).workers == 1


def test_the_budget_leaves_room_for_the_system_and_for_empty_workers():
    plan = plan_workers(Machine(4, 10_000), Requirement(500))
    assert plan.budget_mib + plan.workers * BASE_MIB == pytest.approx(8_000)


def test_workers_together_keep_to_the_memory_that_they_are_given():
    plan = plan_workers(Machine(16, 64_000), Requirement(500), memory_mib=3_000)
    assert plan.workers == 3_000 // (500 + BASE_MIB)
    assert plan.budget_mib + plan.workers * BASE_MIB == pytest.approx(3_000)


def test_memory_that_is_not_free_is_not_given_away():
    plan = plan_workers(Machine(16, 8_000), Requirement(500), memory_mib=64_000)
    assert plan.budget_mib + plan.workers * BASE_MIB == pytest.approx(8_000)


def test_a_plan_says_what_it_is_in_one_line():
    text = plan_workers(Machine(16, 64_000, TWO_GPUS), Requirement(needs_gpu=True)).describe()
    assert text.startswith("2 GPU workers, 8 threads each")
    assert "2 x H200" in text


def test_the_answer_of_nvidia_smi_is_read():
    assert parse_gpus(ANSWER) == {
        "0": Gpu("GPU-aaa-1", "NVIDIA H200", 143771),
        "1": Gpu("GPU-bbb-2", 'NVIDIA "Odd', 0.0),
    }


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        (None, ["GPU-aaa-1", "GPU-bbb-2"]),
        ("1", ["GPU-bbb-2"]),
        ("1,0", ["GPU-bbb-2", "GPU-aaa-1"]),
        ("GPU-aaa", ["GPU-aaa-1"]),
        ("0,7,1", ["GPU-aaa-1"]),
        ("0,0", ["GPU-aaa-1"]),
        ("GPU-", []),
        ("MIG-x", ["MIG-x"]),
    ],
)
def test_visible_devices_are_read_as_cuda_reads_them(visible, expected):
    assert [gpu.visible for gpu in visible_gpus(parse_gpus(ANSWER), visible)] == expected


@pytest.fixture
def nvidia_smi(tmp_path, monkeypatch):
    def install(script: str) -> None:
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    return install


def test_gpus_are_asked_from_nvidia_smi(nvidia_smi):
    nvidia_smi("echo '0, GPU-x, 24564, NVIDIA RTX 4090'")
    assert find_gpus({}) == (Gpu("GPU-x", "NVIDIA RTX 4090", 24564),)


def test_hidden_gpus_are_not_asked_for(nvidia_smi):
    nvidia_smi("echo '0, GPU-x, 24564, NVIDIA RTX 4090'")
    assert find_gpus({"CUDA_VISIBLE_DEVICES": ""}) == ()


def test_a_broken_driver_means_no_gpu_and_is_logged(nvidia_smi, caplog):
    nvidia_smi("echo 'no driver' >&2; exit 9")
    assert find_gpus({}) == ()
    assert "nvidia-smi does not answer" in caplog.text


def test_a_machine_without_nvidia_smi_has_no_gpu(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_gpus({}) == ()


def test_cores_follow_the_affinity_of_the_process():
    code = "from archivist.schedule.devices import available_cores as c; print(c())"
    first = sorted(os.sched_getaffinity(0))[0]
    answer = subprocess.run(
        [sys.executable, "-c", f"import os; os.sched_setaffinity(0, {{{first}}}); {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == "1"
    assert available_cores() >= 1


def test_free_memory_is_below_the_memory_of_the_machine():
    import psutil

    assert 0 < available_memory_mib() <= psutil.virtual_memory().total / 2**20


def test_looking_for_gpus_imports_neither_torch_nor_dask():
    code = (
        "import sys; from archivist.schedule.devices import this_machine; this_machine();"
        "print([m for m in ('torch', 'dask', 'distributed', 'numpy') if m in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
