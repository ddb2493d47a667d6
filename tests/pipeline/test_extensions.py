"""Codecs, checks and exporters of a plugin, at work in whole runs."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from datetime import datetime
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import tifffile

from archivist.catalog import queries
from archivist.catalog.rows import Decision
from archivist.catalog.session import open_catalog
from archivist.catalog.writer import Writer
from archivist.cli.main import invoke
from archivist.config import default_catalog
from archivist.model import OutputProfile
from archivist.store import exiftool

PLUGIN = '''
"""A codec that reads and writes, one that only reads, checks, and exporters."""
import json
import os
from dataclasses import dataclass

from archivist.api import *

RUN = "sample_extras:"


@hookimpl
def archivist_codecs():
    return [
        CodecSpec(id="pgm", title="Portable greymap", suffixes=(".pgm",), signature=b"P5",
                  read=RUN + "read", write=RUN + os.environ.get("EXTRAS_WRITE", "write")),
        CodecSpec(id="slide", title="Slide scanner", suffixes=(".sld",), signature=b"SLIDE",
                  read=RUN + "read_slide"),
    ]


@hookimpl
def archivist_checks():
    return [CheckSpec(id="dark", title="It became dark", steps=("sample.shade",),
                      run=RUN + os.environ.get("EXTRAS_CHECK", "dark"))]


@hookimpl
def archivist_exporters():
    return [
        ExporterSpec(id="lines", title="JSON lines", suffix=".jsonl", run=RUN + "export"),
        ExporterSpec(id="broken", title="Fails", suffix=".txt", run=RUN + "export_half"),
        ExporterSpec(id="folder", title="Folder", suffix="", folder=True, params=Ink,
                     run=RUN + "export_folder"),
        ExporterSpec(id="torn", title="Fails", suffix="", folder=True, run=RUN + "export_torn"),
    ]


@dataclass(frozen=True)
class Ink:
    """What the exporter of folders takes."""

    colour: str = param("black", doc="Of the ink.")
    pages: int = param(1, doc="How many.", low=1)


def read(data, page):
    import numpy as np

    _, width, height, top, rest = data.split(maxsplit=4)
    kind = ">u2" if int(top) > 255 else "u1"
    size = int(width), int(height)
    samples = np.frombuffer(rest[1:] if rest[:1] == b"!" else rest, kind)
    pixels = samples.reshape(size[1], size[0], 1).astype(np.float32) / np.float32(int(top))
    return Image(pixels=pixels, colour=Colour.GREY, depth=16 if int(top) > 255 else 8)


def read_slide(data, page):
    return read(data[5:], page)


def write(image):
    import numpy as np

    top = 65535 if image.depth == 16 else 255
    samples = np.rint(image.pixels * top).astype(">u2" if top > 255 else "u1")
    return b"P5 %d %d %d !" % (image.width, image.height, top) + samples.tobytes()


def write_roughly(image):
    return write(image.with_pixels(image.pixels * 0.98))


def write_wrongly(image):
    return write(image.with_pixels(image.pixels[:-1]))


def dark(before, after):
    ratio = float(after.pixels.mean() / before.pixels.mean())
    reason = "less than 60 % of the light"
    return Verdict(needed=ratio < 0.6, reason=reason, scores={"ratio": ratio})


def crash(before, after):
    raise LookupError("no model of darkness")


def mute(before, after):
    return None


def not_a_number(before, after):
    return Verdict(needed=True, reason="odd", scores={"ratio": float("nan")})


def wordless(before, after):
    return Verdict(needed=True, reason=5)


def misnamed(before, after):
    return Verdict(needed=True, reason="odd", scores={"a b\\n": 1.0})


def export(rows, destination):
    with destination.open("w") as stream:
        for row in rows:
            stream.write(json.dumps(row) + "\\n")


def export_half(rows, destination):
    destination.write_text("half")
    raise RuntimeError("no more ink")


def export_folder(rows, destination, params):
    destination.mkdir()
    for page in range(params.pages):
        (destination / f"{page}.txt").write_text(params.colour)


def export_torn(rows, destination):
    destination.mkdir()
    (destination / "0.txt").write_text("half")
    raise RuntimeError("no more ink")
'''


@pytest.fixture
def extras(sample_plugin, bench, monkeypatch):
    """Install a second plugin; scans are one grey picture in each of its formats."""
    info = sample_plugin / "sample_extras-1.0.dist-info"
    info.mkdir()
    (sample_plugin / "sample_extras.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sample-extras\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[archivist]\nextras = sample_extras\n")
    for path in bench.scans.rglob("*.*"):
        path.unlink()
    bench.steps = [{"use": "sample.shade"}]
    yield bench
    sys.modules.pop("sample_extras", None)


def ramp(depth: int = 8) -> np.ndarray:
    top = 2**depth - 1
    row = np.linspace(top // 10, top - top // 10, 40)
    return np.tile(row, (30, 1)).astype(f"u{depth // 8}")


def pgm(pixels: np.ndarray) -> bytes:
    height, width = pixels.shape
    top = np.iinfo(pixels.dtype).max
    return b"P5 %d %d %d !" % (width, height, top) + pixels.astype(f">u{pixels.itemsize}").tobytes()


def from_pgm(data: bytes) -> np.ndarray:
    _, width, height, top, rest = data.split(maxsplit=4)
    kind = ">u2" if int(top) > 255 else "u1"
    return np.frombuffer(rest[1:], kind).reshape(int(height), int(width)).astype(kind[-2:])


def catalog_of(bench):
    return open_catalog(default_catalog(bench.out), write=False)


def report_of(bench):
    with catalog_of(bench) as catalog:
        (row,) = queries.report_rows(catalog)
    return row


@dataclass(frozen=True)
class Said:
    """What a command said, and its exit code."""

    code: int
    stdout: str
    stderr: str


def archivist(*arguments: object) -> Said:
    with redirect_stdout(StringIO()) as stdout, redirect_stderr(StringIO()) as stderr:
        code = invoke([str(word) for word in arguments])
    return Said(code, stdout.getvalue(), stderr.getvalue())


# --- codecs


@pytest.mark.parametrize("depth", [8, 16])
def test_a_scan_in_a_plugins_format_is_restored_in_that_format(extras, depth):
    (extras.scans / "a.pgm").write_bytes(pgm(ramp(depth)))
    assert extras.run().counts == {"done": 1}
    assert extras.outputs() == {"a.pgm"}
    found = from_pgm((extras.out / "a.pgm").read_bytes())
    assert np.abs(found.astype(int) * 2 - ramp(depth)).max() <= 1
    assert found.itemsize * 8 == depth


def test_the_contract_of_a_plugins_format_says_what_is_not_carried(extras):
    (extras.scans / "a.pgm").write_bytes(pgm(ramp()))
    extras.run()
    (output,) = report_of(extras).publications
    assert set(output.contract.lost) == {"Metadata", "XMP-xmpMM:History"}
    assert output.contract.changed == {}


def test_a_codec_that_loses_a_little_is_told_in_the_contract(extras, monkeypatch):
    monkeypatch.setenv("EXTRAS_WRITE", "write_roughly")
    (extras.scans / "a.pgm").write_bytes(pgm(ramp()))
    assert extras.run().counts == {"done": 1}
    (output,) = report_of(extras).publications
    assert "dB" in output.contract.changed["Pixels"]


def test_a_codec_that_writes_another_picture_fails_the_asset_and_publishes_nothing(
    extras, monkeypatch
):
    monkeypatch.setenv("EXTRAS_WRITE", "write_wrongly")
    (extras.scans / "a.pgm").write_bytes(pgm(ramp()))
    (failure,) = extras.run().failures
    assert failure.code == "check"
    assert "its size is (40, 29), not (40, 30)" in failure.message
    assert extras.outputs() == set()


def test_what_a_codec_can_only_read_becomes_a_tiff_with_the_suffix_appended(extras):
    (extras.scans / "a.sld").write_bytes(b"SLIDE" + pgm(ramp(16)))
    extras.run()
    assert extras.outputs() == {"a.sld.tif"}
    found = tifffile.imread(extras.out / "a.sld.tif")
    assert found.dtype == np.uint16
    assert np.abs(found.astype(int) * 2 - ramp(16)).max() <= 1


def test_the_tiff_of_a_codec_never_meets_the_output_of_another_scan(extras):
    (extras.scans / "a.sld").write_bytes(b"SLIDE" + pgm(ramp(16)))
    tifffile.imwrite(extras.scans / "a.sld.tif", ramp(16), photometric="minisblack")
    assert extras.run().counts == {"done": 2}
    assert len(extras.outputs()) == 2
    assert "a.sld.tif" in extras.outputs()


@pytest.mark.parametrize("name", ["a.pgm", "a.sld"])
def test_an_untouched_scan_of_a_plugins_format_is_copied_byte_for_byte(extras, name):
    content = (b"SLIDE" if name == "a.sld" else b"") + pgm(ramp())
    (extras.scans / name).write_bytes(content)
    extras.steps = [{"use": "sample.shade", "amount": 1.0}]
    assert extras.run().counts == {"skipped": 1}
    assert {name: (extras.out / name).read_bytes() for name in extras.outputs()} == {name: content}


def test_a_plugins_format_can_be_published_as_jpeg(extras):
    (extras.scans / "a.pgm").write_bytes(pgm(ramp()))
    profile = OutputProfile(name="access", format="jpeg")
    output = replace(extras.settings.output, profiles=(profile,))
    extras.settings = replace(extras.settings, output=output)
    assert extras.run().counts == {"done": 1}
    assert extras.outputs() == {"a.pgm.jpg"}


def test_the_report_shows_pictures_of_a_plugins_format(extras):
    (extras.scans / "a.pgm").write_bytes(pgm(ramp()))
    extras.run()
    page = extras.out / "report.html"
    assert archivist("report", "--out", extras.out, "--html", page).code == 0
    assert 'alt="Scan of a.pgm"' in page.read_text()
    assert 'alt="Result for a.pgm"' in page.read_text()


def test_a_codec_that_was_uninstalled_is_named_with_its_cure(extras):
    (extras.scans / "a.pgm").write_bytes(pgm(ramp()))
    extras.run()
    blocked = replace(extras.settings.plugins, block=("sample-extras",))
    extras.settings = replace(extras.settings, plugins=blocked)
    extras.steps = [{"use": "sample.shade", "amount": 0.9}]
    (failure,) = extras.run().failures
    assert failure.code == "plugin-missing"
    assert "Cure: install its plugin" in failure.message


# --- checks


def flagged(bench):
    return [(flag.check, flag.step, flag.reason) for flag in report_of(bench).flags]


def test_a_check_flags_what_a_person_should_look_at(extras):
    (extras.scans / "a.pgm").write_bytes(pgm(ramp()))
    assert extras.run().counts == {"done": 1}
    assert flagged(extras) == [("dark", "sample.shade", "less than 60 % of the light")]
    (record,) = report_of(extras).records
    assert record.scores["check.dark.ratio"] == pytest.approx(0.5, abs=0.01)
    with catalog_of(extras) as catalog:
        (event,) = queries.events(catalog, type="asset.flagged")
    assert event.detail["reason"] == "less than 60 % of the light"


def test_a_check_that_is_content_leaves_only_its_scores(extras):
    (extras.scans / "a.pgm").write_bytes(pgm(ramp()))
    extras.steps = [{"use": "sample.shade", "amount": 0.9}]
    extras.run()
    assert flagged(extras) == []
    assert "check.dark.ratio" in report_of(extras).records[0].scores


def test_a_check_sees_only_the_steps_that_it_names(extras):
    (extras.scans / "a.pgm").write_bytes(pgm(ramp()))
    extras.steps = [{"use": "sample.smooth"}]
    extras.run()
    assert report_of(extras).records[0].scores == {}


def test_a_flag_stays_when_the_result_is_reused_and_goes_with_it(extras):
    (extras.scans / "a.pgm").write_bytes(pgm(ramp()))
    extras.run()
    extras.run()
    assert len(flagged(extras)) == 1
    extras.steps = [{"use": "sample.shade", "amount": 0.9}]
    extras.run()
    assert flagged(extras) == []


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ("crash", "the check dark failed (LookupError: no model of darkness)"),
        ("mute", "returned NoneType, not a Verdict"),
        ("not_a_number", "the score 'ratio' is not finite"),
        ("wordless", "gave a reason of type int"),
        ("misnamed", "a name is printable text"),
    ],
)
def test_a_check_that_fails_is_logged_in_the_record_and_costs_nothing(
    extras, monkeypatch, check, said
):
    monkeypatch.setenv("EXTRAS_CHECK", check)
    (extras.scans / "a.pgm").write_bytes(pgm(ramp()))
    assert extras.run().counts == {"done": 1}
    (record,) = report_of(extras).records
    assert said in record.log[0]
    assert flagged(extras) == []


def test_an_image_worked_on_in_windows_is_not_checked_and_the_record_says_so(extras):
    (extras.scans / "a.pgm").write_bytes(pgm(ramp()))
    schedule = replace(extras.settings.schedule, stream_above_megapixels=0.0001)
    extras.settings = replace(extras.settings, schedule=schedule)
    extras.run()
    assert "not checked (dark)" in report_of(extras).records[0].log[0]


def test_flags_are_shown_in_every_report(extras):
    (extras.scans / "a.pgm").write_bytes(pgm(ramp()))
    extras.run()
    page, table = extras.out / "report.html", extras.out / "report.csv"
    archivist("report", "--out", extras.out, "--html", page, "--csv", table)
    assert "To be looked at" in page.read_text()
    assert "less than 60 % of the light" in page.read_text()
    assert "dark after sample.shade: less than 60 % of the light" in table.read_text("utf-8-sig")
    status = json.loads(archivist("status", "--out", extras.out, "--json").stdout)
    assert status["flagged"] == [
        {
            "paths": ["a.pgm"],
            "page": 1,
            "pages": 1,
            "check": "dark",
            "step": "sample.shade",
            "reason": "less than 60 % of the light",
        }
    ]


def test_a_photograph_that_a_person_has_reviewed_is_no_longer_listed(extras):
    (extras.scans / "a.pgm").write_bytes(pgm(ramp()))
    extras.run()
    uid = report_of(extras).asset.uid
    with open_catalog(default_catalog(extras.out), write=True) as catalog:
        Writer(catalog).review(uid, Decision.APPROVE, by="Ann")
    assert json.loads(archivist("status", "--out", extras.out, "--json").stdout)["flagged"] == []
    assert len(flagged(extras)) == 1


# --- exporters


@pytest.fixture
def reported(extras):
    """An archive with one restored photograph and one file that is refused."""
    (extras.scans / "a.pgm").write_bytes(pgm(ramp()))
    (extras.scans / "b.png").write_bytes(b"no picture")
    extras.run()
    return extras


def test_an_exporter_gets_the_rows_of_the_json_report(reported, tmp_path):
    target = tmp_path / "rows.jsonl"
    done = archivist("report", "--out", reported.out, "--export", "lines", "--to", target)
    assert done.code == 0, done.stderr
    run, asset, refusal = map(json.loads, target.read_text().splitlines())
    report = json.loads(archivist("report", "--out", reported.out, "--json").stdout)
    (told,), (refused,) = report.pop("assets"), report.pop("refusals")
    assert _without_files(asset) == {"kind": "asset", **told}
    assert refusal == {"kind": "refusal", **refused}
    assert run == {"kind": "run", **report}


def _without_files(row):
    if isinstance(row, dict):
        return {key: _without_files(value) for key, value in row.items() if key != "file"}
    return [_without_files(one) for one in row] if isinstance(row, list) else row


def test_the_rows_of_an_exporter_name_files_that_are_there(reported, tmp_path):
    target = tmp_path / "rows.jsonl"
    archivist("report", "--out", reported.out, "--export", "lines", "--to", target)
    _, asset, _ = map(json.loads, target.read_text().splitlines())
    kept = [one for step in asset["steps"] for one in step["artifacts"] if one["kept"]]
    for row in (asset, *asset["outputs"]):
        data = Path(row["file"]).read_bytes()
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (row["digest"], row["size"])
    assert kept
    assert all(Path(one["file"]).stat().st_size == one["size"] for one in kept)


def test_the_rows_of_an_exporter_tell_what_an_auditor_asks(reported, tmp_path):
    target = tmp_path / "rows.jsonl"
    archivist("report", "--out", reported.out, "--export", "lines", "--to", target)
    run, asset, _ = map(json.loads, target.read_text().splitlines())
    step = asset["steps"][0]
    assert datetime.fromisoformat(step["started"]) >= datetime.fromisoformat(run["run"]["started"])
    assert [use["role"] for use in step["inputs"]] == ["scan"]
    assert step["operator"] == run["run"]["operator"]
    assert run["run"]["environment"]["python"]


def test_an_exporter_may_make_a_folder_with_params_of_the_command_line(reported, tmp_path):
    target = tmp_path / "new" / "folder"
    place = ("--export", "folder", "--to", target)
    done = archivist(
        "report", "--out", reported.out, *place, "--set", "colour=1", "--set", "pages=2"
    )
    assert done.code == 0, done.stderr
    assert {path.name: path.read_text() for path in target.iterdir()} == {
        "0.txt": "1",
        "1.txt": "1",
    }


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("pages=0", "the range 1"),
        ("color=red", "colour"),
        ("pages", "no '='"),
        ("pages=x", "pages"),
    ],
)
def test_a_wrong_param_is_named_before_anything_is_written(reported, tmp_path, setting, told):
    target = tmp_path / "folder"
    place = ("--export", "folder", "--to", target)
    done = archivist("report", "--out", reported.out, *place, "--set", setting)
    assert done.code == 2
    assert told in done.stderr
    assert not target.exists()


def test_a_folder_with_something_in_it_is_left_alone(reported, tmp_path):
    (tmp_path / "old.txt").write_text("old")
    done = archivist("report", "--out", reported.out, "--export", "folder", "--to", tmp_path)
    assert done.code == 2
    assert "Cure: name another folder" in done.stderr
    assert (tmp_path / "old.txt").read_text() == "old"


def test_an_exporter_that_fails_leaves_no_folder(reported, tmp_path):
    target = tmp_path / "folder"
    done = archivist("report", "--out", reported.out, "--export", "torn", "--to", target)
    assert done.code == 3
    assert "no more ink" in done.stderr
    assert not target.exists()
    assert [path.name for path in tmp_path.glob(".archivist-*")] == []


def test_a_param_without_an_exporter_is_refused(reported):
    done = archivist("report", "--out", reported.out, "--set", "pages=1")
    assert "add --export ID" in done.stderr


def test_an_exporter_that_fails_leaves_the_old_file(reported, tmp_path):
    target = tmp_path / "report.txt"
    target.write_text("old")
    done = archivist("report", "--out", reported.out, "--export", "broken", "--to", target)
    assert done.code == 3
    assert "no more ink" in done.stderr
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.glob(".archivist-*")] == []


def test_an_unknown_exporter_is_refused_with_the_nearest_name(reported, tmp_path):
    target = tmp_path / "x"
    done = archivist("report", "--out", reported.out, "--export", "line", "--to", target)
    assert done.code == 2
    assert "did you mean 'lines'?" in done.stderr


def test_the_exporters_are_listed(extras):
    rows = json.loads(archivist("report", "--list-exporters", "--json").stdout)
    found = {row["id"]: row for row in rows}
    assert {"broken", "folder", "lines", "torn"} <= set(found)
    assert [one["name"] for one in found["folder"]["params"]] == ["colour", "pages"]


def test_a_destination_needs_its_exporter(reported):
    done = archivist("report", "--out", reported.out, "--to", "x")
    assert done.code == 2
    assert "Cure: add --export ID" in done.stderr


# --- exiftool


ANSWERS = """#!{python}
import json, sys
files = []
for line in sys.stdin:
    if line.startswith("/"):
        files.append(line.strip())
    elif line.startswith("-execute"):
        scan, output = files
        rows = [{{"XMP:XMP-dc:Title": "Bridge"}}, {after}]
        print(json.dumps([{{"SourceFile": f, **r}} for f, r in zip(files, rows)]))
        print("{{ready}}", flush=True)
        files = []
