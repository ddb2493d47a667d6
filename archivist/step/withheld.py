"""Results that are made and not published, because of what was decided since the plan."""

from __future__ import annotations

from pathlib import Path

from archivist.api.errors import AssetError
from archivist.model import APPROVED, Status, Workshop
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
