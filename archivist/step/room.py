"""Room for an output: what something else made of the one before is kept beside it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from archivist.model import SetAside, Workshop, path_to_text
from archivist.step.withheld import check_approved
from archivist.store.beside import digest_in_place, is_ours, keep_beside


def make_room(
    target: Path, asset: str, published: Collection[str], workshop: Workshop
) -> SetAside | None:
    """Keep what lies at the place of an output, unless archivist published it; return that.

    Raises Withheld when it was approved since the plan was made, OSError when it cannot be kept.
    """
    lying = digest_in_place(target)
    if lying is None:
        return None
    check_approved(lying, workshop)
    if is_ours(lying, published, Path(workshop.meant)):
        return None
    beside = keep_beside(target, lying)
    return SetAside(
        path=_within(target, workshop), beside=_within(beside, workshop), digest=lying, asset=asset
    )


def _within(path: Path, workshop: Workshop) -> str:
    return path_to_text(path.relative_to(workshop.out).as_posix())
