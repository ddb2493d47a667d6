"""Everything that archivist raises on purpose; each message says the cure.

::

    ArchivistError
    +-- UsageError               the request cannot be carried out (exit code 2)
    |   +-- ConfigError          a key of the configuration, a recipe or a manifest is wrong
    |   +-- CatalogError         the catalog cannot be opened, is locked, or is of another version
    +-- PluginError              a plugin cannot be loaded or breaks its promises
    +-- AssetError               one asset cannot be treated; the run goes on
        +-- SourceError          the scan cannot be read or is refused
        +-- StepError            a step failed
        |   +-- Unsupported      the step refuses this input, and says why
        |   +-- BadInput         an input does not fit its port
        |   +-- BadOutput        an output does not fit its port, or is no picture
        |   +-- OutOfMemory      not even the smallest tile fits
        |   +-- Cancelled        the run was stopped
        |   +-- WeightsMissing   a weight file is not there
        |   +-- WeightsCorrupt   a weight file has another digest than declared
        +-- StoreError           an artifact cannot be kept or read back
        +-- PublishError         an output cannot be written whole
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class ArchivistError(Exception):
    """The root of the tree."""


class UsageError(ArchivistError):
    """The request cannot be carried out; nothing was changed."""


class ConfigError(UsageError):
    """A setting is wrong. ``where`` names the file, ``key`` the dotted key."""

    def __init__(self, message: str, *, where: str = "", key: str = "") -> None:
        self.where, self.key = where, key
        place = ": ".join(part for part in (where, key) if part)
        super().__init__(f"{place}: {message}" if place else message)


class CatalogError(UsageError):
    """The catalog cannot be used as it is."""


class PluginError(ArchivistError):
    """A plugin cannot be loaded, or breaks a promise. ``plugin`` names it."""

    def __init__(self, plugin: str, message: str) -> None:
        self.plugin = plugin
        super().__init__(f"{plugin}: {message}")


class AssetError(ArchivistError):
    """One asset cannot be treated. ``code`` is a short word for tables: ``truncated``."""

    code = "failed"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class SourceError(AssetError):
    """The scan cannot be read, or is of a kind that is refused."""

    code = "source"


class StepError(AssetError):
    """A step failed."""

    code = "step-failed"


class Unsupported(StepError):
    """The step refuses this input; the message says which inputs it takes."""

    code = "unsupported"


class BadInput(StepError):
    """An input does not fit its port."""

    code = "bad-input"


class BadOutput(StepError):
    """An output does not fit its port, or is no picture (NaN, all black)."""

    code = "bad-output"


class OutOfMemory(StepError):
    """Not even the smallest tile fits into memory."""

    code = "out-of-memory"


class Cancelled(StepError):
    """The run was stopped while the step was at work."""

    code = "cancelled"


class WeightsMissing(StepError):
    """A weight file is not there; the message says where it was looked for and how to get it."""

    code = "weights-missing"

    def __init__(self, name: str, *, searched: Sequence[Path] = (), cure: str = "") -> None:
        self.name, self.searched = name, tuple(searched)
        places = ", ".join(str(path) for path in searched) or "nowhere"
        cure = cure or f"archivist weights import {name} FILE"
        super().__init__(f"weights {name!r} are missing (looked in: {places}). Cure: {cure}")


class WeightsCorrupt(StepError):
    """A weight file has another digest than the one declared."""

    code = "weights-corrupt"

    def __init__(self, name: str, path: Path, *, expected: str, found: str) -> None:
        self.name, self.path = name, path
        super().__init__(
            f"weights {name!r} in {path} have digest {found[:16]}..., expected {expected[:16]}.... "
            "Cure: install the plugin again, or import the weights again"
        )


class StoreError(AssetError):
    """An artifact cannot be kept, or does not read back as it was written."""

    code = "store"


class PublishError(AssetError):
    """An output cannot be written whole; the old one, if any, is untouched."""

    code = "publish"
