"""Rights that change while a run goes: asked again when a file is begun and before it is published.

The plan has left out what the rights forbade when it was made. The pipeline watches the manifest
and writes what is denied since then into one small file beside the scratch space, which every
worker can read (:mod:`archivist.pipeline.watching`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from archivist.model import DENIED, RIGHTS_CHANGED, FileWork, Status, Workshop
from archivist.rights import Act, Denials, refusal
from archivist.step.withheld import Withheld


class RightsDenied(Withheld):
    """Rights forbid what was planned: a reason to skip, or to plan anew."""

    def __init__(self, reason: str, status: Status) -> None:
        code = DENIED if status is Status.SKIPPED else RIGHTS_CHANGED
        super().__init__(reason, code=code, status=status)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rested:
    """What a result rests on: the acts that its steps carried out, the scans that lent to it."""

    acts: frozenset[str] = frozenset({Act.RESTORATION})
    lenders: frozenset[str] = frozenset()
    """SHA-256 digests of their files."""

    @classmethod
    def joined(cls, parts: Sequence[Rested]) -> Rested:
        """Return what all pages of a file rest on."""
        return cls(
            acts=frozenset().union(*(part.acts for part in parts)),
            lenders=frozenset().union(*(part.lenders for part in parts)),
        )


def check_begin(file: FileWork, workshop: Workshop) -> None:
    """Raise RightsDenied for a file that may not be treated since the plan was made."""
    _check_restoration(_now(workshop).get(file.digest, {}))


def check_publish(digest: str, rested: Rested, workshop: Workshop) -> None:
    """Raise RightsDenied for a result that may not be published, by the rights of this moment."""
    now = _now(workshop)
    if not now:
        return
    own = now.get(digest, {})
    _check_restoration(own)
    _check(refusal(own, sorted(rested.acts)))
    for lender in sorted(rested.lenders):
        reason = refusal(now.get(lender, {}), [Act.REFERENCE])
        _check(reason and f"the reference {lender[:12]}: {reason}")


def _check_restoration(denied: Denials) -> None:
    if reason := refusal(denied, [Act.RESTORATION]):
        raise RightsDenied(reason, Status.SKIPPED)


def _check(reason: str) -> None:
    if reason:
        cure = "Cure: the same command again does it without"
        message = f"not published, because rights changed meanwhile: {reason}. {cure}"
        raise RightsDenied(message, Status.FAILED)


def _now(workshop: Workshop) -> Mapping[str, Denials]:
    """Return what is denied since the plan, by the digest of the file; mostly nothing."""
    if not workshop.denials:
        return {}
    try:
        facts = Path(workshop.denials).stat()
    except OSError:  # nothing was denied since
        return {}
    return _read(workshop.denials, facts.st_mtime_ns, facts.st_size)


@lru_cache(maxsize=2)
def _read(path: str, mtime_ns: int, size: int) -> Mapping[str, Denials]:
    found: Mapping[str, Denials] = json.loads(Path(path).read_text(encoding="utf-8"))
    return found
