"""The pages for reviewers: what they show and record, and whom they refuse."""

from __future__ import annotations

import re
import threading
import urllib.error
import urllib.request
from urllib.parse import urlencode

import pytest

from archivist.api import UsageError
from archivist.catalog import lock
from archivist.catalog.session import open_catalog
from archivist.config import load
from archivist.plugins import load_plugins
from archivist.review.desk import Desk as ReviewDesk
from archivist.review.server import address, serving
from archivist.review.site import LARGEST_FORM, Request, Site

HOST = "127.0.0.1:8000"
SPOTTED, DEEP = "album/spotted.png", "album/deep.tif"


class Visit:
    """A browser at the pages of an archive."""

    def __init__(self, desk) -> None:
        self.archive = desk
        plugins = load_plugins()
        self.desk = ReviewDesk(
            url=f"sqlite:///{desk.out}/.archivist/catalog.sqlite",
            out=desk.out,
            store=desk.out / ".archivist" / "store",
            policy=load(desk.config).review,
            specs=plugins.steps,
            codecs=plugins.codecs,
        )
        self.desk.refresh()
        self.site = Site(desk=self.desk, hosts=frozenset({HOST}))

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str):
        named = {"host": HOST} | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.site.answer(Request(method=method, target=path, headers=named, body=body))

    def page(self, query: str = "") -> str:
        answer = self.ask("GET", f"{self.site.base}{query}")
        assert answer.status == 200, answer
        return answer.text

    def fields(self, query: str = "") -> dict[str, str]:
        found = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', self.page(query))
        return dict(found)

    def decide(self, decision: str, fields: dict[str, str] | None = None, **more: str):
        form = (self.fields() if fields is None else fields) | {"decision": decision, "by": "Ada"}
        body = urlencode(form | more).encode()
        kind = more.pop("content_type", "application/x-www-form-urlencoded")
        return self.ask("POST", f"{self.site.base}decide", body, content_type=kind)

    @property
    def names(self) -> list[str]:
        return [one.result.paths[0] for one in self.desk.queue]


@pytest.fixture
def visit(done) -> Visit:
    return Visit(done)


# --- what is shown --------------------------------------------------------------------------


def test_the_riskiest_photograph_is_shown_with_both_pictures_and_its_reasons(visit):
    page = visit.page()

    first = visit.desk.queue[0]
    assert first.name.rpartition("/")[2] in page
    assert len(re.findall(r'<img class="(?:before|after)" src="data:image/', page)) >= 2
    assert page.count('aria-current="true"') == 1


@pytest.mark.parametrize(("toggle", "key"), [("mask", "M"), ("detail", "Z")])
def test_only_the_keys_of_what_can_be_shown_are_named(visit, toggle, key):
    pages = [visit.page()] + [visit.page(f"?at={one.result.asset.uid}") for one in visit.desk.queue]

    for page in pages:
        assert (f"<kbd>{key}</kbd>" in page) == (f'data-toggle="{toggle}"' in page)


def test_each_photograph_of_the_queue_can_be_asked_for(visit):
    uid = visit.desk.queue[1].result.asset.uid

    assert visit.fields(f"?at={uid}")["uid"] == uid


def test_an_archive_of_which_nothing_waits_says_so(visit):
    visit.desk.queue = []

    assert "Nothing waits" in visit.page()


@pytest.mark.parametrize(
    "uid", ["../../etc/passwd", "0" * 64, "x", "%00", "0" * 64 + "%23" + "9" * 40]
)
def test_a_photograph_that_is_not_there_leads_back_to_the_queue(visit, uid):
    answer = visit.ask("GET", f"{visit.site.base}?at={uid}")

    assert (answer.status, answer.location) == (303, visit.site.base)


def test_text_of_manifests_and_reviewers_is_escaped(desk, tmp_path):
    evil = "<script>alert(1)</script>\u202e"
    manifest = tmp_path / "manifest.csv"
    manifest.write_text(f'path,title,rights\n{SPOTTED},"{evil}","{evil}"\n', encoding="utf-8")
    desk.run("--manifest", str(manifest))
    desk.review("note", SPOTTED, "--by", "<i>Ada</i>", "--reason", evil)
    visit = Visit(desk)
    uid = next(one.result.asset.uid for one in visit.desk.queue if one.result.paths[0] == SPOTTED)

    page = visit.page(f"?at={uid}")

    assert "<script>alert" not in page
    assert "<i>Ada" not in page
    assert "\u202e" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 2


# --- what is recorded -----------------------------------------------------------------------


