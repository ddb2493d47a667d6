"""C2PA: copies of outputs with a signed statement in them or beside them.

Copies, because the digest of an output stands in the record: what is signed after that is another
file. What no step changed is left out: it is the scan, and nothing is stated about that.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from archivist.api import UsageError
from archivist_exports import __version__
from archivist_exports.c2pa_keys import Identity, identity
from archivist_exports.c2pa_manifest import manifest_of, scan_ingredient, subject_of
from archivist_exports.c2pa_signing import EMBEDDED, Signer, library
from archivist_exports.copying import copy, place, unfinished
from archivist_exports.params import C2paParams
from archivist_exports.photographs import Photograph, Row, gathered

SIDECAR = ".c2pa"
INDEX = "signed.jsonl"


def ready(params: C2paParams) -> str:
    """Look whether all is there to sign with, by signing; return what shows in each statement.

    Raises UsageError with the cure.
    """
    library()
    who = identity(params)
    with Signer(who) as signer:
        signer.try_out()
    return json.dumps([__version__, manner_of(who, params)])


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
        (destination / INDEX).open("w", encoding="ascii", newline="\n") as index,
    ):
        studio = Studio(signer, who, run, destination, params)
        for photograph in photographs:
            for output in photograph.outputs:
                if not output["untouched"]:
                    index.write(json.dumps(studio.sign(photograph, output)) + "\n")
                    count += 1
    if not count:
        raise UsageError(
            "there is nothing to sign: no output was changed by a step. Cure: name a run that "
            "restored something with --run"
        )


def manner_of(who: Identity, params: C2paParams) -> dict[str, str]:
    """Return what of the signing shows in a statement, or in how it validates.

    A renewed certificate signs everything anew: without a time stamp, a statement is no longer
    valid when the certificate has expired.
    """
    return {
        "certificate": hashlib.sha256(who.chain).hexdigest(),
        "trust": hashlib.sha256(who.trust).hexdigest(),
        "time_stamps": params.time_stamps,
    }


class Studio:
    """Signs outputs into a folder."""

    def __init__(
        self, signer: Signer, who: Identity, run: Row, folder: Path, params: C2paParams
    ) -> None:
        self._signer, self._run, self._folder = signer, run, folder
        self._manner, self._masters = manner_of(who, params), params.masters

    def key_of(self, photograph: Photograph, output: Row) -> str:
        """Return the digest of all that decides what is signed here of an output, and how.

        Kept in the index beside the statements: as long as it is the same, another signature would
        state the same, of the same bytes. To know that otherwise, each statement had to be read
        and taken apart; this way a picture costs a look at its file.
        """
        masters = None if output["media_type"] in EMBEDDED else self._masters
        decides = [subject_of(photograph, output), self._manner, masters]
        return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()

    def sign(self, photograph: Photograph, output: Row) -> dict[str, Any]:
        """Sign a copy of an output; return its line of the index.

        Raises UsageError for a file that is not as recorded or cannot be signed, PluginError for
        one that does not validate then, and OSError. What lay there is then as it was.
        """
        file = inside(output)
        target = self._folder / file
        target.parent.mkdir(parents=True, exist_ok=True)
        plain, signed = unfinished(target), unfinished(target)
        try:
            copy(output, plain)  # compared with the record on the way
            scan = scan_ingredient(photograph), scan_file(photograph)
            manifest = manifest_of(self._run, photograph, output)
            statement, state = self._signer.sign(manifest, scan, plain, signed)
            told = {
                "path": output["path"],
                "output": output["digest"],
                "scan": photograph.digest,
                "state": state,
                "scan_was_read": scan[1] is not None,
                **self._placed(output, statement, signed, target),
            }
        finally:
            for one in (plain, signed):
                one.unlink(missing_ok=True)
        return told | {"file": file, "key": self.key_of(photograph, output)}

    def _placed(self, output: Row, statement: bytes, signed: Path, target: Path) -> dict[str, Any]:
        """Give what was signed its names; return what the index says of that, sizes by suffix."""
        sizes = {}
        if output["media_type"] not in EMBEDDED:
            beside = unfinished(target)
            beside.write_bytes(statement)
            place(beside, target.with_name(target.name + SIDECAR))
            sizes[SIDECAR] = len(statement)
            if self._masters:
                sizes[""] = signed.stat().st_size
                place(signed, target)
            else:
                target.unlink(missing_ok=True)
            where = f"{output['path']}{SIDECAR}"
            return {"signed": output["digest"], "statement": where, "sizes": sizes}
        sizes[""] = signed.stat().st_size
        digest = _digest(signed)
        place(signed, target)
        return {"signed": digest, "statement": "embedded", "sizes": sizes}


def inside(output: Row) -> str:
    """Return where a file goes: its name with the bytes that it has on this machine."""
    parts = Path(output["path"]).parts
    return os.path.join(*Path(output["file"]).parts[-len(parts) :])  # noqa: PTH118 - a name in bytes


def scan_file(photograph: Photograph) -> Path | None:
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
