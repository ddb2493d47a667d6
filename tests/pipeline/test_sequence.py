"""Film frames and pages: an ordered sequence is done in order, and a step sees its last result."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from PIL import Image as PillowImage
from sqlalchemy import select

from archivist.api.errors import ConfigError
from archivist.catalog import tables
from archivist.catalog.rows import Decision
from archivist.catalog.session import open_catalog
from archivist.catalog.writer import Writer
from archivist.cli.main import invoke
from archivist.config import RightsRule, RightsSettings, ScanSettings
from archivist.model import Status
from archivist.pipeline import flow, plan, run
from archivist.plan import sequences as planning
from archivist.step import files
from archivist.step import session as sessions


class Notes:
    """Keeps what a run says."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.failures: list[tuple[str, str]] = []

    def start(self, total_units, total_assets, seconds): ...

    def outcome(self, outcome, names):
        self.failures += [
            (names[one.asset], one.code) for one in outcome.assets if one.status is Status.FAILED
        ]

    def note(self, text):
        self.said.append(text)


class Film:
    """A folder of even frames; each becomes half of itself and half of the last result."""

    def __init__(self, bench, folder: str = "reel") -> None:
        self.bench, self.folder = bench, folder
        bench.steps = [{"use": "sample.calm"}]
        self.scan(sequences=("reel/",))

    def scan(self, **settings) -> None:
        settings = {"include": (f"/{self.folder}/",), **settings}
        self.bench.settings = replace(self.bench.settings, scan=ScanSettings(**settings))

    def shoot(self, **levels: int) -> None:
        """Write frames: name to brightness."""
        for name, level in levels.items():
            self.frame(f"{name}.png", level)

    def frame(self, name: str, level: int, size: tuple[int, int] = (8, 8)) -> None:
        path = self.bench.scans / self.folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        PillowImage.fromarray(np.full(size, level, np.uint8)).save(path)

    def run(self, **options):
        self.notes = Notes()
        sessions.session.cache_clear()
        return run(self.bench.job(**options), self.notes)

    def levels(self) -> dict[str, int]:
        found = sorted((self.bench.out / self.folder).glob("*.png"))
        return {path.stem: int(self.bench.pixels(str(path)).flat[0]) for path in found}

    def logs(self) -> list[list[str]]:
        """Return what each step ever carried out noted, in their order."""
        return [row.log or [] for row in self._rows(select(tables.step.c.log))]

    def notes_on_inputs(self) -> list[str]:
        """Return what the records say of the results before them that they read."""
        use = tables.step_input.c
        return [row.note for row in self._rows(select(use.note).where(use.port == "before"))]

    def _rows(self, query) -> list:
        with (
            open_catalog(self.bench.job().url, write=False) as catalog,
            catalog.reading() as connection,
        ):
            return connection.execute(query).all()


@pytest.fixture
def film(bench):
    return Film(bench)


@pytest.fixture
def short_spans(monkeypatch):
    """Let a span have two frames, so that few frames are many spans."""
    monkeypatch.setattr(planning, "SPAN_FILES", 2)


def test_the_frames_of_a_folder_are_taken_in_the_order_of_their_numbers(film):
    film.shoot(f2=80, f10=160, f1=40)
    result = film.run()

    assert film.levels() == {"f1": 40, "f2": 60, "f10": 110}
    assert result.planned.summary.units == 1


def test_a_manifest_names_sequence_and_position(film, tmp_path):
    film.shoot(c=40, a=80, b=160)
    rows = ["path,sequence,position", "reel/c.png,one,1", "reel/a.png,one,2", "reel/b.png,one,3"]
    (tmp_path / "manifest.csv").write_text("\n".join(rows))
    film.scan(manifest=str(tmp_path / "manifest.csv"))
    film.run()

    assert film.levels() == {"c": 40, "a": 60, "b": 110}


def test_without_a_position_the_manifest_leaves_the_order_to_the_names(film, tmp_path):
    film.shoot(f10=160, f9=40)
    rows = ["path,sequence", "reel/f10.png,one", "reel/f9.png,one"]
    (tmp_path / "manifest.csv").write_text("\n".join(rows))
    film.scan(manifest=str(tmp_path / "manifest.csv"))
    film.run()

    assert film.levels() == {"f9": 40, "f10": 100}