def test_an_approval_is_recorded_and_the_next_photograph_follows(visit):
    first, second = visit.names

    answer = visit.decide("approve")

    assert answer.status == 303
    assert visit.names == [second]
    (row,) = visit.archive.rows("review", "list")
    assert (row["paths"], row["decision"], row["by"]) == ([first], "approve", "Ada")
    assert f"{first}: approved by Ada" in visit.page()


def test_a_rejection_takes_params_one_on_a_line(visit):
    visit.decide("reject", reason="spots left", redo="sample.spot.level=0.4\n\n")

    (row,) = visit.archive.rows("review", "list")
    assert row["redo"] == {"sample.spot": {"level": 0.4}}


def test_what_was_said_of_an_earlier_result_is_told_apart(visit):
    first = visit.names[0]
    uid = visit.desk.queue[0].result.asset.uid
    visit.decide("reject", reason="spots left", redo="sample.spot.level=0.4")
    visit.archive.run()

    page = visit.page(f"?at={uid}")

    assert first.rpartition("/")[2] in page
    assert "again with sample.spot.level=0.4" in page
    assert "of an earlier result" in page


def test_a_noted_photograph_stays_where_it_is(visit):
    before = visit.names

    answer = visit.decide("note", reason="grain like sand")

    assert visit.names == before
    assert visit.desk.queue[0].result.asset.uid in answer.location
    assert "grain like sand" in visit.page()


def test_what_was_typed_is_still_there_when_it_is_refused(visit):
    answer = visit.decide("reject", reason="", redo="sample.spot.level=0.4")

    page = visit.page(answer.location.partition("/decide")[0].removeprefix(visit.site.base))
    assert "say why" in page
    assert "sample.spot.level=0.4" in page
    assert visit.archive.rows("review", "list") == []


def test_a_result_that_was_made_anew_since_it_was_shown_is_not_decided_about(visit):
    fields = visit.fields() | {"results": "0" * 64}

    visit.decide("approve", fields)

    assert "was made anew since it was shown" in visit.page()
    assert visit.archive.rows("review", "list") == []


def test_a_decision_is_recorded_while_a_run_writes(visit):
    fields = visit.fields()
    with open_catalog(visit.desk.url, write=True):
        visit.decide("approve", fields, reason="compared with the print")

    assert [row["reason"] for row in visit.archive.rows("review", "list")] == [
        "compared with the print"
    ]


def test_where_a_run_makes_no_pause_nothing_is_lost(visit, monkeypatch):
    fields = visit.fields()
    monkeypatch.setattr(lock, "WAIT_SECONDS", 0.05)
    with open_catalog(visit.desk.url, write=True) as catalog, catalog._door():
        visit.decide("approve", fields, reason="compared with the print")
        page = visit.page()

    assert "Nothing was recorded" in page
    assert "compared with the print" in page


def test_a_policy_of_two_persons_holds_here_too(done):
    done.settings("[review]\napprovals = 2\n")
    visit = Visit(done)
    uid = visit.desk.queue[0].result.asset.uid

    visit.decide("approve", visit.fields(f"?at={uid}"))

    assert "1 more person must approve" in visit.page(f"?at={uid}")


def test_reviewers_that_the_configuration_names_are_offered(done):
    done.settings('[review]\nreviewers = ["Ada", "Bo & Co"]\n')

    page = Visit(done).page()

    assert re.findall(r"<option[^>]*>([^<]*)</option>", page) == ["Ada", "Bo &amp; Co"]


# --- who is refused -------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "", "/wrong/", "/favicon.ico", "//", "/../etc/passwd"])
def test_without_the_token_there_is_nothing(visit, path):
    assert visit.ask("GET", path).status == 404


@pytest.mark.parametrize("name", ["../", "static/x", "%2e%2e/", "decide", "queue"])
def test_below_the_token_there_is_one_page(visit, name):
    assert visit.ask("GET", visit.site.base + name).status == 404


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:8001", ""])
def test_a_request_to_another_host_is_refused(visit, host):
    """So a name that an attacker lets point to this machine does not reach it."""
    assert visit.ask("GET", visit.site.base, host=host).status == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec_fetch_site": "cross-site"},
        {"content_type": "text/plain"},
        {"content_type": ""},
    ],
)
def test_a_form_from_another_page_is_refused(visit, headers):
    form = urlencode(visit.fields() | {"decision": "approve", "by": "Ada"}).encode()
    sent = {"content_type": "application/x-www-form-urlencoded"} | headers

    answer = visit.ask("POST", f"{visit.site.base}decide", form, **sent)

    assert answer.status == 403
    assert visit.archive.rows("review", "list") == []


