"""A step may enlarge the picture: masks follow, the print keeps its size, the record says so."""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from archivist.api import (
    BadOutput,
    CheckSpec,
    Embedding,
    Face,
    Faces,
    TransferMap,
    Verdict,
    hookimpl,
    param,
)
from archivist.imaging.probe import probe
from archivist.imaging.raster import ArrayRaster
from archivist.model import Action, Status
from archivist.plugins import spec_problems
from archivist.step.fitting import Repeated, enlarged
from archivist.testing import run_step, sample_image

NAMES = {"tif": "scan.tif", "jpg": "scan.jpg", "png": "scan.png"}


def exif(orientation=1, dpi=300):
    """Exif as a scanner writes it: orientation, resolution, unit."""
    block = Pillow.Exif()
    block[274], block[282], block[283], block[296] = orientation, dpi, dpi, 2
    return block


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_the_print_keeps_its_size_in_each_format(desk, sights, name):
    desk.steps = ("test.enlarge",)
    desk.add(name, sights.make(120, 160), dpi=(300, 300), exif=exif())
    outcome = desk.publish(name)
    (publication,) = outcome.publications
    path = desk.workshop.out + "/" + name
    with Pillow.open(path) as image:
        assert image.size == (320, 240)
        assert image.info["dpi"] == pytest.approx((600, 600), abs=0.1)
        written = image.getexif()
    assert [float(written[tag]) for tag in (282, 283)] == [600, 600]
    reasons = publication.contract.changed
    assert any("XResolution" in tag for tag in reasons)
    assert all("size" in reasons[tag] for tag in reasons if "Resolution" in tag)
    assert not publication.contract.lost


def test_a_scan_that_lies_on_its_side_gets_the_resolutions_of_its_upright_sides(desk, sights):
    desk.steps = ("test.enlarge",)
    stored = np.ascontiguousarray(np.rot90(sights.make(120, 160)))
    block = exif(orientation=6)
    block[282], block[283] = 300, 150
    desk.add("scan.tif", stored, dpi=(300, 150), exif=block)
    desk.publish("scan.tif")
    (header,) = probe(desk.scans.parent / "out" / "scan.tif", max_pixels=10**8)
    assert (header.width, header.height) == (320, 240)
    assert header.dpi == pytest.approx((300, 600))


@pytest.mark.parametrize("dpi", [0.0001, 100_000])
def test_a_resolution_that_no_picture_has_stays_as_exif_says_it(desk, sights, dpi):
    desk.steps = ("test.enlarge",)
    desk.add("scan.jpg", sights.make(60, 80), exif=exif(dpi=dpi))
    outcome = desk.publish("scan.jpg")
    (publication,) = outcome.publications
    with Pillow.open(desk.workshop.out + "/scan.jpg") as image:
        assert float(image.getexif()[282]) == pytest.approx(2 * dpi)
    assert not publication.contract.lost


def test_an_unknown_resolution_stays_unknown(desk, sights):
    desk.steps = ("test.enlarge",)
    desk.add("scan.png", sights.make(60, 80))
    desk.publish("scan.png")
    (header,) = probe(desk.scans.parent / "out" / "scan.png", max_pixels=10**8)
    assert (header.width, header.dpi) == (160, None)


def test_a_mask_found_before_chooses_the_same_things_after(desk):
    desk.steps = ("test.mark", "test.enlarge", "test.fill")
    desk.params = {"test.enlarge": {"scale": 4}}
    draft = desk.run()
    assert draft.outcome.status is Status.DONE
    mask = desk.made[draft][0, "mask"].raster.read(0, 240, 0, 320)[:, :, 0]
    image = draft.image.raster.read(0, 960, 0, 1280)[:, :, 0]
    assert mask.any()
    assert np.array_equal(image == 0, mask.repeat(4, axis=0).repeat(4, axis=1))


def test_the_record_of_a_fitted_mask_names_the_mask_that_was_made(desk):
    desk.steps = ("test.mark", "test.enlarge", "test.fill")
    mark, _, fill = desk.run().outcome.records
    assert fill.inputs[1].digest == mark.outputs[0].digest


