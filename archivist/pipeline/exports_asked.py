"""The exports that a configuration asks for, checked before a run begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from archivist.api.errors import ConfigError, UsageError
from archivist.api.extensions import ExporterSpec
from archivist.config import PublishSettings, Settings, named_in_errors, placed_values
from archivist.plugins import Plugins, make_params
from archivist.report.export import exporter_named, is_ready


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """An export that is kept up to date: who makes it, with which params, and where it lies."""

    exporter: ExporterSpec
    params: Mapping[str, object]
    place: Path


def exports_of(
    settings: Settings, plugins: Plugins, home: Path, config_file: Path | None
) -> tuple[Export, ...]:
    """Return the exports that the configuration asks for.

    Raises ConfigError for an exporter that is unknown or named twice, and for wrong params, also
    those of an exporter that is not asked for.
    """
    publish, where = settings.publish, named_in_errors(config_file)
    for number, name in enumerate(publish.exports):
        if name in publish.exports[:number]:
            key = f"publish.exports[{number}]"
            raise ConfigError(f"{name!r} is named twice. Cure: once", where=where, key=key)
    for name in publish.params:
        params_of(_known(name, plugins, where, f"publish.params.{name}"), publish, config_file)
    asked = [
        _known(name, plugins, where, f"publish.exports[{number}]")
        for number, name in enumerate(publish.exports)
    ]
    return tuple(export_of(exporter, publish, home, config_file) for exporter in asked)


def params_of(
    exporter: ExporterSpec, publish: PublishSettings, config_file: Path | None
) -> Mapping[str, object]:
    """Return the params that a configuration gives an exporter, its files named absolutely.

    Raises ConfigError for wrong ones.
    """
    given = publish.params.get(exporter.id, {})
    where, key = named_in_errors(config_file), f"publish.params.{exporter.id}"
    make_params(exporter, given, where=where, key=key)
    return placed_values(exporter.params, given, config_file.parent if config_file else Path())


def export_of(
    exporter: ExporterSpec, publish: PublishSettings, home: Path, config_file: Path | None
) -> Export:
    """Return the export of an exporter as it is configured. Raises ConfigError for its params."""
    name, params = exporter.id, params_of(exporter, publish, config_file)
    folder = Path(publish.folder) if publish.folder else home / "exports"
    return Export(exporter=exporter, params=params, place=folder / f"{name}{exporter.suffix}")


def _known(name: str, plugins: Plugins, where: str, key: str) -> ExporterSpec:
    try:
        return exporter_named(name, plugins.exporters)
    except UsageError as error:
        raise ConfigError(str(error), where=where, key=key) from error


def check_exports(exports: tuple[Export, ...], *, scans: Path, home: Path, where: str) -> None:
    """Raise UsageError for exports that could not be made, before hours go into a scan.

    Because their folder would mix with scans or outputs, or because something is not there that
    they need: a library, a key, a certificate.
    """
    for export in exports:
        check_place(export.place.parent, scans, home, where)
        try:
            is_ready(export.exporter, export.params)
        except UsageError as error:
            raise ConfigError(
                f"the export {export.exporter.id} could not be made: {error}",
                where=where,
                key="publish.exports",
            ) from error


def check_place(folder: Path, scans: Path, home: Path, where: str) -> None:
    """Raise ConfigError when the folder of exports would mix with scans or outputs."""
    folder, out = folder.resolve(), home.parent.resolve()
    if folder == (home / "exports").resolve():
        return
    for other, what in ((scans.resolve(), "scans"), (out, "outputs")):
        if folder.is_relative_to(other) or other.is_relative_to(folder):
            raise ConfigError(
                f"{folder} and the folder of the {what} {other} lie in each other, so an export "
                f"could take the place of one of the {what}. Cure: a folder beside them",
                where=where,
                key="publish.folder",
            )
