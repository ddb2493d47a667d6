"""Write the reports of an archive in one call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from archivist.api import UsageError

if TYPE_CHECKING:
    from archivist.api import CodecSpec, ExporterSpec, StepSpec
    from archivist.report.cards import Pictures
    from archivist.report.html import Limits
    from archivist.report.rows import ReportRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What was written. ``shown`` and ``left_out`` count photographs with and without pictures."""

    paths: tuple[Path, ...]
    shown: int = 0
    left_out: int = 0


def write_report(
    url: str,
    *,
    store: Path | None = None,
    scans: Path | None = None,
    out: Path | None = None,
    path: Path | None = None,
    csv: Path | None = None,
    json: Path | None = None,
    run: str | None = None,
    specs: Mapping[str, StepSpec] | None = None,
    codecs: Mapping[str, CodecSpec] | None = None,
    pictures: bool = True,
    limits: Limits | None = None,
) -> Written:
    """Write the report of the catalog at ``url``: a page to ``path``, tables to ``csv``, ``json``.

    Of the whole archive as it is now, or of what one ``run`` treated. ``scans`` and ``out`` are
    those that the run recorded unless given, ``store`` lies in ``out``; ``specs`` and ``codecs``
    are the steps and codecs of the installed plugins, loaded unless given. Raises CatalogError, or
    UsageError when a file cannot be written: the old one, if any, is then untouched.
    """
    from archivist.catalog.session import open_catalog
    from archivist.plugins import load_plugins
    from archivist.report.cards import NoPictures
    from archivist.report.gather import CatalogSource

    if specs is None or codecs is None:
        plugins = load_plugins()
        specs, codecs = specs or plugins.steps, codecs or plugins.codecs
    with open_catalog(url, write=False) as catalog:
        source = CatalogSource(catalog, run=run, specs=specs, scans=scans, out=out)
        shown = left_out = 0
        if path is not None:
            from archivist.report.html import write_html

            maker = _pictures(source.run, store, codecs) if pictures else NoPictures()
            with _writing(path):
                shelf = write_html(source, maker, path, limits=limits)
            shown, left_out = shelf.shown, shelf.left_out
        if csv is not None:
            from archivist.report.tables import write_csv

            with _writing(csv):
                write_csv(source, csv)
        if json is not None:
            from archivist.report.as_json import write_json

            with _writing(json):
                write_json(source, json)
    written = tuple(place for place in (path, csv, json) if place is not None)
    return Written(paths=written, shown=shown, left_out=left_out)


def write_export(
    url: str,
    path: Path,
    exporter: ExporterSpec,
    *,
    scans: Path | None = None,
    out: Path | None = None,
    run: str | None = None,
    params: Mapping[str, object] | None = None,
) -> None:
    """Write the report of the catalog at ``url`` in the format of a plugin's exporter.

    ``params`` are those of the exporter that differ from its defaults. Raises as
    :func:`write_report`, and PluginError when the exporter fails.
    """
    from archivist.catalog.session import open_catalog
    from archivist.report.export import export
    from archivist.report.gather import CatalogSource

    with open_catalog(url, write=False) as catalog, _writing(path):
        export(CatalogSource(catalog, run=run, scans=scans, out=out), exporter, path, params)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"the report cannot be written to {path}: {error.strerror or error}. "
            "Cure: free space or give write permission there, or name another file"
        ) from error


def _pictures(run: ReportRun, store: Path | None, codecs: Mapping[str, CodecSpec]) -> Pictures:
    from archivist.report.cache import CachedPictures
    from archivist.report.pictures import StoredPictures

    home = run.out / ".archivist"
    maker = StoredPictures(run, store or home / "store", codecs=codecs)
    return CachedPictures(maker, home / "thumbnails") if home.is_dir() else maker
