"""When a result was made, as its outputs tell it: the same whoever asks, a worker or a replay."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from archivist.api.steps import Kind
from archivist.model import Artifact

Time = tuple[bool, datetime]
"""Whether a step edited the picture, and when it began."""


def edited(outputs: Sequence[Artifact]) -> bool:
    """Tell whether a step that made these outputs edited the picture."""
    return any(output.kind == Kind.IMAGE for output in outputs)


def worked_at(times: Iterable[Time]) -> datetime | None:
    """Return when the pictures of a file were last edited, else when anything was done.

    A step that only looked, a choice of references for instance, is no reason to write another time
    into an output that shows the same as before.
    """
    done = list(times)
    edits = [began for edit, began in done if edit]
    return max(edits or [began for _, began in done], default=None)
