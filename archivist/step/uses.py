"""What a step read, for its record: each value, and each photograph that it may borrow from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from archivist.api.errors import AssetError
from archivist.api.steps import Kind
from archivist.api.values import References
from archivist.model import InputUse, Role
from archivist.step.held import Held


def uses_of(inputs: Mapping[str, Held], outputs: Mapping[str, Held]) -> tuple[InputUse, ...]:
    """Return what a step read, in the order of its ports, and of its outputs what it chose.

    A use of a photograph names its file by SHA-256; the note tells page, region and reason.
    """
    return tuple(
        [use for port, held in inputs.items() for use in _read(port, held)]
        + [use for port, held in outputs.items() for use in _photographs(port, held, Role.CHOSEN)]
    )


def _read(port: str, held: Held) -> Iterator[InputUse]:
    yield InputUse(port=port, digest=held.digest, role=held.role, note=held.note)
    if held.role != Role.CANDIDATES:
        yield from _photographs(port, held, Role.REFERENCE)


def _photographs(port: str, held: Held, role: str) -> Iterator[InputUse]:
    if held.kind is not Kind.REFERENCES:
        return
    try:
        value = held.get()
    except AssetError:  # the step could not read it either: nothing was borrowed
        return
    assert isinstance(value, References)
    for one in value.references:
        yield InputUse.of_photograph(
            port, role, asset=one.asset, region=one.region, score=one.score, reason=one.reason
        )
