"""The report lays exemplars, confidence and faces over the result, and shows each step's part."""

from __future__ import annotations

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as PillowImage

from archivist.api import TransferMap
from archivist.catalog.session import open_catalog
from archivist.config import StoreSettings
from archivist.report.changed import changed_of
from archivist.report.gather import CatalogSource
from archivist.report.overlays import Overlays
from archivist.report.pictures import StoredPictures
from archivist.store.artifacts import save
from archivist.store.blobs import BlobStore

KEPT = StoreSettings().keep


@pytest.fixture
def coloured(archive):
    """The archive after a run that kept all it keeps by default."""
    archive.settings = replace(archive.settings, store=StoreSettings(keep=KEPT))
    archive.run()
    return archive


def pair_of(archive, name="grey.png"):
    with open_catalog(archive.job().url, write=False) as catalog:
        source = CatalogSource(catalog)
        asset = next(one for one in source.assets() if one.path == name)
        store = archive.out / ".archivist" / "store"
        return asset, StoredPictures(source.run, store, side=320).pair(asset)


def shown(uri):
    data = base64.b64decode(uri.partition(",")[2])
    return np.asarray(PillowImage.open(io.BytesIO(data)).convert("RGBA")).astype(int)


def overlay(pair, key):
    return next(one for one in pair.overlays if one.key == key)


def test_the_exemplar_lies_over_what_it_coloured_and_is_named(coloured):
    _, pair = pair_of(coloured)

    found = overlay(pair, "colour")
    alpha = shown(found.uri)[:, :, 3]
    assert (alpha[:, :156] > 60).all()
    assert not alpha[:, 164:].any()
    (lender,) = found.lenders
    assert (lender.name, round(lender.share, 2)) == ("colour.png", 0.5)
    assert "in colour, shows the same things" in lender.reason


def test_confidence_goes_from_one_colour_to_another(coloured):
    _, pair = pair_of(coloured)

    found = overlay(pair, "confidence")
    pixels = shown(found.uri)
    sure, guessed = pixels[120, 40], pixels[120, 280]
    assert sure[1] > sure[0]
    assert guessed[0] > guessed[1]
    assert found.note.endswith("55% on average")


def test_a_redrawn_face_is_framed_and_filled(coloured):
    _, pair = pair_of(coloured)

    found = overlay(pair, "faces")
    alpha = shown(found.uri)[:, :, 3]
    assert alpha[48:144, 32:128].all()
    assert not alpha[160:, 140:].any()
    assert found.note == "Faces: 1 drawn anew (filled)"


def test_a_face_that_was_left_as_it_was_is_only_framed(coloured):
    coloured.steps = tuple(step for step in coloured.steps if step["use"] != "hue.refine")
    coloured.run()
    _, pair = pair_of(coloured)

    found = overlay(pair, "faces")
    alpha = shown(found.uri)[:, :, 3]
    assert alpha[48, 32:128].all()
    assert not alpha[60:130, 45:115].any()
    assert found.note == "Faces: 1 found and left as it was (framed)"


def test_texture_and_colour_of_one_photograph_have_reasons_of_their_own(coloured):
    asset, _ = pair_of(coloured)
    *before, colour = asset.steps
    (exemplar,) = colour.references
    lent = TransferMap(
        source=np.zeros((60, 80), np.int32),
        position=np.zeros((60, 80, 2), np.int32),
        similarity=np.ones((60, 80), np.float32),
        assets=(exemplar.uid,),
        stride=4,
    )
    store = BlobStore(coloured.out / ".archivist" / "store")
    texture = replace(
        colour,
        artifacts=(save(store, "transfer_map", lent),),
        references=(replace(exemplar, note="finer"),),
    )
    asset = replace(asset, steps=(*before, texture, colour))

    first, second = Overlays(store).of(asset, (60, 80), lambda _: "")[:2]

    assert (first.key, [one.reason for one in first.lenders]) == ("texture", ["finer"])
    assert (second.key, [one.reason for one in second.lenders]) == ("colour", [exemplar.note])


