"""Reports in the formats of exporter plugins."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path

from archivist.api.errors import PluginError, UsageError
from archivist.api.extensions import ExporterSpec
from archivist.api.steps import NoParams
from archivist.plugins import make_params, resolve
from archivist.report.as_json import plain_rows
from archivist.report.rows import ReportSource
from archivist.store.atomic import placing_folder, replacing


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
) -> None:
    """Let an exporter write the report under a temporary name, which then becomes ``target``.

    A file replaces the one that is there; a folder takes a free name or that of an empty folder.
    Raises PluginError when the exporter fails, UsageError, ConfigError for wrong ``params``, and
    OSError; ``target`` is then as it was.
    """
    made = make_params(exporter, params or {}, where="--set")
    more = () if exporter.params is NoParams else (made,)
    _check_free(exporter, target)
    run = resolve(exporter.run)
    with (placing_folder if exporter.folder else replacing)(target) as temporary:
        try:
            run(plain_rows(source), temporary, *more)
        except (OSError, UsageError):
            raise
        except Exception as error:
            # The code of others: its fault is named as a fault of the plugin.
            what = f"{type(error).__name__}: {error}"
            raise PluginError(
                f"exporter {exporter.id}",
                f"failed ({what}). {target} is as it was. Cure: tell the plugin's authors",
            ) from error
        if not (temporary.is_dir() if exporter.folder else temporary.is_file()):
            noun = "folder" if exporter.folder else "file"
            message = (
                f"made no {noun} at the path that it was given. Cure: tell the plugin's authors"
            )
            raise PluginError(f"exporter {exporter.id}", message)


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