def test_a_mask_is_fitted_to_an_enlarged_picture_that_is_reused(desk):
    desk.steps = ("test.mark", "test.enlarge", "test.fill")
    desk.workshop = replace(desk.workshop, keep=("image", "mask"))
    first = desk.run()
    desk.remember(first)
    desk.known = desk.known[:2]
    second = desk.run(action=Action.FOLLOW)
    assert [record.step for record in second.outcome.records] == ["test.fill"]
    assert second.image.digest == first.image.digest


def test_another_size_than_the_param_says_is_refused(desk):
    spec = desk.here.plugins.require("test.enlarge")
    wrong = replace(spec, run="borrowing_steps:fixed")
    assert run_step(wrong, {"scale": 2}, image=sample_image())
    with pytest.raises(BadOutput, match="the image times 4"):
        run_step(wrong, {"scale": 4}, image=sample_image())


def test_a_check_sees_both_pictures_at_one_size(desk, monkeypatch):
    seen = []

    def watch(before, after):
        seen.append((before.pixels.shape, after.pixels.shape))
        return Verdict(needed=False, reason="fine")

    class Watch:
        @hookimpl
        def archivist_checks(self):
            return [CheckSpec(id="watch", title="Watch", run="borrowing_steps:watch")]

    monkeypatch.setattr(sys.modules["borrowing_steps"], "watch", watch, raising=False)
    desk.install(watch=Watch())
    desk.steps = ("test.enlarge",)
    desk.run()
    assert seen == [((480, 640, 1), (480, 640, 1))]


@pytest.mark.parametrize(
    ("name", "default", "more"),
    [("none", 2, {}), ("scale", 0, {"choices": (2,)}), ("scale", 2, {"low": 0}), ("scale", 2, {})],
)
def test_a_scale_that_may_be_no_scale_is_a_fault_of_the_description(desk, name, default, more):
    params = dataclasses.make_dataclass(
        "Params", [("scale", int, param(default, doc="Times.", **more))], frozen=True
    )
    spec = replace(desk.here.plugins.require("test.enlarge"), params=params, scale_param=name)
    assert any(problem.startswith("scale_param") for problem in spec_problems(spec))


def test_what_lies_on_a_picture_is_enlarged_with_it():
    face = Face(box=(1.0, 2.0, 3.0, 4.0), landmarks=((1.5, 2.5),), score=0.9)
    vectors = np.ones((1, 1), np.float32)
    embedding = Embedding(vectors=vectors, regions=((1, 2, 3, 4),), model="m")
    grid = np.zeros((2, 2), np.int32)
    borrowed = TransferMap(
        source=grid, position=np.zeros((2, 2, 2), np.int32), similarity=grid, assets=(), stride=4
    )
    (found,) = enlarged(Faces((face,)), 2).faces
    assert (found.box, found.landmarks) == ((2.0, 4.0, 6.0, 8.0), ((3.0, 5.0),))
    assert enlarged(embedding, 3).regions == ((3, 6, 9, 12),)
    assert enlarged(borrowed, 2).stride == 8


@given(window=st.tuples(*[st.integers(0, 14)] * 4), factor=st.integers(1, 3))
def test_a_window_of_a_repeated_raster_is_that_of_the_repeated_array(window, factor):
    pixels = np.arange(5 * 7, dtype=np.uint16).reshape(5, 7, 1)
    whole = pixels.repeat(factor, axis=0).repeat(factor, axis=1)
    y0, x0 = window[0] % (5 * factor), window[1] % (7 * factor)
    y1, x1 = min(y0 + 1 + window[2], 5 * factor), min(x0 + 1 + window[3], 7 * factor)
    view = Repeated(ArrayRaster(pixels), factor)
    assert view.shape == whole.shape
    assert np.array_equal(view.read(y0, y1, x0, x1), whole[y0:y1, x0:x1])
