"""Requests in, answers out: what the local pages do, without a socket.

They are for one person, mostly at this machine. Whoever cannot read the address that the command
printed gets nothing: every path begins with a token. The checks of Host and Origin keep other web
pages, which the same browser shows, from reaching in (DNS rebinding, forged forms).
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, quote, urlencode

from archivist.api.errors import ArchivistError
from archivist.catalog.rows import Decision
from archivist.review.deciding import Opinion
from archivist.review.desk import Desk
from archivist.review.pages import Draft, Message, draw, draw_problem

LARGEST_FORM = 64_000
"""Bytes of a form; the longest reason is 10,000 characters."""
_FORM = "application/x-www-form-urlencoded"
HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as the server read it; names of headers are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer: a page, or with ``location`` the address of the next."""

    status: int
    text: str = ""
    location: str = ""


@dataclass(slots=True, kw_only=True)
class Site:
    """The pages of one desk under one token."""

    desk: Desk
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    hosts: frozenset[str] = frozenset()
    """What the header Host may say: the address and port of the server."""
    by: str = ""
    """The reviewer's name, filled in beforehand and kept from one photograph to the next."""
    _message: Message | None = None
    _draft: Draft | None = None

    @property
    def base(self) -> str:
        """The path under which all pages lie."""
        return f"/{self.token}/"

    def answer(self, request: Request) -> Answer:
        """Answer a request; whatever it asks, nothing but these pages can be read or changed."""
        if request.headers.get("host", "").lower() not in self.hosts:
            cure = "Open the address that the command printed, or name this one with --name."
            return _problem(421, "Not this host", cure)
        path, _, query = request.target.partition("?")
        if not hmac.compare_digest(path[: len(self.base)].encode(), self.base.encode()):
            return _problem(404, "Nothing here", "Open the address that the command printed.")
        name = path[len(self.base) :]
        if request.method in ("GET", "HEAD") and name == "":
            return self._page(parse_qs(query))
        if request.method == "POST" and name == "decide":
            return self._decide(request)
        if request.method in ("GET", "HEAD", "POST"):
            return _problem(404, "Nothing here", "There is one page: that of the queue.")
        return _problem(405, "Not allowed", "Only GET and POST are answered.")

    def _page(self, query: Mapping[str, list[str]]) -> Answer:
        try:
            if "refresh" in query:
                self.desk.refresh()
                return Answer(status=303, location=self.base)
            sheet = self.desk.sheet(query.get("at", [""])[0])
            if sheet is None and "at" in query:
                return Answer(status=303, location=self.base)
        except ArchivistError as error:
            return _problem(503, "The catalog cannot be read", str(error))
        message, draft = self._message, self._draft or Draft(by=self.by)
        self._message = self._draft = None
        return Answer(
            status=200,
            text=draw(self.desk, sheet, base=self.base, message=message, draft=draft),
        )

    def _decide(self, request: Request) -> Answer:
        refused = self._forged(request)
        if refused:
            return _problem(403, "Not from this page", refused)
        if len(request.body) > LARGEST_FORM:
            return _problem(413, "Too long", "The form is longer than any review.")
        form = {
            name: values[0]
            for name, values in parse_qs(
                request.body.decode("utf-8", "replace"), keep_blank_values=True
            ).items()
        }
        if form.get("decision") not in list(Decision):
            return _problem(400, "No decision", "Approve, reject or note.")
        return self._record(form)

    def _forged(self, request: Request) -> str:
        """Return why a form does not come from our own page, empty when it does."""
        origin = request.headers.get("origin", "")
        own = {f"{scheme}://{host}" for scheme in ("http", "https") for host in self.hosts}
        if origin and origin not in own:
            return "Another page sent this form."
        if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return "Another page sent this form."
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
            return "This is no form."
        return ""

    def _record(self, form: Mapping[str, str]) -> Answer:
        uid, seen = form.get("uid", ""), tuple(form.get("results", "").split())
        opinion = Opinion(
            decision=Decision(form["decision"]),
            by=form.get("by", ""),
            reason=form.get("reason", ""),
            redo=tuple(line.strip() for line in form.get("redo", "").splitlines() if line.strip()),
        )
        following = self.desk.next_after(uid)
        try:
            decided = self.desk.decide(uid, opinion, seen)
        except ArchivistError as error:
            self._message = Message(text=str(error), good=False)
            self._draft = Draft(by=opinion.by, reason=opinion.reason, redo="\n".join(opinion.redo))
            return self._to(uid)
        self.by = decided.opinion.by
        done = {"approve": "approved", "reject": "rejected", "note": "noted"}[opinion.decision]
        self._message = Message(text=f"{decided.name}: {done} by {decided.opinion.by}.")
        return self._to(uid if opinion.decision is Decision.NOTE else following)

    def _to(self, uid: str) -> Answer:
        query = f"?{urlencode({'at': uid}, quote_via=quote)}" if uid else ""
        return Answer(status=303, location=f"{self.base}{query}")


def _problem(status: int, title: str, text: str) -> Answer:
    return Answer(status=status, text=draw_problem(title, text))
