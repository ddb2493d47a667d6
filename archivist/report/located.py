"""Where the files of a report's rows lie on this machine, for programs that read them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from archivist.model import text_to_path
from archivist.report.rows import ReportRun
from archivist.store.blobs import BlobStore


def located(run: ReportRun, asset: dict[str, Any]) -> dict[str, Any]:
    """Return the row of an asset with a ``file`` for its scan, outputs and kept artifacts.

    Absolute paths in the form of :func:`os.fsdecode`; whether anything lies there is not looked at.
    """
    store = BlobStore(run.out.absolute() / ".archivist" / "store")
    return {
        **asset,
        "file": _at(run.scans, asset["path"]),
        "outputs": [{**one, "file": _at(run.out, one["path"])} for one in asset["outputs"]],
        "steps": [
            {**step, "artifacts": list(_stored(store, step["artifacts"]))}
            for step in asset["steps"]
        ],
    }


def _at(root: Path, path: str) -> str:
    return str(root.absolute() / text_to_path(path))


def _stored(store: BlobStore, artifacts: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for one in artifacts:
        there = one["kept"] and one["blob"]
        yield {**one, "file": str(store.path(one["blob"]))} if there else one
