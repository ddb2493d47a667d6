"""Rights on the command line: what is left out, and which outputs they forbid by now."""

from __future__ import annotations

import json

import pytest

from archivist.cli.exits import Exit

SPOTTED, DEEP = "album/spotted.png", "album/deep.tif"
RULES = """
[rights]
rules = [
  { values = ["careful"], deny = ["generative"] },
  { values = ["closed"], deny = ["restoration"] },
]
"""


@pytest.fixture
def manifest(desk, tmp_path):
    """Return a function that writes the manifest, and the words that name it."""
    path = tmp_path / "manifest.csv"

    def say(**rights: str) -> list[str]:
        names = {"spotted": SPOTTED, "deep": DEEP, "plain": "plain.png"}
        path.write_text(
            "path,rights\n" + "".join(f"{names[n]},{value}\n" for n, value in rights.items())
        )
        return ["--manifest", str(path)]

    return say


@pytest.fixture
def made(desk, manifest):
    """The desk of an archive that was restored with invented content before there were rules."""
    desk.run("--recipe", "colour", *manifest(plain="open"))
    desk.settings(RULES)
    return desk


def denied(desk) -> dict[str, str]:
    return {row["output"]: row["denied"] for row in desk.rows("query", "--denied")}


def scan(desk, words: list[str]) -> None:
    assert desk.say("scan", str(desk.scans), *words)[0] == Exit.FINE


def test_where_nothing_is_denied_nothing_is_listed(made):
    assert denied(made) == {}
    assert "There is no such output" in made.say("query", "--denied")[1]


def test_outputs_that_hold_what_is_denied_by_now_are_listed_with_the_reason(made, manifest):
    scan(made, manifest(plain="careful", spotted="closed", deep="open"))

    assert denied(made) == {
        "plain.png": "rights 'careful': no generative restoration",
        SPOTTED: "rights 'closed': no restoration",
    }


def test_an_output_that_was_made_anew_without_what_is_denied_is_not_listed(made, manifest):
    words = manifest(plain="careful")
    scan(made, words)
    made.run("--recipe", "colour", *words)

    assert denied(made) == {}


def test_an_untouched_copy_holds_no_restoration(desk, manifest):
    desk.run(*manifest(plain="open"))
    desk.settings(RULES)
    scan(desk, manifest(plain="closed"))

    assert denied(desk) == {}


def test_the_list_is_asked_for_alone(made):
    code, _, err = made.say("query", "--denied", "--made-with", "sample.shade")

    assert (code, "--denied alone" in err) == (Exit.USAGE, True)


def test_a_run_says_how_many_were_left_out(desk, manifest):
    desk.settings(RULES)

    code, out, _ = desk.run(*manifest(plain="closed"))

    assert code == Exit.FINE
    assert "2 restored, 1 needed nothing, 0 up to date, 1 left out because their rights" in out


def test_a_plan_explains_what_is_denied(desk, manifest):
    desk.settings(RULES)

    told = desk.plan("--recipe", "colour", *manifest(plain="closed", deep="careful"))

    assert "3 of 4 assets need work; the rights of 1 forbid it" in told
    assert "sample.colour  denied         1  rights 'careful': no generative" in told


def test_rules_without_a_manifest_give_the_cure(desk):
    desk.settings(RULES)

    code, _, err = desk.run()

    assert code == Exit.USAGE
    assert "Cure: --manifest FILE" in err


# --- in the report --------------------------------------------------------------------------


def told(desk) -> dict[str, dict]:
    """Return the rows of the report by path, as the newest run left them."""
    code, out, err = desk.say("report", "--json")
    assert code == Exit.FINE, err
    return {row["path"]: row for row in json.loads(out)["assets"]}


def page_of(desk) -> str:
    return (desk.out / ".archivist" / "report.html").read_text()


def test_the_report_of_a_run_says_that_rights_deny_what_was_restored_before(made, manifest):
    made.run("--recipe", "colour", *manifest(plain="closed"))

    page = page_of(made)
    assert "rights &#39;closed&#39;: no restoration" in page
    assert "Made before and still in the output folder: plain.png" in page
    assert 'data-result="denied" data-path="plain.png"' in page
    assert "Its rights forbid a restoration, so it is not shown here." in page


def test_rows_for_programs_tell_what_is_denied_and_whether_it_is_in_place(made, manifest):
    made.run("--recipe", "colour", *manifest(plain="closed", deep="careful"))

    rows = told(made)
    (closed,), (careful,) = rows["plain.png"]["denied"], rows[DEEP]["denied"]
    assert (rows["plain.png"]["result"], closed["in_place"]) == ("denied", True)
    assert (rows[DEEP]["result"], careful["in_place"]) == ("restored", False)
    assert rows["photo.jpg"]["denied"] == []


def test_a_step_that_was_left_out_for_rights_is_not_told_as_part_of_the_result(made, manifest):
    made.run("--recipe", "colour", *manifest(deep="careful"))

    rows = told(made)
    assert [step["step"] for step in rows[DEEP]["steps"]] == ["sample.shade"]
    assert (rows[DEEP]["conjectural"], rows["plain.png"]["conjectural"]) == (False, True)


def test_an_approved_result_against_its_rights_says_how_to_have_it_made_without(made, manifest):
    made.review("approve", "plain.png", "--by", "Ada")
    made.run("--recipe", "colour", *manifest(plain="careful"))

    assert "plain.png still holds it, because it is approved: reject it" in page_of(made)


def test_a_denial_is_dated_from_its_first_word_and_gone_when_it_is_lifted(made, manifest):
    made.run("--recipe", "colour", *manifest(plain="closed"))
    first = told(made)["plain.png"]["denied"][0]["since"]
    made.settings(RULES.replace('"closed"]', '"closed", "sealed"]'))
    made.run("--recipe", "colour", *manifest(plain="sealed"))
    (later,) = told(made)["plain.png"]["denied"]
    made.run("--recipe", "colour", *manifest(plain="open"))

    assert (later["since"], later["reason"]) == (first, "rights 'sealed': no restoration")
    assert told(made)["plain.png"]["denied"] == []


def test_the_report_is_written_anew_after_somebody_reviewed(made, manifest):
    words = manifest(plain="open")
    made.run("--recipe", "colour", *words)
    made.review("approve", "plain.png", "--by", "Ada")

    made.run("--recipe", "colour", *words)

    assert "approved by Ada" in page_of(made)
