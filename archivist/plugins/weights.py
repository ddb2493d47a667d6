"""Weight files: where they lie, whether they are what was declared, and how they are brought in.

A shipped weight is a file inside its plugin's package, with its digest in the step's description.
An imported weight lies in a folder as ``NAME.safetensors`` with ``NAME.json`` beside it, which
records the digest, where it came from, and when.
"""

from __future__ import annotations

import json
import logging
import os
import pickle
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path

from archivist.api.errors import UsageError, WeightsCorrupt, WeightsMissing
from archivist.api.steps import Weight
from archivist.hashing import digest_file, digest_json
from archivist.model import now
from archivist.plugins.resolving import resolve

log = logging.getLogger(__name__)

_verified: dict[tuple[str, int, int], str] = {}
_lock = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedWeights:
    """The record beside an imported weight file. ``imported`` is UTC in ISO 8601."""

    name: str
    sha256: str
    size: int
    file: str
    """Name of the file that it was made from."""
    file_sha256: str
    licence: str
    source: str
    imported: str


def default_weights_folder() -> Path:
    """Return the folder of this user in which imported weights lie when no other is set."""
    from platformdirs import user_data_path

    return user_data_path("archivist") / "weights"


def weights_folders(folder: str = "") -> tuple[Path, ...]:
    """Return where imported weights are looked for: the folder that is set, or the user's."""
    return (Path(folder).expanduser() if folder else default_weights_folder(),)


def find_weights(weight: Weight, folders: Sequence[Path]) -> Path:
    """Return the verified file of a weight: from its package, else from the first folder with it.

    The digest is computed once per process for each state (path, size, modification time) of a
    file. Raises :class:`~archivist.api.errors.WeightsMissing`, or ``WeightsCorrupt`` when the
    digest is not the declared or recorded one.
    """
    path, expected = _locate(weight, folders)
    found = _digest(path)
    if found != expected:
        raise WeightsCorrupt(weight.name, path, expected=expected, found=found)
    return path


def locate_weights(weight: Weight, folders: Sequence[Path]) -> Path:
    """Return the file of a weight without reading it. Raises ``WeightsMissing``."""
    return _locate(weight, folders)[0]


def weight_digest(weight: Weight, folders: Sequence[Path]) -> str | None:
    """Return the digest that a weight shall have, without reading the file; None if it is missing.

    It is the declared digest of a shipped weight and the recorded one of an imported weight.
    """
    if weight.sha256 is not None:
        return weight.sha256
    records = (read_record(folder, weight.name) for folder in folders)
    return next((record.sha256 for record in records if record is not None), None)


def imported_weights(folders: Sequence[Path]) -> tuple[ImportedWeights, ...]:
    """Return the records of all imported weights, the first folder before the next."""
    found: dict[str, ImportedWeights] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
            record = read_record(folder, path.stem)
            if record is not None:
                found.setdefault(record.name, record)
    return tuple(found.values())


