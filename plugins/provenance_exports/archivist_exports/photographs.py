"""The rows of a report, gathered by photograph, in text that every format can hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from archivist.api import UsageError

Row = Mapping[str, Any]

MEDIA_TYPES = {"jpeg": "image/jpeg", "png": "image/png", "tiff": "image/tiff"}
OTHER = "application/octet-stream"
EXACT = "file"
"""The key of paths of this machine, which must stay as they are."""

_NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""What XML 1.0 cannot hold, not even escaped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Photograph:
    """A file of the archive with its pages, and with the outputs that were made of it."""

    digest: str
    """SHA-256 (hex) of the file."""
    pages: tuple[Row, ...]
    """Rows of the kind "asset", at least one."""

    @property
    def path(self) -> str:
        """Where the scan lies, relative to the scans."""
        return str(self.pages[0]["path"])

    @property
    def first(self) -> Row:
        """The row of the first page, which tells what is true of the file."""
        return self.pages[0]

    @property
    def facts(self) -> Mapping[str, str]:
        """The row of the manifest."""
        found: Mapping[str, str] = self.pages[0]["facts"]
        return found

    @property
    def title(self) -> str:
        """What people call it."""
        return self.facts.get("title") or self.facts.get("inventory_no") or self.path

    @property
    def media_type(self) -> str:
        """The media type of the scan."""
        return MEDIA_TYPES.get(self.first["format"], OTHER)

    @property
    def outputs(self) -> tuple[Row, ...]:
        """The files that were published of it."""
        return tuple(self.pages[0]["outputs"])

    @property
    def steps(self) -> Iterator[tuple[Row, Row]]:
        """Each page with each of its steps, in order."""
        return ((page, step) for page in self.pages for step in page["steps"])


def gathered(rows: Iterable[Row]) -> tuple[Row, Iterator[Photograph]]:
    """Return the row of the run, and the photographs that it treated, read as they are asked for.

    Raises UsageError when there is none.
    """
    run, photographs = opened(rows)
    first = next(photographs, None)
    if first is None:
        raise UsageError(
            "there is no photograph to tell of. Cure: name a run that treated some with --run, or "
            "run archivist first"
        )

    def all_of_them() -> Iterator[Photograph]:
        yield first
        yield from photographs

    return run, all_of_them()


def opened(rows: Iterable[Row]) -> tuple[Row, Iterator[Photograph]]:
    """Return the same where there may be none."""
    stream = iter(rows)
    return cleaned(next(stream)), _photographs(stream)


def _photographs(rows: Iterable[Row]) -> Iterator[Photograph]:
    assets = (cleaned(row) for row in rows if row["kind"] == "asset")
    for digest, pages in groupby(assets, key=lambda row: str(row["digest"])):
        yield Photograph(digest=digest, pages=tuple(pages))


def cleaned(value: Any, key: str = "") -> Any:
    """Return a value of a row with each text cleaned, except those of this machine's files."""
    if isinstance(value, str):
        return value if key == EXACT else clean(value)
    if isinstance(value, Mapping):
        return {clean(name): cleaned(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [cleaned(item) for item in value]
    return value


def clean(text: str) -> str:
    """Return text that XML 1.0 and strict JSON can hold.

    Control characters become their pictures (U+2400 on), so that different names stay different;
    lone surrogates and what is no character become U+FFFD.
    """
    return _NOT_TEXT.sub(lambda found: _stand_in(found[0]), text)


def _stand_in(character: str) -> str:
    return chr(0x2400 + ord(character)) if character < " " else "\ufffd"


def worked(step: Row) -> bool:
    """Tell whether the step's result, new or reused, is part of the picture."""
    return step["status"] in ("done", "reused")


def began(run: Row, step: Row) -> str:
    """Return when a step began, ISO 8601; of records without a time, when the run began."""
    return str(step["started"] or run["run"]["started"])


def ended(run: Row, step: Row) -> str:
    """Return when a step ended, ISO 8601."""
    start = datetime.fromisoformat(began(run, step))
    return (start + timedelta(seconds=step["seconds"])).isoformat()


def image_of(step: Row) -> Row | None:
    """Return the picture that a step made, None when it made none."""
    made = [one for one in step["artifacts"] if one["kind"] == "image"] if worked(step) else []
    return made[-1] if made else None


def sources(page: Row, step: Row) -> dict[str, tuple[str, str]]:
    """Return what a step read of earlier steps: digest of the value -> (record, port)."""
    before: dict[str, tuple[str, str]] = {}
    for one in page["steps"]:
        if one is step:
            break
        before |= {made["digest"]: (one["record"], made["port"]) for made in one["artifacts"]}
    return {
        use["digest"]: before[use["digest"]] for use in step["inputs"] if use["digest"] in before
    }


def references(step: Row) -> tuple[Row, ...]:
    """Return the photographs of the archive that a step might borrow from: uses of their files."""
    return tuple(use for use in step["inputs"] if use["role"] == "reference")


def detail(step: Row) -> str:
    """Return all that decided the result of a step, as JSON for auditors."""
    names = ("step", "version", "params", "tiling", "seed", "determinism", "device", "inputs")
    facts = {name: step[name] for name in names} | {"step_key": step["key"]}
    return json.dumps(facts, ensure_ascii=False, sort_keys=True)
