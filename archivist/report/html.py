"""Write the report as one web page that needs nothing else: no network, no other file.

The rows stream by once, to count and to choose the photographs that get a card. Pictures are made
while the page is written, so that memory does not grow with their number.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from archivist.model import now
from archivist.report import words
from archivist.report.cards import Linker, Pictures, Shelf, draw_cards, summary
from archivist.report.problems import Problems
from archivist.report.rows import ReportAsset, ReportSource, Result
from archivist.report.tally import Chosen, Tally
from archivist.store.atomic import replacing


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What keeps the page small enough to open: cards, their pictures in bytes, rows, problems."""

    cards: int = 200
    picture_bytes: int = 40_000_000
    rows: int = 20_000
    problems: int = 400


@dataclass(frozen=True, slots=True)
class Tile:
    """One of the big numbers. ``in_list`` says whether the list can be filtered by it."""

    result: Result
    label: str
    hint: str
    count: int
    target: str

    @property
    def in_list(self) -> bool:
        """True for assets, False for files that never became one."""
        return self.result not in (Result.REFUSED, Result.SKIPPED)


_TILES = (
    (Result.RESTORED, "restored", "changed by at least one step", "#photographs"),
    (Result.UNCHANGED, "unchanged", "no step was needed", "#photographs"),
    (Result.DENIED, "denied", "rights forbid to restore it", "#photographs"),
    (Result.HELD, "held", "an approved result stays in its place", "#list"),
    (Result.WAITING, "waiting", "not reached by this run", "#list"),
    (Result.NOT_ASKED, "not asked for", "no run was to treat it", "#list"),
    (Result.FAILED, "failed", "a step or the writing failed", "#attention"),
    (Result.REFUSED, "refused", "the scan cannot be treated", "#attention"),
    (Result.SKIPPED, "other files", "no pictures, left alone", "#attention"),
)


def write_html(
    source: ReportSource, pictures: Pictures, path: Path, *, limits: Limits | None = None
) -> Shelf:
    """Write the page whole or not at all, and return which cards it shows.

    Raises OSError when it cannot be written; the old page, if any, is then untouched.
    """
    limits = limits or Limits()
    found = _first_pass(source, limits)
    tally = found.tally
    shelf = Shelf(candidates=found.chosen.candidates, budget=limits.picture_bytes)
    link = Linker(source.run, path)
    context = {
        "run": source.run,
        "tally": tally,
        "tiles": _tiles(tally),
        "longest": max((step.seconds for step in tally.steps), default=0) or 1,
        "groups": found.problems.groups(tally),
        "skipped": found.problems.skipped,
        "shown": limits.problems,
        "cards": draw_cards(found.chosen.assets(), pictures, shelf, link),
        "shelf": shelf,
        "rows": _Rows(found.rows, shelf),
        "rows_left_out": tally.assets - len(found.rows),
        "written": now(),
    }
    with replacing(path) as temporary, temporary.open("wb") as stream:
        page = _template().stream(context)
        page.enable_buffering(64)
        # A name that is no Unicode may hide in a system's error message.
        page.dump(stream, encoding="utf-8", errors="backslashreplace")
    return shelf


@dataclass(frozen=True, slots=True)
class _Found:
    tally: Tally
    chosen: Chosen
    problems: Problems
    rows: list[tuple[object, ...]]


def _first_pass(source: ReportSource, limits: Limits) -> _Found:
    found = _Found(Tally(), Chosen(limits.cards), Problems(limits.problems), [])
    for asset in source.assets():
        found.tally.add_asset(asset)
        found.chosen.offer(asset)
        found.problems.add_asset(asset)
        if len(found.rows) < limits.rows:
            found.rows.append(_row(asset))
    for refusal in source.refusals():
        found.tally.add_refusal(refusal)
        found.problems.add_refusal(refusal)
    return found


def _row(asset: ReportAsset) -> tuple[object, ...]:
    """Return a row of the list, which the page's script draws.

    Path, page (0 for the only one), result, words, share changed, the same in words, time in
    words; then uid and exact path, by which the card is found.
    """
    return (
        words.readable(asset.path),
        asset.page + 1 if asset.pages > 1 else 0,
        str(asset.result),
        summary(asset),
        None if asset.changed is None else round(asset.changed, 5),
        words.share(asset.changed),
        words.duration(asset.seconds),
        asset.uid,
        asset.path,
    )


class _Rows:
    """The rows of the list with the anchors of the cards, which are known only at the end."""

    def __init__(self, rows: list[tuple[object, ...]], shelf: Shelf) -> None:
        self._rows, self._shelf = rows, shelf

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[tuple[object, ...]]:
        for *row, uid, path in self._rows:
            yield (*row, self._shelf.anchors.get((str(uid), str(path)), ""))


def _tiles(tally: Tally) -> list[Tile]:
    tiles = [
        Tile(result, label, hint, tally.results[result], target)
        for result, label, hint, target in _TILES
    ]
    rare = (Result.WAITING, Result.NOT_ASKED, Result.DENIED, Result.HELD)
    return [tile for tile in tiles if tile.count or tile.result not in rare]


_FILTERS = (
    words.readable,
    words.folder_and_name,
    words.duration,
    words.file_size,
    words.share,
    words.number,
    words.count,
    words.short,
    words.moment,
)


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = page_environment("archivist.report")
    style = package_text("archivist.report", "report.css")
    scripts = [package_text("archivist.report", name) for name in ("compare.js", "report.js")]
    environment.globals.update(page_globals(style, "".join(scripts)))
    return environment.get_template("report.html.j2")


def page_environment(*packages: str) -> Environment:
    """Return what draws pages with the templates of packages: all text is escaped."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package) for package in packages]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update({function.__name__: function for function in _FILTERS})
    return environment


def page_globals(style: str, script: str) -> dict[str, str]:
    """Return style, script and the script's digest: only this very script may run in a page.

    Whatever a file name or a message contains.
    """
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    return {
        "style": Markup(style),  # noqa: S704 - a file of this package
        "script": Markup(script),  # noqa: S704 - a file of this package
        "script_digest": f"sha256-{digest}",
    }


def package_text(package: str, name: str) -> str:
    """Return a file beside the templates of a package."""
    return files(package).joinpath("templates", name).read_text("utf-8")
