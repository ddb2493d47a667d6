"""C2PA: a folder of signed outputs brought up to date; only what would state otherwise is signed.

Signing again costs a copy of the picture and gives other bytes, which whoever keeps a copy of the
folder has to fetch again; so what states the same stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from archivist.api import Exported, PluginError, UsageError
from archivist_exports.c2pa import Studio
from archivist_exports.c2pa_index import Index, Line, renewed
from archivist_exports.c2pa_keys import identity
from archivist_exports.c2pa_signing import Signer, library
from archivist_exports.params import C2paParams
from archivist_exports.photographs import Photograph, Row, opened


def update(rows: Iterable[Row], folder: Path, params: C2paParams) -> Exported:
    """Bring a folder of signed outputs up to date, or make it; what cannot be signed is told.

    A picture that is missing or not as recorded keeps no other from being signed. Raises UsageError
    for what is wrong with certificate and key, and OSError; what was signed until then stays.
    """
    library()
    who = identity(params)
    stream = iter(rows)
    head = next(stream)
    run, photographs = opened(chain([head], stream))
    folder.mkdir(exist_ok=True)
    with Signer(who, time_stamps=params.time_stamps) as signer, renewed(folder) as index:
        work = _Update(Studio(signer, who, run, folder, params), index, folder)
        for photograph, output in _outputs(photographs):
            work.treat(photograph, output)
        work.end(Path(head["run"]["out"]).absolute())
    return Exported(made=work.made, kept=work.kept, removed=work.removed, failed=tuple(work.failed))


def _outputs(photographs: Iterable[Photograph]) -> Iterator[tuple[Photograph, Row]]:
    return ((photograph, output) for photograph in photographs for output in photograph.outputs)


@dataclass
class _Update:
    """What an update has come to so far."""

    studio: Studio
    index: Index
    folder: Path
    made: int = 0
    kept: int = 0
    removed: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)

    def treat(self, photograph: Photograph, output: Row) -> None:
        """Sign an output, or leave its copy as it is, or take it away with the output."""
        before = self.index.take(output["path"])
        if output["untouched"] or not Path(output["file"]).exists():
            self._remove(before)
        elif before is not None and self._states_the_same(before, photograph, output):
            self.index.keep(before)
            self.kept += 1
        else:
            self._sign(before, photograph, output)

    def _states_the_same(self, line: Line, photograph: Photograph, output: Row) -> bool:
        if line.get("key") != self.studio.key_of(photograph, output):
            return False
        # A scan that was away and is back may bring a statement of its own.
        read = line["scan_was_read"] or not Path(photograph.first["file"]).exists()
        return read and all(
            # By size: to read an archive of signed copies would take hours, on each run.
            path.is_file() and path.stat().st_size == size
            for path, size in self._files(line).items()
        )

    def _files(self, line: Line) -> dict[Path, int]:
        return {
            Path(f"{self.folder / line['file']}{suffix}"): size
            for suffix, size in line["sizes"].items()
        }

    def _sign(self, before: Line | None, photograph: Photograph, output: Row) -> None:
        try:
            line = self.studio.sign(photograph, output)
        except (UsageError, PluginError) as error:
            self.failed.append((output["path"], str(error)))
            if before is not None:
                self.index.keep(before)
            return
        self.index.add(line)
        self.made += 1

    def end(self, out: Path) -> None:
        """Take away what is signed of outputs that are no longer there.

        An output whose scan is away stays where it is, and its copy with it.
        """
        for line in self.index.rest():
            if (out / line["file"]).exists():
                self.index.keep(line)
                self.kept += 1
            else:
                self._remove(line)

    def _remove(self, line: Line | None) -> None:
        if line is None:
            return
        for path in self._files(line):
            path.unlink(missing_ok=True)
        with suppress(OSError):  # a folder that still holds something stays
            for folder in Path(line["file"]).parents[:-1]:
                (self.folder / folder).rmdir()
        self.removed += 1
