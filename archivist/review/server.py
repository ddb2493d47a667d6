"""A web server for one person: the standard library's, on 127.0.0.1 unless asked otherwise."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from archivist.api.errors import UsageError
from archivist.review.site import HEADERS, LARGEST_FORM, Answer, Request, Site

ADDRESS = "127.0.0.1"
_ANY = "0.0.0.0"  # noqa: S104 - only what a person asked for by --listen is compared with it
IDLE_SECONDS = 30
"""A connection that says nothing for so long is closed."""
_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {script}; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?")


@contextmanager
def serving(
    site: Site, port: int = 0, *, listen: str = ADDRESS, names: Sequence[str] = ()
) -> Iterator[ThreadingHTTPServer]:
    """Give a server for a site; ``port`` 0 takes a free one. ``serve_forever`` answers requests.

    It listens on the address ``listen`` of this machine, and answers those who call it by that, or
    by one of ``names`` (HOST or HOST:PORT, as browsers elsewhere write it). Raises UsageError when
    the port is taken, or an address or name is none.
    """
    called = [_checked(name) for name in names]
    try:
        server = ThreadingHTTPServer((listen, port), _handler(site))
    except OSError as error:
        cure = "another --port, or none"
        if listen != ADDRESS:
            cure += "; --listen takes an IPv4 address of this machine, or 0.0.0.0 for all of them"
        raise UsageError(
            f"port {port} of {listen} cannot be used: {error.strerror or error}. Cure: {cure}"
        ) from error
    site.hosts = frozenset(_hosts(listen, server.server_address[1], called))
    try:
        yield server
    finally:
        server.server_close()


def _checked(name: str) -> str:
    lower = name.lower()
    if not _NAME.fullmatch(lower):
        raise UsageError(
            f"--name {name!r} is no name of a host. Cure: HOST or HOST:PORT as it stands in the "
            "browser, for instance localhost:9000"
        )
    return lower


def _hosts(listen: str, port: int, names: Sequence[str]) -> Iterator[str]:
    """Yield what the header Host may say: never anything, or any web page could reach in."""
    own = {listen, "localhost"} if listen == ADDRESS else {listen}
    if listen == _ANY:
        own = {ADDRESS, "localhost", socket.gethostname().lower()}
    yield from (f"{host}:{port}" for host in own)
    for name in names:
        yield name
        if ":" not in name:  # behind a proxy without, else with the port
            yield f"{name}:{port}"


def leaves_machine(listen: str) -> bool:
    """Tell whether other machines can reach what listens on an address."""
    try:
        return not ipaddress.ip_address(listen).is_loopback
    except ValueError:
        return listen != "localhost"


def address(site: Site, server: ThreadingHTTPServer, names: Sequence[str] = ()) -> str:
    """Return the address to open; who knows it can decide."""
    host, port = str(server.server_address[0]), server.server_address[1]
    if host == _ANY:
        host = socket.gethostname().lower()
    called = f"{host}:{port}"
    if names:
        called = names[0].lower() if ":" in names[0] else f"{names[0].lower()}:{port}"
    return f"http://{called}{site.base}"


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Hands requests to the site."""

        server_version, sys_version = "archivist", ""
        timeout = IDLE_SECONDS

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as inherited
            """Say nothing: addresses hold the token."""

        def do_GET(self) -> None:
            """Answer with a page."""
            self._send(site.answer(self._request(b"")))

        def do_HEAD(self) -> None:
            """Answer as to GET, without the page."""
            self._send(site.answer(self._request(b"")), page=False)

        def do_POST(self) -> None:
            """Take a form."""
            length = self.headers.get("Content-Length", "")
            size = int(length) if length.isascii() and length.isdigit() else 0
            # One byte more than a form may have tells the site that it is too long.
            body = self.rfile.read(min(size, LARGEST_FORM + 1))
            self.close_connection = True
            self._send(site.answer(self._request(body)))

        def _request(self, body: bytes) -> Request:
            headers = {name.lower(): value for name, value in self.headers.items()}
            return Request(method=self.command, target=self.path, headers=headers, body=body)

        def _send(self, answer: Answer, *, page: bool = True) -> None:
            data = answer.text.encode("utf-8", "backslashreplace")
            self.send_response(answer.status)
            for name, value in HEADERS.items():
                self.send_header(name, value)
            self.send_header("Content-Security-Policy", _POLICY.format(script=script_source()))
            if answer.location:
                self.send_header("Location", answer.location)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if page:
                self.wfile.write(data)

    return Handler


def script_source() -> str:
    """Return the only script that may run in the pages."""
    from archivist.review.pages import script_digest

    return f"'{script_digest()}'"
