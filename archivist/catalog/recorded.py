"""Records as they were when they were recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Any

from archivist.catalog.step_rows import facts_of_record
from archivist.hashing import digest_json
from archivist.model import StepRecord


def as_recorded(record: StepRecord) -> StepRecord:
    """Return a record as it was when it was recorded.

    The bytes of an output may have been deleted since; the record says they were kept. Or they were
    kept only later, when the result was made again; the record says that they were not. The digest
    of the record tells which it was; when none fits, the first is returned.
    """
    kept = [replace(one, kept=one.blob is not None) for one in record.outputs]
    choices = [(one, replace(one, **_UNKEPT)) if one.kept else (one,) for one in kept]
    tried = (replace(record, outputs=outputs) for outputs in product(*choices))
    return next(
        (one for one in tried if digest_json(facts_of_record(one)) == one.digest),
        replace(record, outputs=tuple(kept)),
    )


_UNKEPT: Mapping[str, Any] = {"kept": False, "blob": None, "size": 0, "media_type": ""}
