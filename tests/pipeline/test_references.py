"""Recipes with references: everything is embedded first, then each picture gets its lookalikes."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as PillowImage

from archivist.api import UsageError
from archivist.catalog import ledger, queries
from archivist.catalog.rows import Decision, RunState
from archivist.catalog.session import open_catalog
from archivist.catalog.writer import Writer
from archivist.cli.exits import Exit
from archivist.cli.main import invoke
from archivist.config import ReferenceSettings, RightsRule, RightsSettings, StoreSettings
from archivist.hashing import digest_file
from archivist.pipeline import plan, run
from archivist.pipeline.job import Silent
from archivist.plan.reasons import PINNED
from archivist.references.index import VectorIndex
from archivist.schedule.runner import StopSignal

PLUGIN = '''
"""Steps for tests: describe a picture by its blocks, take its first lookalikes, do with them."""
from dataclasses import dataclass

import cv2
import numpy as np

from archivist.api import *


@dataclass(frozen=True)
class PickParams:
    count: int = param(9, doc="How many are taken.", low=1, high=9)


IMAGE = Port(name="image", kind=Kind.IMAGE)
FOUND = Port(name="lookalikes", kind=Kind.REFERENCES)
CHOSEN = Port(name="references", kind=Kind.REFERENCES, required=False)


def spec(verb, **more):
    return StepSpec(id=f"look.{verb}", version=1, title=verb, run=f"look_steps:{verb}", **more)


@hookimpl
def archivist_steps():
    return [
        spec("embed", inputs=[IMAGE], outputs=[Port(name="embedding", kind=Kind.EMBEDDING)]),
        spec("pick", inputs=[IMAGE, FOUND], outputs=[CHOSEN], applies="look_steps:any_found",
             params=PickParams),
        spec("borrow", inputs=[IMAGE, CHOSEN], outputs=[IMAGE]),
    ]


def embed(inputs, params, ctx):
    image = inputs["image"]
    if image.pixels.mean() > 0.95:
        raise IndexError("nothing to be seen")
    blocks = cv2.resize(image.pixels.mean(axis=2), (8, 8), interpolation=cv2.INTER_AREA)
    vector = (blocks - blocks.mean()).reshape(1, 64).astype(np.float32)
    vector /= np.linalg.norm(vector)
    whole = (0, 0, image.width, image.height)
    return {"embedding": Embedding(vectors=vector, regions=(whole,), model="blocks")}


def any_found(inputs, params, ctx):
    found = bool(inputs["lookalikes"].references)
    return Verdict(needed=found, reason="" if found else "nothing looks like it")


def pick(inputs, params, ctx):
    found = inputs["lookalikes"]
    first = found.references[: params.count]
    return {"references": References(references=first, snapshot=found.snapshot)}


def borrow(inputs, params, ctx):
    return {"image": inputs["image"].with_pixels(inputs["image"].pixels * 0.5)}
'''
METADATA = "Metadata-Version: 2.1\nName: look-steps\nVersion: 1.0\n"
STEPS = [{"use": "look.embed"}, {"use": "look.pick"}, {"use": "look.borrow"}]


@pytest.fixture
def look_plugin(sample_plugin):
    info = sample_plugin / "look_steps-1.0.dist-info"
    info.mkdir()
    (sample_plugin / "look_steps.py").write_text(PLUGIN)
    (info / "METADATA").write_text(METADATA)
    (info / "entry_points.txt").write_text("[archivist]\nlook = look_steps\n")
    yield
    sys.modules.pop("look_steps", None)


def picture(like: int, own: int, share: float = 0.7) -> np.ndarray:
    """Return 64 x 64 grey pixels: a pattern that a family shares, and one of its own."""
    blocks = [np.random.default_rng(seed).normal(size=(8, 8)) for seed in (like, own)]
    mixed = share * blocks[0] + (1 - share) * blocks[1]
    return np.clip(128 + 40 * np.kron(mixed, np.ones((8, 8))), 0, 255).astype(np.uint8)


def save(bench, name: str, pixels: np.ndarray) -> None:
    PillowImage.fromarray(pixels).save(bench.scans / name)


FAMILIES = {"bridge": 1, "tree": 2}


@pytest.fixture
def archive(look_plugin, bench):
    """A bench over two families of three pictures, with a recipe that takes references."""
    shutil.rmtree(bench.scans)
    bench.scans.mkdir()
    for name, seed in FAMILIES.items():
        for number in range(3):
            save(bench, f"{name}-{number}.png", picture(seed, 10 * seed + number))
    bench.steps = [dict(step) for step in STEPS]
    references = ReferenceSettings(lookalikes=2)
    bench.settings = replace(bench.settings, references=references)
    return bench


def with_references(archive, **changes) -> None:
    references = replace(archive.settings.references, **changes)
    archive.settings = replace(archive.settings, references=references)


class Notes(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def told(archive, **options) -> dict[tuple[str, str, str], int]:
    planned = plan(archive.job(**options))
    return {(line.step, str(line.action), line.reason): line.count for line in planned.lines}


def runs(archive) -> list[str]:
    with open_catalog(archive.job().url, write=False) as catalog:
        return [row.command for row in queries.runs(catalog)][::-1]


def borrowed(archive) -> dict[str, set[str]]:
    """Return from which scans each borrowed last: path -> paths."""
    with open_catalog(archive.job().url, write=False) as catalog:
        found = {}
        for record in queries.all_records(catalog):
            if record.step == "look.borrow":
                used = {use.digest for use in record.inputs if use.role == "reference"}
                names = queries.paths_of(catalog, {*used, record.asset})
                found[names[record.asset][0]] = {names[digest][0] for digest in used}
        return found


def family(name: str, *but: int) -> set[str]:
    return {f"{name}-{number}.png" for number in range(3) if number not in but}


# --- the two passes -------------------------------------------------------------------------


def test_each_picture_gets_those_that_look_like_it(archive):
    archive.run()

    expected = {f"{name}-{n}.png": family(name, n) for name in FAMILIES for n in range(3)}
    assert borrowed(archive) == expected


def test_the_first_pass_is_a_run_of_its_own_without_outputs_or_endings(archive):
    archive.run(where="path == 'bridge-0.png'")

    assert runs(archive) == ["embed", "run"]
    assert archive.outputs() == {"bridge-0.png"}
    with open_catalog(archive.job().url, write=False) as catalog:
        assert queries.totals(catalog) == {"done": 1, "pending": 5}
        (row,) = queries.runs(catalog, command="embed")
        assert (row.state, row.assets) == (RunState.DONE, 6)


def test_pictures_that_the_run_leaves_out_lend_their_texture_too(archive):
    archive.run(where="path == 'bridge-0.png'")

    assert borrowed(archive) == {"bridge-0.png": family("bridge", 0)}


def test_a_sample_is_treated_with_the_whole_archive_to_borrow_from(archive):
    archive.run(sample=1)

    assert len(archive.outputs()) == 1
    ((name, found),) = borrowed(archive).items()
    assert found == family(name[:-6], int(name[-5]))


def test_the_same_run_again_finds_nothing_to_do_in_either_pass(archive):
    archive.run()

    again = archive.run()

    assert again.planned.summary.units == 0
    assert runs(archive) == ["embed", "run", "run"]


def test_a_plan_before_the_first_run_shows_the_first_pass_and_what_follows_it(archive):
    planned = plan(archive.job())

    (line,) = planned.first.lines()
    assert (line.step, str(line.action), line.reason, line.count) == ("look.embed", "run", "new", 6)
    assert told(archive)["look.pick", "follow", "follows look.embed"] == 6


def test_a_plan_after_the_first_pass_knows_the_lookalikes(archive):
    archive.run(where="path == 'bridge-0.png'")

    assert plan(archive.job()).first.lines() == []
    assert told(archive)["look.pick", "run", "new"] == 5


@pytest.fixture
def searched(monkeypatch) -> list[int]:
    """How many regions looked for others, search by search."""
    asked, search = [], VectorIndex.search

    def count(self, queries, **options):
        asked.append(len(queries))
        return search(self, queries, **options)

    monkeypatch.setattr(VectorIndex, "search", count)
    return asked


def test_in_an_unchanged_archive_nothing_is_searched_again(archive, searched):
    archive.run(where="path == 'bridge-0.png'")
    archive.run()
    assert searched == [1, 5]

    found = borrowed(archive)
    searched.clear()
    archive.run()
    assert (searched, borrowed(archive)) == ([], found)


def scan_more(archive) -> None:
    save(archive, "bridge-3.png", picture(1, 13))


def tell_rights(archive) -> None:
    with_references(archive, rights=("",))


def ask_for_fewer(archive) -> None:
    with_references(archive, lookalikes=1)


def exclude_one(archive) -> None:
    with_references(archive, excluded=("tree-1.png",))


def damage_what_was_found(archive) -> None:
    (file,) = (archive.out / ".archivist" / "index").rglob("found-texture.bin")
    file.write_bytes(file.read_bytes()[::-1])


@pytest.mark.parametrize(
    "change", [scan_more, tell_rights, ask_for_fewer, exclude_one, damage_what_was_found]
)
def test_what_a_search_depends_on_makes_it_anew_when_it_changes(archive, searched, change):
    archive.run()
    searched.clear()
    change(archive)
    archive.run()
    assert sum(searched) == len(list(archive.scans.iterdir()))


def test_embeddings_are_kept_whatever_is_kept_else(archive):
    archive.settings = replace(archive.settings, store=StoreSettings(keep=()))
    archive.run()
    shutil.rmtree(archive.out / ".archivist" / "index")

    archive.run()

    assert runs(archive).count("embed") == 1


def test_a_stopped_first_pass_goes_on_the_next_time(archive):
    stop = StopSignal()
    stop.drain()

    result = run(archive.job(), stop=stop)

    assert (result.state, result.pending) == (RunState.INTERRUPTED, 6)
    assert (result.not_described, result.found.files) == (6, 6)
    assert archive.run().counts == {"done": 6}


def test_a_picture_that_cannot_be_embedded_fails_alone_and_is_looked_for_by_none(archive):
    save(archive, "white.png", np.full((64, 64), 255, np.uint8))

    result = archive.run()

    assert [failure.paths for failure in result.failures] == [("white.png",)]
    assert result.counts == {"done": 6, "failed": 1}


@pytest.fixture
def with_a_failure(archive):
    """An archive whose picture ``white.png`` could not be embedded, and which is not treated."""
    save(archive, "white.png", np.full((64, 64), 255, np.uint8))
    archive.run(where="path != 'white.png'")
    return archive


def test_an_embedding_that_failed_is_not_tried_again_and_that_is_said(with_a_failure):
    notes = Notes()
    run(with_a_failure.job(where="path != 'white.png'"), notes)

    assert runs(with_a_failure) == ["embed", "run", "run"]
    (said,) = notes.notes
    assert "white.png" in said
    assert "nothing to be seen" in said
    assert "--retry" in said


def test_a_plan_says_too_what_could_not_be_embedded(with_a_failure):
    notes = Notes()
    assert plan(with_a_failure.job(), notes).first.units == 0
    assert "white.png" in notes.notes[0]


def test_an_embedding_that_failed_is_tried_again_on_request(with_a_failure):
    with_a_failure.run(retry=True)
    assert runs(with_a_failure).count("embed") == 2


def test_an_embedding_that_failed_is_tried_again_when_the_file_changed(with_a_failure):
    save(with_a_failure, "white.png", picture(FAMILIES["tree"], 77))
    with_a_failure.run()
    assert runs(with_a_failure).count("embed") == 2
    assert borrowed(with_a_failure)["white.png"] <= family("tree")


def rewrite(archive, old: str, new: str) -> None:
    (archive.scans.parent / "site" / "look_steps.py").write_text(PLUGIN.replace(old, new))
    sys.modules.pop("look_steps", None)


def test_an_embedding_that_failed_is_tried_again_by_another_version_of_its_step(with_a_failure):
    rewrite(with_a_failure, "version=1", "version=2")
    with_a_failure.run(where="path != 'white.png'")
    with open_catalog(with_a_failure.job().url, write=False) as catalog:
        (row, _) = queries.runs(catalog, command="embed")
    assert row.assets == 7


def test_an_embedding_for_which_memory_was_short_is_tried_again(archive):
    rewrite(archive, "IndexError(", "MemoryError(")
    save(archive, "white.png", np.full((64, 64), 255, np.uint8))
    for _ in range(2):
        archive.run(where="path != 'white.png'")
    assert runs(archive).count("embed") == 2


def test_an_approved_picture_is_embedded_and_may_be_borrowed_from(archive):
    archive.run()
    with open_catalog(archive.job().url, write=True) as catalog:
        for row in list(queries.report_rows(catalog)):
            Writer(catalog).review(row.asset.uid, Decision.APPROVE, by="curator", reason="fine")
    shutil.rmtree(archive.out / ".archivist" / "index")
    shutil.rmtree(archive.out / ".archivist" / "store")

    archive.run()

    assert runs(archive).count("embed") == 2


# --- what is planned again ------------------------------------------------------------------


def test_a_new_picture_concerns_only_those_that_look_like_it(archive):
    archive.run()
    before = borrowed(archive)
    save(archive, "bridge-new.png", picture(FAMILIES["bridge"], 99, share=0.8))

    archive.run(where="path != 'bridge-new.png'")

    after = borrowed(archive)
    changed = {name for name in before if after[name] != before[name]}
    assert changed
    assert changed <= family("bridge")
    assert all("bridge-new.png" in after[name] for name in changed)


def test_learning_that_two_show_the_same_object_chooses_anew_for_both(archive, tmp_path):
    with_references(archive, lookalikes=5)
    archive.run()
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("path,object_id\nbridge-0.png,B 7\ntree-0.png,b 7\n")
    scan = replace(archive.settings.scan, manifest=str(manifest))
    archive.settings = replace(archive.settings, scan=scan)

    assert told(archive)["look.pick", "run", "input changed: lookalikes"] == 2


def test_excluding_a_picture_concerns_only_those_that_borrowed_from_it(archive):
    archive.run()
    with_references(archive, excluded=("bridge-1.png",))

    plans = told(archive)

    assert plans["look.pick", "run", "input changed: lookalikes"] == 2
    archive.run()
    assert not any("bridge-1.png" in names for names in borrowed(archive).values())


@pytest.mark.parametrize("do", [plan, run])
def test_a_name_to_exclude_that_the_archive_does_not_have_is_told_before_any_work(archive, do):
    with_references(archive, excluded=("brigde-1.png",))

    with pytest.raises(UsageError, match=r"'brigde-1.png', but the catalog knows.*Cure: give"):
        do(archive.job())

    assert not (archive.out / ".archivist" / "index").exists()


def test_a_picture_is_excluded_by_any_name_that_other_commands_take(archive, tmp_path):
    archive.run()
    digest = digest_file(archive.scans / "bridge-1.png")
    copy = tmp_path / "copy.png"
    copy.write_bytes((archive.out / "bridge-1.png").read_bytes())
    names = ("bridge-1.png", str(archive.scans / "bridge-1.png"), str(copy), digest[:8], digest)
    for name in names:
        with_references(archive, excluded=(name,))
        assert told(archive)["look.pick", "run", "input changed: lookalikes"] == 2, name


def test_a_refused_scan_may_be_excluded_and_stops_no_run(archive):
    notes = Notes()
    (archive.scans / "broken.png").write_bytes((archive.scans / "tree-0.png").read_bytes()[:60])
    with_references(archive, excluded=("broken.png",))

    plan(archive.job(), notes)

    assert "broken.png is excluded as a reference" in " ".join(notes.notes)


def test_where_the_same_are_chosen_the_later_steps_are_not_run_again(archive):
    archive.steps[1]["count"] = 1
    archive.run()
    with_references(archive, lookalikes=1)

    again = archive.run()

    with open_catalog(archive.job().url, write=False) as catalog:
        counts = {row.step: row.count for row in queries.run_counts(catalog, again.run)}
    assert counts["look.pick"] == 6
    assert "look.borrow" not in counts


# --- rules ----------------------------------------------------------------------------------


def test_a_near_duplicate_is_no_lookalike(archive):
    twin = picture(FAMILIES["bridge"], 10)
    twin[0, 0] += 1
    save(archive, "twin.png", twin)

    archive.run()

    assert "twin.png" not in borrowed(archive)["bridge-0.png"]
    assert "bridge-0.png" not in borrowed(archive)["twin.png"]


def test_what_was_made_here_does_not_lend_to_what_it_was_made_from(archive):
    archive.run()
    shutil.copy(archive.out / "bridge-0.png", archive.scans / "restored.png")
    settings = replace(archive.settings.scan, near_duplicate_bits=0)
    archive.settings = replace(archive.settings, scan=settings)
    with_references(archive, near_bits=0, lookalikes=5)

    archive.run()

    assert "restored.png" not in borrowed(archive)["bridge-0.png"]
    assert "restored.png" in borrowed(archive)["bridge-1.png"]


def test_only_pictures_with_allowed_rights_lend_their_texture(archive, tmp_path):
    rows = [f"{name}-{n}.png,{'CC0' if n else 'unclear'}" for name in FAMILIES for n in range(3)]
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("path,rights\n" + "\n".join(rows))
    scan = replace(archive.settings.scan, manifest=str(manifest))
    archive.settings = replace(archive.settings, scan=scan)
    with_references(archive, rights=("cc0",), lookalikes=5)

    archive.run()

    lenders = set().union(*borrowed(archive).values())
    assert lenders == family("bridge", 0) | family("tree", 0)


# --- the index ------------------------------------------------------------------------------


def index_files(archive):
    return sorted((archive.out / ".archivist" / "index").rglob("*.bin"))


def test_a_damaged_index_is_made_anew_and_nothing_is_embedded_again(archive):
    archive.run()
    before = borrowed(archive)
    for path in index_files(archive):
        path.write_bytes(path.read_bytes()[:-1])
    notes = Notes()

    again = plan(archive.job(), notes)

    assert again.summary.units == 0
    assert any("is damaged" in note and "nothing is lost" in note for note in notes.notes)
    assert borrowed(archive) == before


def test_an_embedding_that_the_store_lost_is_made_again(archive):
    archive.run()
    shutil.rmtree(archive.out / ".archivist" / "index")
    with open_catalog(archive.job().url, write=False) as catalog:
        (lost, *_) = list(queries.artifacts(catalog, kinds=["embedding"]))
    blob = lost.artifact.blob
    (archive.out / ".archivist" / "store" / blob[:2] / blob[2:4] / blob).unlink()

    archive.run()

    with open_catalog(archive.job().url, write=False) as catalog:
        (row, _) = queries.runs(catalog, command="embed")
        assert row.assets == 1
    assert told(archive)["look.pick", "reuse", "up to date"] == 6


def test_embeddings_made_in_another_way_get_an_index_of_their_own(archive, monkeypatch):
    archive.run()
    first = {path.parent for path in index_files(archive)}
    rewrite(archive, "version=1", "version=2")

    archive.run()

    folders = {path.parent for path in index_files(archive)}
    assert len(first) == 1
    assert len(folders) == 2


# --- with the step of the core that compares the pictures -----------------------------------


def scene() -> np.ndarray:
    """Return 1000 x 1400 grey pixels with corners enough to be recognised by."""
    random = np.random.default_rng(7)
    pixels = np.full((1000, 1400), 128, np.uint8)
    for _ in range(900):
        x, y = random.integers(0, 1380), random.integers(0, 980)
        width, height = random.integers(8, 60, 2)
        pixels[y : y + height, x : x + width] = random.integers(0, 256)
    return pixels


@pytest.fixture
def view(archive):
    """A wide view, a close one of its middle, and pictures of other things."""
    whole = scene()
    wide = PillowImage.fromarray(whole).resize((700, 500), PillowImage.Resampling.BOX)
    save(archive, "wide.png", np.asarray(wide))
    save(archive, "close.png", whole[300:800, 400:1000])
    archive.steps[1] = {"use": "references.choose", "min_cosine": -1.0}
    with_references(archive, lookalikes=9)
    return archive


def test_the_step_of_the_core_chooses_what_shows_the_same_in_finer_detail(view):
    view.run(where="path in ['wide.png', 'close.png']")

    assert borrowed(view) == {"wide.png": {"close.png"}, "close.png": set()}


def test_what_was_chosen_and_why_can_be_shown(view, capsys):
    view.run(where="path == 'wide.png'")

    assert invoke(["references", "show", "wide.png", "--json", "--out", str(view.out)]) == 0
    told = json.loads(capsys.readouterr().out)

    (chosen,) = told["references"]
    assert chosen["paths"] == ["close.png"]
    assert "shows the same things" in chosen["reason"]
    assert len(told["snapshot"]) == 64


def test_why_nothing_was_chosen_can_be_shown(view, capsys):
    view.run(where="path == 'close.png'")

    invoke(["references", "show", "close.png", "--out", str(view.out)])

    told = capsys.readouterr().out
    assert "none: none of the 7 most similar pictures fits" in told
    assert "refused wide.png: it shows the same things at 0.5 times this resolution" in told


def test_the_outputs_that_borrowed_from_a_picture_can_be_listed(view, capsys):
    view.run(where="path in ['wide.png', 'close.png']")

    assert invoke(["references", "used-by", "close.png", "--json", "--out", str(view.out)]) == 0
    (row,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert (row["output"], row["step"]) == ("wide.png", "look.borrow")
    assert row["score"] > 0.2


def test_references_of_a_picture_that_the_catalog_does_not_have_name_the_cure(view, capsys):
    view.run(where="path == 'wide.png'")

    assert invoke(["references", "show", "nowhere.png", "--out", str(view.out)]) == Exit.USAGE
    assert "knows nothing of 'nowhere.png'" in capsys.readouterr().err


def test_a_reference_that_was_deleted_since_the_plan_is_refused_and_the_run_goes_on(view):
    class Deletes(Silent):
        def start(self, total_units, total_assets, seconds):
            if total_assets == 1:
                (view.scans / "close.png").unlink()

    result = run(view.job(where="path == 'wide.png'"), Deletes())

    assert result.counts == {"done": 1}
    assert borrowed(view) == {"wide.png": set()}


# --- the command line -----------------------------------------------------------------------


@pytest.fixture
def told_by_plan(archive, tmp_path, capsys):
    """Return a function that runs `archivist plan --explain` and gives what it says."""
    config = tmp_path / "config.toml"
    steps = ", ".join(f'{{ use = "{step["use"]}" }}' for step in STEPS)
    config.write_text(
        f'recipe = "test"\n[references]\nlookalikes = 2\n[recipes.test]\nsteps = [{steps}]\n'
    )
    where = [str(archive.scans), "--out", str(archive.out), "--config", str(config)]

    def ask(*options: str) -> str:
        assert invoke(["plan", *where, "--explain", *options]) == Exit.FINE
        return capsys.readouterr().out

    return ask


def test_the_command_plan_tells_of_the_first_pass(archive, told_by_plan):
    assert "First pass: 6 pictures of the archive are to be embedded" in told_by_plan()
    archive.run()
    assert "First pass: all pictures of the archive are embedded" in told_by_plan()


def test_the_option_exclude_excludes_what_it_names(archive, told_by_plan):
    archive.run()

    told = told_by_plan("--exclude", "bridge-1.png", "--exclude", "tree-0.png")

    counts = [line.split()[:3] for line in told.splitlines() if "changed: lookalikes" in line]
    assert counts == [["look.pick", "run", "4"]]


# --- withdrawn, and denied by rights --------------------------------------------------------


@pytest.fixture
def command(archive, capsys):
    """Return a function that runs a command over the archive and gives what it says as JSON."""

    def ask(*words: str):
        code = invoke([*words, "--out", str(archive.out), "--json"])
        said = capsys.readouterr()
        assert code == Exit.FINE, said.err
        return [json.loads(line) for line in said.out.splitlines()]

    return ask


def withdraw(command, name: str, *more: str):
    (told,) = command("references", "withdraw", name, "--by", "Ada", "--reason", "asked", *more)
    return told


def test_a_withdrawn_picture_lends_no_more_and_who_borrowed_is_made_again_for_that_reason(
    archive, command
):
    archive.run()

    told = withdraw(command, "bridge-1.png")

    assert {one["output"] for one in told["borrowed"]} == family("bridge", 1)
    reason = "reference bridge-1.png: withdrawn by Ada: asked"
    lines = [line for line in told_lines(archive) if "withdrawn" in line[2]]
    assert lines == [("look.pick", "run", reason, 2)]
    assert archive.run().counts == {"done": 2}
    assert not any("bridge-1.png" in names for names in borrowed(archive).values())
    assert plan(archive.job()).summary.units == 0


def told_lines(archive):
    return [
        (line.step, str(line.action), line.reason, line.count) for line in plan(archive.job()).lines
    ]


def test_a_withdrawn_picture_is_itself_restored(archive, command):
    archive.run(where="path == 'bridge-0.png'")
    withdraw(command, "bridge-1.png")

    archive.run()

    assert "bridge-1.png" in archive.outputs()


def test_a_withdrawal_that_is_undone_gives_the_earlier_choices_back(archive, command):
    archive.run()
    withdraw(command, "bridge-1.png")
    archive.run()

    command("references", "restore", "bridge-1.png", "--by", "Bo", "--reason", "found the deed")

    assert command("references", "withdrawn") == []
    assert told(archive)["look.pick", "reuse", "up to date"] == 6


def test_withdrawals_are_decisions_in_the_ledger(archive, command):
    archive.run()
    withdraw(command, "bridge-1.png")
    command("references", "restore", "bridge-1.png")

    with open_catalog(archive.job().url, write=False) as catalog:
        kinds = [entry.kind for entry in ledger.entries(catalog)]
        assert kinds[-2:] == ["event", "event"]


def test_an_approved_result_that_borrowed_stays_and_is_named(archive, command):
    archive.run()
    command("review", "approve", "bridge-0.png", "--by", "Cy")

    told = withdraw(command, "bridge-1.png")

    approved = {one["output"]: one["approved"] for one in told["borrowed"]}
    assert approved == {"bridge-0.png": True, "bridge-2.png": False}
    assert ("look.pick", "pinned", PINNED, 1) in told_lines(archive)
    (row,) = command("query", "--denied")[:1]
    assert (row["output"], "withdrawn by Ada: asked" in row["denied"]) == ("bridge-0.png", True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["withdraw", "bridge-1.png", "--reason", "  "], "say why"),
        (["withdraw", "nowhere.png", "--reason", "x"], "knows nothing of"),
        (["withdraw", "bridge-1.png", "--reason", "x", "--by", "A\x00"], "is no name"),
        (["restore", "bridge-1.png"], "is not withdrawn"),
    ],
)
def test_a_withdrawal_that_cannot_be_is_refused_with_the_cure(archive, capsys, words, message):
    archive.run()

    code = invoke(["references", *words, "--out", str(archive.out)])

    assert code == Exit.USAGE
    assert message in capsys.readouterr().err


def test_a_picture_that_is_withdrawn_already_is_not_withdrawn_twice(archive, command, capsys):
    archive.run()
    withdraw(command, "bridge-1.png")

    words = ["bridge-1.png", "--reason", "again", "--out", str(archive.out)]
    assert invoke(["references", "withdraw", *words]) == Exit.USAGE
    assert "was withdrawn by Ada" in capsys.readouterr().err


DENY = RightsSettings(rules=(RightsRule(values=("loan",), deny=("reference",)),))


@pytest.fixture
def lending(archive, tmp_path):
    """An archive with rules of rights; ``say`` writes the manifest."""
    manifest = tmp_path / "manifest.csv"

    def say(**rights: str) -> None:
        rows = [f"{name.replace('_', '-')}.png,{value}\n" for name, value in rights.items()]
        manifest.write_text("path,rights\n" + "".join(rows))

    say(tree_0="open")
    scan = replace(archive.settings.scan, manifest=str(manifest))
    archive.settings = replace(archive.settings, scan=scan, rights=DENY)
    archive.say = say
    return archive


def test_a_picture_whose_rights_forbid_it_lends_nothing(lending):
    lending.say(bridge_1="loan")

    lending.run()

    assert not any("bridge-1.png" in names for names in borrowed(lending).values())
    assert "bridge-1.png" in lending.outputs()


def test_who_borrowed_before_the_rights_forbade_it_is_made_again_for_that_reason(lending):
    lending.run()
    lending.say(bridge_1="loan")

    reason = "reference bridge-1.png: rights 'loan': not as a reference"
    assert ("look.pick", "run", reason, 2) in told_lines(lending)


def test_a_picture_that_may_not_lend_since_the_plan_was_frozen_lends_nothing(lending):
    class Forbids(Silent):
        def start(self, total_units, total_assets, seconds):
            lending.say(bridge_1="loan")

    lending.run(where="path == 'tree-0.png'")  # now the archive is embedded
    result = run(lending.job(), Forbids())

    failed = {failure.paths[0]: failure.code for failure in result.failures}
    assert failed == dict.fromkeys(family("bridge", 1), "rights-changed")
    assert not family("bridge", 1) & lending.outputs()
    assert lending.run().counts == {"done": 2}
    assert not any("bridge-1.png" in names for names in borrowed(lending).values())


def test_a_picture_that_may_neither_be_restored_nor_lend_is_not_even_described(lending):
    rule = RightsRule(values=("closed",), deny=("restoration", "reference"))
    lending.settings = replace(lending.settings, rights=RightsSettings(rules=(rule,)))
    lending.say(bridge_1="closed")

    lending.run()

    with open_catalog(lending.job().url, write=False) as catalog:
        (row,) = queries.runs(catalog, command="embed")
        assert row.assets == 5
    assert lending.outputs() == (family("bridge") | family("tree")) - {"bridge-1.png"}


# --- replay ---------------------------------------------------------------------------------


@pytest.fixture
def replayed(archive, capsys):
    """Make the output of a picture again; return its verdict and what is missing."""

    def replay(name):
        capsys.readouterr()
        invoke(["replay", str(archive.out / name), "--out", str(archive.out), "--json"])
        verdict = json.loads(capsys.readouterr().out.splitlines()[0])
        return verdict["verdict"], verdict.get("missing", [])

    return replay


def test_a_replay_borrows_from_what_was_chosen_though_another_would_be_now(archive, replayed):
    archive.run()
    save(archive, "bridge-9.png", picture(1, 1))
    archive.run()

    for name in archive.outputs() - {"bridge-9.png"}:
        assert replayed(name) == ("bit-identical", [])


def test_a_replay_without_its_reference_names_it(archive, replayed):
    archive.run()
    (archive.scans / "bridge-1.png").unlink()

    verdict, missing = replayed("bridge-0.png")

    assert verdict == "cannot be reproduced"
    assert "the reference bridge-1.png is gone" in missing[0]
    assert replayed("tree-0.png")[0] == "bit-identical"
