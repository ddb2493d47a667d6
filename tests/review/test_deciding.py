"""Approve, reject and note: by whom, about which file, with what effect on later runs."""

from __future__ import annotations

import json
import shutil

import pytest

from archivist.catalog import queries
from archivist.catalog.session import open_catalog
from archivist.cli.exits import Exit

SPOTTED = "album/spotted.png"
LIGHTER = '[recipes.other]\nsteps = [{ use = "sample.spot", level = 0.3 }, { use = "sample.fill" }]'


def other_recipe(desk) -> str:
    """Return what a plan says with a param that makes all results anew."""
    desk.settings(LIGHTER)
    return desk.plan("--recipe", "other")


def pinned(desk) -> int:
    found = [line for line in other_recipe(desk).splitlines() if " pinned " in line]
    return int(found[0].split()[2]) if found else 0


# --- naming ---------------------------------------------------------------------------------


def test_a_result_is_named_by_scan_output_digest_or_inventory_number(desk, tmp_path):
    manifest = tmp_path / "manifest.csv"
    manifest.write_text(f"path,inventory_no\n{SPOTTED},1905-7\n")
    desk.run("--manifest", str(manifest))
    with open_catalog(f"sqlite:///{desk.out}/.archivist/catalog.sqlite", write=False) as catalog:
        (file,) = list(queries.publications(catalog, paths=[SPOTTED]))
    renamed = tmp_path / "from the reading room.png"
    shutil.copy(desk.out / SPOTTED, renamed)

    names = [
        SPOTTED,
        str(desk.out / SPOTTED),
        str(desk.scans / SPOTTED),
        file.output_digest[:8],
        file.digest,
        "1905-7",
        str(renamed),
    ]

    for name in names:
        (row,) = desk.rows("review", "note", name, "--by", "Ada", "--reason", "seen")
        assert row["results"][0]["paths"] == [SPOTTED], name


def test_the_folder_is_the_one_in_which_the_file_lies(done, capsys):
    from archivist.cli.main import invoke

    assert invoke(["review", "approve", str(done.out / SPOTTED), "--by", "Ada"]) == 0
    assert "approved" in capsys.readouterr().out


def test_a_file_that_the_catalog_does_not_know_is_told_with_what_was_looked_for(done, tmp_path):
    stranger = tmp_path / "stranger.png"
    stranger.write_bytes(b"not of this archive")

    code, _, err = done.review("approve", str(stranger), "--by", "Ada")

    assert code == Exit.USAGE
    assert "knows nothing of" in err
    assert "an inventory number" in err


def test_nothing_is_recorded_when_one_of_several_names_is_unknown(done):
    code, _, _ = done.review("approve", SPOTTED, "nowhere.png", "--by", "Ada")

    assert code == Exit.USAGE
    assert done.rows("review", "list") == []


# --- who and why ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "  \t ", "\u200b", "Ada\x07", "Ada\u202e", "A" * 201])
def test_a_name_that_is_none_is_refused(done, name):
    code, _, err = done.review("approve", SPOTTED, "--by", name)

    assert code == Exit.USAGE
    assert "Cure:" in err


@pytest.mark.parametrize("decision", ["reject", "note"])
def test_a_rejection_and_a_note_need_a_reason(done, decision):
    code, _, err = done.review(decision, SPOTTED, "--by", "Ada", "--reason", " ")

    assert code == Exit.USAGE
    assert "--reason TEXT" in err


def test_only_reviewers_that_the_configuration_names_may_review(done):
    done.settings('[review]\nreviewers = ["Ada Lovelace", "Bo"]')

    code, _, err = done.review("approve", SPOTTED, "--by", "Mallory")

    assert code == Exit.USAGE
    assert "Reviewers are: Ada Lovelace, Bo" in err
    assert done.review("approve", SPOTTED, "--by", "ada  lovelace")[0] == Exit.FINE
    assert done.rows("review", "list")[0]["by"] == "Ada Lovelace"


def test_signs_in_a_reason_are_kept_and_shown_so_that_they_do_no_harm(done):
    reason = "<b>bold</b>\x1b[31m red\nsecond line\x00 \udcff"

    done.review("reject", SPOTTED, "--by", "Ada", "--reason", reason)

    (row,) = done.rows("review", "list")
    assert row["reason"] == "<b>bold</b>\x1b[31m red\nsecond line\u2400 \ufffd"
    _, shown, _ = done.review("list")
    assert "\x1b" not in shown
    assert "\\x1b[31m red\\nsecond line" in shown


# --- what a review speaks of ----------------------------------------------------------------


def test_an_approved_result_is_pinned(done):
    done.review("approve", SPOTTED, "--by", "Ada")

    assert pinned(done) == 1


