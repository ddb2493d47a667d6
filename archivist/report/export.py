"""Reports in the formats of exporter plugins."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path

from archivist.api.errors import PluginError, UsageError
from archivist.api.extensions import ExporterSpec
from archivist.plugins import resolve
from archivist.report.as_json import plain_rows
from archivist.report.rows import ReportSource
from archivist.store.atomic import replacing


def exporter_named(name: str, exporters: Mapping[str, ExporterSpec]) -> ExporterSpec:
    """Return an exporter. Raises UsageError that names the nearest id and all others."""
    if name in exporters:
        return exporters[name]
    near = difflib.get_close_matches(name, exporters, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    known = ", ".join(sorted(exporters)) or "none; install a plugin that offers one"
    raise UsageError(f"there is no exporter {name!r}; {hint}Known exporters: {known}")


def export(source: ReportSource, exporter: ExporterSpec, target: Path) -> None:
    """Let an exporter write the report to a temporary file, which then becomes ``target``.

    Raises PluginError when the exporter fails, and OSError; ``target`` is then as it was.
    """
    run = resolve(exporter.run)
    with replacing(target) as temporary:
        try:
            run(plain_rows(source), temporary)
        except (OSError, UsageError):
            raise
        except Exception as error:
            # The code of others: its fault is named as a fault of the plugin.
            what = f"{type(error).__name__}: {error}"
            raise PluginError(
                f"exporter {exporter.id}",
                f"failed ({what}). {target} is as it was. Cure: tell the plugin's authors",
            ) from error
        if not temporary.is_file():
            message = "wrote nothing to the path that it was given. Cure: tell the plugin's authors"
            raise PluginError(f"exporter {exporter.id}", message)
