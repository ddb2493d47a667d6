"""Write the report as one web page that needs nothing else: no network, no other file.

Rows stream by twice: once to count and to choose, once (only the chosen ones) to draw. Pictures are
made while the page is written, so that memory does not grow with their number.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from archivist.model import now, text_to_path
from archivist.report import words
from archivist.report.problems import Group, Problems
from archivist.report.rows import ReportAsset, ReportFile, ReportRun, ReportSource, Result
from archivist.report.tally import Chosen, Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The pictures of one card as data URIs; ``width`` and ``height`` are of ``before``, in pixels.

    ``detail_before`` and ``detail_after`` show the same window pixel for pixel. ``note`` says in
    words why a picture is missing.
    """

    before: str = ""
    after: str = ""
    mask: str = ""
    detail_before: str = ""
    detail_after: str = ""
    width: int = 0
    height: int = 0
    note: str = ""

    @property
    def size(self) -> int:
        """Characters that the pictures take in the page."""
        pictures = (self.before, self.after, self.mask, self.detail_before, self.detail_after)
        return sum(len(picture) for picture in pictures)


class Pictures(Protocol):
    """Who makes the pictures of the cards."""

    def pairs(self, assets: list[ReportAsset]) -> Iterator[Pair]:
        """Yield the pictures of each asset in turn, made only when asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What keeps the page small enough to open: cards, their pictures in bytes, rows, problems."""

    cards: int = 200
    picture_bytes: int = 40_000_000
    rows: int = 20_000
    problems: int = 400


@dataclass(slots=True)
class Shelf:
    """How many cards were really drawn; filled while the page is written."""

    candidates: int
    budget: int
    shown: int = 0
    used: int = 0
    anchors: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def left_out(self) -> int:
        """How many photographs have no card."""
        return self.candidates - self.shown

    @property
    def full(self) -> bool:
        """True when pictures have taken all the bytes they may."""
        return self.used >= self.budget


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """What the manifest says about a photograph."""

    title: str
    rest: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One photograph as the template draws it. ``links`` go with the asset's files."""

    anchor: str
    rank: int
    asset: ReportAsset
    pair: Pair
    links: tuple[str, ...]
    caption: Caption
    words: str

    @property
    def lossy(self) -> bool:
        """True when an output lost metadata."""
        return any(file.contract.lost for file in self.asset.files)


@dataclass(frozen=True, slots=True)
class Tile:
    """One of the big numbers. ``in_list`` says whether the list below can be filtered by it."""

    result: Result
    label: str
    hint: str
    count: int
    target: str
    in_list: bool


_TILES = (
    (Result.RESTORED, "restored", "changed by at least one step", "#photographs"),
    (Result.UNCHANGED, "unchanged", "no step was needed", "#photographs"),
    (Result.WAITING, "waiting", "not reached by this run", "#list"),
    (Result.FAILED, "failed", "a step or the writing failed", "#attention"),
    (Result.REFUSED, "refused", "the scan cannot be treated", "#attention"),
    (Result.SKIPPED, "other files", "no pictures, left alone", "#attention"),
)


def write_html(
    source: ReportSource, pictures: Pictures, path: Path, *, limits: Limits | None = None
) -> Shelf:
    """Write the page whole or not at all, and return what it shows.

    Raises OSError when it cannot be written; the old page, if any, is then untouched.
    """
    from archivist.report.files import replacing

    limits = limits or Limits()
    tally, chosen, problems, rows = _first_pass(source, limits)
    shelf = Shelf(candidates=chosen.candidates, budget=limits.picture_bytes)
    assets = chosen.assets()
    context = {
        "run": source.run,
        "tally": tally,
        "tiles": _tiles(tally),
        "longest": max((step.seconds for step in tally.steps), default=0) or 1,
        "groups": problems.groups(tally),
        "skipped": problems.skipped,
        "cards": _cards(assets, pictures, shelf, _linker(source.run, path)),
        "shelf": shelf,
        "rows": _Rows(rows, shelf),
        "rows_left_out": tally.assets - len(rows),
        "written": now(),
    }
    with replacing(path) as stream:
        page = _template().stream(context)
        page.enable_buffering(64)
        # A name that is no Unicode may hide in a system's error message.
        page.dump(stream, encoding="utf-8", errors="backslashreplace")
    return shelf


