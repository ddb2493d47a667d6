"""Results that are made and not published, because of what was decided since the plan."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from archivist.api.errors import AssetError
from archivist.model import APPROVED, NOT_AS_APPROVED, Publication, Status, Workshop
from archivist.store.pins import is_pinned


class Withheld(AssetError):
    """What was planned is not published; ``status`` is how its asset ends."""

    def __init__(self, reason: str, *, code: str, status: Status) -> None:
        self.status = status
        super().__init__(reason, code=code)


def check_approved(digest: str, workshop: Workshop) -> None:
    """Raise Withheld for a scan whose result in place was approved since the plan was made."""
    if workshop.approved and is_pinned(Path(workshop.approved), digest):
        raise Withheld(
            "the result in place was approved while the run went on, and stays",
            code=APPROVED,
            status=Status.SKIPPED,
        )


def check_as_approved(outputs: Iterable[Publication], approved: Collection[str]) -> None:
    """Raise Withheld for outputs that are not, byte for byte, those that a person approved."""
    others = [one.path for one in outputs if approved and one.output_digest not in approved]
    if others:
        raise Withheld(
            f"the approved result is not in its place, and what was made again ({others[0]}) is "
            "not the same, byte for byte, so it was not published. Cure: run with the recipe, "
            "versions and weights that made it, or bring the file back from a backup; to take "
            "what is made now, run with --override, or withdraw the approval with archivist "
            "review reject",
            code=NOT_AS_APPROVED,
            status=Status.FAILED,
        )