def test_a_rejection_ends_an_approval(done):
    done.review("approve", SPOTTED, "--by", "Ada")
    done.review("reject", SPOTTED, "--by", "Bo", "--reason", "too smooth")

    assert pinned(done) == 0


def test_a_note_ends_no_approval(done):
    done.review("approve", SPOTTED, "--by", "Ada")

    _, out, _ = done.review("note", SPOTTED, "--by", "Bo", "--reason", "lovely")

    assert "noted by Bo; approved" in out
    assert pinned(done) == 1


def test_a_result_that_replaced_an_approved_one_is_not_approved(done):
    done.review("approve", SPOTTED, "--by", "Ada")
    done.settings(LIGHTER.replace("other", "test"))
    done.config.write_text(done.config.read_text().replace("[recipes.test]", "[recipes.old]", 1))
    done.run("--recipe", "test", "--override")

    assert done.rows("review", "list")[0]["in_place"] is False
    assert done.rows("review", "list")[0]["state"] == "open"


def test_an_earlier_output_cannot_be_approved_any_more(done, tmp_path):
    old = tmp_path / "old.png"
    shutil.copy(done.out / SPOTTED, old)
    done.settings(LIGHTER)
    done.run("--recipe", "other")

    code, _, err = done.review("approve", str(old), "--by", "Ada")

    assert code == Exit.USAGE
    assert "replaced since" in err


def test_a_file_that_was_changed_since_cannot_be_approved(done):
    path = done.out / SPOTTED
    path.write_bytes(path.read_bytes() + b"more")

    for name in (str(path), "album/spotted.png"):
        code, _, err = done.review("approve", name, "--by", "Ada")
        assert code == Exit.USAGE
        assert "archivist verify" in err


def test_a_photograph_without_an_output_has_nothing_to_approve(desk):
    desk.say("scan", str(desk.scans))

    code, _, err = desk.review("approve", SPOTTED, "--by", "Ada")

    assert code == Exit.USAGE
    assert "has no output" in err
    assert desk.review("note", SPOTTED, "--by", "Ada", "--reason", "wait")[0] == Exit.FINE


def test_all_pages_of_a_file_or_one_are_decided_about(desk):
    import numpy as np
    import tifffile

    pages = [np.full((20, 30), value, np.uint8) for value in (40, 80)]
    for page in pages:
        page[3:6, 3:6] = 250
    tifffile.imwrite(desk.scans / "two.tif", np.stack(pages), photometric="minisblack")
    desk.run()

    (row,) = desk.rows("review", "approve", "two.tif", "--by", "Ada", "--page", "2")
    assert row["reviewed"] == 1
    assert row["results"][0]["asset"].endswith("#1")
    (row,) = desk.rows("review", "approve", "two.tif", "--by", "Ada")
    assert row["reviewed"] == 2
    assert desk.review("approve", "two.tif", "--by", "Ada", "--page", "3")[0] == Exit.USAGE


# --- two persons ----------------------------------------------------------------------------

TWO = "[review]\napprovals = 2\n"


@pytest.fixture
def strict(done):
    done.settings(TWO)
    return done


def pinned_by(desk) -> int:
    desk.settings(TWO + LIGHTER)
    told = desk.plan("--recipe", "other")
    desk.settings(TWO)
    return " pinned " in told


def test_two_different_persons_must_approve_the_same_result(strict):
    _, first, _ = strict.review("approve", SPOTTED, "--by", "Ada")
    assert "1 of 2 approvals; another person must approve too" in first
    assert not pinned_by(strict)

    strict.review("approve", SPOTTED, "--by", "ADA ")
    assert not pinned_by(strict)

    _, second, _ = strict.review("approve", SPOTTED, "--by", "Bo")
    assert "approved, later runs keep it" in second
    assert pinned_by(strict)


def test_a_rejection_between_two_approvals_takes_the_first_away(strict):
    strict.review("approve", SPOTTED, "--by", "Ada")
    strict.review("reject", SPOTTED, "--by", "Bo", "--reason", "no")

    (row,) = strict.rows("review", "approve", SPOTTED, "--by", "Cy")

    assert (row["results"][0]["state"], row["results"][0]["approvals"]) == ("awaiting", ["Cy"])


def test_approvals_of_different_results_do_not_add_up(strict):
    strict.review("approve", SPOTTED, "--by", "Ada")
    strict.settings(TWO + LIGHTER)
    strict.run("--recipe", "other")

    (row,) = strict.rows("review", "approve", SPOTTED, "--by", "Bo")

    assert row["results"][0]["state"] == "awaiting"


def test_the_operator_may_be_forbidden_to_approve_what_they_made(done):
    done.settings("[review]\nby_operator = false\n")

    code, _, err = done.review("approve", SPOTTED, "--by", "olga operator")

    assert code == Exit.USAGE
    assert "Cure: another person approves" in err
    assert done.review("approve", SPOTTED, "--by", "Ada")[0] == Exit.FINE


