"""Exit codes; the documentation is filled from here."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What a command's exit code means."""

    FINE = 0
    """All assets are done, or skipped with a reason."""
    FAULT = 1
    """A fault of archivist itself; the message asks for a report."""
    USAGE = 2
    """The command line, the configuration or the catalog is wrong; the message says the cure."""
    SOME_FAILED = 3
    """Some assets failed, damage was found, or a report or export was not made, with the reason."""
    UNREAD = 141
    """What read the output has ended (`| head`); a run is carried on to its end all the same."""
    INTERRUPTED = 130
    """Stopped by Ctrl-C, SIGTERM or `--until`; the same command goes on."""
