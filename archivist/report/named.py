"""One way to name photographs: by file, digest, inventory number or path, for every command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from archivist.api import UsageError
from archivist.catalog import queries
from archivist.catalog.finding import How, Match
from archivist.catalog.session import Catalog
from archivist.model import Asset, counted
from archivist.report.audit_find import Where, find


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The photographs that a name means; ``file`` is the SHA-256 of the file that was given."""

    asked: str
    assets: tuple[Asset, ...]
    matches: tuple[Match, ...]
    warnings: tuple[str, ...] = ()
    file: str = ""

    @property
    def replaced(self) -> bool:
        """True when it names an output that is no longer in place, and no other."""
        return all(match.how is How.REPLACED for match in self.matches)


def named(
    catalog: Catalog,
    asked: str,
    *,
    out: Path | None = None,
    scans: Path | None = None,
    page: int | None = None,
) -> Named:
    """Return the photographs that a name means; ``page`` counts from 0.

    ``out`` and ``scans`` are where these folders lie, besides those that the newest run recorded.

    Raises UsageError, with all that was looked for, when there is none.
    """
    file, matches, warnings = find(catalog, asked, Where(out=out, scans=scans), page)
    pages = queries.assets_of(catalog, {match.digest for match in matches})
    wanted = {
        asset.uid: asset
        for match in matches
        for asset in pages.get(match.digest, ())
        if match.page in (None, asset.page)
    }
    if not wanted:
        number = sum(len(of_file) for of_file in pages.values())
        wrong = "no such page" if page is None else f"no page {page + 1}"
        raise UsageError(
            f"{asked!r} has {counted(number, 'page')}, {wrong}. Cure: --page counts from 1"
        )
    return Named(
        asked=asked,
        assets=tuple(wanted.values()),
        matches=matches,
        warnings=warnings,
        file=file,
    )


def folder_of(name: str) -> Path | None:
    """Return the output folder in which a file lies, if it lies in one."""
    file = Path(name).absolute()
    if not file.exists():
        return None
    return next((one for one in file.parents if (one / ".archivist").is_dir()), None)