def test_an_approval_by_the_operator_does_not_count_once_it_is_forbidden(done):
    done.review("approve", SPOTTED, "--by", "Olga Operator")
    done.settings("[review]\nby_operator = false\n" + LIGHTER)

    assert " pinned " not in done.plan("--recipe", "other")


# --- again with other params ----------------------------------------------------------------


def test_a_rejected_result_is_made_again_with_the_params_that_were_asked_for(done):
    words = ["--by", "Ada", "--reason", "missed a spot", "--redo", "sample.spot.level=0.4"]

    _, out, _ = done.review("reject", SPOTTED, *words)
    told = done.plan()

    assert "the next run makes it again with other params" in out
    assert "param level 0.9 -> 0.4; asked for by Ada, who rejected the result" in told
    assert "1 of 4 assets needs work" in told
    done.run()
    assert "0 of 4 assets need work" in done.plan()


def test_params_that_were_asked_for_are_recorded_with_the_review(done):
    done.review(
        "reject", SPOTTED, "--by", "Ada", "--reason", "x", "--redo", "sample.spot.level=0.4"
    )

    (row,) = done.rows("review", "list")

    assert row["redo"] == {"sample.spot": {"level": 0.4}}


def test_a_later_rejection_without_params_goes_back_to_the_recipe(done):
    reject = ["reject", SPOTTED, "--by", "Ada", "--reason", "x"]
    done.review(*reject, "--redo", "sample.spot.level=0.4")
    done.review(*reject)

    assert "0 of 4 assets need work" in done.plan()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("level=0.4", "is no param. Cure: STEP.PARAM=VALUE"),
        ("sample.spot.level", "is no param. Cure: STEP.PARAM=VALUE"),
        ("sample.spott.level=0.4", "Did you mean 'sample.spot'"),
        ("sample.shade.amount=0.4", "unknown name 'sample.shade'"),
        ("sample.spot.levle=0.4", "level"),
        ("sample.spot.level=4", "range"),
        ("sample.spot.level=high", "level"),
    ],
)
def test_params_that_the_result_cannot_be_made_with_are_refused(done, text, message):
    words = ["--by", "Ada", "--reason", "x", "--redo", text]

    code, _, err = done.review("reject", SPOTTED, *words)

    assert code == Exit.USAGE
    assert message in err
    assert done.rows("review", "list") == []


def test_a_param_given_twice_is_refused(done):
    twice = ["--redo", "sample.spot.level=0.4", "--redo", "sample.spot.level=0.5"]

    code, _, err = done.review("reject", SPOTTED, "--by", "Ada", "--reason", "x", *twice)

    assert (code, "twice" in err) == (Exit.USAGE, True)


# --- the record -----------------------------------------------------------------------------


def test_a_review_is_recorded_while_somebody_else_writes_to_the_catalog(done):
    with open_catalog(f"sqlite:///{done.out}/.archivist/catalog.sqlite", write=True):
        code, out, _ = done.review("approve", SPOTTED, "--by", "Ada")

    assert (code, "approved" in out) == (Exit.FINE, True)
    assert [row["by"] for row in done.rows("review", "list")] == ["Ada"]


def test_reviews_are_listed_newest_first_and_by_person_decision_and_file(done):
    done.review("approve", SPOTTED, "--by", "Ada")
    done.review("note", "album/deep.tif", "--by", "Bo", "--reason", "grain")

    assert [row["by"] for row in done.rows("review", "list")] == ["Bo", "Ada"]
    assert [row["by"] for row in done.rows("review", "list", "--by", "ada")] == ["Ada"]
    assert [row["by"] for row in done.rows("review", "list", "--decision", "note")] == ["Bo"]
    assert [row["by"] for row in done.rows("review", "list", SPOTTED)] == ["Ada"]


def test_what_is_decided_is_told_as_json(done):
    _, out, _ = done.review("approve", SPOTTED, "--by", "Ada", "--json")

    told = json.loads(out)

    (one,) = told["results"]
    assert (told["reviewed"], one["decision"], one["state"]) == (1, "approve", "approved")
    assert len(one["results"][0]) == 64


def test_an_audit_tells_which_files_were_looked_at_and_what_was_asked_for(done):
    done.review(
        "reject", SPOTTED, "--by", "Ada", "--reason", "halo", "--redo", "sample.spot.level=0.4"
    )
    (row,) = done.rows("review", "list")

    _, told, _ = done.say("audit", SPOTTED, "--quick")

    assert f"of the output {row['results'][0][:12]}" in told
    assert "to be made again with sample.spot.level=0.4" in told
