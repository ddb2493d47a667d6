from __future__ import annotations

import json
import re
import time
import traceback
from dataclasses import replace

import pytest
from lxml import html

from archivist.model import Status
from archivist.report.html import Limits, write_html
from archivist.report.rows import ReportExport, ReportRefusal, Similar


@pytest.fixture
def page(rows, pictures, tmp_path):
    """Write the report of the rows and return it parsed; its text is in ``page.text``."""

    class Page:
        def __call__(self, **limits):
            path = tmp_path / "out" / "report.html"
            self.shelf = write_html(rows, pictures, path, limits=Limits(**limits))
            self.path = path
            self.text = path.read_text("utf-8")
            return html.fromstring(self.text)

    return Page()


def rows_of(tree):
    return json.loads(tree.get_element_by_id("rows").text)


def test_a_run_without_photographs_says_so(page):
    tree = page()
    assert "The run found no photograph" in tree.text_content()
    assert not tree.xpath("//article")


def test_exports_are_told_with_their_number_and_what_failed(page, rows):
    at = rows.run.started
    exports = (
        ReportExport(exporter="premis", at=at, made=3, kept=1),
        ReportExport(exporter="c2pa", at=at, made=2, failed=1),
        ReportExport(exporter="iiif", at=at, error="no room. Cure: free some"),
        ReportExport(exporter="bagit"),
    )
    rows.run = replace(rows.run, exports=exports)
    tree = page()
    told = tree.xpath('//dt[text()="Exports"]/../dd/text()')
    assert told == [
        "premis: 4 exported",
        "c2pa: 2 exported, 1 failed",
        "iiif: failed",
        "bagit: not made yet",
    ]
    c2pa, iiif = tree.xpath('//ul[@class="remarks"]/li')
    assert "1 of c2pa could not be exported on 2026-01-02 03:04 UTC" in c2pa.text_content()
    assert "no room. Cure: free some" in iiif.text_content()


def test_the_totals_count_each_result(page, rows, asset, failed, file):
    rows.listed = [
        asset("a.jpg"),
        asset("b.jpg", status=Status.SKIPPED, files=(file(untouched=True),)),
        failed(),
    ]
    rows.refused = [
        ReportRefusal(path="x.tif", code="truncated", reason="cut off"),
        ReportRefusal(path="Thumbs.db", code="no-picture", reason="no", status=Status.SKIPPED),
    ]
    tiles = page().xpath('//li[contains(@class, "tile")]')
    figures = {
        tile.xpath('.//*[@class="label"]/text()')[0]: tile.xpath('.//*[@class="figure"]/text()')[0]
        for tile in tiles
    }
    assert figures == dict.fromkeys(
        ["restored", "unchanged", "failed", "refused", "other files"], "1"
    )


def test_failures_with_their_cure_stand_before_the_photographs(page, rows, asset, failed):
    rows.listed = [asset("good.jpg"), failed("broken.tif")]
    page()
    order = [
        page.text.index("does not fit. Cure: more memory"),
        page.text.index("archivist run plates --out out"),
        page.text.index('class="card"'),
    ]
    assert order == sorted(order)


def test_a_failure_names_the_step_and_its_last_message(page, rows, failed):
    rows.listed = [failed()]
    where = page().xpath('//p[@class="where"]')[0].text_content()
    assert "scratch.detect v3" in where
    assert "tile 128 failed" in where


def test_of_a_traceback_only_the_place_where_it_ended_is_shown(page, rows, failed, step):
    try:
        raise IndexError("too bright")
    except IndexError:
        words = f"error: {traceback.format_exc()}"
    rows.listed = [failed(steps=(step(status=Status.FAILED, log=(words,)),))]
    where = page().xpath('//p[@class="where"]')[0].text_content()
    assert "error in test_html.py, line" in where
    assert "Traceback" not in page().text_content()


def test_every_cause_is_listed_when_one_cause_takes_all_the_room(page, rows, failed):
    rows.listed = [failed(f"{n:03}.tif") for n in range(20)] + [failed("z.tif", code="publish")]
    text = page(problems=5).xpath('//section[@id="attention"]')[0].text_content()
    assert "15 more with this reason" in text
    assert "z.tif" in text


