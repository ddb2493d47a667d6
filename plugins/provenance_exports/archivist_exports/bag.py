"""BagIt 1.0 (RFC 8493): outputs with their records, under checksums that any system can check."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from archivist_exports import __version__
from archivist_exports.copying import copy, portable
from archivist_exports.params import BagParams
from archivist_exports.photographs import Photograph, Row, gathered
from archivist_exports.premis import write_document

_LINES = re.compile(r"\s*[\r\n]+\s*")


def write(rows: Iterable[Row], destination: Path, params: BagParams) -> None:
    """Make a bag: ``data/outputs``, ``data/records`` and, if asked for, ``data/scans``.

    A file that is missing or not as recorded stops the export, so that a bag never vouches for
    something else than what was restored. Raises UsageError and OSError.
    """
    run, photographs = gathered(rows)
    bag = _Bag(destination)
    names: dict[str, str] = {}
    with bag.text("records/photographs.jsonl") as stream:
        for photograph in photographs:
            for kind, row in _files(photograph, params):
                name = f"{kind}/{portable(row['path'])}"
                if name != f"{kind}/{row['path']}":
                    names[f"data/{name}"] = row["path"]
                bag.add(name, row)
            _premis(bag, run, photograph)
            for page in photograph.pages:
                stream.write(json.dumps(_without_places(page)) + "\n")
    if names:
        with bag.text("records/names.json") as stream:
            json.dump(names, stream, indent=1)
    with bag.text("records/run.json") as stream:
        json.dump(run, stream, indent=1)
    bag.close(_information(run, params))


def _files(photograph: Photograph, params: BagParams) -> Iterator[tuple[str, Row]]:
    yield from (("outputs", output) for output in photograph.outputs)
    if params.scans:
        yield "scans", photograph.first


def _premis(bag: _Bag, run: Row, photograph: Photograph) -> None:
    path = bag.payload(f"records/premis/{photograph.digest[:2]}/{photograph.digest}.xml")
    with path.open("wb") as stream:
        write_document(stream, run, [photograph])


def _without_places(value: object) -> object:
    """Return a row without the paths of this machine."""
    if isinstance(value, dict):
        return {key: _without_places(item) for key, item in value.items() if key != "file"}
    return [_without_places(item) for item in value] if isinstance(value, list) else value


def _information(run: Row, params: BagParams) -> dict[str, str]:
    """Return the facts of bag-info.txt that do not count bytes."""
    told = run["run"]
    return {
        "Source-Organization": params.organization,
        "External-Description": params.description
        or f"Restored photographs of {told['archive']} (recipe {told['recipe']})",
        "External-Identifier": told["uid"],
        "Bagging-Date": datetime.now(UTC).date().isoformat(),
        "Bag-Software-Agent": f"archivist-exports {__version__}",
    }


class _Bag:
    """A bag that is being filled."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir()
        (root / "data").mkdir()
        self._known: dict[str, str] = {}

    def payload(self, name: str) -> Path:
        """Return where a file of the payload belongs; its folder is there."""
        path = self._root / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def text(self, name: str) -> TextIO:
        """Open a text file of the payload for writing."""
        return self.payload(name).open("w", encoding="utf-8", newline="\n")

    def add(self, name: str, row: Row) -> None:
        """Copy a recorded file into the payload; its digest was compared on the way."""
        copy(row, self.payload(name))
        self._known[f"data/{name}"] = row["digest"]

    def close(self, information: dict[str, str]) -> None:
        """Write the manifests and what identifies the bag."""
        files = sorted(path for path in (self._root / "data").rglob("*") if path.is_file())
        size = sum(path.stat().st_size for path in files)
        self._manifest("manifest-sha256.txt", files)
        self._tag("bagit.txt", {"BagIt-Version": "1.0", "Tag-File-Character-Encoding": "UTF-8"})
        self._tag("bag-info.txt", {**information, "Payload-Oxum": f"{size}.{len(files)}"})
        self._manifest(
            "tagmanifest-sha256.txt",
            [self._root / name for name in ("bag-info.txt", "bagit.txt", "manifest-sha256.txt")],
        )

    def _manifest(self, name: str, files: Iterable[Path]) -> None:
        with (self._root / name).open("w", encoding="utf-8", newline="\n") as stream:
            for path in files:
                relative = path.relative_to(self._root).as_posix()
                digest = self._known.get(relative) or _digest(path)
                stream.write(f"{digest}  {relative}\n")

    def _tag(self, name: str, facts: dict[str, str]) -> None:
        lines = [f"{key}: {_LINES.sub(' ', value)}\n" for key, value in facts.items() if value]
        (self._root / name).write_text("".join(lines), encoding="utf-8", newline="\n")


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
