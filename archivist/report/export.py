"""Reports in the formats of exporter plugins."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from archivist.api.errors import PluginError, UsageError
from archivist.api.extensions import Exported, ExporterSpec
from archivist.api.steps import NoParams
from archivist.plugins import make_params, resolve
from archivist.report.as_json import plain_rows
from archivist.report.rows import ReportSource
from archivist.store.atomic import make_folder, placing_folder, replacing

Told = Callable[[int], None]
"""Is told how many pages an exporter has asked for so far."""


def exporter_named(name: str, exporters: Mapping[str, ExporterSpec]) -> ExporterSpec:
    """Return an exporter. Raises UsageError that names the nearest id and all others."""
    if name in exporters:
        return exporters[name]
    near = difflib.get_close_matches(name, exporters, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    known = ", ".join(sorted(exporters)) or "none; install a plugin that offers one"
    raise UsageError(f"there is no exporter {name!r}; {hint}Known exporters: {known}")


def export(
    source: ReportSource,
    exporter: ExporterSpec,
    target: Path,
    params: Mapping[str, object] | None = None,
    *,
    replace: bool = False,
    told: Told | None = None,
) -> Exported:
    """Let an exporter write the report under a temporary name, which then becomes ``target``.

    A file replaces the one that is there; a folder takes a free name or that of an empty folder,
    with ``replace`` that of any. Returns how many pages were told of. Raises PluginError when the
    exporter fails, UsageError, ConfigError for wrong ``params``, and OSError; ``target`` is then as
    it was.
    """
    more = _arguments(exporter, params or {})
    if not (replace and exporter.folder and target.is_dir()):
        _check_free(exporter, target)
    run, rows = resolve(exporter.run), _Rows(source, told)
    placing = partial(placing_folder, replace=replace) if exporter.folder else replacing
    with placing(target) as temporary:
        with _blamed(exporter, f" {target} is as it was."):
            run(iter(rows), temporary, *more)
        if not (temporary.is_dir() if exporter.folder else temporary.is_file()):
            noun = "folder" if exporter.folder else "file"
            message = (
                f"made no {noun} at the path that it was given. Cure: tell the plugin's authors"
            )
            raise PluginError(f"exporter {exporter.id}", message)
    return Exported(made=rows.pages)


def update(
    source: ReportSource,
    exporter: ExporterSpec,
    target: Path,
    params: Mapping[str, object] | None = None,
    *,
    told: Told | None = None,
) -> Exported:
    """Bring an earlier export up to date, or make a first one; ``target`` is ours alone.

    An exporter that knows no way to do that makes everything anew. ``told`` is called with the
    number of pages that it has asked for. Raises as :func:`export`; what an exporter has updated
    until it failed stays.
    """
    if exporter.update is None:
        return export(source, exporter, target, params, replace=True, told=told)
    more, bring = _arguments(exporter, params or {}), resolve(exporter.update)
    make_folder(target.parent)
    with _blamed(exporter):
        found = bring(iter(_Rows(source, told)), target, *more)
        if not isinstance(found, Exported):
            raise TypeError(f"returned {type(found).__name__}, not Exported")
    return found


def is_ready(exporter: ExporterSpec, params: Mapping[str, object] | None = None) -> str:
    """Return what else than rows and params decides about an export, in the exporter's words.

    Raises UsageError with the cure when an export could not be made now, and PluginError.
    """
    if exporter.ready is None:
        return ""
    more, ready = _arguments(exporter, params or {}), resolve(exporter.ready)
    with _blamed(exporter):
        return str(ready(*more))


class _Rows:
    """The rows of a report, with a count of the pages that were handed out."""

    def __init__(self, source: ReportSource, told: Told | None) -> None:
        self._source, self._told, self.pages = source, told, 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for row in plain_rows(self._source):
            self.pages += row["kind"] == "asset"
            if self._told is not None:
                self._told(self.pages)
            yield row


def _arguments(exporter: ExporterSpec, params: Mapping[str, object]) -> tuple[Any, ...]:
    """Return what an exporter takes beyond rows and a path. Raises ConfigError."""
    made = make_params(exporter, params, where="--set")
    return () if exporter.params is NoParams else (made,)


@contextmanager
def _blamed(exporter: ExporterSpec, left: str = "") -> Iterator[None]:
    """Name a fault in the code of others as a fault of the plugin; ``left`` is how things stand."""
    try:
        yield
    except (OSError, UsageError):
        raise
    except Exception as error:
        # The code of others may raise anything.
        what = f"{type(error).__name__}: {error}"
        raise PluginError(
            f"exporter {exporter.id}", f"failed ({what}).{left} Cure: tell the plugin's authors"
        ) from error


def _check_free(exporter: ExporterSpec, target: Path) -> None:
    """Refuse to put a folder where something is: nobody's files are replaced unseen."""
    if not exporter.folder:
        if target.is_dir():
            raise UsageError(
                f"exporter {exporter.id!r} writes a file and {target} is a folder. "
                "Cure: name a file"
            )
        return
    there = target.exists() or target.is_symlink()
    if there and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(
            f"exporter {exporter.id!r} makes a new folder and {target} is there already. "
            "Cure: name another folder, or move this one away"
        )