@pytest.mark.parametrize("position", ["first", "-1", "2.5"])
def test_a_position_that_is_no_number_is_refused_by_line(film, tmp_path, position):
    film.shoot(a=40)
    (tmp_path / "m.csv").write_text(f"path,sequence,position\nreel/a.png,one,{position}")
    film.scan(manifest=str(tmp_path / "m.csv"))

    with pytest.raises(ConfigError, match=r"line 2: .* is no position"):
        film.run()


def test_two_files_at_one_place_of_a_sequence_are_refused(film, tmp_path):
    film.shoot(a=40, b=80)
    rows = ["path,sequence,position", "reel/a.png,one,4", "reel/b.png,one,4"]
    (tmp_path / "m.csv").write_text("\n".join(rows))
    film.scan(manifest=str(tmp_path / "m.csv"))

    with pytest.raises(ConfigError, match="lines 2 and 3 have the same position 4"):
        film.run()


def test_a_pattern_that_is_none_is_refused_before_the_scan(film):
    film.shoot(a=40)
    film.scan(sequences=("!",))

    with pytest.raises(ConfigError, match=r"scan\.sequences"):
        film.run()


def test_a_pattern_that_fits_nothing_is_told(film):
    film.scan(sequences=("reel/", "rell/"))
    film.shoot(f1=200, f2=100)
    film.run()
    (note,) = film.notes.said
    assert note.startswith("scan.sequences: 'rell/' fits no folder with scans")


def test_the_pages_of_a_file_are_a_sequence(film):
    pages = np.stack([np.full((8, 8), level, np.uint8) for level in (40, 80, 160)])
    (film.bench.scans / "reel").mkdir()
    tifffile.imwrite(film.bench.scans / "reel" / "letter.tif", pages, photometric="minisblack")
    film.scan(sequences=("reel/*.tif",))
    film.run()

    out = tifffile.imread(film.bench.out / "reel" / "letter.tif")
    assert [int(page[0, 0]) for page in out] == [40, 60, 110]


def test_two_folders_are_two_sequences(film):
    film.shoot(a1=40, a2=80)
    other = Film(film.bench, "reel/second")
    other.shoot(b1=200, b2=100)
    film.scan(sequences=("reel/",))
    film.run()

    assert other.levels() == {"b1": 200, "b2": 150}
    assert int(film.bench.pixels("reel/a2.png")[0, 0]) == 60


def test_one_frame_alone_is_a_sequence_too(film):
    film.shoot(f1=40)

    assert film.run().counts == {"skipped": 1}  # nothing came before that could change it


def test_without_a_step_that_looks_back_frames_are_single_files(film):
    film.shoot(f1=40, f2=80)
    film.bench.steps = [{"use": "sample.shade"}]

    assert film.run().planned.summary.units == 2


def test_a_finished_sequence_needs_nothing(film, short_spans):
    film.shoot(f1=40, f2=80, f3=160)
    film.run()

    assert film.run().planned.summary.units == 0


def test_spans_of_a_sequence_give_what_one_unit_gives(film, short_spans):
    film.shoot(f1=40, f2=80, f3=160, f4=10, f5=200)
    result = film.run()

    assert result.planned.summary.units == 3
    assert film.levels() == {"f1": 40, "f2": 60, "f3": 110, "f4": 60, "f5": 130}


def test_workers_of_their_own_keep_the_order(film, short_spans):
    film.shoot(**{f"f{n}": 10 * n for n in range(1, 10)})
    film.run(scheduler="auto", workers=2)
    expected, level = {}, 10.0
    for n in range(1, 10):
        level = (level + 10 * n) / 2
        expected[f"f{n}"] = level

    assert film.levels() == pytest.approx(expected, abs=0.6)


def test_a_changed_frame_changes_those_after_it_and_not_those_before(film):
    film.shoot(f1=40, f2=80, f3=160)
    film.run()
    first = (film.bench.out / "reel" / "f1.png").stat().st_mtime_ns
    film.frame("f2.png", 120)
    result = film.run()

    assert film.levels() == {"f1": 40, "f2": 80, "f3": 120}
    assert (film.bench.out / "reel" / "f1.png").stat().st_mtime_ns == first
    told = {line.reason: line.count for line in result.planned.lines}
    assert told == {
        "up to date": 1,
        "input changed": 1,
        "follows the member before in its sequence": 1,
    }


