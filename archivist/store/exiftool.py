"""exiftool as a second reader of metadata: one process for each worker, asked over its stdin.

The client is our own because it needs two things: a time limit for each answer, and file names that
hold line breaks (exiftool reads one argument a line). Names never reach a shell.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

log = logging.getLogger(__name__)

SECONDS = 30.0
"""The longest wait for one answer; a usual one takes 0.01 to 0.1 s."""
_READ = (b"-json", b"-struct", b"-n", b"-G0:1:4", b"-a", b"-u")
_READY = b"{ready}"
_COPY = re.compile(r":Copy\d+(?=:)")
"""In the name of a tag that another directory, or the same one, holds too; which one is the copy
depends on what else is there."""

Tags = Mapping[str, Any]
"""``family:group:name`` to value: ``EXIF:IFD0:Make``, ``XMP:XMP-dc:Title``. An Exif tag that is
there more than once has a list of its values."""


def program(setting: str) -> str:
    """Return the path of exiftool, empty when there is none or the setting is ``never``."""
    return _found() if setting == "auto" else ""


@lru_cache(maxsize=1)
def _found() -> str:
    return shutil.which("exiftool") or ""


@lru_cache(maxsize=1)
def reader(path: str) -> Reader:
    """Return this process's reader."""
    return Reader(path)


class Unusable(Exception):
    """exiftool did not answer as it should."""


class Unreadable(Exception):
    """exiftool works, but not on this file."""


class Reader:
    """A running exiftool. The first time it is unusable that is logged, and it is left alone."""

    def __init__(self, path: str, *, seconds: float = SECONDS) -> None:
        self._path, self._seconds = path, seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: queue.Queue[bytes] = queue.Queue()
        self.broken = False

    def read(self, files: Sequence[Path]) -> list[Tags] | None:
        """Return the tags of each file, or None, which is logged, when it cannot."""
        if self.broken:
            return None
        with self._lock:
            try:
                return self._ask(files)
            except Unreadable as error:
                log.warning("exiftool %s; it is checked by archivist alone", error)
                return None
            except (OSError, ValueError, Unusable) as error:
                self.broken = True
                self.close()
                log.warning(
                    "%s is not usable (%s); outputs are checked by archivist alone",
                    self._path,
                    error,
                )
                return None

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._finish()
            self._process = None

    def _ask(self, files: Sequence[Path]) -> list[Tags]:
        stdin = self._running()
        with names_of(files) as names:
            stdin.write(b"\n".join([*_READ, *names, b"-execute\n"]))
            stdin.flush()
            text = self._answer().decode("utf-8", "replace")
        answer: list[Tags] = json.loads(text or "[]")
        if len(answer) != len(files) or any("Error" in name for tags in answer for name in tags):
            raise Unreadable(f"cannot read {' and '.join(map(str, files))}")
        return [_with_copies(tags) for tags in answer]

    def _answer(self) -> bytes:
        lines: list[bytes] = []
        while True:
            try:
                line = self._lines.get(timeout=self._seconds)
            except queue.Empty:
                raise Unusable(f"no answer within {self._seconds:g} s") from None
            if line.startswith(_READY):
                return b"".join(lines)
            if not line:
                raise Unusable("it ended")
            lines.append(line)

    def _running(self) -> IO[bytes]:
        if self._process is None:
            self._lines = queue.Queue()
            started: queue.Queue[subprocess.Popen[bytes] | OSError] = queue.Queue()
            arguments = (self._path, self._lines, started)
            threading.Thread(target=_serve, args=arguments, daemon=True).start()
            process = started.get()
            if isinstance(process, OSError):
                raise process
            self._process = process
            self._finish = weakref.finalize(self, _end, process)
        assert self._process.stdin is not None
        return self._process.stdin


def _with_copies(tags: Tags) -> Tags:
    """Return tags by their names, with the copies of Exif tags; of others one counts."""
    copies: dict[str, list[Any]] = {}
    for name, value in tags.items():
        copies.setdefault(_COPY.sub("", name), []).append(value)
    return {
        name: sorted(values, key=repr) if name.startswith("EXIF:") and values[1:] else values[0]
        for name, values in copies.items()
    }


@contextmanager
def names_of(files: Sequence[Path]) -> Iterator[list[bytes]]:
    """Give names of files that fit on a line each: links, where a name holds a line break.

    exiftool has an escape for line breaks, but with it no name can hold a dollar sign.
    """
    with ExitStack() as stack:
        names = [os.fsencode(path.absolute()) for path in files]
        for number, name in enumerate(names):
            if b"\n" in name or b"\r" in name:
                folder = stack.enter_context(TemporaryDirectory(prefix="archivist-exiftool-"))
                link = Path(folder, "link")
                link.symlink_to(os.fsdecode(name))
                names[number] = os.fsencode(link)
        yield names


def _serve(
    path: str,
    lines: queue.Queue[bytes],
    started: queue.Queue[subprocess.Popen[bytes] | OSError],
) -> None:
    """Start exiftool and hand on what it says; in a thread that lives as long as the process."""
    if hasattr(signal, "pthread_sigmask"):  # inherited: who stops a service means us, too
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        process = subprocess.Popen(
            [*_tied(), path, "-stay_open", "True", "-@", "-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for us; what is under way is finished
        )
    except OSError as error:
        started.put(error)
        return
    started.put(process)
    assert process.stdout is not None
    with process.stdout as stream:
        for line in stream:
            lines.put(line)
    lines.put(b"")


def _tied() -> list[str]:
    """Return the words before a command that make it end with the thread that started it.

    An exiftool that stays open looks for more input for ever, even when the worker was killed.
    """
    tool = shutil.which("setpriv") if sys.platform.startswith("linux") else None
    return [tool, "--pdeathsig", "KILL"] if tool else []


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    if process.stdin is not None:
        with suppress(OSError):  # what was not yet read of our last question
            process.stdin.close()
