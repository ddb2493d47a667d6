"""References are chosen by what the pictures show, read when needed, and named in the records."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Pillow

from archivist.api import Candidate, Kind, hookimpl
from archivist.model import Action, Status, lookalikes_digest
from archivist.references.plugin import CHOOSE
from archivist.testing import assert_step_conforms, run_step, sample_image, sample_references


def roles(record):
    return [(use.port, use.role) for use in record.inputs]


def test_a_finer_picture_of_the_same_things_is_chosen_and_another_is_not(desk, chosen):
    finer, other = desk.lookalike("finer.png"), desk.lookalike("other.png")
    draft = desk.run(other, finer)
    (reference,) = chosen(draft).references
    assert (reference.asset, reference.region) == (finer.asset, (0, 0, 640, 480))
    assert reference.scale == pytest.approx(2, rel=0.05)
    assert "times as fine" in reference.reason
    log = "\n".join(draft.outcome.records[0].log)
    assert f"refused {other.asset}: nothing proves" in log


def test_a_picture_of_the_same_size_is_no_reference(desk, sights):
    desk.add("same.png", np.minimum(sights.make(*sights.size), 200))
    draft = desk.run(desk.lookalike("same.png"))
    record = draft.outcome.records[0]
    assert record.status is Status.SKIPPED
    assert "not finer" in record.reason


def test_with_none_chosen_the_step_is_skipped_and_later_steps_go_without(desk):
    draft = desk.run(desk.lookalike("other.png"))
    choose, borrow = draft.outcome.records
    assert (choose.status, borrow.status) == (Status.SKIPPED, Status.DONE)
    assert choose.reason.startswith("none of the 1 most similar pictures fits")
    assert roles(borrow) == [("image", "scan")]


def test_an_asset_without_lookalikes_says_that_there_is_none(desk):
    record = desk.run().outcome.records[0]
    assert record.reason == "no other picture of the archive may be a reference"


def test_the_records_name_the_candidates_the_chosen_and_the_borrowed(desk):
    finer, other = desk.lookalike("finer.png"), desk.lookalike("other.png")
    choose, borrow = desk.run(finer, other).outcome.records
    assert roles(choose) == [
        ("image", "scan"),
        ("lookalikes", "candidates"),
        ("references", "chosen"),
    ]
    assert choose.inputs[1].digest == lookalikes_digest((finer, other))
    assert choose.inputs[1].note == "index snapshot " + "5a" * 32
    assert roles(borrow) == [
        ("image", "scan"),
        ("references", "prior"),
        ("references", "reference"),
    ]
    assert borrow.inputs[1].digest == choose.outputs[0].digest
    used = borrow.inputs[2]
    assert used.digest == finer.asset
    assert used.score == choose.inputs[2].score
    assert used.note.startswith("region 0,0,640,480: shows the same things")
    assert borrow.parents == (choose.digest,)


def test_a_page_of_a_file_is_named_by_its_file_and_the_page_in_the_note(desk, sights):
    pages = [Pillow.fromarray(sights.make(480, 640, seed)) for seed in (2, 1)]
    pages[0].save(desk.scans / "album.tif", save_all=True, append_images=pages[1:])
    digest = (
        desk.here.plugins
        and __import__("hashlib").sha256((desk.scans / "album.tif").read_bytes()).hexdigest()
    )
    one = replace(desk.lookalike("finer.png"), asset=f"{digest}#1", page=1, path="album.tif")
    used = desk.run(one).outcome.records[1].inputs[2]
    assert used.digest == digest
    assert used.note.startswith("page 2, region 0,0,640,480: ")


def test_a_reference_read_is_upright_and_only_its_region(desk, chosen, sights):
    pixels = sights.make(480, 640)
    exif = Pillow.Exif()
    exif[274] = 6  # stored on its side: to be turned by 90 degrees clockwise
    desk.add("turned.png", np.ascontiguousarray(np.rot90(pixels)), exif=exif)
    one = desk.lookalike("turned.png", region=(100, 40, 500, 400))
    (reference,) = chosen(desk.run(one)).references
    found = reference.read()
    assert np.array_equal(np.rint(found.pixels[:, :, 0] * 255), pixels[40:440, 100:600])
    assert not found.pixels.flags.writeable


def test_a_reference_can_be_read_small(desk, chosen):
    (reference,) = chosen(desk.run(desk.lookalike("finer.png"))).references
    assert reference.read(longest=100).pixels.shape == (75, 100, 1)


def test_a_lookalike_that_is_gone_is_refused_and_the_next_is_chosen(desk, chosen, sights):
    desk.add("second.png", sights.make(960, 1280))
    finer, second = desk.lookalike("finer.png"), desk.lookalike("second.png")
    (desk.scans / "finer.png").unlink()
    draft = desk.run(finer, second)
    assert [one.asset for one in chosen(draft).references] == [second.asset]
    assert "finer.png cannot be read" in "\n".join(draft.outcome.records[0].log)


def test_a_lookalike_that_was_looked_at_before_and_is_gone_now_is_refused(desk):
    finer = desk.lookalike("finer.png")
    desk.run(finer)
    (desk.scans / "finer.png").unlink()
    record = desk.run(finer).outcome.records[0]
    assert record.status is Status.SKIPPED
    assert "unreadable" in record.reason


def test_a_reference_that_changed_after_the_choice_fails_with_the_cure(desk, sights):
    desk.remember(desk.run(desk.lookalike("finer.png")))
    finer = desk.lookalike("finer.png")
    desk.add("finer.png", sights.make(480, 640, seed=3))
    desk.known = desk.known[:1]
    outcome = desk.run(finer, action=Action.FOLLOW).outcome
    assert (outcome.status, outcome.code) == (Status.FAILED, "reference-changed")
    assert "Cure: run the same command again: it chooses anew" in outcome.message
    (failed,) = outcome.records
    assert failed.step == "test.borrow"


def test_a_choice_that_is_reused_reads_its_references_again(desk, chosen):
    finer = desk.lookalike("finer.png")
    first = desk.run(finer)
    desk.remember(first)
    desk.known = desk.known[:1]
    second = desk.run(finer, action=Action.FOLLOW)
    assert [record.step for record in second.outcome.records] == ["test.borrow"]
    assert second.image.digest == first.image.digest
    assert chosen(second).references[0].reason == chosen(first).references[0].reason


def test_the_same_references_from_other_lookalikes_leave_later_work_as_it_is(desk):
    finer = desk.lookalike("finer.png")
    desk.remember(desk.run(finer))
    records = desk.run(desk.lookalike("other.png"), finer, action=Action.FOLLOW).outcome.records
    assert [record.step for record in records] == ["references.choose"]


def test_references_are_kept_though_the_configuration_keeps_images_only(desk):
    (artifact,) = desk.run(desk.lookalike("finer.png")).outcome.records[0].outputs
    assert artifact.kept
    assert artifact.media_type == "application/json"


def test_a_plugin_may_order_the_references(desk, chosen, sights):
    class Reversed:
        @hookimpl
        def archivist_rank_references(self, query, candidates):
            assert query.width == sights.size[1]
            assert all(isinstance(one, Candidate) for one in candidates)
            return candidates[::-1]

    desk.add("second.png", sights.make(960, 1280))
    places = desk.lookalike("finer.png"), desk.lookalike("second.png")
    plain = [one.asset for one in chosen(desk.run(*places)).references]
    desk.install(order=Reversed())
    desk.steps = ("references.choose",)
    assert [one.asset for one in chosen(desk.run(*places)).references] == plain[::-1]


def test_the_same_object_comes_first(desk, chosen, sights):
    desk.add("second.png", sights.make(960, 1280))
    desk.facts = {"object_id": "7"}
    finer = desk.lookalike("finer.png", facts={"object_id": "7"})
    second = desk.lookalike("second.png")
    found = chosen(desk.run(second, finer)).references
    assert [one.asset for one in found] == [finer.asset, second.asset]
    assert found[0].reason.endswith(", same object")


def test_the_step_keeps_its_promises():
    def inputs(image):
        fine = image.with_pixels(np.repeat(np.repeat(image.pixels, 2, axis=0), 2, axis=1))
        return {"image": image, "lookalikes": sample_references(fine)}

    assert_step_conforms(CHOOSE, {"min_scale": 0.25, "floor": 0.0}, inputs=inputs)


def test_run_outside_the_engine_takes_plain_references(sights):
    image = sample_image()
    grey = np.repeat(sights.make(240, 320)[:, :, None] / 255, 3, axis=2).astype(np.float32)
    fine = np.repeat(sights.make(480, 640)[:, :, None] / 255, 3, axis=2).astype(np.float32)
    found = run_step(
        CHOOSE,
        image=image.with_pixels(grey),
        lookalikes=sample_references(image.with_pixels(fine)),
    )
    assert len(found["references"].references) == 1
    assert CHOOSE.outputs[0].kind is Kind.REFERENCES
