"""Write an audit as one web page that needs nothing else: no network, no other file."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from archivist.report import words
from archivist.report.audit_find import Where
from archivist.report.audit_pictures import AuditPictures, pictures_of
from archivist.report.audit_rows import Audit, Photograph
from archivist.report.audit_text import file_kind
from archivist.report.origin import Origin, Part
from archivist.report.synthesis_view import colours_of, css
from archivist.report.verdicts import detail_lines
from archivist.store.atomic import replacing


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A part of the map as the legend shows it."""

    part: Part
    title: str
    reason: str
    colour: str
    layer: str

    @property
    def untouched(self) -> bool:
        """True for what is as in the scan."""
        return self.part.source.origin is Origin.UNTOUCHED


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A photograph as the template draws it."""

    one: Photograph
    pictures: AuditPictures
    rows: tuple[Row, ...]
    kind: str

    @property
    def verdict(self) -> str:
        """The shortest true answer."""
        if not self.rows:
            return f"There is no map of this picture: {self.one.origins.missing}."
        real = sum(row.part.percent for row in self.rows if row.untouched)
        if real == 100:
            return "Nothing in this picture was changed: every sample is the scan's."
        coloured = self._share(Origin.COLOUR_BORROWED, Origin.COLOUR_INVENTED)
        share = self._share(Origin.FILLED, Origin.INVENTED, Origin.COPIED)
        unknown = self._share(Origin.UNCERTAIN)
        rest = 100 - real - share - coloured - unknown
        facts = [f"{real:.2f} % of this picture is untouched" if real else "No pixel is untouched"]
        if round(rest, 2) > 0:
            facts.append(f"{rest:.2f} % was corrected or computed from the scan's own pixels")
        if coloured:
            facts.append(f"{coloured:.2f} % has colours that the scan does not have")
        if unknown:
            facts.append(f"of {unknown:.2f} % it cannot be told whether what was there is gone")
        if share or not unknown:
            facts.append(f"{share:.2f} % is content that the scan does not have")
        return ", ".join(facts[:-1]) + " and " + facts[-1] + "."

    def _share(self, *origins: Origin) -> float:
        return sum(row.part.percent for row in self.rows if row.part.source.origin in origins)


def write_audit_page(audit: Audit, where: Where, path: Path) -> None:
    """Write the page whole or not at all. Raises OSError when it cannot be written."""
    sheets = [_sheet(one, where) for one in audit.photographs]
    with replacing(path) as temporary, temporary.open("wb") as stream:
        page = page_template("audit.html.j2").stream({"audit": audit, "sheets": sheets})
        page.enable_buffering(64)
        # A name that is no Unicode may hide in a system's error message.
        page.dump(stream, encoding="utf-8", errors="backslashreplace")


def _sheet(one: Photograph, where: Where) -> Sheet:
    pictures = pictures_of(one, where.codecs) if where.look else AuditPictures()
    found = one.origins.synthesis
    rows: tuple[Row, ...] = ()
    if found is not None:
        rows = tuple(
            Row(part=part, title=title, reason=reason, colour=css(colour), layer=layer)
            for part, title, reason, colour, layer in zip(
                found.parts,
                one.origins.titles,
                one.origins.reasons,
                colours_of(found.parts),
                pictures.layers,
                strict=True,
            )
        )
    return Sheet(one=one, pictures=pictures, rows=rows, kind=file_kind(one))


def _plain(value: object) -> str:
    """Return a detail as text: nested values as JSON."""
    if isinstance(value, dict | list | tuple):
        return words.readable(json.dumps(value, ensure_ascii=False, default=str))
    return words.number(value)


_FILTERS = {
    "readable": words.readable,
    "folder_and_name": words.folder_and_name,
    "duration": words.duration,
    "file_size": words.file_size,
    "share": words.share,
    "number": words.number,
    "count": words.count,
    "short": words.short,
    "moment": words.moment,
    "plain": _plain,
    "detail_lines": detail_lines,
}


def page_template(name: str) -> Template:
    """Return a page of this family: same style, same script, nothing else may run in it."""
    return _environment().get_template(name)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("archivist.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(_FILTERS)
    style = _package_text("report.css") + _package_text("audit.css")
    script = _package_text("audit.js")
    # Only this very script may run in the page, whatever a file name or a message contains.
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    environment.globals.update(
        style=Markup(style),  # noqa: S704 - files of this package
        script=Markup(script),  # noqa: S704 - a file of this package
        script_digest=f"sha256-{digest}",
    )
    return environment


def _package_text(name: str) -> str:
    return files("archivist.report").joinpath("templates", name).read_text("utf-8")
