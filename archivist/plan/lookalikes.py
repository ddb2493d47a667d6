"""Lookalikes: what the second pass of a plan finds for a step that chooses among the archive.

A recipe with such a step begins with one that embeds the scan. That one is carried out for the
whole archive before (the first pass), so that the second knows what each picture looks like.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from archivist.api.steps import Kind, StepSpec
from archivist.lending import LOOKALIKES, Lends
from archivist.model import Asset, Lookalike, lookalikes_digest
from archivist.plan.draft import PageDraft


class Search(Protocol):
    """Finds what looks like a picture, in one state of the archive."""

    @property
    def snapshot(self) -> str:
        """The digest (SHA-256, hex) of all that can be found."""
        ...

    def find(self, assets: Sequence[Asset], what: Lends) -> Mapping[str, tuple[Lookalike, ...]]:
        """Return the lookalikes of assets by their uids, those of the same object first.

        They may lend ``what``. An asset of which there is no embedding has none.
        """
        ...


def takes_lookalikes(spec: StepSpec) -> tuple[str, ...]:
    """Return the inputs by which a step asks the engine for lookalikes, by name and kind."""
    wanted = (port.name for port in spec.inputs if port.kind is Kind.REFERENCES)
    return tuple(name for name in wanted if name in LOOKALIKES)


def embeds_the_scan(spec: StepSpec) -> bool:
    """Tell whether a step needs nothing but the scan to make an embedding of it."""
    needs = {port.name for port in spec.inputs}
    return needs == {"image"} and Kind.EMBEDDING in {port.kind for port in spec.outputs}


def find_lookalikes(pages: Sequence[PageDraft], port: str, search: Search | None) -> None:
    """Give each page its lookalikes as the value of an input; without a search they are not known.

    Then they follow the first step of the recipe, which embeds the archive.
    """
    if search is None:
        for page in pages:
            page.values[port] = None
            page.makers[port] = 0
        return
    found = search.find([page.asset for page in pages], LOOKALIKES[port])
    for page in pages:
        page.lookalikes[port] = found.get(page.asset.uid, ())
        page.values[port] = lookalikes_digest(page.lookalikes[port])
