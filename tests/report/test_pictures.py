from __future__ import annotations

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from archivist.model import Artifact, Status
from archivist.report import thumbnails
from archivist.report.pictures import StoredPictures
from archivist.store.blobs import BlobStore


def pixels_of(uri):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))


@pytest.fixture
def places(rows, tmp_path):
    for name in ("scans", "out", "store"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture
def pictures(rows, places):
    return StoredPictures(rows.run, places / "store", side=64)


def write(path, pixels, **options):
    Image.fromarray(pixels).save(path, **options)


def flat(value, size=(120, 200), channels=3):
    return np.full((*size, channels), value, np.uint8)


def test_scan_and_result_are_shown_small(places, pictures, asset):
    write(places / "scans" / "a.png", flat(200))
    write(places / "out" / "a.png", flat(90))
    pair = pictures.pair(asset("a.png"))
    before, after = pixels_of(pair.before), pixels_of(pair.after)
    assert before.shape == after.shape == (38, 64, 3)
    assert (pair.width, pair.height) == (64, 38)
    assert abs(int(before.mean()) - 200) < 3
    assert abs(int(after.mean()) - 90) < 3


def test_a_sixteen_bit_tiff_keeps_its_brightness(places, pictures, asset):
    tifffile.imwrite(places / "scans" / "a.tif", np.full((90, 60), 40000, np.uint16))
    tifffile.imwrite(places / "out" / "a.tif", np.full((90, 60), 20000, np.uint16))
    pair = pictures.pair(asset("a.tif"))
    assert abs(pixels_of(pair.before).mean() - 40000 / 257) < 2
    assert abs(pixels_of(pair.after).mean() - 20000 / 257) < 2


def test_a_missing_scan_becomes_words_beside_the_result(places, pictures, asset):
    write(places / "out" / "a.png", flat(90))
    pair = pictures.pair(asset("a.png"))
    assert pair.before == ""
    assert pair.after
    assert pair.note == "The scan is no longer at its place."


def test_when_both_are_missing_the_card_says_so(pictures, asset):
    pair = pictures.pair(asset("a.png"))
    assert (pair.before, pair.after) == ("", "")
    assert "The scan is no longer" in pair.note
    assert "The result is no longer" in pair.note


def test_a_damaged_result_becomes_words(places, pictures, asset):
    write(places / "scans" / "a.png", flat(200))
    (places / "out" / "a.png").write_bytes((places / "scans" / "a.png").read_bytes()[:60])
    pair = pictures.pair(asset("a.png"))
    assert pair.before
    assert pair.note.startswith("The result cannot be shown")


def test_an_unchanged_photograph_is_shown_once(places, pictures, asset, file):
    write(places / "scans" / "a.png", flat(200))
    pair = pictures.pair(asset("a.png", status=Status.SKIPPED, files=(file(untouched=True),)))
    assert pair.before
    assert pair.after == ""
    assert pair.note == "No step changed this picture."


def masked(step, store, mask):
    stream = io.BytesIO()
    Image.fromarray(mask).save(stream, "PNG")
    blob = BlobStore(store).put_bytes(stream.getvalue())
    return step(artifacts=(Artifact(port="mask", kind="mask", digest="a" * 64, blob=blob),))


def test_the_mask_covers_what_was_chosen(places, pictures, asset, step):
    write(places / "scans" / "a.png", flat(200))
    write(places / "out" / "a.png", flat(90))
    mask = np.zeros((120, 200), np.uint8)
    mask[:, 100] = 255  # a scratch of one pixel
    pair = pictures.pair(asset("a.png", steps=(masked(step, places / "store", mask),)))
    overlay = np.asarray(
        Image.open(io.BytesIO(base64.b64decode(pair.mask.partition(",")[2]))).convert("RGBA")
    )
    assert overlay.shape[:2] == (38, 64)
    assert (overlay[:, 32, 3] > 50).all()
    assert not overlay[:, :30, 3].any()
    assert tuple(overlay[5, 32, :3]) == thumbnails.MASK_COLOUR


def test_a_mask_that_was_deleted_is_left_out(places, pictures, asset, step):
    write(places / "scans" / "a.png", flat(200))
    write(places / "out" / "a.png", flat(90))
    gone = step(artifacts=(Artifact(port="mask", kind="mask", digest="a" * 64, blob="b" * 64),))
    pair = pictures.pair(asset("a.png", steps=(gone,)))
    assert pair.after
    assert pair.mask == ""


def test_the_detail_shows_where_most_was_changed_pixel_for_pixel(places, pictures, asset):
    scan = flat(200, (400, 600))
    scan[300:310, 500:530] = 0
    write(places / "scans" / "a.png", scan)
    write(places / "out" / "a.png", flat(200, (400, 600)))
    pair = pictures.pair(asset("a.png", width=600, height=400))
    detail = pixels_of(pair.detail_before)
    assert detail.shape == (32, 48, 3)
    assert detail.min() < 30
    assert pixels_of(pair.detail_after).min() > 180


def test_a_strip_of_a_few_rows_is_shown(places, pictures, asset):
    before = flat(200, size=(2, 900))
    after = before.copy()
    after[1, 700] = 0
    write(places / "scans" / "a.png", before)
    write(places / "out" / "a.png", after)
    pair = pictures.pair(asset("a.png"))
    assert pixels_of(pair.before).shape == (1, 64, 3)
    assert pixels_of(pair.detail_after).shape == (1, 48, 3)


def test_without_a_common_size_there_is_no_detail(places, pictures, asset):
    write(places / "scans" / "a.png", flat(200, (400, 600)))
    write(places / "out" / "a.png", flat(200, (500, 750)))
    pair = pictures.pair(asset("a.png"))
    assert pair.after
    assert (pair.detail_before, pair.detail_after) == ("", "")


def test_a_detail_of_an_enlarged_scan_shows_the_scan_plainly_enlarged(places, pictures, asset):
    write(places / "scans" / "a.png", flat(200, (200, 300)))
    write(places / "out" / "a.png", flat(90, (400, 600)))
    pair = pictures.pair(asset("a.png"))
    before, after = pixels_of(pair.detail_before), pixels_of(pair.detail_after)
    assert before.shape == after.shape
    assert abs(int(before.mean()) - 200) < 3


def test_pictures_of_an_enlarged_scan_take_the_size_of_the_result(places, pictures, asset):
    write(places / "scans" / "a.png", flat(200, (20, 30)))
    write(places / "out" / "a.png", flat(90, (40, 60)))
    pair = pictures.pair(asset("a.png"))
    assert (pair.width, pair.height) == (60, 40)


def test_the_right_page_is_shown(places, pictures, asset):
    for folder, values in (("scans", (10, 240)), ("out", (20, 120))):
        with tifffile.TiffWriter(places / folder / "a.tif") as tiff:
            for value in values:
                tiff.write(flat(value), photometric="rgb")
    pair = pictures.pair(asset("a.tif", page=1, pages=2))
    assert pixels_of(pair.before).mean() > 230
    assert 115 < pixels_of(pair.after).mean() < 125


def test_pairs_come_in_the_order_of_the_assets(places, pictures, asset):
    paths = [f"{n}.png" for n in range(7)]
    for n, path in enumerate(paths):
        write(places / "scans" / path, flat(30 * n))
        write(places / "out" / path, flat(0))
    found = [pixels_of(pair.before).mean() for pair in pictures.pairs([asset(p) for p in paths])]
    assert found == sorted(found)


@pytest.mark.parametrize("side", [40, 20])
def test_a_mask_is_reduced_to_how_much_of_a_pixel_it_chose(side):
    from archivist.imaging.storage import ArrayRaster

    mask = np.zeros((40, 40, 1), np.bool_)
    mask[:, 20:] = True

    small = thumbnails.reduce(ArrayRaster(mask), side)

    assert (small[:, : side // 2] == 0).all()
    assert (small[:, side // 2 :] == 255).all()


def test_a_large_scan_is_read_in_bands(monkeypatch):
    from archivist.imaging.storage import ArrayRaster

    picture = np.linspace(0, 255, 500 * 300 * 3).astype(np.uint8).reshape(500, 300, 3)
    whole = thumbnails.reduce(ArrayRaster(picture), 50)
    monkeypatch.setattr(thumbnails, "_BAND_BYTES", 300 * 3 * 40)
    banded = thumbnails.reduce(ArrayRaster(picture), 50)
    assert np.abs(whole.astype(int) - banded).max() <= 1


def test_a_scan_with_a_profile_is_shown_in_the_colours_of_a_page():
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # A profile whose red is the blue of sRGB, and the other way round.
    swapped = srgb.replace(b"rXYZ", b"____").replace(b"bXYZ", b"rXYZ").replace(b"____", b"bXYZ")
    red = np.zeros((4, 4, 3), np.uint8)
    red[:, :, 0] = 255
    shown = thumbnails.to_srgb(red, swapped)[0, 0]
    assert shown[2] > 250
    assert shown[0] < 5


@pytest.mark.parametrize("icc", [b"", b"no profile", None])
def test_a_profile_that_cannot_be_read_leaves_the_pixels(icc):
    pixels = flat(100)
    assert (thumbnails.to_srgb(pixels, icc) == pixels).all()


def test_a_photograph_that_vanished_does_not_end_the_report(rows, places, asset, tmp_path):
    from archivist.report.html import write_html

    write(places / "scans" / "a.png", flat(200))
    rows.listed = [asset("a.png"), asset("gone.png")]
    rows.run = replace(rows.run, scans=places / "scans", out=places / "out")
    shelf = write_html(rows, StoredPictures(rows.run, None), tmp_path / "report.html")
    assert shelf.shown == 2