def read_record(folder: Path, name: str) -> ImportedWeights | None:
    """Return the record of an imported weight, None when there is none that can be read."""
    path = folder / f"{name}.json"
    try:
        return ImportedWeights(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        log.warning("the record %s cannot be read (%s); import the weights again", path, error)
        return None


class NotInSource(UsageError):
    """The source is a folder or archive without the checkpoint that was wanted from it."""


def import_weights(weight: Weight, source: Path, folder: Path) -> ImportedWeights:
    """Bring a checkpoint into the folder of imported weights and return its record.

    ``source`` is a file, an archive or a folder, as the weight's importer takes them; the result
    gets its final name only when it is whole.
    Raises :class:`~archivist.api.errors.UsageError` when the weight is shipped with its plugin,
    the source is missing, or it is not the checkpoint that the importer expects;
    :class:`NotInSource` when a folder or archive does not hold it.
    """
    if weight.importer is None:
        raise UsageError(
            f"weights {weight.name!r} are shipped with their plugin: nothing to import"
        )
    if not source.exists():
        raise UsageError(f"there is no file {source}; give the path of the downloaded checkpoint")
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{weight.name}.safetensors"
    handle, name = tempfile.mkstemp(prefix=f".{weight.name}.", suffix=".part", dir=folder)
    os.close(handle)
    part = Path(name)
    try:
        _convert(weight, source, part)
        record = _describe(weight, source, part)
        _refuse_other(weight, record)
        _replace(part, target)
    finally:
        part.unlink(missing_ok=True)
    _write_record(folder, record)
    return record


def _locate(weight: Weight, folders: Sequence[Path]) -> tuple[Path, str]:
    searched = []
    if weight.package is not None and weight.sha256 is not None:
        path = _package_file(weight.package)
        if path.is_file():
            return path, weight.sha256
        searched.append(path)
    for folder in folders:
        path = folder / f"{weight.name}.safetensors"
        record = read_record(folder, weight.name)
        expected = weight.sha256 or (record.sha256 if record else None)
        if path.is_file() and expected is not None:
            return path, expected
        searched.append(path)
    cure = "" if weight.importer else "install the plugin again"
    raise WeightsMissing(weight.name, searched=searched, cure=cure)


def _package_file(text: str) -> Path:
    package, _, inside = text.partition(":")
    try:
        return Path(str(resources.files(package).joinpath(inside)))
    except ModuleNotFoundError:
        return Path(*package.split("."), inside)


def _digest(path: Path) -> str:
    state = path.stat()
    key = (str(path), state.st_size, state.st_mtime_ns)
    with _lock:
        if key not in _verified:
            _verified[key] = digest_file(path)
        return _verified[key]


def _convert(weight: Weight, source: Path, destination: Path) -> None:
    assert weight.importer is not None
    importer = resolve(weight.importer)
    try:
        importer(source, destination)
    except FileNotFoundError as error:
        raise NotInSource(f"weights {weight.name!r}: {error}") from error
    except (OSError, ValueError, KeyError, RuntimeError, pickle.UnpicklingError) as error:
        # What an importer raises for a file that is no such checkpoint; the rest is its own fault.
        # An unpickler's message advises to load the file without restriction: never.
        unsafe = isinstance(error, pickle.UnpicklingError)
        reason = "it holds more than plain tensors, or none" if unsafe else error
        raise UsageError(
            f"{source} is not the checkpoint of weights {weight.name!r}: {reason}. "
            f"Cure: take the file named in its source, {weight.source}"
        ) from error


def _describe(weight: Weight, source: Path, part: Path) -> ImportedWeights:
    return ImportedWeights(
        name=weight.name,
        sha256=digest_file(part),
        size=part.stat().st_size,
        file=source.name,
        file_sha256=_digest_source(source),
        licence=weight.licence,
        source=weight.source,
        imported=now().isoformat(timespec="seconds"),
    )


def _digest_source(source: Path) -> str:
    """Return the digest of a file, or of the names and digests of all files in a folder."""
    if not source.is_dir():
        return digest_file(source)
    files = sorted(path for path in source.rglob("*") if path.is_file())
    return digest_json([[p.relative_to(source).as_posix(), digest_file(p)] for p in files])


def _refuse_other(weight: Weight, record: ImportedWeights) -> None:
    if record.size == 0:
        raise UsageError(f"the importer of weights {weight.name!r} made an empty file")
    if weight.sha256 is not None and weight.sha256 != record.sha256:
        raise UsageError(
            f"{record.file} becomes weights of digest {record.sha256[:16]}..., "
            f"but {weight.name!r} is declared as {weight.sha256[:16]}...: it is another checkpoint"
        )


def _write_record(folder: Path, record: ImportedWeights) -> None:
    part = folder / f".{record.name}.json.part"
    part.write_text(json.dumps(asdict(record), indent=2) + "\n", encoding="utf-8")
    _replace(part, folder / f"{record.name}.json")


def _replace(part: Path, target: Path) -> None:
    with part.open("rb") as stream:
        os.fsync(stream.fileno())
    part.chmod(0o644)  # mkstemp makes files that only their owner can read
    part.replace(target)
