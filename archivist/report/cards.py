"""The cards of the page: one photograph each, with its pictures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from archivist.model import text_to_path
from archivist.report import words
from archivist.report.overlays import Overlay
from archivist.report.rights_words import rights_lines
from archivist.report.rows import ReportAsset, ReportFile, ReportRun, Result
from archivist.report.strip import Shot


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The pictures of one card as data URIs; ``width`` and ``height`` are of ``before``, in pixels.

    ``detail_before`` and ``detail_after`` show the same window pixel for pixel of the result.
    ``overlays`` can be laid over the result; ``shots`` go with the steps. ``note`` is shown below;
    ``whole`` is False when a picture is missing that should be there.
    """

    before: str = ""
    after: str = ""
    mask: str = ""
    overlays: tuple[Overlay, ...] = ()
    shots: tuple[Shot, ...] = ()
    detail_before: str = ""
    detail_after: str = ""
    width: int = 0
    height: int = 0
    note: str = ""
    whole: bool = True

    @property
    def size(self) -> int:
        """Characters that the pictures take in the page."""
        pictures = (self.before, self.after, self.mask, self.detail_before, self.detail_after)
        lent = (lender.picture for one in self.overlays for lender in one.lenders)
        small = (*(one.uri for one in self.overlays), *lent, *(one.picture for one in self.shots))
        return sum(len(picture) for picture in (*pictures, *small))


class Pictures(Protocol):
    """Who makes the pictures of the cards."""

    def pairs(self, assets: list[ReportAsset]) -> Iterator[Pair]:
        """Yield the pictures of each asset in turn, made only when asked for."""


class NoPictures:
    """Cards without pictures: quick, and small."""

    def pairs(self, assets: list[ReportAsset]) -> Iterator[Pair]:
        """Yield an empty pair for each asset."""
        for _ in assets:
            yield Pair(note="This report was made without pictures.")


@dataclass(slots=True)
class Shelf:
    """How many cards were really drawn; filled while the page is written."""

    candidates: int
    budget: int
    shown: int = 0
    used: int = 0
    anchors: dict[tuple[str, str], str] = field(default_factory=dict)
    """The card of an asset, by its uid and path."""

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
    """What a filter looks at beside the path."""
    rights: tuple[str, ...] = ()
    """What rights deny by now, and what that means for the outputs."""

    @property
    def lossy(self) -> bool:
        """True when an output lost metadata."""
        return any(file.contract.lost for file in self.asset.files)


def draw_cards(
    assets: list[ReportAsset], pictures: Pictures, shelf: Shelf, link: Linker
) -> Iterator[Card]:
    """Yield a card for each asset, in their order, until the shelf is full."""
    for rank, (asset, pair) in enumerate(zip(assets, pictures.pairs(assets), strict=True)):
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
            rights=tuple(rights_lines(asset)),
            words=f"{summary(asset)} {' '.join(asset.facts.values())}",
        )
        if shelf.full:
            return


def summary(asset: ReportAsset) -> str:
    """Return in one line what was done, or why nothing was."""
    worked = ", ".join(step.title for step in asset.steps if step.worked)
    reasons = "; ".join(step.reason for step in asset.steps if not step.worked and step.reason)
    done = worked or reasons if asset.result is Result.RESTORED else reasons or worked
    return words.readable(asset.message or done)


def _caption(asset: ReportAsset) -> Caption:
    facts = (asset.facts.get(key, "") for key in ("date", "inventory_no", "series", "rights"))
    return Caption(title=asset.facts.get("title", ""), rest=tuple(fact for fact in facts if fact))


class Linker:
    """Links from the page to output files; empty when the page does not lie with the outputs.

    A page in the output folder moves with it, so a relative link stays right; any other link would
    break on the next machine.
    """

    def __init__(self, run: ReportRun, page: Path) -> None:
        out, folder = run.out.resolve(), page.resolve().parent
        inside = folder.is_relative_to(out)
        self._base = Path(os.path.relpath(out, folder)) if inside else None

    def __call__(self, file: ReportFile) -> str:
        """Return the link to an output file."""
        if self._base is None:
            return ""
        # "./" keeps a name such as ``javascript:x.jpg`` a path.
        return "./" + quote(os.fsencode(self._base / text_to_path(file.path)))