def test_each_step_has_its_part_in_the_strip(coloured):
    asset, pair = pair_of(coloured)

    told = {step.step: shot for step, shot in zip(asset.steps, pair.shots, strict=True)}
    assert told["hue.detect"].said == "1 face"
    assert told["exemplars.choose"].said == "1 chosen"
    assert told["references.choose"].said == ""
    assert told["hue.refine"].picture.startswith("data:image/jpeg")
    share = float(told["hue.refine"].said.removeprefix("about ").partition(" ")[0])
    assert share == pytest.approx(12, abs=1)
    assert told["hue.colour"].said.startswith("about ")
    assert shown(told["hue.colour"].picture).shape == (99, 132, 4)


def test_a_mask_is_shown_in_the_strip(archive):
    archive.steps = ({"use": "sample.spot"}, {"use": "sample.fill"})
    archive.settings = replace(archive.settings, store=StoreSettings(keep=KEPT))
    pixels = np.full((60, 80, 3), 100, np.uint8)
    pixels[10:20, 10:30] = 255
    archive.save("grey.png", pixels)
    archive.run()
    asset, pair = pair_of(archive)

    mask, filled = pair.shots
    assert [step.step for step in asset.steps] == ["sample.spot", "sample.fill"]
    assert shown(mask.picture)[15, 20, 0] > 200
    assert shown(mask.picture)[50, 60, 0] < 50
    assert filled.said == "about 4.2 % changed"


def test_what_was_not_kept_is_left_out(archive):
    archive.settings = replace(archive.settings, store=StoreSettings(keep=()))
    archive.run()
    _, pair = pair_of(archive)

    assert pair.overlays == ()
    assert all(not shot.picture for shot in pair.shots)


def test_a_damaged_map_costs_its_overlay_only(coloured):
    asset, pair = pair_of(coloured)
    artifact = next(one for one in asset.steps[-1].artifacts if one.kind == "transfer_map")
    blob = artifact.blob
    path = coloured.out / ".archivist" / "store" / blob[:2] / blob[2:4] / blob
    path.chmod(0o644)
    path.write_bytes(b"noise")
    _, after = pair_of(coloured)

    assert [one.key for one in pair.overlays] == ["colour", "confidence", "faces"]
    assert [one.key for one in after.overlays] == ["confidence", "faces"]


def test_the_page_has_a_button_for_each_overlay_and_reasons_for_what_was_not_needed(
    coloured, capsys, tmp_path
):
    page = tmp_path / "report.html"
    coloured.command("report", "--html", str(page), capsys=capsys)
    text = page.read_text()

    for key, label in (("colour", "Exemplars"), ("confidence", "Confidence"), ("faces", "Faces")):
        assert f'data-toggle="{key}" aria-pressed="false">{label}</button>' in text
        assert f'data-overlay="{key}"' in text
    assert 'class="strip" aria-label="Step by step"' in text
    assert "none of the" in text


def test_pictures_come_back_from_the_cache_as_they_were_made(coloured, capsys, tmp_path):
    pages = [tmp_path / "first.html", tmp_path / "second.html"]
    for page in pages:
        coloured.command("report", "--html", str(page), capsys=capsys)
    first, second = (
        page.read_text().partition("<main")[2].partition("</main>")[0] for page in pages
    )

    assert first == second


def test_an_audit_can_lay_the_same_over_its_result(coloured, capsys, tmp_path):
    page = tmp_path / "audit.html"
    coloured.command("audit", "grey.png", "--html", str(page), capsys=capsys)
    text = page.read_text()

    assert all(f'data-overlay="{key}"' in text for key in ("colour", "confidence", "faces"))
    assert "Faces: 1 drawn anew (filled)" in text


def test_a_share_that_only_some_steps_measured_is_not_told_as_that_of_the_whole(coloured):
    asset, _ = pair_of(coloured)
    *before, last = asset.steps
    measured = replace(before[2], scores={"changed_share": 0.1})

    with_all = replace(asset, steps=(*before[:2], measured, *before[3:5]))
    with_some = replace(asset, steps=(*before[:2], measured, *before[3:], last))

    assert (changed_of(with_all), changed_of(with_some)) == (0.1, None)
