"""Audits of a small archive with real pictures: text, JSON, page, and comparisons of runs."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from archivist.api import Colour
from archivist.api.values import Image, Mask, TransferMap
from archivist.catalog.rows import Decision
from archivist.hashing import digest_bytes, digest_file
from archivist.model import (
    Action,
    Asset,
    AssetOutcome,
    FileWork,
    Header,
    InputUse,
    MetadataContract,
    PageWork,
    Publication,
    Recipe,
    RecipeStep,
    ScanFile,
    Status,
    StepRecord,
    Supplied,
    Task,
    UnitOutcome,
    WeightUse,
    WorkUnit,
    now,
)
from archivist.store.artifacts import save

ENVIRONMENT = {"archivist": "0.1", "processor": "Loom 9000", "libraries": {"numpy": "2.4"}}
NASTY = "=1+1<script>alert(1)</script>\u202e\x07"
"""A formula, markup, a character that turns text round, and a bell."""
RECIPE = Recipe(
    name="scratch",
    title="Find and fill",
    steps=(
        RecipeStep(step="scratch.detect", params={"threshold": 0.5}),
        RecipeStep(step="scratch.repair", params={"radius": 3}),
    ),
)


@dataclass
class Restored:
    """One photograph that was restored: 64 x 48 pixels, of which 96 were filled."""

    archive: Any
    file: ScanFile
    run: str

    @property
    def output(self):
        return self.archive.out / self.file.path


@pytest.fixture
def restore(archive) -> Callable[..., Restored]:
    """Give a function that restores a photograph as a run does, with real files."""
    return lambda *args, **options: _restore(archive, *args, **options)


def _restore(
    archive: Any,
    name: str = "album/a.png",
    *,
    radius: int = 3,
    fill: int = 200,
    facts: dict[str, str] | None = None,
    drawn: bool = False,
    lender: ScanFile | None = None,
    kept: tuple[str, ...] = ("Make",),
) -> Restored:
    rows, columns = np.mgrid[:48, :64]
    pixels = ((rows * 5 + columns * 3 + len(name)) % 180).astype(np.uint8)
    scan = archive.scans / name
    scan.parent.mkdir(parents=True, exist_ok=True)
    PillowImage.fromarray(pixels).save(scan)
    chosen = np.zeros(pixels.shape, np.bool_)
    chosen[4:8, 10:34] = True
    filled = pixels.copy()
    filled[chosen] = fill
    if lender is not None:
        filled = np.kron(filled, np.ones((2, 2), np.uint8))
    output = archive.out / name
    output.parent.mkdir(parents=True, exist_ok=True)
    PillowImage.fromarray(filled).save(output)
    header = Header(format="png", width=64, height=48, colour=Colour.GREY, depth=8)
    digest = digest_file(scan)
    asset = Asset(digest=digest, page=0, pages=1, header=header, facts=facts or {})
    file = ScanFile(path=name, digest=digest, size=scan.stat().st_size, mtime_ns=1, assets=(asset,))
    records = _records(archive, asset, chosen, filled, radius=radius, drawn=drawn, lender=lender)
    run = _recorded(archive, file, records, output, radius=radius, drawn=drawn, kept=kept)
    return Restored(archive, file, run)


def _records(archive, asset, chosen, filled, *, radius, drawn, lender) -> list[StepRecord]:
    mask = save(archive.store, "mask", Mask(pixels=chosen))
    value = (filled[:, :, None] / np.float32(255)).astype(np.float32)
    image = save(archive.store, "image", Image(pixels=value, colour=Colour.GREY))
    outputs = [image]
    reads = [InputUse(port="image", digest=asset.uid, role="scan")]
    finds = list(reads)
    if drawn:
        finds.append(InputUse(port="user_mask", digest=digest_bytes(b"drawn"), role="supplied"))
    reads.append(InputUse(port="mask", digest=mask.digest, role="mask"))
    if lender is not None:
        outputs.append(save(archive.store, "transfer_map", _transfer(lender.digest)))
        note = "region 0,0,32,24: shows the same things"
        reads.append(
            InputUse(
                port="references", digest=lender.digest, role="reference", score=0.75, note=note
            )
        )
    detect = archive.record(
        asset.uid,
        version=1,
        params={"threshold": 0.5},
        inputs=tuple(finds),
        outputs=(mask,),
        log=(NASTY,),
        environment=_environment(),
    )
    repair = archive.record(
        asset.uid,
        ordinal=1,
        step="scratch.repair",
        version=1,
        title="Fill",
        params={"radius": radius},
        key=digest_bytes(f"repair {asset.uid} {radius}".encode()),
        inputs=tuple(reads),
        outputs=tuple(outputs),
        weights=(
            WeightUse(name="filler", digest=digest_bytes(b"filler"), licence="MIT", source="us"),
        ),
        environment=_environment(),
    )
    return [detect, repair]


def _transfer(lender: str) -> TransferMap:
    source = np.full((12, 16), -1, np.int32)
    source[6:] = 0
    return TransferMap(
        source=source,
        position=np.zeros((12, 16, 2), np.int32),
        similarity=np.full((12, 16), 0.5, np.float32),
        assets=(lender,),
        stride=8,
    )


def _environment() -> str:
    from archivist.hashing import digest_json

    return digest_json(ENVIRONMENT)


def _recorded(archive, file, records, output, *, radius, drawn, kept) -> str:
    writer, uid = archive.writer, file.assets[0].uid
    recipe = replace(
        RECIPE,
        steps=(RECIPE.steps[0], RecipeStep(step="scratch.repair", params={"radius": radius})),
    )
    tasks = tuple(
        Task(
            asset=uid,
            ordinal=record.ordinal,
            step=record.step,
            version=record.version,
            params=record.params,
            action=Action.RUN,
            reason="new",
            key=None,
        )
        for record in records
    )
    supplied = (
        (Supplied(port="user_mask", path="/masks/a.png", digest=digest_bytes(b"drawn")),)
        if drawn
        else ()
    )
    page = PageWork(asset=file.assets[0], tasks=tasks, supplied=supplied)
    work = FileWork(digest=file.digest, paths=(file.path,), pages=(page,))
    run = writer.start_run(
        command="run",
        operator="Ada",
        settings={"scans": str(archive.scans), "out": str(archive.out), "radius": radius},
        recipe=recipe,
    )
    writer.add_scan(run, [file])
    writer.store_plan(run, recipe, [WorkUnit(uid=file.digest, files=(work,), seconds=1.0)])
    publication = Publication(
        source=file.path,
        digest=file.digest,
        profile="restored",
        path=file.path,
        output_digest=digest_file(output),
        size=output.stat().st_size,
        media_type="image/png",
        untouched=False,
        contract=MetadataContract(kept=kept, lost={"Preview": NASTY}),
        key=digest_bytes(f"published {radius}".encode()),
    )
    ended = AssetOutcome(asset=uid, status=Status.DONE, records=tuple(records), seconds=1.0)
    writer.record(
        run,
        [
            UnitOutcome(
                unit=file.digest,
                assets=(ended,),
                publications=(publication,),
                environment=ENVIRONMENT,
                started=now(),
                seconds=1.0,
            )
        ],
    )
    writer.finish_run(run)
    return run


def parts(facts):
    return {one["origin"]: one["percent"] for one in facts["synthesis"]["parts"]}


# --- find ---


def test_a_renamed_output_is_found_and_its_lineage_told(restore, command, tmp_path):
    restored = restore()
    copy = tmp_path / "holiday.png"
    shutil.copy(restored.output, copy)

    code, out, _ = command("audit", str(copy), "--json")

    facts = json.loads(out)
    (photograph,) = facts["photographs"]
    assert code == 0
    assert [one["how"] for one in facts["found_as"]] == ["output"]
    assert photograph["paths"] == ["album/a.png"]
    assert [step["step"] for step in photograph["steps"]] == ["scratch.detect", "scratch.repair"]
    assert photograph["steps"][1]["weights"][0]["licence"] == "MIT"
    assert photograph["steps"][1]["inputs"][1]["maker"] == "mask of step 1, scratch.detect"
    assert photograph["steps"][0]["environment"] == ENVIRONMENT


@pytest.mark.parametrize("name", ["album/a.png", "INV 7", "digest", "short digest"])
def test_a_photograph_is_found_by_path_number_and_digest(restore, command, name):
    restored = restore(facts={"inventory_no": "INV 7"})
    names = {"digest": restored.file.digest, "short digest": restored.file.digest[:12]}

    code, out, _ = command("audit", names.get(name, name), "--json", "--quick")

    assert code == 0
    assert json.loads(out)["photographs"][0]["asset"] == restored.file.digest


def test_without_out_the_folder_is_that_of_the_file(restore, command):
    restored = restore()
    code, out, _ = command("audit", str(restored.output), "--quick", out=False)
    assert code == 0
    assert "scratch.repair v1" in out


def test_what_is_unknown_is_told_with_all_that_was_looked_for(restore, command, tmp_path):
    restore()
    stranger = tmp_path / "stranger.png"
    stranger.write_bytes(b"nothing of ours")

    code, _, err = command("audit", str(stranger))

    assert code == 2
    assert digest_bytes(b"nothing of ours") in err
    assert "inventory number" in err
    assert "Cure" in err


def test_a_weight_file_is_recognised(restore, command, tmp_path):
    restore()
    file = tmp_path / "filler.safetensors"
    file.write_bytes(b"filler")
    code, _, err = command("audit", str(file))
    assert code == 2
    assert "archivist query --uses-weights" in err


def test_an_output_that_was_edited_is_found_by_its_path_with_a_warning(restore, command):
    restored = restore()
    restored.output.write_bytes(restored.output.read_bytes() + b"edited")

    code, out, _ = command("audit", str(restored.output), "--json")

    facts = json.loads(out)
    assert code == 0
    assert "is not what was recorded" in facts["warnings"][0]
    assert facts["photographs"][0]["outputs"][0]["condition"] == "changed since"
    assert "changed since" in facts["photographs"][0]["synthesis"]["missing"]


def test_an_earlier_version_is_told_with_the_steps_that_made_it(restore, command, tmp_path):
    first = restore(radius=3, fill=200)
    copy = tmp_path / "old.png"
    shutil.copy(first.output, copy)
    restore(radius=5, fill=210)

    _, out, _ = command("audit", str(copy), "--json")

    facts = json.loads(out)
    (photograph,) = facts["photographs"]
    assert facts["found_as"][0]["how"] == "earlier output"
    assert photograph["steps"][1]["params"] == {"radius": 3}
    assert [one["shown"] for one in photograph["generations"]] == [False, True]


def test_a_name_that_is_no_unicode_is_found_and_shown_escaped(restore, command):
    restored = restore("album/caf\udce9.png".encode("utf-8", "surrogateescape").decode("latin-1"))
    renamed = restored.output.with_name("b\udcff.png")
    restored.output.rename(renamed)

    code, out, _ = command("audit", str(renamed), "--quick")
    _, facts, _ = command("audit", str(renamed), "--quick", "--json")

    assert code == 0
    assert r"b\xff.png" in out
    assert json.loads(facts)["asked"].encode("utf-8")


# --- the map ---


def test_shares_of_the_map_are_measured_from_the_pixels(restore, command):
    restore()
    _, out, _ = command("audit", "album/a.png", "--json")
    (photograph,) = json.loads(out)["photographs"]
    assert parts(photograph) == {"untouched": 96.88, "filled": 3.12}  # 96 of 3072 pixels
    assert "filler" in photograph["synthesis"]["parts"][1]["reason"]


def test_without_the_stored_picture_the_output_is_compared(restore, command, tmp_path):
    restored = restore()
    shutil.rmtree(restored.archive.store.root)
    page = tmp_path / "audit.html"
    _, out, _ = command("audit", "album/a.png", "--json", "--html", str(page))
    synthesis = json.loads(out)["photographs"][0]["synthesis"]
    assert {one["origin"]: one["percent"] for one in synthesis["parts"]} == {
        "untouched": 96.88,
        "filled or corrected": 3.12,
    }
    assert any("gone from the store" in note for note in synthesis["notes"])
    told = page.read_text("utf-8")
    assert "of 3.12 % it cannot be told whether what was there is gone" in told
    assert "0.00 % is content that the scan does not have" not in told


def test_an_output_that_is_gone_leaves_the_map_of_the_stored_picture(restore, command, tmp_path):
    restored = restore()
    restored.output.unlink()
    page = tmp_path / "audit.html"
    _, out, _ = command("audit", "album/a.png", "--json", "--html", str(page))
    (photograph,) = json.loads(out)["photographs"]
    assert parts(photograph) == {"untouched": 96.88, "filled": 3.12}
    assert "album/a.png is missing" in photograph["synthesis"]["notes"][0]
    assert "the picture that scratch.repair made, from the store" in page.read_text("utf-8")
    assert page.read_text("utf-8").count("data:image/jpeg") > 2


def test_what_neither_output_nor_store_has_is_told(restore, command):
    restored = restore()
    restored.output.unlink()
    shutil.rmtree(restored.archive.store.root)
    _, out, _ = command("audit", "album/a.png", "--json")
    missing = json.loads(out)["photographs"][0]["synthesis"]["missing"]
    assert "output is gone, and the picture that scratch.repair made is not in the" in missing
    assert "archivist run makes both anew" in missing


def test_texture_of_another_photograph_is_told_with_its_path_and_score(restore, command):
    lender = restore("album/lender.png").file
    restore(lender=lender)

    _, out, _ = command("audit", "album/a.png", "--json")

    (photograph,) = json.loads(out)["photographs"]
    assert parts(photograph) == {"enlarged": 46.88, "filled": 3.12, "copied": 50.0}
    copied = photograph["synthesis"]["parts"][-1]
    assert copied["title"] == "Texture copied from album/lender.png"
    assert "score 0.75" in copied["reason"]
    assert "similarity of the places 0.50" in copied["reason"]


def test_a_mask_that_a_person_drew_is_told_as_such_where_it_was_filled(restore, command):
    restore(drawn=True)
    _, out, _ = command("audit", "album/a.png", "--json")
    filled = json.loads(out)["photographs"][0]["synthesis"]["parts"][1]
    assert "drawn by a person" in filled["reason"]


def test_quick_opens_no_picture(restore, command):
    restored = restore()
    restored.output.unlink()
    code, out, _ = command("audit", "album/a.png", "--json", "--quick")
    (photograph,) = json.loads(out)["photographs"]
    assert code == 0
    assert photograph["outputs"][0]["condition"] == "not checked"
    assert "parts" not in photograph["synthesis"]


def test_records_are_compared_with_what_was_entered(restore, command):
    restore()
    _, out, _ = command("audit", "album/a.png", "--json", "--quick")
    seal = json.loads(out)["photographs"][0]["seal"]
    assert seal["fine"]
    assert seal["entries"] == 3  # two steps, one publication
    assert seal["checkpoint"]["size"] >= 3


def test_a_record_that_was_edited_behind_our_back_is_told(restore, command):
    restored = restore()
    with restored.archive.catalog.writing() as connection:
        connection.exec_driver_sql("UPDATE step SET device = 'cuda' WHERE ordinal = 1")
    _, out, _ = command("audit", "album/a.png", "--quick")
    assert "WARNING        The catalog was edited" in out
    assert "scratch.repair" in " ".join(out.split()).partition("not as entered are")[2][:80]


@pytest.mark.parametrize(
    ("table", "edit"),
    [
        ("environment", 'value = \'{"system": "Windows"}\''),
        ("contract", 'lost = \'{"EXIF:Fake": "x"}\''),
        ("contract", "lost = '[1]'"),
    ],
)
def test_what_records_name_is_compared_too(restore, command, table, edit):
    restored = restore()
    with closing(sqlite3.connect(restored.archive.catalog.path)) as connection, connection:
        connection.execute(f"UPDATE {table} SET {edit}")
    code, out, _ = command("audit", "album/a.png", "--quick")
    assert code == 0
    assert f"The catalog was edited: not as entered are the {table}" in " ".join(out.split())


@pytest.mark.parametrize("table", ["step", "publication"])
def test_records_that_were_deleted_behind_our_back_are_told(restore, command, table):
    restored = restore()
    with closing(sqlite3.connect(restored.archive.catalog.path)) as connection, connection:
        connection.execute(f"DELETE FROM {table} WHERE id = (SELECT max(id) FROM {table})")
    _, out, _ = command("audit", "album/a.png", "--quick")
    told = " ".join(out.split())
    assert f"Records were deleted from the catalog: 1 of a {table}" in told
    assert "are as they were entered" not in told


# --- text and page ---


def test_the_text_tells_everything_within_a_hundred_columns(restore, command):
    restored = restore(drawn=True, facts={"inventory_no": "INV 7"})
    restored.archive.writer.review(
        restored.file.digest, Decision.APPROVE, by="Ada", reason="sharp and true"
    )
    code, out, _ = command("audit", "INV 7")
    assert code == 0
    words = " ".join(out.split())
    for fact in (
        "Untouched",
        "threshold=0.5",
        "licence MIT",
        digest_bytes(b"filler"),
        "made by a person (not named) /masks/a.png",
        "approve by Ada",
        "sharp and true",
        "Loom 9000",
        "1 kept, 0 changed, 0 added, 1 lost",
    ):
        assert fact in words
    assert [line for line in out.splitlines() if len(line) > 100 and "/" not in line] == []


def test_what_others_wrote_is_shown_as_text_and_moves_nothing(restore, command, tmp_path):
    restore(facts={"title": NASTY})
    page = tmp_path / "audit.html"

    command("audit", "album/a.png", "--html", str(page))
    _, out, _ = command("audit", "album/a.png")

    html = page.read_text("utf-8")
    assert "<script>alert" not in html
    for text in (html, out):
        assert "\u202e" not in text
        assert "\x07" not in text
        assert r"\u202e" in text


def test_the_page_needs_nothing_else(restore, command, tmp_path):
    restore()
    page = tmp_path / "audit.html"
    code, out, _ = command("audit", "album/a.png", "--html", str(page))
    html = page.read_text("utf-8")
    assert code == 0
    assert str(page) in out
    assert html.count('class="layer"') == 1
    assert "3.12 %" in html
    assert "http://" not in html
    assert "https://" not in html


def test_a_page_that_cannot_be_written_tells_the_cure(restore, command, tmp_path):
    restore()
    code, _, err = command("audit", "album/a.png", "--quick", "--html", str(tmp_path))
    assert code == 2
    assert "Cure" in err


# --- query and diff ---


def test_a_table_of_outputs_holds_no_formula(restore, command):
    restore(facts={"title": NASTY, "inventory_no": "=2"})
    _, out, _ = command("query", "--made-with", "scratch.repair", "--csv", "-")
    (row,) = csv.DictReader(io.StringIO(out))
    assert row["output"] == "album/a.png"
    assert row["inventory_no"] == "'=2"
    assert row["title"].startswith("'=")


def test_outputs_are_found_by_the_path_of_their_reference(restore, command):
    lender = restore("album/lender.png").file
    restore(lender=lender)
    _, out, _ = command("query", "--reference", "album/lender.png", "--json")
    assert [json.loads(line)["output"] for line in out.splitlines()] == ["album/a.png"]


def test_a_query_wants_a_condition(command):
    code, _, err = command("query")
    assert code == 2
    assert "--uses-weights" in err


def test_two_forms_of_one_list_are_refused(restore, command, tmp_path):
    restore()
    table = tmp_path / "table.csv"
    code, out, err = command("query", "--made-with", "scratch", "--json", "--csv", str(table))
    assert (code, out, table.exists()) == (2, "", False)
    assert "--csv" in err
    assert "--json" in err


def test_two_runs_differ_in_params_and_pictures(restore, command, tmp_path):
    restore(radius=3, fill=200)
    restore(radius=5, fill=210)
    page = tmp_path / "diff.html"

    code, out, _ = command("diff", "last~1", "last", "--json", "--html", str(page))

    facts = json.loads(out)
    (output,) = facts["outputs"]
    named = {(one["area"], one["name"]): (one["first"], one["second"]) for one in facts["changed"]}
    assert code == 0
    assert named["params", "scratch.repair radius"] == ("3", "5")
    assert named["settings", "radius"] == ("3", "5")
    assert output["verdict"] == "different"
    assert output["measure"]["share"] == pytest.approx(96 / 3072)
    assert output["measure"]["largest"] == pytest.approx(10 / 255)
    assert "scratch.repair radius" in page.read_text("utf-8")
    assert "times as bright" in page.read_text("utf-8")


def test_the_difference_of_two_runs_is_drawn(restore, command, tmp_path):
    restore(radius=3, fill=200)
    restore(radius=5, fill=210)

    _, out, _ = command("diff", "last~1", "last", "--pictures", str(tmp_path / "drawn"))

    drawn = tmp_path / "drawn" / "album" / "a.png.difference.png"
    assert str(drawn) in out
    pixels = np.array(PillowImage.open(drawn))
    width = 12 * len("difference x 25")  # 65535 / (10 * 257)
    assert (pixels[-48:, -width:][:, :64].max(axis=2) > 0).sum() == 96


def test_what_became_of_tags_otherwise_is_counted_over_all_outputs(restore, command):
    for name in ("album/a.png", "album/bc.png"):
        restore(name, fill=200)
    first = restore("album/def.png", fill=200).run
    for name in ("album/a.png", "album/bc.png", "album/def.png"):
        restore(name, radius=5, fill=210, kept=())

    told = []
    for second in ("last~2", "last~1", "last"):
        _, out, _ = command("diff", first, second, "--json")
        told += [one for one in json.loads(out)["changed"] if one["area"] == "metadata"]

    assert {(one["name"], one["first"], one["second"]) for one in told} == {
        ("Make", "kept", "(none)")
    }


def test_a_run_is_the_same_as_itself(restore, command):
    run = restore().run
    _, out, _ = command("diff", run[:13], "last")
    assert "are the same" in out
    assert "1 identical" in out


@pytest.mark.parametrize("name", ["last~9", "ffff"])
def test_an_unknown_run_is_refused_with_the_cure(restore, command, name):
    restore()
    code, _, err = command("diff", name, "last")
    assert code == 2
    assert "archivist status lists" in err


def test_every_name_of_the_json_is_in_the_documentation(restore, command):
    lender = restore("album/lender.png").file
    restore(lender=lender)
    _, audited, _ = command("audit", "album/a.png", "--json")
    _, compared, _ = command("diff", "last~1", "last", "--json")
    _, listed, _ = command("query", "--made-with", "scratch.repair", "--json", "--limit", "1")
    page = (Path(__file__).parents[2] / "docs" / "audit.md").read_text("utf-8")
    names = {name for text in (audited, compared, listed) for name in _names(json.loads(text))}
    assert {name for name in names if f"`{name}`" not in page} == set()


FREE = {"params", "facts", "scores", "environment", "tiling", "metadata", "counts", "measure"}
"""Names whose content is not of a fixed shape, or described in words."""


def _names(value):
    if isinstance(value, list):
        for item in value:
            yield from _names(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield name
            if name not in FREE | {"detail", "exif", "other_than_default", "encoding"}:
                yield from _names(item)
