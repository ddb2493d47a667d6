"""A run from scans to outputs and the record of it, in this process."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage

from archivist.api.errors import UsageError
from archivist.catalog import queries
from archivist.catalog.rows import Decision, RunState
from archivist.catalog.session import open_catalog
from archivist.catalog.writer import Writer
from archivist.config import OutputSettings, RecipeSettings, StoreSettings
from archivist.model import OutputProfile
from archivist.pipeline import plan, run
from archivist.pipeline.job import Silent
from archivist.schedule.devices import BASE_MIB, plan_workers


def reasons(bench, **options) -> set[tuple[str, str, str]]:
    planned = plan(bench.job(**options))
    return {(line.step, str(line.action), line.reason) for line in planned.lines}


def test_every_scan_has_its_output_at_the_same_place(bench):
    result = bench.run()

    assert result.state is RunState.DONE
    assert bench.outputs() == {"plain.png", "photo.jpg", "album/spotted.png", "album/deep.tif"}


def test_a_scan_that_needs_nothing_comes_out_byte_for_byte(bench):
    bench.run()

    for name in ("plain.png", "photo.jpg"):
        assert (bench.out / name).read_bytes() == (bench.scans / name).read_bytes()


def test_only_what_a_step_changed_is_changed_and_16_bits_stay(bench):
    bench.run()

    before, after = bench.source("album/deep.tif"), bench.pixels("album/deep.tif")
    assert after.dtype == np.uint16
    assert (before != after).sum() == 4
    assert after[4, 4] == round(0.25 * 65535)


def test_grey_stays_grey_and_colour_stays_colour(bench):
    bench.steps = [{"use": "sample.shade"}]
    bench.run()

    assert bench.pixels("plain.png").shape == (32, 48)
    assert bench.pixels("album/spotted.png").shape == (32, 48, 3)


def test_the_scans_are_not_touched(bench):
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in bench.scans.rglob("*.*")}
    bench.steps = [{"use": "sample.shade"}]
    bench.run()

    assert before == {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in bench.scans.rglob("*.*")}


def test_assets_end_as_done_or_skipped_with_the_reason(bench):
    result = bench.run()

    assert result.counts == {"done": 2, "skipped": 2}
    with open_catalog(bench.job().url, write=False) as catalog:
        rows = list(queries.report_rows(catalog))
    assert {row.message for row in rows if row.status == "skipped"} == {"there is no spot"}


def test_the_same_run_again_finds_nothing_to_do(bench):
    bench.run()
    again = bench.run()

    assert again.planned.summary.units == 0
    assert again.planned.summary.idle_assets == 4


def test_a_deleted_output_comes_back_without_running_a_step(bench):
    bench.run()
    (bench.out / "album" / "deep.tif").unlink()

    again = bench.run()

    assert again.planned.summary.units == 1
    assert (bench.source("album/deep.tif") != bench.pixels("album/deep.tif")).sum() == 4
    with open_catalog(bench.job().url, write=False) as catalog:
        assert {row.step for row in queries.run_counts(catalog, again.run) if row.step} == set()


def test_a_deleted_output_comes_back_byte_for_byte(bench):
    bench.steps = [{"use": "sample.shade"}]
    bench.run()
    before = (bench.out / "plain.png").read_bytes()
    (bench.out / "plain.png").unlink()

    bench.run()

    assert (bench.out / "plain.png").read_bytes() == before


def test_what_a_killed_run_left_is_removed_also_after_a_plan(bench):
    bench.run()
    with open_catalog(bench.job().url, write=True) as catalog:
        Writer(catalog).start_run(command="run")  # and its process dies
    left = bench.out / "album" / ".archivist-0123456789abcdef.part"
    left.write_bytes(b"half an output")
    plan(bench.job())

    bench.run()

    assert not left.exists()


def test_a_changed_param_runs_that_step_and_stops_where_the_output_is_the_same(bench):
    bench.run()
    bench.steps[0]["level"] = 0.91

    assert ("sample.spot", "run", "param level 0.9 -> 0.91") in reasons(bench)
    again = bench.run()

    with open_catalog(bench.job().url, write=False) as catalog:
        counts = queries.run_counts(catalog, again.run)
    assert {row.step for row in counts if row.step} == {"sample.spot"}


def test_a_new_version_runs_again(bench, monkeypatch):
    bench.run()
    monkeypatch.setenv("SAMPLE_VERSION", "2")
    __import__("sys").modules.pop("sample_steps")

    assert ("sample.spot", "run", "version 1 -> 2") in reasons(bench)


def test_a_changed_scan_is_new_work_and_says_so(bench):
    bench.run()
    PillowImage.fromarray(np.full((20, 20), 90, np.uint8)).save(bench.scans / "plain.png")

    assert ("sample.spot", "run", "input changed") in reasons(bench)
    bench.run()
    assert bench.pixels("plain.png").shape == (20, 20)


def test_an_approved_result_is_not_replaced_unless_asked(bench):
    bench.steps = [{"use": "sample.shade"}]
    bench.run()
    before = (bench.out / "plain.png").read_bytes()
    with open_catalog(bench.job().url, write=True) as catalog:
        assets = [row.asset.uid for row in queries.report_rows(catalog)]
        for asset in assets:
            Writer(catalog).review(asset, Decision.APPROVE, by="curator", reason="fine")
    bench.steps[0]["amount"] = 0.7

    assert bench.run().planned.summary.units == 0
    assert (bench.out / "plain.png").read_bytes() == before
    assert bench.run(override=True).planned.summary.units == 4


def test_one_bad_file_does_not_stop_the_rest(bench):
    bright = np.full((8, 8), 200, np.uint8)
    PillowImage.fromarray(bright).save(bench.scans / "bright.png")
    bench.steps = [{"use": "sample.fail"}]

    result = bench.run()

    (failure,) = result.failures
    assert failure.paths == ("bright.png",)
    assert "IndexError: too bright for me" in failure.message
    assert result.counts["failed"] == 1
    assert "bright.png" not in bench.outputs()
    assert len(bench.outputs()) == 4


def test_fail_fast_stops_after_the_first_failure(bench):
    for number in range(100):  # more than one batch
        image = np.full((8, 8), 240 - number, np.uint8)
        PillowImage.fromarray(image).save(bench.scans / f"{number:02}.png")
    bench.steps = [{"use": "sample.fail"}]

    result = bench.run(fail_fast=True)

    assert result.pending > 0
    assert result.state is RunState.INTERRUPTED


def test_a_failed_asset_is_tried_again_with_that_reason(bench):
    PillowImage.fromarray(np.full((8, 8), 200, np.uint8)).save(bench.scans / "bright.png")
    bench.steps = [{"use": "sample.fail"}]
    bench.run()

    assert ("sample.fail", "run", "failed last time: step-failed") in reasons(bench)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("sample.vandal", "writes into its input"),
        ("sample.nan", "NaN"),
        ("sample.black", "all black"),
        ("sample.crop", "expected 48 x 32"),
        ("sample.quit", "end the program"),
    ],
)
def test_a_step_that_breaks_its_promise_fails_the_asset(bench, step, words):
    bench.steps = [{"use": step}]

    result = bench.run()

    assert result.counts == {"failed": 4}
    assert all(words in failure.message for failure in result.failures)


def test_copies_of_one_picture_are_worked_on_once_and_published_twice(bench):
    (bench.scans / "copy.png").write_bytes((bench.scans / "album/spotted.png").read_bytes())

    result = bench.run()

    assert result.planned.summary.units == 4
    assert (bench.out / "copy.png").read_bytes() == (bench.out / "album/spotted.png").read_bytes()


def test_each_page_of_a_scan_returns_to_its_place(bench):
    import tifffile

    pages = np.stack([np.full((20, 30), 90 + 10 * n, np.uint8) for n in range(3)])
    pages[1, 4, 5] = 250
    tifffile.imwrite(bench.scans / "album.tif", pages, photometric="minisblack")

    result = bench.run()

    after = tifffile.imread(bench.out / "album.tif")
    assert result.failures == ()
    assert (after != pages).nonzero() == ([1], [4], [5])
    assert bench.run().planned.summary.units == 0


def test_a_deleted_page_of_an_access_copy_is_made_anew(bench):
    import tifffile

    pages = np.stack([np.full((20, 30), 90 + 10 * n, np.uint8) for n in range(3)])
    tifffile.imwrite(bench.scans / "album.tif", pages, photometric="minisblack")
    profiles = (OutputProfile(name="access", format="jpeg", depth="8"),)
    bench.settings = replace(bench.settings, output=OutputSettings(profiles=profiles))
    bench.run()
    first = bench.out / "album.tif~page1.jpg"
    first.unlink()

    assert bench.run().planned.summary.units == 1
    assert first.exists()
    assert bench.run().planned.summary.units == 0


def test_two_profiles_write_masters_and_access_copies_in_one_run(bench):
    profiles = (
        OutputProfile(name="master", format="tiff", depth="16", folder="master"),
        OutputProfile(name="access", format="jpeg", depth="8", folder="access", max_side=24),
    )
    bench.settings = replace(bench.settings, output=OutputSettings(profiles=profiles))
    bench.run()

    assert bench.pixels("master/album/spotted.png.tif").dtype == np.uint16
    assert bench.pixels("access/plain.png.jpg").shape == (16, 24)


def test_an_unknown_scheduler_is_refused_before_anything_is_scanned(bench):
    with pytest.raises(UsageError, match="Cure: auto, serial"):
        bench.run(scheduler="cluster")

    assert not bench.out.exists()


def test_where_chooses_assets(bench):
    result = bench.run(where='path like "album/*"')

    assert bench.outputs() == {"album/spotted.png", "album/deep.tif"}
    assert result.counts == {"done": 2}


def test_overrides_give_some_assets_other_params(bench):
    bench.steps = [{"use": "sample.shade"}]
    job = bench.job()
    recipe = RecipeSettings(
        steps=({"use": "sample.shade"},),
        overrides=({"where": 'format == "tiff"', "use": "sample.shade", "amount": 1.0},),
    )
    job = replace(job, settings=replace(job.settings, recipes={"test": recipe}))

    run(job)

    assert (bench.pixels("album/deep.tif") == bench.source("album/deep.tif")).all()
    assert not (bench.pixels("plain.png") == bench.source("plain.png")).all()


def test_a_mask_drawn_by_hand_takes_the_place_of_a_detector(bench, tmp_path):
    masks = tmp_path / "masks"
    masks.mkdir()
    mask = np.zeros((32, 48), np.uint8)
    mask[20:22, 30:33] = 255
    PillowImage.fromarray(mask).save(masks / "plain.png")
    job = bench.job()
    recipe = RecipeSettings(steps=({"use": "sample.fill"},), inputs={"mask": str(masks)})
    job = replace(job, settings=replace(job.settings, recipes={"test": recipe}))

    result = run(job)

    assert (bench.pixels("plain.png") != bench.source("plain.png")).sum() == 6
    assert result.counts == {"done": 1, "skipped": 3}


def test_a_folder_of_masks_that_is_not_there_is_refused(bench, tmp_path):
    job = bench.job()
    inputs = {"mask": str(tmp_path / "masks")}
    recipe = RecipeSettings(steps=({"use": "sample.fill"},), inputs=inputs)
    job = replace(job, settings=replace(job.settings, recipes={"test": recipe}))

    with pytest.raises(UsageError, match=r"inputs\.mask"):
        run(job)
    assert not bench.out.exists()


def test_a_mask_that_cannot_be_read_is_named_with_its_cure(bench, tmp_path, monkeypatch):
    mask = tmp_path / "masks" / "photo.jpg.png"
    mask.parent.mkdir()
    mask.write_bytes(b"a mask")

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("archivist.pipeline.planning.digest_file", refuse)
    job = bench.job()
    recipe = RecipeSettings(steps=({"use": "sample.fill"},), inputs={"mask": str(mask.parent)})
    job = replace(job, settings=replace(job.settings, recipes={"test": recipe}))

    with pytest.raises(UsageError, match=r"photo\.jpg\.png cannot be read"):
        plan(job)


def test_a_scan_whose_name_leaves_no_room_for_a_mask_is_no_fault(bench, tmp_path):
    masks = tmp_path / "masks"
    masks.mkdir()
    (bench.scans / "photo.jpg").rename(bench.scans / f"{'x' * 251}.jpg")
    job = bench.job()
    recipe = RecipeSettings(steps=({"use": "sample.fill"},), inputs={"mask": str(masks)})
    job = replace(job, settings=replace(job.settings, recipes={"test": recipe}))

    assert run(job).counts == {"skipped": 4}


def test_a_tiled_step_gives_the_same_pixels_as_the_whole_image(bench):
    import cv2

    image = np.random.default_rng(0).integers(0, 65535, (300, 417), np.uint16)
    import tifffile

    tifffile.imwrite(bench.scans / "large.tif", image, photometric="minisblack")
    bench.steps = [{"use": "sample.smooth"}]
    bench.run()

    whole = cv2.GaussianBlur(image.astype(np.float32) / 65535, (9, 9), 1.5)
    difference = np.abs(bench.pixels("large.tif") / 65535 - whole)
    assert difference.max() < 2 / 65535


def test_streaming_a_large_scan_gives_the_same_file_as_holding_it(bench):
    import tifffile

    image = np.random.default_rng(0).integers(0, 65535, (300, 417, 3), np.uint16)
    tifffile.imwrite(bench.scans / "large.tif", image, photometric="rgb", tile=(64, 64))
    bench.steps = [{"use": "sample.smooth"}]
    bench.run()
    held = bench.pixels("large.tif")
    schedule = replace(bench.settings.schedule, stream_above_megapixels=0.1)
    bench.settings = replace(bench.settings, schedule=schedule)
    bench.out = bench.out.with_name("streamed")
    bench.run()

    assert (bench.pixels("large.tif") == held).all()


def test_the_record_names_step_params_inputs_and_outputs(bench):
    bench.run()

    with open_catalog(bench.job().url, write=False) as catalog:
        row = next(r for r in queries.report_rows(catalog) if r.paths == ("album/deep.tif",))
    spot, fill = row.records
    assert (spot.step, spot.version, spot.distribution) == ("sample.spot", 1, "sample-steps")
    assert spot.params == {"level": 0.9}
    assert [use.role for use in fill.inputs] == ["scan", "mask"]
    assert fill.parents == (spot.digest,)
    assert fill.inputs[1].digest == spot.outputs[0].digest


def test_an_invented_picture_is_marked_as_such(bench):
    bench.steps = [{"use": "sample.colour"}]
    bench.run()

    assert b"compositeWithTrainedAlgorithmicMedia" in (bench.out / "photo.jpg").read_bytes()


def test_an_output_folder_inside_the_scans_is_refused(bench):
    bench.out = bench.scans / "restored"

    with pytest.raises(UsageError, match="scans"):
        bench.run()


def test_the_output_folder_of_other_scans_is_refused_and_nothing_replaced(bench, tmp_path):
    bench.steps = [{"use": "sample.shade"}]
    bench.run()
    before = (bench.out / "plain.png").read_bytes()
    bench.scans = tmp_path / "other"
    bench.scans.mkdir()
    PillowImage.fromarray(np.full((20, 20), 90, np.uint8)).save(bench.scans / "plain.png")

    with pytest.raises(UsageError, match="another folder with --out"):
        bench.run()
    assert (bench.out / "plain.png").read_bytes() == before


def test_an_archive_that_was_moved_finds_its_results(bench):
    bench.run()
    bench.scans = bench.scans.rename(bench.scans.with_name("moved"))

    assert bench.run().planned.summary.units == 0


def test_an_unknown_step_is_refused_before_anything_is_done(bench):
    bench.steps = [{"use": "sample.spott"}]

    with pytest.raises(UsageError, match=r"sample\.spot"):
        bench.run()
    assert not bench.outputs()


def test_a_recipe_whose_ports_do_not_fit_is_refused(bench):
    bench.steps = [{"use": "sample.fill"}]

    with pytest.raises(UsageError, match="mask"):
        bench.run()


def test_a_mask_that_is_no_picture_fails_its_photograph_with_the_cure(bench, tmp_path):
    masks = tmp_path / "masks"
    masks.mkdir()
    (masks / "plain.png").write_bytes(b"no picture")
    job = bench.job()
    recipe = RecipeSettings(steps=({"use": "sample.fill"},), inputs={"mask": str(masks)})
    job = replace(job, settings=replace(job.settings, recipes={"test": recipe}))

    (failure,) = run(job).failures

    assert failure.code == "bad-mask"
    assert failure.message.count("Cure: ") == 1
    assert "Cure: draw it again" in failure.message


def test_masks_that_belong_to_no_scan_are_told(bench, tmp_path, monkeypatch):
    from archivist.pipeline import planning, run
    from archivist.pipeline.job import Silent

    masks = tmp_path / "masks"
    (masks / "album").mkdir(parents=True)
    for name in ("plain.png", "album/deep.tif.png", ".hidden.png", "plani.png", "album/x.png"):
        PillowImage.fromarray(np.zeros((32, 48), np.uint8)).save(masks / name)
    job = bench.job()
    recipe = RecipeSettings(steps=({"use": "sample.fill"},), inputs={"mask": str(masks)})
    job = replace(job, settings=replace(job.settings, recipes={"test": recipe}))
    said: list[str] = []
    monkeypatch.setattr(Silent, "note", lambda self, text: said.append(text))
    monkeypatch.setattr(planning, "MOST_UNUSED", 1)

    run(job)

    assert said == [
        f"inputs.mask: {masks}/album/x.png belongs to no scan. Cure: name it like the scan, with "
        "its folders: album/a.jpg, album/a.jpg.png or album/a.png for album/a.jpg",
        f"inputs.mask: the same of 1 more in {masks}",
    ]


def test_a_scan_that_changes_while_it_is_worked_on_fails(bench, monkeypatch):
    from archivist.step import files

    stage = files.stage_outputs

    def stage_and_touch(*args, **options):
        done = stage(*args, **options)
        PillowImage.fromarray(np.full((5, 5), 9, np.uint8)).save(bench.scans / "plain.png")
        return done

    monkeypatch.setattr(files, "stage_outputs", stage_and_touch)
    result = bench.run(where='path == "plain.png"')

    (failure,) = result.failures
    assert failure.code == "source-changed"


def test_an_output_that_cannot_get_its_name_fails_alone(bench, monkeypatch):
    rename = Path.replace

    def full(path, target):
        if target.name == "plain.png":
            raise OSError(errno.ENOSPC, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "replace", full)
    result = bench.run()

    assert [failure.code for failure in result.failures] == ["disk-full"]
    assert result.counts["done"] + result.counts.get("skipped", 0) >= 1
    assert "plain.png" not in bench.outputs()
    assert not any(name.endswith(".part") for name in bench.outputs())


def test_a_stop_before_outputs_get_their_names_leaves_nothing_of_them(bench, monkeypatch):
    from archivist.step import bursts

    def stop(files, workshop):
        raise KeyboardInterrupt

    monkeypatch.setattr(bursts, "finish_files", stop)
    with pytest.raises(KeyboardInterrupt):
        bench.run()

    assert bench.outputs() == set()


def test_workers_are_planned_within_the_memory_of_the_settings(bench, monkeypatch):
    planned = []

    def remember(machine, requirement, **how):
        planned.append(plan_workers(machine, requirement, **how))
        raise UsageError("enough is seen")

    monkeypatch.setattr("archivist.schedule.dask_runner.plan_workers", remember)
    schedule = replace(bench.settings.schedule, memory_mib=1500.0)
    bench.settings = replace(bench.settings, schedule=schedule)
    with pytest.raises(UsageError, match="enough"):
        bench.run(scheduler="auto")
    assert planned[0].budget_mib + planned[0].workers * BASE_MIB == pytest.approx(1500)


def test_a_result_that_is_made_again_stays_the_origin_of_what_comes_from_it(bench):
    bench.settings = replace(bench.settings, store=StoreSettings(keep=()))
    for amount in (0.7, 0.5):
        shade = {"use": "sample.shade", "amount": amount}
        bench.steps = [{"use": "sample.spot"}, {"use": "sample.fill"}, shade]
        bench.run()

    with open_catalog(str(bench.out / ".archivist" / "catalog.sqlite"), write=False) as catalog:
        records = list(queries.all_records(catalog))
    digests = {record.digest for record in records}
    assert {parent for record in records for parent in record.parents} <= digests
    assert sum(record.step == "sample.shade" and bool(record.parents) for record in records) > 2


def test_an_output_that_shows_the_same_keeps_its_bytes_when_only_a_look_was_taken_anew(bench):
    bench.run()
    before = {name: (bench.out / name).read_bytes() for name in bench.outputs()}

    bench.steps = [{"use": "sample.spot", "level": 0.79}, {"use": "sample.fill"}]
    result = bench.run()

    assert result.planned.summary.units == 4
    assert {name: (bench.out / name).read_bytes() for name in bench.outputs()} == before


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("CUDA out of memory")])
def test_a_tiled_step_that_runs_out_of_memory_gets_smaller_tiles(bench, monkeypatch, error):
    import sample_steps

    smooth, sides = sample_steps.smooth, []

    def hungry(inputs, params, ctx):
        sides.append(max(inputs["image"].pixels.shape[:2]))
        if sides[-1] > 64:
            raise error
        return smooth(inputs, params, ctx)

    for file in bench.scans.rglob("*.*"):
        file.unlink()
    scan = np.tile(np.linspace(20, 120, 200, dtype=np.uint8), (150, 1))
    PillowImage.fromarray(scan).save(bench.scans / "wide.png")
    bench.steps = [{"use": "sample.smooth"}]
    with monkeypatch.context() as patch:
        patch.setattr(sample_steps, "smooth", hungry)
        result = bench.run()

    assert result.failures == ()
    assert (sides[0], sides[1]) == (128, 64)
    with open_catalog(bench.job().url, write=False) as catalog:
        (row,) = queries.report_rows(catalog)
    assert row.records[0].tiling["size"] == 64
    expected = cv2.GaussianBlur(scan, (9, 9), 1.5)
    assert np.abs(bench.pixels("wide.png").astype(int) - expected).max() <= 1


class Listener(Silent):
    """Keeps what a person is told before the work."""

    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


@pytest.mark.parametrize(("allowed", "told"), [(1.0, 1), (0.0, 0)])
def test_a_photograph_that_needs_more_memory_than_there_is_is_told_before(bench, allowed, told):
    schedule = replace(bench.settings.schedule, memory_mib=allowed)
    bench.settings = replace(bench.settings, schedule=schedule)
    heard = Listener()

    assert run(bench.job(), heard).failed == 0

    assert len([text for text in heard.notes if "MiB of memory" in text]) == told
