"""A web server for one person at this machine: the standard library's, on 127.0.0.1."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from archivist.api.errors import UsageError
from archivist.review.site import HEADERS, LARGEST_FORM, Answer, Request, Site

ADDRESS = "127.0.0.1"
IDLE_SECONDS = 30
"""A connection that says nothing for so long is closed."""
_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {script}; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@contextmanager
def serving(site: Site, port: int = 0) -> Iterator[ThreadingHTTPServer]:
    """Give a server for a site; ``port`` 0 takes a free one. ``serve_forever`` answers requests.

    Raises UsageError when the port is taken.
    """
    try:
        server = ThreadingHTTPServer((ADDRESS, port), _handler(site))
    except OSError as error:
        raise UsageError(
            f"port {port} cannot be used: {error.strerror or error}. Cure: another --port, or none"
        ) from error
    number = server.server_address[1]
    site.hosts = frozenset({f"{ADDRESS}:{number}", f"localhost:{number}"})
    try:
        yield server
    finally:
        server.server_close()


def address(site: Site, server: ThreadingHTTPServer) -> str:
    """Return the address to open; who knows it can decide."""
    return f"http://{ADDRESS}:{server.server_address[1]}{site.base}"


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
