"""The limits that a container, a batch system or systemd puts on this process (Linux cgroups)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


def cpu_quota(root: Path = ROOT, membership: Path = MEMBERSHIP) -> float | None:
    """Return how many cores' worth of time the cgroups of this process allow, or None."""
    quotas = []
    for folder in _folders(root, membership, "cpu"):
        text = _read(folder / "cpu.max").split()  # version 2: "200000 100000" or "max 100000"
        if not text:
            text = [_read(folder / f"cpu.cfs_{name}_us") for name in ("quota", "period")]
        quota, period = (_number(part) for part in (*text, "", "")[:2])
        if quota and period:
            quotas.append(quota / period)
    return min(quotas, default=None)


def memory_left(root: Path = ROOT, membership: Path = MEMBERSHIP) -> int | None:
    """Return how many bytes the cgroups of this process still allow, or None without a limit.

    Cached files count as free: the kernel drops them before it kills.
    """
    left = []
    for folder in _folders(root, membership, "memory"):
        for limit_name, used_name in _MEMORY_FILES:
            limit, used = (_number(_read(folder / name)) for name in (limit_name, used_name))
            # Version 1 writes a number near 2**63 for "no limit".
            if limit is not None and used is not None and limit < 2**60:
                left.append(max(0, limit - used + _cached(folder)))
    return min(left, default=None)


_MEMORY_FILES = (
    ("memory.max", "memory.current"),
    ("memory.high", "memory.current"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes"),
)


def _cached(folder: Path) -> int:
    for line in _read(folder / "memory.stat").splitlines():
        name, _, value = line.partition(" ")
        if name in ("inactive_file", "total_inactive_file"):
            return _number(value) or 0
    return 0


def _folders(root: Path, membership: Path, controller: str) -> Iterator[Path]:
    """Yield the folders that hold limits of this process, from its own cgroup up to the root.

    In a container the path of the membership is often not there: its root is then the own cgroup.
    """
    for line in _read(membership).splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        names = controllers.split(",")
        if controllers and controller not in names:
            continue
        base = root if not controllers else root / controller
        own = base / path.lstrip("/")
        while own != base:
            yield own
            own = own.parent
        yield base


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def _number(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isdigit() else None
