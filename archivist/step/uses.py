"""What a step read, for its record: each value, and each photograph that it may borrow from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from archivist.api.errors import AssetError
from archivist.api.steps import Kind
from archivist.api.values import Reference, References
from archivist.model import InputUse
from archivist.step.held import Held
from archivist.step.lookalikes import ROLE

REFERENCE = "reference"
"""The role of a photograph that a step may borrow from."""
CHOSEN = "chosen"
"""The role of a photograph that a step chose as a reference."""


def uses_of(inputs: Mapping[str, Held], outputs: Mapping[str, Held]) -> tuple[InputUse, ...]:
    """Return what a step read, in the order of its ports, and of its outputs what it chose.

    A use of a photograph names its file by SHA-256; the note tells page, region and reason.
    """
    return tuple(
        [use for port, held in inputs.items() for use in _read(port, held)]
        + [use for port, held in outputs.items() for use in _photographs(port, held, CHOSEN)]
    )


def _read(port: str, held: Held) -> Iterator[InputUse]:
    yield InputUse(port=port, digest=held.digest, role=held.role, note=held.note)
    if held.role != ROLE:
        yield from _photographs(port, held, REFERENCE)


def _photographs(port: str, held: Held, role: str) -> Iterator[InputUse]:
    if held.kind is not Kind.REFERENCES:
        return
    try:
        value = held.get()
    except AssetError:  # the step could not read it either: nothing was borrowed
        return
    assert isinstance(value, References)
    for one in value.references:
        digest, _, page = one.asset.partition("#")
        note = _note(one, page, value.snapshot)
        yield InputUse(port=port, digest=digest, role=role, score=one.score, note=note)


def _note(one: Reference, page: str, snapshot: str) -> str:
    """Return the note: ``page 2, region 10,20,300,200: shows the same things ...``."""
    place = f"page {int(page) + 1}, " if page else ""
    region = ",".join(map(str, one.region))
    return f"{place}region {region}: {one.reason}"