"""


@pytest.fixture
def says(bench, tmp_path, monkeypatch):
    """Put a program in the place of exiftool: it reads a title in scans, this in outputs."""

    def install(after: dict[str, str]) -> None:
        path = tmp_path / "bin" / "exiftool"
        path.parent.mkdir()
        path.write_text(ANSWERS.format(python=sys.executable, after=after))
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{path.parent}{os.pathsep}{os.environ['PATH']}")
        exiftool._found.cache_clear()

    bench.steps = [{"use": "sample.shade"}]
    yield install
    exiftool.reader.cache_clear()
    exiftool._found.cache_clear()


def test_a_loss_that_only_exiftool_sees_fails_the_asset(bench, says):
    says({})
    result = bench.run()
    assert {failure.code for failure in result.failures} == {"metadata-lost"}
    assert "XMP:XMP-dc:Title is missing" in result.failures[0].message
    assert bench.outputs() == set()


def test_what_exiftool_finds_again_is_published(bench, says):
    says({"XMP:XMP-dc:Title": "Bridge"})
    assert bench.run().counts == {"done": 4}


def test_the_second_reader_can_be_switched_off(bench, says):
    says({})
    output = replace(bench.settings.output, exiftool="never")
    bench.settings = replace(bench.settings, output=output)
    assert bench.run().counts == {"done": 4}


def test_a_byte_copy_is_not_read_a_second_time(bench, says):
    says({})
    bench.steps = [{"use": "sample.shade", "amount": 1.0}]
    assert bench.run().counts == {"skipped": 4}