HOSTILE = "</script><img src=x onerror=alert(1)>\"'&.jpg"


@pytest.mark.parametrize(
    "place",
    ["path", "message", "facts", "step", "tag", "similar"],
)
def test_hostile_text_stays_text(page, rows, asset, step, file, place):
    from archivist.model import MetadataContract

    changes = {
        "path": {"path": HOSTILE},
        "message": {"message": HOSTILE},
        "facts": {"facts": {"title": HOSTILE, "rights": HOSTILE}},
        "step": {"steps": (step(title=HOSTILE, params={HOSTILE: HOSTILE}, reason=HOSTILE),)},
        "tag": {"files": (file(path=HOSTILE, contract=MetadataContract(lost={HOSTILE: HOSTILE})),)},
        "similar": {"similar": (Similar(path=HOSTILE, distance=2),), "copies": (HOSTILE,)},
    }[place]
    rows.listed = [asset(**changes)]
    tree = page()
    assert not tree.xpath("//*[@onerror]")
    assert len(tree.xpath("//script")) == 2
    assert "onerror=alert(1)>" in tree.text_content()


def test_hostile_text_of_a_failure_and_of_the_run_stays_text(page, rows, failed):
    rows.run = replace(rows.run, archive=HOSTILE, operator=HOSTILE, retry=HOSTILE, machine=HOSTILE)
    rows.listed = [failed(HOSTILE, message=HOSTILE, code=HOSTILE)]
    rows.refused = [ReportRefusal(path=HOSTILE, code=HOSTILE, reason=HOSTILE)]
    tree = page()
    assert not tree.xpath("//*[@onerror]")
    assert len(tree.xpath("//script")) == 2


def test_the_rows_of_the_list_survive_hostile_names(page, rows, asset):
    rows.listed = [asset(HOSTILE)]
    assert rows_of(page())[0][0] == HOSTILE


def test_a_name_that_is_no_utf8_is_shown_with_an_escape(page, rows, asset):
    from archivist.model import path_to_text

    rows.listed = [asset(path_to_text("old\udce9\n.jpg"))]
    assert rows_of(page())[0][0] == r"old\xe9\n.jpg"


def test_a_lone_surrogate_in_a_message_does_not_stop_the_page(page, rows, failed):
    rows.listed = [failed(message="cannot open old\udce9.jpg")]
    assert r"old\xe9.jpg" in page().text_content()


def test_the_page_needs_no_other_file(page, rows, asset):
    rows.listed = [asset()]
    tree = page()
    # Links to outputs are relative; everything that is loaded is inline.
    for source in tree.xpath("//@src"):
        assert source.startswith("data:")
    assert not tree.xpath("//link | //script[@src] | //iframe | //object")
    assert not re.search(r"https?:|url\(|@import|//cdn", page.text)


def test_only_the_script_of_the_page_may_run(page):
    from base64 import b64encode
    from hashlib import sha256

    tree = page()
    policy = tree.xpath('//meta[@http-equiv="Content-Security-Policy"]/@content')[0]
    script = tree.xpath("//script[not(@type)]")[0].text
    assert f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" in policy
    assert "default-src 'none'" in policy


def test_links_go_to_the_outputs_only_from_a_page_beside_them(
    page, rows, asset, file, pictures, tmp_path
):
    rows.listed = [asset(files=(file(path="album/a #1?.jpg"),))]
    assert page().xpath('//li[@class="output"]//a/@href') == ["./album/a%20%231%3F.jpg"]
    elsewhere = tmp_path / "elsewhere.html"
    write_html(rows, pictures, elsewhere)
    tree = html.fromstring(elsewhere.read_text("utf-8"))
    assert not tree.xpath('//li[@class="output"]//a')


def test_invented_content_comes_first_and_wears_a_badge(page, rows, asset, step):
    rows.listed = [
        asset("a.jpg", changed=0.9),
        asset("b.jpg", changed=0.1, steps=(step(conjectural=True),)),
    ]
    first, second = page().xpath('//article[@class="card"]')
    assert first.get("data-path") == "b.jpg"
    assert first.xpath('.//*[contains(@class, "conjectural")]')
    assert not second.xpath('.//*[contains(@class, "conjectural")]')