def test_a_form_that_is_too_long_or_decides_nothing_is_refused(visit):
    kind = "application/x-www-form-urlencoded"
    post = f"{visit.site.base}decide"

    assert visit.ask("POST", post, b"x" * (LARGEST_FORM + 1), content_type=kind).status == 413
    assert visit.ask("POST", post, b"decision=delete", content_type=kind).status == 400
    assert visit.ask("PUT", post).status == 405


def test_two_sites_have_different_tokens(visit):
    other = Site(desk=visit.desk)

    assert len(other.token) >= 32
    assert other.token != visit.site.token


def test_the_server_answers_at_its_address_with_headers_that_keep_others_out(visit):
    with serving(visit.site) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            with urllib.request.urlopen(address(visit.site, server)) as answer:
                page, headers = answer.read().decode(), answer.headers
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(f"http://127.0.0.1:{server.server_address[1]}/")
            refused.value.close()
        finally:
            server.shutdown()
            thread.join()

    assert server.server_address[0] == "127.0.0.1"
    assert refused.value.code == 404
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert "spotted.png" in page


def test_only_the_script_of_the_page_may_run_in_it(visit):
    import base64
    import hashlib

    from archivist.review.pages import script_digest

    (script,) = re.findall(r"<script>(.*?)</script>", visit.page(), re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()

    assert script_digest() == f"sha256-{digest}"


def fetched(address, host):
    request = urllib.request.Request(address, headers={"Host": host})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:9000", 200),
        ("LOCALHOST:9000", 200),
        ("desk.example.org", 200),
        ("localhost:9001", 421),
        ("evil.example.org", 421),
        ("localhost", 421),
    ],
)
def test_a_tunnel_is_answered_by_the_names_that_were_given_and_no_other(visit, host, status):
    names = ["localhost:9000", "Desk.example.org"]
    with serving(visit.site, names=names) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        number = server.server_address[1]
        try:
            assert address(visit.site, server, names).startswith("http://localhost:9000/")
            assert fetched(f"http://127.0.0.1:{number}{visit.site.base}", host) == status
            assert fetched(f"http://127.0.0.1:{number}/", "localhost:9000") == 404
        finally:
            server.shutdown()


def test_a_form_is_taken_from_the_page_under_its_other_name_alone(visit):
    visit.site.hosts = frozenset({HOST, "desk.example.org"})
    fields = urlencode(
        visit.fields() | {"decision": "note", "by": "Ada", "reason": "seen"}
    ).encode()
    kind = "application/x-www-form-urlencoded"

    def sent(origin):
        path = f"{visit.site.base}decide"
        return visit.ask("POST", path, fields, content_type=kind, origin=origin).status

    assert sent("https://evil.example.org") == 403
    assert sent("https://desk.example.org") == 303


@pytest.mark.parametrize("name", ["*", "", "http://desk", "desk/", "a b", "desk:port"])
def test_a_name_that_is_none_is_refused(visit, name):
    with pytest.raises(UsageError, match="--name"), serving(visit.site, names=[name]):
        pass


def test_an_address_of_another_machine_is_refused_with_the_cure(visit):
    with pytest.raises(UsageError, match="--listen"), serving(visit.site, listen="192.0.2.1"):
        pass


def test_the_command_warns_when_the_pages_leave_the_machine(done, monkeypatch):
    monkeypatch.setattr("http.server.ThreadingHTTPServer.serve_forever", lambda server: None)

    _, _, alone = done.say("review", "serve")
    code, _, err = done.say("review", "serve", "--listen", "0.0.0.0")

    assert code == 0
    assert "Warning: the pages leave this machine unencrypted" in err
    assert "unencrypted" not in alone


def test_a_port_that_is_taken_is_told_with_the_cure(visit):
    from archivist.api.errors import UsageError

    with (
        serving(visit.site) as server,
        pytest.raises(UsageError, match=r"Cure: another --port"),
        serving(visit.site, server.server_address[1]),
    ):
        pass


def test_the_command_prints_the_address_and_ends_with_ctrl_c(done, monkeypatch):
    from http.server import ThreadingHTTPServer

    def interrupted(server):
        raise KeyboardInterrupt

    monkeypatch.setattr(ThreadingHTTPServer, "serve_forever", interrupted)

    (row,) = done.rows("review", "serve")

    assert row["address"].startswith("http://127.0.0.1:")
    assert row["waiting"] == 2


def test_an_archive_without_a_run_has_no_pages(desk):
    desk.out.mkdir()
    with open_catalog(f"sqlite:///{desk.out}/.archivist/catalog.sqlite", write=True):
        pass

    code, _, err = desk.review("serve")

    assert code == 2
    assert "has no run yet" in err
