"""Keeps what plugins and their libraries print out of the lines that a program reads."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import TextIO

STDOUT, STDERR = 1, 2


@contextlib.contextmanager
def set_aside() -> Iterator[TextIO]:
    """Let what others print go to stderr; yield the stream that results are written to meanwhile.

    Libraries and child processes do not ask Python where its output goes: they write to file
    descriptor 1. So that points to stderr, too, and the results have a descriptor of their own.
    Where the output of Python is another one (a file in memory), descriptor 1 is left alone.
    """
    if not (_writes_to(sys.stdout, STDOUT) and _writes_to(sys.stderr, STDERR)):
        results = sys.stdout
        with contextlib.redirect_stdout(sys.stderr):
            yield results
        return
    sys.stdout.flush()
    with _duplicate(sys.stdout) as results, contextlib.redirect_stdout(sys.stderr):
        os.dup2(STDERR, STDOUT)
        try:
            yield results
        finally:
            _flush_libraries()
            os.dup2(results.fileno(), STDOUT)


def _writes_to(stream: TextIO | None, descriptor: int) -> bool:
    try:
        return stream is not None and stream.fileno() == descriptor
    except (OSError, ValueError):  # it is no file, or was closed
        return False


@contextlib.contextmanager
def _duplicate(stream: TextIO) -> Iterator[TextIO]:
    """Open a second way to where a stream writes to."""
    encoding, errors = stream.encoding, stream.errors
    twin = io.open(os.dup(stream.fileno()), "w", encoding=encoding, errors=errors)  # noqa: SIM115, UP020
    try:
        yield twin
    finally:
        # That nobody reads any more is told by whoever writes; to say it again would hide that.
        with contextlib.suppress(BrokenPipeError):
            twin.close()


def _flush_libraries() -> None:
    """Write what the C library still holds back of what was printed through it."""
    import ctypes

    ctypes.CDLL(None).fflush(None)
