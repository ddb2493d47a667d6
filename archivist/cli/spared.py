"""What commands write where the user says never takes the place of scans, outputs or a catalog."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archivist.api.errors import UsageError

if TYPE_CHECKING:
    from archivist.catalog.session import Catalog
    from archivist.cli.options import Place

_PRECIOUS = {
    "a picture": (b"\xff\xd8\xff", b"\x89PNG", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "a database": (b"SQLite format 3\0", b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83"),
}
"""How files begin that no text of a command may replace: what they are, and the first bytes."""
_RUNS = 1000
"""So many runs are asked where their scans and outputs lie."""


class TextFile(click.Path):
    """A file that a command will write text to; refuses one that holds a picture or a catalog.

    ``-``, which stands for the output, is refused where a command does not write there.
    """

    def __init__(self, *, or_output: bool = False) -> None:
        super().__init__(path_type=Path)
        self._or_output = or_output

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path."""
        path = super().convert(value, param, ctx)
        assert isinstance(path, Path)
        if str(path) == "-" and not self._or_output:
            raise UsageError("this is written to a file, not to the output. Cure: name one")
        what = _precious(path)
        if what:
            raise UsageError(
                f"{path} is {what} and is not written over. Cure: name a file that is not there"
            )
        return path


TEXT_FILE, TEXT_FILE_OR_OUTPUT = TextFile(), TextFile(or_output=True)


def spare_archive(catalog: Catalog, where: Place, target: Path | None) -> None:
    """Refuse a place for pictures among scans, or in the place of an output.

    ``target`` is a file or a folder. Below the output folder something new may be made, but nothing
    that is there is written to. Raises UsageError with the cure.
    """
    if target is None:
        return
    place = target.absolute().resolve()
    for scans, out in _folders(catalog, where):
        if _inside(place, scans):
            raise _among_scans(target)
        if _inside(place, out) and (place == out or place.exists()):
            raise UsageError(
                f"{target} is in the output folder, and what is there is not written over. Cure: "
                "another folder, or a new one below it"
            )


def spare_scans(
    catalog: Catalog, where: Place, *targets: Path | None, scans: Path | None = None
) -> None:
    """Refuse a place for text or a page among scans, unless that is in the output folder.

    ``scans`` is where they are now, if they were moved. Raises UsageError with the cure.
    """
    places = {one: one.absolute().resolve() for one in targets if one is not None}
    folders = list(_folders(catalog, where)) if places else []
    for target, place in places.items():
        moved = scans and scans.absolute().resolve()
        among = any(_inside(place, one) for one in (moved, *(scans for scans, _ in folders)))
        if among and not any(_inside(place, out) for _, out in folders):
            raise _among_scans(target)


def _folders(catalog: Catalog, where: Place) -> Iterator[tuple[Path | None, Path | None]]:
    """Yield where scans and outputs lie by what is given, and by what runs recorded."""
    from archivist.catalog.queries import runs

    yield None, where.out and where.out.absolute().resolve()
    recorded = {
        (str(one.settings.get("scans") or ""), str(one.settings.get("out") or ""))
        for one in runs(catalog, limit=_RUNS)
    }
    for scans, out in recorded:
        yield Path(scans).resolve() if scans else None, Path(out).resolve() if out else None


def _among_scans(target: Path) -> UsageError:
    return UsageError(
        f"{target} lies among the scans, which are never written to. Cure: another folder"
    )


def _inside(place: Path, folder: Path | None) -> bool:
    return folder is not None and place.is_relative_to(folder)


def _precious(path: Path) -> str:
    """Say what a file is that must not be replaced; nothing when it may, or is not there."""
    try:
        with path.open("rb") as stream:
            beginning = stream.read(16)
    except OSError:
        return ""
    named = (what for what, marks in _PRECIOUS.items() if beginning.startswith(marks))
    return next(named, "")