def test_frames_that_rest_are_not_read_again(film, monkeypatch):
    film.shoot(f1=40, f2=80, f3=160)
    film.run()
    film.frame("f3.png", 100)
    opened = []
    open_scan = files.open_scan
    monkeypatch.setattr(
        files, "open_scan", lambda file, shop: opened.append(file.paths[0]) or open_scan(file, shop)
    )
    film.run()

    assert opened == ["reel/f3.png"]
    assert film.levels() == {"f1": 40, "f2": 60, "f3": 80}


def test_what_is_handed_on_is_kept_whatever_the_configuration_says(film):
    film.bench.settings = replace(
        film.bench.settings, store=replace(film.bench.settings.store, keep=())
    )
    film.shoot(f1=40, f2=80)
    film.run()
    film.shoot(f3=160)
    film.run()

    assert film.levels() == {"f1": 40, "f2": 60, "f3": 110}


def test_a_result_that_is_gone_from_the_store_lets_the_next_frame_begin_anew(film):
    film.shoot(f1=40, f2=80)
    film.run()
    for blob in (film.bench.out / ".archivist" / "store").rglob("*"):
        if blob.is_file():
            blob.unlink()
    film.shoot(f3=160)
    film.run()

    assert film.levels()["f3"] == 160
    anew = "info: begins anew: what was made of reel/f2.png is not in the store any more"
    assert film.logs() == [[], [], [anew]]


def test_a_frame_that_a_step_fails_on_does_not_stop_the_rest(film, short_spans):
    film.bench.steps = [{"use": "sample.fail"}, {"use": "sample.calm"}]
    film.shoot(f1=40, f2=250, f3=80, f4=120)
    result = film.run()

    assert result.counts == {"skipped": 1, "failed": 1, "done": 2}
    assert film.levels() == {"f1": 40, "f3": 60, "f4": 90}
    assert film.notes.failures == [("reel/f2.png", "step-failed")]


def test_the_record_says_from_which_frame_it_goes_on_and_what_failed_in_between(film):
    film.bench.steps = [{"use": "sample.fail"}, {"use": "sample.calm"}]
    film.shoot(f1=40, f2=250, f3=80)
    film.run()

    assert film.notes_on_inputs() == ["made of reel/f1.png; reel/f2.png failed"]


def test_an_audit_says_which_frame_a_result_goes_on_from(film, capsys):
    film.shoot(f1=40, f2=80)
    film.run()
    invoke(["audit", "reel/f2.png", "--out", str(film.bench.out)])

    told = " ".join(capsys.readouterr().out.split())
    assert "before: this step's result before it in the sequence, made of reel/f1.png" in told


def test_a_frame_that_changed_since_the_scan_does_not_stop_the_rest(film, monkeypatch):
    film.shoot(f1=40, f2=80, f3=160)
    work = flow._work

    def spoil(desk, planned, watch):
        film.frame("f2.png", 90)
        work(desk, planned, watch)

    monkeypatch.setattr(flow, "_work", spoil)
    film.run()

    assert film.notes.failures == [("reel/f2.png", "source-changed")]
    assert film.levels() == {"f1": 40, "f3": 100}


def test_a_broken_frame_is_refused_and_the_next_goes_on_from_the_one_before(film):
    film.shoot(f1=40, f2=80, f3=160)
    (film.bench.scans / "reel" / "f2.png").write_bytes(b"\x89PNG\r\n\x1a\n torn")
    result = film.run()

    assert [path for path, *_ in result.refused] == ["reel/f2.png"]
    assert film.levels() == {"f1": 40, "f3": 100}


def test_missing_numbers_are_told(film):
    film.shoot(f1=40, f2=80, f5=160)
    film.run()

    assert film.notes.said == [
        "sequence reel lacks 3 to 4 (no such scan, or it was refused); what comes after goes on "
        "from the one before"
    ]


def test_a_frame_of_another_size_begins_anew_and_says_so(film):
    film.shoot(f1=40)
    film.frame("f2.png", 80, size=(6, 10))
    film.frame("f3.png", 160, size=(6, 10))
    film.run()

    assert film.levels() == {"f1": 40, "f2": 80, "f3": 120}
    assert film.logs()[1] == ["info: begins anew: reel/f1.png is 8 x 8 px, this one 10 x 6 px"]
    assert film.run().planned.summary.units == 0