def _first_pass(
    source: ReportSource, limits: Limits
) -> tuple[Tally, Chosen, Problems, list[tuple[object, ...]]]:
    tally, chosen = Tally(), Chosen(limits.cards)
    problems = Problems(limits.problems)
    rows: list[tuple[object, ...]] = []
    for asset in source.assets():
        tally.add_asset(asset)
        chosen.offer(asset)
        problems.add_asset(asset)
        if len(rows) < limits.rows:
            rows.append(_row(asset))
    for refusal in source.refusals():
        tally.add_refusal(refusal)
        problems.add_refusal(refusal)
    return tally, chosen, problems, rows


def _row(asset: ReportAsset) -> tuple[object, ...]:
    """Return a row of the list: path, page, result, words, changed, time, and what the card needs.

    The list is drawn by the page's script, from these.
    """
    changed = None if asset.changed is None else round(asset.changed, 5)
    page = asset.page + 1 if asset.pages > 1 else 0
    return (
        words.readable(asset.path), page, str(asset.result), _summary(asset), changed,
        words.share(asset.changed), words.duration(asset.seconds), asset.uid, asset.path,
    )  # fmt: skip


def _summary(asset: ReportAsset) -> str:
    """Return in one line what was done, or why nothing was."""
    if asset.message:
        return words.readable(asset.message)
    worked = [step.title for step in asset.steps if step.worked]
    reasons = [step.reason for step in asset.steps if not step.worked and step.reason]
    return words.readable(", ".join(worked) or "; ".join(reasons))


class _Rows:
    """The rows of the list with the anchors of the cards, which are known only at the end."""

    def __init__(self, rows: list[tuple[object, ...]], shelf: Shelf) -> None:
        self._rows, self._shelf = rows, shelf

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[tuple[object, ...]]:
        for *row, uid, path in self._rows:
            yield (*row, self._shelf.anchors.get((str(uid), str(path)), ""))


def _cards(
    assets: list[ReportAsset], pictures: Pictures, shelf: Shelf, link: _Linker
) -> Iterator[Card]:
    for rank, (asset, pair) in enumerate(zip(assets, pictures.pairs(assets), strict=True)):
        if shelf.full:
            return
        shelf.shown += 1
        shelf.used += pair.size
        anchor = f"photograph-{rank + 1}"
        shelf.anchors[asset.uid, asset.path] = anchor
        yield Card(
            anchor=anchor,
            rank=rank,
            asset=asset,
            pair=pair,
            links=tuple(link(file) for file in asset.files),
            caption=_caption(asset),
            words=f"{_summary(asset)} {' '.join(asset.facts.values())}",
        )


def _caption(asset: ReportAsset) -> Caption:
    facts = (asset.facts.get(key, "") for key in ("date", "inventory_no", "series", "rights"))
    return Caption(title=asset.facts.get("title", ""), rest=tuple(fact for fact in facts if fact))


def _tiles(tally: Tally) -> list[Tile]:
    tiles = [
        Tile(
            result, label, hint, tally.results[result], target,
            result not in (Result.REFUSED, Result.SKIPPED),
        )
        for result, label, hint, target in _TILES
    ]  # fmt: skip
    return [tile for tile in tiles if tile.count or tile.result is not Result.WAITING]


class _Linker:
    """Links from the page to output files; empty when the page does not lie with the outputs.

    A page in the output folder moves with it, so a relative link stays right; any other link would
    break on the next machine.
    """

    def __init__(self, base: Path | None) -> None:
        self._base = base

    def __call__(self, file: ReportFile) -> str:
        if self._base is None:
            return ""
        raw = os.fsencode(Path(self._base, text_to_path(file.path)))
        # "./" keeps a name such as ``javascript:x.jpg`` a path.
        return "./" + quote(raw)


def _linker(run: ReportRun, page: Path) -> _Linker:
    out, folder = run.out.resolve(), page.resolve().parent
    if not folder.is_relative_to(out):
        return _Linker(None)
    return _Linker(Path(os.path.relpath(out, folder)))


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("archivist.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("readable", "folder_and_name", "duration", "file_size", "share", "number",
                 "count", "short", "moment"):  # fmt: skip
        environment.filters[name] = getattr(words, name)
    return environment


def _template():  # noqa
    style, script = (_asset(name) for name in ("report.css", "report.js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return _environment().get_template(
        "report.html.j2",
        globals={
            "style": Markup(style),  # noqa: S704 - both are files of this package
            "script": Markup(script),  # noqa: S704
            "script_digest": f"sha256-{digest}",
        },
    )


def _asset(name: str) -> str:
    return files("archivist.report").joinpath("templates", name).read_text("utf-8")
