from __future__ import annotations

import pytest

from archivist.schedule.cgroups import cpu_quota, memory_left


@pytest.fixture
def cgroup(tmp_path):
    """Write files below a made-up /sys/fs/cgroup and return (root, membership)."""

    def make(membership: str, files: dict[str, str]):
        for name, text in files.items():
            path = tmp_path / "root" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="ascii")
        (tmp_path / "membership").write_text(membership, encoding="ascii")
        return tmp_path / "root", tmp_path / "membership"

    return make


def test_the_quota_of_version_2_is_read(cgroup):
    assert cpu_quota(*cgroup("0::/job", {"job/cpu.max": "150000 100000\n"})) == 1.5


def test_no_quota_is_no_limit(cgroup):
    assert cpu_quota(*cgroup("0::/job", {"job/cpu.max": "max 100000\n"})) is None


def test_the_quota_of_version_1_is_read(cgroup):
    files = {"cpu/job/cpu.cfs_quota_us": "300000", "cpu/job/cpu.cfs_period_us": "100000"}
    assert cpu_quota(*cgroup("3:cpu,cpuacct:/job\n", files)) == 3


def test_minus_one_of_version_1_is_no_limit(cgroup):
    files = {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}
    assert cpu_quota(*cgroup("3:cpu:/\n", files)) is None


def test_the_tightest_limit_on_the_way_to_the_root_counts(cgroup):
    files = {"a/b/cpu.max": "400000 100000", "a/cpu.max": "200000 100000"}
    assert cpu_quota(*cgroup("0::/a/b", files)) == 2


def test_memory_left_counts_cached_files_as_free(cgroup):
    files = {
        "job/memory.max": "1000",
        "job/memory.current": "600",
        "job/memory.stat": "anon 100\ninactive_file 250\n",
    }
    assert memory_left(*cgroup("0::/job", files)) == 650


def test_memory_of_version_1_is_read(cgroup):
    files = {"memory/memory.limit_in_bytes": "1000", "memory/memory.usage_in_bytes": "400"}
    assert memory_left(*cgroup("4:memory:/elsewhere\n", files)) == 600


def test_the_huge_number_of_version_1_is_no_limit(cgroup):
    files = {
        "memory/memory.limit_in_bytes": "9223372036854771712",
        "memory/memory.usage_in_bytes": "400",
    }
    assert memory_left(*cgroup("4:memory:/\n", files)) is None


def test_a_machine_without_cgroups_has_no_limit(tmp_path):
    assert cpu_quota(tmp_path / "none", tmp_path / "none") is None
    assert memory_left(tmp_path / "none", tmp_path / "none") is None