def test_an_approved_frame_stays_and_is_what_the_next_goes_on_from(film):
    film.shoot(f1=40, f2=80, f3=160)
    film.run()
    with open_catalog(film.bench.job().url, write=True) as catalog:
        with catalog.reading() as connection:
            digest = connection.scalar(
                select(tables.scan_file.c.digest).where(tables.scan_file.c.path == "reel/f2.png")
            )
        Writer(catalog).review(str(digest), Decision.APPROVE, by="A. Reviewer")
    film.frame("f1.png", 100)
    film.run()

    assert film.levels() == {"f1": 100, "f2": 60, "f3": 110}


KILLED = """
import os, sys
from archivist.cli.main import main
from archivist.pipeline import working

flush = working._flush

def kill_after(waiting, names, desk):
    flush(waiting, names, desk)
    os._exit(9)

working._flush = kill_after
working.FLUSH_SECONDS = 0.0
from archivist.plan import sequences
sequences.SPAN_FILES = 2
sys.argv = ["archivist", *sys.argv[1:]]
main()
"""


def test_a_killed_run_goes_on_inside_the_sequence(film, tmp_path, short_spans):
    film.shoot(f1=40, f2=80, f3=160, f4=10, f5=200)
    config = tmp_path / "archivist.toml"
    config.write_text(
        'scan = { include = ["/reel/"], sequences = ["reel/"] }\n'
        '[recipes.test]\nsteps = [{ use = "sample.calm" }]\n'
    )
    command = ["run", str(film.bench.scans), "--out", str(film.bench.out), "--recipe", "test"]
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, *command, "--config", str(config), "--scheduler", "serial"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 9, ended.stderr
    before = len(film.logs())
    result = film.run()

    assert before == 2
    assert len(film.logs()) == 5
    assert result.planned.summary.idle_assets == 2
    assert film.levels() == {"f1": 40, "f2": 60, "f3": 110, "f4": 60, "f5": 130}


def test_a_long_sequence_is_many_units(film):
    film.shoot(**{f"f{n}": n for n in range(1, 41)})
    planned = plan(film.bench.job())

    assert planned.summary.units == 3


def test_a_frame_whose_rights_forbid_it_is_left_out_of_its_sequence(film, tmp_path):
    manifest = tmp_path / "rights.csv"
    manifest.write_text("path,rights\nreel/f2.png,closed\n")
    film.scan(sequences=("reel/",), manifest=str(manifest))
    rule = RightsRule(values=("closed",), deny=("restoration",))
    film.bench.settings = replace(film.bench.settings, rights=RightsSettings(rules=(rule,)))
    film.shoot(f1=40, f2=80, f3=160)

    result = film.run()

    assert film.levels() == {"f1": 40, "f3": 100}
    assert result.denied == 1
    assert film.run().planned.summary.units == 0


def test_a_long_file_of_many_pages_gives_what_a_short_one_gives(film):
    pages = np.random.default_rng(0).integers(0, 65535, (5, 40, 60, 3), np.uint16)
    (film.bench.scans / "reel").mkdir()
    tifffile.imwrite(film.bench.scans / "reel" / "letter.tif", pages, photometric="rgb")
    film.run()
    short = film.bench.pixels("reel/letter.tif")
    schedule = replace(film.bench.settings.schedule, stream_above_megapixels=0.005)
    film.bench.settings = replace(film.bench.settings, schedule=schedule)
    film.bench.out = film.bench.out.with_name("long")
    film.run()

    assert (film.bench.pixels("reel/letter.tif") == short).all()
    assert not list(film.bench.out.glob(".archivist/scratch/**/*.npy"))


def test_the_pages_of_a_long_file_wait_outside_memory(film, monkeypatch):
    held = []
    stage = files.stage_outputs

    def look(file, scan, pages, *rest):
        held.extend(type(page.image.raster).__name__ for page in pages)
        return stage(file, scan, pages, *rest)

    monkeypatch.setattr(files, "stage_outputs", look)
    pages = np.random.default_rng(0).integers(0, 255, (3, 40, 60), np.uint8)
    (film.bench.scans / "reel").mkdir()
    tifffile.imwrite(film.bench.scans / "reel" / "letter.tif", pages, photometric="minisblack")
    schedule = replace(film.bench.settings.schedule, stream_above_megapixels=0.005)
    film.bench.settings = replace(film.bench.settings, schedule=schedule)
    film.run()

    assert held == ["FileRaster"] * 3
