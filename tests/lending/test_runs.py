"""Runs in which colour comes from the same archive: one first pass, two choices, and the rules."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as PillowImage

from archivist.catalog import queries
from archivist.catalog.rows import Decision
from archivist.catalog.session import open_catalog
from archivist.catalog.writer import Writer
from archivist.config import ReferenceSettings
from archivist.model import Role


def lenders(archive) -> dict[str, set[str]]:
    """Return the scans that were chosen as exemplars, for each scan for which any were."""
    return {
        path: archive.names({use.digest for use in record.inputs if use.role == Role.CHOSEN})
        for path, record in archive.records("exemplars.choose").items()
        if record.status == "done"
    }


def with_references(archive, **changes) -> None:
    archive.settings = replace(archive.settings, references=ReferenceSettings(**changes))


def test_a_grey_print_gets_its_colours_from_the_same_picture_in_colour(archive):
    archive.run()

    assert lenders(archive) == {"grey.png": {"colour.png"}, "toned.png": {"colour.png"}}
    left = np.asarray(PillowImage.open(archive.out / "grey.png"))[:, :160]
    given = np.asarray(PillowImage.open(archive.scans / "colour.png"))[:, :160]
    chroma = np.corrcoef(
        (left[:, :, 0] / 255 - left[:, :, 2] / 255).ravel(),
        (given[:, :, 0] / 255 - given[:, :, 2] / 255).ravel(),
    )
    assert chroma[0, 1] > 0.8


def test_both_choices_share_one_first_pass(archive):
    archive.run()

    with open_catalog(archive.job().url, write=False) as catalog:
        assert [row.command for row in queries.runs(catalog)] == ["run", "embed"]


def test_a_duplicate_lends_colour_and_no_texture(archive):
    """The picture in colour is offered to one choice, and to the other it is not."""
    archive.run()

    texture = archive.records("references.choose")["grey.png"]
    assert "colour.png" not in "\n".join(texture.log)
    assert lenders(archive)["grey.png"] == {"colour.png"}


def test_the_same_run_again_finds_nothing_to_do(archive):
    archive.run()

    assert {action for _, action, _ in archive.told()} == {"reuse"}


def test_a_new_photograph_in_colour_is_a_reason_to_choose_again(archive):
    (archive.scans / "colour.png").rename(archive.scans.parent / "colour.png")
    archive.run()
    assert lenders(archive) == {}
    (archive.scans.parent / "colour.png").rename(archive.scans / "colour.png")
    archive.run()

    assert lenders(archive)["grey.png"] == {"colour.png"}


def test_a_grey_scan_is_not_even_offered(archive):
    archive.save("copy.png", np.asarray(PillowImage.open(archive.scans / "grey.png")) // 2)
    archive.run()

    logs = "\n".join(str(one.log) for one in archive.records("exemplars.choose").values())
    with open_catalog(archive.job().url, write=False) as catalog:
        (copy,) = queries.assets_named(catalog, "copy.png")
    assert copy.uid not in logs


def test_a_whole_picture_lends_though_only_a_part_is_alike(archive):
    archive.run()

    (used,) = [
        use
        for use in archive.records("exemplars.choose")["grey.png"].inputs
        if use.role == Role.CHOSEN
    ]
    assert used.region == (0, 0, 320, 240)


def test_rights_forbid_colour_as_they_forbid_texture(archive, tmp_path):
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("path,rights\ncolour.png,unclear\nstreet.png,CC0\ngrey.png,CC0\n")
    scan = replace(archive.settings.scan, manifest=str(manifest))
    archive.settings = replace(archive.settings, scan=scan)
    with_references(archive, rights=("CC0",))
    archive.run()

    assert lenders(archive) == {}


def test_what_is_excluded_lends_no_colour(archive):
    with_references(archive, excluded=("colour.png",))
    archive.run()

    assert lenders(archive) == {}


def test_colours_that_archivist_invented_are_no_evidence_for_others(archive):
    with_references(archive, excluded=("colour.png",))
    archive.run()
    shutil.copy(archive.out / "grey.png", archive.scans / "made.png")
    archive.run()

    assert lenders(archive) == {}


@pytest.mark.parametrize("count", [1, 2])
def test_how_many_exemplars_are_taken_is_a_param(archive, count):
    other = np.asarray(PillowImage.open(archive.scans / "colour.png"))[:, :, ::-1]
    archive.save("second.png", other)
    steps = list(archive.steps)
    steps[4] = {"use": "exemplars.choose", "count": count}
    archive.steps = tuple(steps)
    archive.run()

    assert len(lenders(archive)["grey.png"]) == count


# --- approved results, for a series that is to be coloured alike ------------------------------


@pytest.fixture
def series(archive):
    """Two prints of one view: ``grey.png`` was coloured, and its result lies among the scans."""
    harbour = np.asarray(PillowImage.open(archive.scans / "grey.png"))
    archive.save("second.png", np.roll(harbour, 6, axis=1))
    with_references(archive, near_bits=0, approved=True)
    archive.run()
    shutil.move(archive.scans / "colour.png", archive.scans.parent)
    shutil.copy(archive.out / "grey.png", archive.scans / "approved.png")
    return archive


def approve(archive, name: str) -> None:
    with open_catalog(archive.job().url, write=True) as catalog:
        (asset,) = queries.assets_named(catalog, name)
        Writer(catalog).review(asset.uid, Decision.APPROVE, by="A. Curator")


def test_an_approved_result_lends_its_colours_to_the_rest_and_is_told_as_no_original(series):
    approve(series, "grey.png")
    series.run(where="path == 'second.png'")

    (used,) = [
        use
        for use in series.records("exemplars.choose")["second.png"].inputs
        if use.role == Role.CHOSEN
    ]
    assert series.names({used.digest}) == {"approved.png"}
    assert used.note.endswith("no original: an approved result")


def test_a_result_that_nobody_approved_lends_nothing(series):
    series.run(where="path == 'second.png'")

    assert "second.png" not in lenders(series)


def test_an_approved_result_lends_only_where_the_configuration_allows_it(series):
    approve(series, "grey.png")
    with_references(series, near_bits=0)
    series.run(where="path == 'second.png'")

    assert "second.png" not in lenders(series)


def test_a_rejection_later_is_a_reason_to_choose_again(series):
    approve(series, "grey.png")
    series.run(where="path == 'second.png'")
    with open_catalog(series.job().url, write=True) as catalog:
        (asset,) = queries.assets_named(catalog, "grey.png")
        Writer(catalog).review(asset.uid, Decision.REJECT, by="A. Curator")
    series.run(where="path == 'second.png'")

    assert series.records("exemplars.choose")["second.png"].status == "skipped"
