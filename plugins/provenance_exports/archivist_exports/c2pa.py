"""C2PA: copies of outputs with a signed statement in them or beside them.

Copies, because the digest of an output stands in the record: what is signed after that is another
file. What no step changed is left out: it is the scan, and nothing is stated about that.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from archivist.api import UsageError
from archivist_exports.c2pa_keys import identity
from archivist_exports.c2pa_manifest import manifest_of, scan_ingredient
from archivist_exports.c2pa_signing import EMBEDDED, Signer, library
from archivist_exports.copying import copy
from archivist_exports.params import C2paParams
from archivist_exports.photographs import Photograph, Row, gathered

SIDECAR = ".c2pa"
INDEX = "signed.jsonl"


def write(rows: Iterable[Row], destination: Path, params: C2paParams) -> None:
    """Make a folder with the signed outputs, as they lie in the output folder, and an index.

    Everything that is needed to sign is checked first. A file that is missing or not as recorded
    stops the export. Raises UsageError, PluginError and OSError.
    """
    library()
    who = identity(params)
    run, photographs = gathered(rows)
    destination.mkdir()
    count = 0
    with (
        Signer(who, time_stamps=params.time_stamps) as signer,
        (destination / INDEX).open("w", encoding="utf-8", newline="\n") as index,
    ):
        for photograph, output in _changed(photographs):
            signed = _sign(signer, run, photograph, output, destination, params)
            index.write(json.dumps(signed, ensure_ascii=False) + "\n")
            count += 1
    if not count:
        raise UsageError(
            "there is nothing to sign: no output was changed by a step. Cure: name a run that "
            "restored something with --run"
        )


def _changed(photographs: Iterable[Photograph]) -> Iterator[tuple[Photograph, Row]]:
    for photograph in photographs:
        for output in photograph.outputs:
            if not output["untouched"]:
                yield photograph, output


def _sign(
    signer: Signer,
    run: Row,
    photograph: Photograph,
    output: Row,
    destination: Path,
    params: C2paParams,
) -> dict[str, Any]:
    target = destination / _inside(output)
    plain = target.with_name(target.name + ".plain")
    copy(output, plain)  # compared with the record on the way
    scan = scan_ingredient(photograph), _scan_file(photograph)
    statement, state = signer.sign(manifest_of(run, photograph, output), scan, plain, target)
    plain.unlink()
    told = {
        "path": output["path"],
        "output": output["digest"],
        "scan": photograph.digest,
        "state": state,
        "scan_was_read": scan[1] is not None,
    }
    if output["media_type"] in EMBEDDED:
        return told | {"signed": _digest(target), "statement": "embedded"}
    beside = target.with_name(target.name + SIDECAR)
    beside.write_bytes(statement)
    if not params.masters:
        target.unlink()
    return told | {"signed": output["digest"], "statement": f"{output['path']}{SIDECAR}"}


def _inside(output: Row) -> str:
    """Return where a file goes: its name with the bytes that it has on this machine."""
    parts = Path(output["path"]).parts
    return os.path.join(*Path(output["file"]).parts[-len(parts) :])  # noqa: PTH118 - a name in bytes


def _scan_file(photograph: Photograph) -> Path | None:
    """Return the file of the scan, None when it is away, or is no longer what was restored."""
    path = Path(photograph.first["file"])
    try:
        same = _digest(path) == photograph.digest
    except OSError:
        return None
    return path if same else None


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