def test_a_conjectural_step_that_was_not_needed_gives_no_badge(page, rows, asset, step):
    rows.listed = [asset(steps=(step(conjectural=True, status=Status.SKIPPED),))]
    assert not page().xpath('//article//*[contains(@class, "conjectural")]')


def test_the_most_changed_photographs_get_the_cards(page, rows, asset):
    rows.listed = [asset(f"{n}.jpg", changed=n / 10) for n in range(6)]
    tree = page(cards=2)
    assert tree.xpath('//article[@class="card"]/@data-path') == ["5.jpg", "4.jpg"]
    assert "Pictures are shown for 2 of 6 photographs" in tree.text_content()


def test_pictures_stop_at_their_budget_and_the_page_says_so(page, rows, asset, pictures):
    rows.listed = [asset(f"{n}.jpg") for n in range(10)]
    pictures.size = 1000
    tree = page(picture_bytes=7_000)
    # 3,000 characters a card: the third passes the budget and is the last.
    assert len(tree.xpath('//article[@class="card"]')) == 3
    assert "Pictures are shown for 3 of 10" in tree.text_content()
    assert pictures.made == 3


def test_rows_with_a_card_lead_to_it(page, rows, asset, failed):
    rows.listed = [asset("a.jpg"), failed("b.jpg")]
    tree = page()
    anchors = {row[0]: row[-1] for row in rows_of(tree)}
    assert anchors["b.jpg"] == ""
    assert tree.get_element_by_id(anchors["a.jpg"]).get("data-path") == "a.jpg"


def test_lost_metadata_is_shown_with_its_reason(page, rows, asset, file, lossy):
    rows.listed = [asset(files=(file(contract=lossy),))]
    card = page().xpath('//article[@class="card"]')[0].text_content()
    assert "1 lost" in card
    assert "shows the old picture" in card


def test_only_params_that_differ_from_the_defaults_are_shown(page, rows, asset, step):
    changed = step(
        params={"threshold": 0.5, "dilation": 3}, defaults={"threshold": 0.4, "dilation": 3}
    )
    rows.listed = [asset(steps=(changed,))]
    card = page().xpath('//article[@class="card"]')[0].text_content()
    assert "threshold = 0.5" in card
    assert "dilation" not in card


def test_an_interrupted_run_says_what_waits(page, rows, asset):
    rows.run = replace(rows.run, state="interrupted")
    rows.listed = [asset("a.jpg"), asset("b.jpg", status=None, files=(), steps=())]
    notice = page().xpath('//p[@class="notice"]')[0].text_content()
    assert "interrupted" in notice
    assert "1 photograph is waiting" in " ".join(notice.split())


def test_controls_have_names_for_those_who_cannot_see_them(page, rows, asset):
    rows.listed = [asset("album/a.jpg")]
    tree = page()
    assert "a.jpg" in tree.xpath('//input[@type="range"]/@aria-label')[0]
    assert all(image.get("alt") for image in tree.xpath('//img[not(@class="mask")]'))


def test_ten_thousand_photographs_make_a_small_page_quickly(page, rows, asset):
    rows.listed = [
        asset(f"album {n // 100}/plate-{n:05}.tif", changed=n / 1e5) for n in range(10_000)
    ]
    start = time.perf_counter()
    tree = page()
    assert time.perf_counter() - start < 20
    assert page.path.stat().st_size < 4_000_000
    assert len(rows_of(tree)) == 10_000


def test_rows_beyond_the_limit_are_counted(page, rows, asset):
    rows.listed = [asset(f"{n}.jpg") for n in range(12)]
    tree = page(rows=5)
    assert len(rows_of(tree)) == 5
    assert "7 more are in the CSV and JSON reports" in tree.text_content()


def test_a_page_that_cannot_be_finished_leaves_the_old_one(page, rows, asset, pictures, tmp_path):
    class Broken:
        def pairs(self, assets):
            raise RuntimeError("no pictures today")
            yield

    rows.listed = [asset()]
    page()
    before = page.path.read_bytes()
    with pytest.raises(RuntimeError):
        write_html(rows, Broken(), page.path)
    assert page.path.read_bytes() == before
    assert list(page.path.parent.iterdir()) == [page.path]
