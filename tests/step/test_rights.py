"""Rights that change while a worker is at a file: asked when it begins, and before it publishes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from archivist.hashing import digest_file
from archivist.model import Action, Status
from archivist.step.files import finish_files, stage_file


@pytest.fixture
def told(desk, tmp_path):
    """Return a function that tells workers what is denied to scans since the plan."""
    path = tmp_path / "denials.json"
    desk.workshop = replace(desk.workshop, denials=str(path))

    def tell(**denied: list[str]) -> None:
        files = {
            digest_file(desk.scans / f"{name}.png"): {act: f"closed: no {act}" for act in acts}
            for name, acts in denied.items()
        }
        path.write_text(json.dumps(files))

    return tell


def staged(desk, *lookalikes):
    return stage_file(desk._draft("query.png", lookalikes, Action.RUN), desk.workshop, desk.here)


def finish(desk, file):
    (outcome,) = finish_files([file], desk.workshop)
    return outcome.assets[0], outcome.publications


def outputs(desk) -> list[Path]:
    return [path for path in Path(desk.workshop.out).rglob("*") if path.is_file()]


def test_where_nothing_is_denied_all_is_published(desk, told):
    file = staged(desk, desk.lookalike("finer.png"))
    told(other=["reference"], finer=["restoration"])

    asset, published = finish(desk, file)

    assert asset.status is Status.DONE
    assert [one.path for one in published] == ["query.png"]


def test_a_photograph_that_may_not_be_restored_any_more_is_not_published(desk, told):
    file = staged(desk, desk.lookalike("finer.png"))
    told(query=["restoration"])

    asset, published = finish(desk, file)

    assert (asset.status, asset.code) == (Status.SKIPPED, "rights")
    assert asset.message == "closed: no restoration"
    assert (published, outputs(desk)) == ((), [])


def test_one_that_borrowed_from_who_may_not_lend_any_more_is_not_published(desk, told):
    file = staged(desk, desk.lookalike("finer.png"))
    told(finer=["reference"])

    asset, _ = finish(desk, file)

    assert (asset.status, asset.code) == (Status.FAILED, "rights-changed")
    assert "closed: no reference" in asset.message
    assert "Cure: the same command again" in asset.message
    assert outputs(desk) == []


def test_a_reused_result_that_borrowed_is_not_published_either(desk, told):
    place = desk.lookalike("finer.png")
    desk.remember(desk.run(place))
    file = stage_file(desk._draft("query.png", (place,), Action.FOLLOW), desk.workshop, desk.here)
    told(finer=["reference"])

    asset, _ = finish(desk, file)

    assert asset.records == ()
    assert asset.code == "rights-changed"


def test_one_that_chose_nothing_does_not_mind_who_may_not_lend(desk, told):
    file = staged(desk, desk.lookalike("other.png"))
    told(other=["reference"])

    assert finish(desk, file)[0].status is Status.DONE


def test_what_was_not_done_to_a_photograph_may_be_denied_to_it(desk, told):
    file = staged(desk, desk.lookalike("finer.png"))
    told(query=["generative", "colour", "reference"])

    assert finish(desk, file)[0].status is Status.DONE


def test_a_photograph_that_is_denied_before_its_turn_is_not_even_read(desk, told):
    told(query=["restoration"])
    draft = desk._draft("query.png", (), Action.RUN)

    assert draft.opened.scan is None
    asset, _ = finish(desk, stage_file(draft, desk.workshop, desk.here))
    assert (asset.status, asset.code) == (Status.SKIPPED, "rights")


def test_what_is_denied_is_read_again_when_it_changes(desk, told):
    told(query=["restoration"])
    assert desk._draft("query.png", (), Action.RUN).opened.scan is None

    told()

    assert desk._draft("query.png", (), Action.RUN).opened.scan is not None
