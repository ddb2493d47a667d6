"""Watch a call for what a step must not do: files, network, other programs, global randomness."""

from __future__ import annotations

import contextlib
import os
import random
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from importlib.machinery import all_suffixes
from pathlib import Path
from typing import Any

import numpy as np

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CODE = tuple(all_suffixes())
_SYSTEM = ("/proc/", "/sys/", "/dev/")
"""What libraries read to count cores and to get random numbers."""
_CHANGES = (
    "os.remove",
    "os.rename",
    "os.mkdir",
    "os.rmdir",
    "os.link",
    "os.symlink",
    "os.truncate",
)
_NETWORK = ("socket.connect", "socket.getaddrinfo", "socket.bind", "socket.sendto")
_PROGRAMS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork")

_watches: dict[int, tuple[list[str], set[str]]] = {}
"""For each thread that is watched: what was seen, and which files it may read."""
_installed: list[bool] = []


@contextlib.contextmanager
def watched(weights: Sequence[Path] = ()) -> Iterator[list[str]]:
    """Collect, in words, what the calling thread does with files, network and programs.

    Python's audit events see what Python opens; what a C library writes is found in the working
    and temporary folder, which are empty ones of their own meanwhile. Reading ``weights`` and
    Python modules is allowed. This is a help for honest authors, not a sandbox.
    """
    _install()
    seen: list[str] = []
    with own_folder() as folder:
        _watches[threading.get_ident()] = (seen, {str(path) for path in weights})
        try:
            yield seen
        finally:
            del _watches[threading.get_ident()]
        seen.extend(f"wrote {path.name}" for path in sorted(folder.iterdir()))


@contextlib.contextmanager
def own_randomness(seed: int) -> Iterator[list[str]]:
    """Seed the global generators, and collect the names of those that a call changed.

    With another seed each time, a result that hangs on a global generator shows as a difference.
    All generators are as before at the end.
    """
    torch = sys.modules.get("torch")
    old_random, old_numpy = random.getstate(), np.random.get_state()
    old_torch = torch.get_rng_state() if torch else None
    random.seed(seed)
    np.random.seed(seed)
    if torch:
        torch.manual_seed(seed)
    changed: list[str] = []
    start = _random_states()
    try:
        yield changed
        end = _random_states()
        changed.extend(name for name in start if start[name] != end.get(name))
    finally:
        random.setstate(old_random)
        np.random.set_state(old_numpy)
        if torch:
            torch.set_rng_state(old_torch)


def _random_states() -> dict[str, object]:
    name, numbers, *rest = np.random.get_state(legacy=True)
    states: dict[str, object] = {
        "random": random.getstate(),
        "numpy.random": (name, np.asarray(numbers).tobytes(), *rest),
    }
    torch = sys.modules.get("torch")
    if torch is not None:
        states["torch"] = torch.get_rng_state().numpy().tobytes()
    return states


@contextlib.contextmanager
def own_folder() -> Iterator[Path]:
    """Make an empty folder the working and the temporary folder for a while; then remove it."""
    with tempfile.TemporaryDirectory(prefix="archivist-check-") as name, _moved_to(Path(name)):
        yield Path(name)


@contextlib.contextmanager
def _moved_to(folder: Path) -> Iterator[None]:
    old_tempdir, tempfile.tempdir = tempfile.tempdir, str(folder)
    old_variable = os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = str(folder)
    try:
        with contextlib.chdir(folder):
            yield
    finally:
        tempfile.tempdir = old_tempdir
        if old_variable is None:
            os.environ.pop("TMPDIR", None)
        else:
            os.environ["TMPDIR"] = old_variable


def _install() -> None:
    # An audit hook stays for the life of the process, so there is one, idle outside a watch.
    if not _installed:
        _installed.append(True)
        sys.addaudithook(_audit)


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watches or threading.get_ident() not in _watches:
        return
    seen, allowed = _watches[threading.get_ident()]
    if event == "open":
        problem = _opened(arguments, allowed)
        if problem:
            seen.append(problem)
    elif event in _CHANGES and "__pycache__" not in str(arguments[0]):
        seen.append(f"{event} {arguments[0]}")
    elif event in _NETWORK or event in _PROGRAMS:
        seen.append(event)


def _opened(arguments: tuple[Any, ...], allowed: set[str]) -> str | None:
    path, _, flags = arguments
    if isinstance(path, int) or flags is None:
        return None
    name = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - pathlib would raise audit events
    if flags & _WRITING:
        return None if "__pycache__" in name or name == os.devnull else f"wrote {name}"
    if name in allowed or name.startswith(_SYSTEM) or name.endswith(_CODE):
        return None
    return f"read {name}"
