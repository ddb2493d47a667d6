"""`archivist artifacts`: list or export masks, probability maps and other kept results."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archivist.cli.exits import Exit
from archivist.cli.options import FOLDER, catalog_options, place
from archivist.cli.spared import spare_archive

if TYPE_CHECKING:
    from archivist.catalog.rows import ArtifactRow
    from archivist.catalog.session import Catalog
    from archivist.store.blobs import BlobStore

_SCANS = ("jpg", "jpeg", "jpe", "png", "tif", "tiff")
"""Suffixes of scans, for telling whether two scans differ only by theirs."""
_SUFFIXES = {
    "image/png": ".png",
    "image/tiff": ".tif",
    "application/json": ".json",
    "application/x-npz": ".npz",
    "application/zip": ".npz",
}

kind_option = click.option(
    "--kind",
    "kinds",
    default="",
    metavar="KIND,...",
    help="Only these kinds: mask,probability,image,faces,transfer_map,embedding,scores.",
)


@click.group()
def artifacts() -> None:
    """List or export masks and other results that steps left in the store."""


@artifacts.command("list")
@click.argument("names", nargs=-1, metavar="[ASSET]...")
@kind_option
@catalog_options
def list_(
    names: tuple[str, ...],
    kinds: str,
    out: Path | None,
    catalog_url: str | None,
    config_file: Path | None,
    as_json: bool,
) -> None:
    """List the kept results of all photographs, or of those named as for `archivist audit`."""
    from archivist.catalog.session import open_catalog
    from archivist.cli.tables import print_table
    from archivist.report.words import file_size, readable

    where = place(out, catalog_url, config_file)
    with open_catalog(where.catalog_url, write=False) as catalog:
        rows = _rows(catalog, names, _kinds(kinds), where.out)
        if as_json:
            for row in rows:
                click.echo(json.dumps(_facts(row)))
            return
        cells = [
            (
                readable(_label(row)),
                f"{row.step} v{row.version}",
                row.artifact.port,
                row.artifact.kind,
                file_size(row.artifact.size) if row.artifact.kept else "not kept",
                (row.artifact.blob or "")[:12],
            )
            for row in rows
        ]
    print_table(("Photograph", "Step", "Port", "Kind", "Size", "Stored as"), cells)


@artifacts.command()
@click.argument("names", nargs=-1, metavar="[ASSET]...")
@click.option("--all", "everything", is_flag=True, help="Of all photographs.")
@kind_option
@click.option("--to", type=FOLDER, required=True, help="The folder to write to.")
@catalog_options
def export(
    names: tuple[str, ...],
    everything: bool,
    kinds: str,
    to: Path,
    out: Path | None,
    catalog_url: str | None,
    config_file: Path | None,
    as_json: bool,
) -> int:
    """Write kept results as files (PNG, TIFF, JSON or npz) named like the scans.

    With one kind, results mirror the tree of the scans below TO; with several, each port has its
    folder TO/STEP.PORT. The suffix of the scan is replaced (a.tif gives a.png), or followed by the
    new one where two scans differ only by it. So a folder of masks can be corrected and given back
    to a recipe.
    """
    from archivist.api.errors import UsageError
    from archivist.catalog.session import open_catalog
    from archivist.store.blobs import BlobStore

    if bool(names) == everything:
        raise UsageError("name the photographs, as for archivist audit, or say --all")
    where = place(out, catalog_url, config_file)
    written = left = failed = 0
    with open_catalog(where.catalog_url, write=False) as catalog:
        spare_archive(catalog, where, to)
        store, chosen = BlobStore(where.store), _kinds(kinds)
        names_of = _Names(catalog, to, one_kind=len(chosen) == 1)
        for row in _rows(catalog, names, chosen, where.out):
            if not row.artifact.kept or row.artifact.blob is None:
                left += 1
                continue
            target = _export(store, row, names_of.target(row))
            written, failed = written + (target is not None), failed + (target is None)
            if as_json and target is not None:
                click.echo(json.dumps({**_facts(row), "file": str(target)}))
    click.echo(f"{written} written to {to}, {left} were not kept, {failed} failed.", err=as_json)
    return Exit.SOME_FAILED if failed else Exit.FINE


def _kinds(text: str) -> tuple[str, ...]:
    from archivist.api.errors import UsageError
    from archivist.api.steps import Kind

    kinds = tuple(kind.strip() for kind in text.split(",") if kind.strip())
    known = [str(kind) for kind in Kind]
    for kind in kinds:
        if kind not in known:
            raise UsageError(f"there is no kind {kind!r}; kinds are: {', '.join(known)}")
    return kinds


def _rows(
    catalog: Catalog, names: Sequence[str], kinds: Sequence[str], out: Path | None
) -> Iterator[ArtifactRow]:
    from archivist.catalog.queries import artifacts as ask

    assets = _assets_named(catalog, names, out) if names else None
    return ask(catalog, assets=assets, kinds=kinds)


def _assets_named(catalog: Catalog, names: Iterable[str], out: Path | None) -> list[str]:
    """Return the uids of photographs named by people. Raises UsageError for an unknown name."""
    from archivist.report.named import named

    found = (asset.uid for name in names for asset in named(catalog, name, out=out).assets)
    return list(dict.fromkeys(found))


class _Names:
    """Where results go: mirrored, and no two on one name."""

    def __init__(self, catalog: Catalog, to: Path, *, one_kind: bool) -> None:
        from archivist.catalog.queries import file_stats

        self._files = file_stats(catalog)
        self._to, self._one_kind = to, one_kind
        self._owner: str | None = None

    def target(self, row: ArtifactRow) -> Path:
        """Return the file of a result."""
        from archivist.model import text_to_path

        port = f"{row.step}.{row.artifact.port}"
        self._owner = self._owner or port
        folder = self._to if self._one_kind and port == self._owner else self._to / port
        number = row.asset.partition("#")[2]
        page = f".page-{int(number) + 1}" if number else ""
        suffix = _SUFFIXES.get(row.artifact.media_type, ".bin")
        if not row.paths:
            return folder / f"{row.asset.partition('#')[0]}{page}{suffix}"
        return folder / text_to_path(f"{self._stem(row.paths[0])}{page}{suffix}")

    def _stem(self, path: str) -> str:
        """Return the path without its suffix, unless another scan would then have this name."""
        stem, dot, own = path.rpartition(".")
        if not dot or "/" in own or not stem.rpartition("/")[2]:
            return path
        spelled = {s for suffix in _SCANS for s in (suffix, suffix.upper(), suffix.title())}
        twins = any(self._files.get(f"{stem}.{other}") for other in spelled - {own})
        return path if twins else stem


def _export(store: BlobStore, row: ArtifactRow, target: Path) -> Path | None:
    """Write one result; return its file, or None after telling why there is none."""
    from archivist.api.errors import StoreError
    from archivist.store.atomic import replacing

    artifact = row.artifact
    assert artifact.blob is not None
    try:
        data = store.read(artifact.blob)
        with replacing(target) as temporary:
            temporary.write_bytes(data)
    except (StoreError, OSError) as error:
        click.echo(f"  failed   {target}: {error}", err=True)
        return None
    return target


def _label(row: ArtifactRow) -> str:
    page = row.asset.partition("#")[2]
    name = row.paths[0] if row.paths else row.asset.partition("#")[0]
    return f"{name} (page {int(page) + 1})" if page else name


def _facts(row: ArtifactRow) -> dict[str, object]:
    artifact = row.artifact
    return {
        "asset": row.asset,
        "paths": list(row.paths),
        "step": row.step,
        "version": row.version,
        "port": artifact.port,
        "kind": artifact.kind,
        "digest": artifact.digest,
        "kept": artifact.kept,
        "blob": artifact.blob,
        "media_type": artifact.media_type,
        "size": artifact.size,
        "width": artifact.width,
        "height": artifact.height,
        "record": row.record,
    }
