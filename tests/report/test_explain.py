"""Each pixel of a result can be asked where its texture came from."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from archivist.api import TransferMap, UsageError
from archivist.cli.main import invoke
from archivist.hashing import digest_bytes
from archivist.model import Artifact, InputUse, Refusal, Status
from archivist.report.explain_words import sentences, strength
from archivist.report.explaining import Folders, explain
from archivist.report.gather import CatalogSource
from archivist.report.patches import AROUND, draw
from archivist.report.pictures import StoredPictures
from archivist.step.record import sealed
from archivist.store.artifacts import save

STRIDE, ROWS, COLUMNS = 4, 24, 32


@pytest.fixture
def lent(archive):
    """An archive whose ``a.png`` was enlarged with texture of ``reference.png`` at the left."""
    return Lent(archive)


class Lent:
    """Makes the archive, and asks."""

    def __init__(self, archive) -> None:
        self.archive = archive
        self.file, self.reference = archive.file("a.png"), archive.file("reference.png")
        archive.scans.mkdir(parents=True)
        self.folders = Folders(scans=archive.scans, out=archive.out, store=archive.store.root)
        draw_flat(archive.scans / "a.png", (48, 64), 60)
        draw_flat(archive.scans / "reference.png", (300, 400), 200)
        draw_flat(archive.out / "a.png", (96, 128), 120)
        self.map = save(archive.store, "transfer_map", borrowed(self.reference.digest))
        archive.record = self.record
        self.run()

    def run(self, **changes) -> None:
        self.changes = changes
        run = self.archive.start(self.file, self.reference)
        self.archive.end(run, self.file)

    def record(self, asset, *, status=Status.DONE):
        used = InputUse(
            port="references",
            digest=self.reference.digest,
            role="reference",
            score=0.61,
            note="region 0,0,400,300: shows the same things 2.1 times as fine",
        )
        image = Artifact(port="image", kind="image", digest="1" * 64, width=128, height=96)
        plain = type(self.archive).record(self.archive, asset, status=status)
        facts = {
            "title": "Enlarge",
            "inputs": (*plain.inputs, used),
            "outputs": (replace(image, kept=False), self.map),
        }
        return sealed(replace(plain, digest="", **{**facts, **self.changes}))

    def ask(self, name="a.png", at=(10, 10), **more):
        return explain(self.archive.catalog, name, at, self.folders, **more)


def draw_flat(path, size, level):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(size, level, np.uint8)).save(path)


def borrowed(asset):
    """The left half comes from x 100 + column, y 200 + row of the reference."""
    source = np.full((ROWS, COLUMNS), -1, np.int32)
    source[:, : COLUMNS // 2] = 0
    row, column = np.mgrid[0:ROWS, 0:COLUMNS]
    position = np.stack([100 + column, 200 + row], axis=2).astype(np.int32)
    return TransferMap(
        source=source,
        position=position,
        similarity=np.where(source < 0, 0, 0.8).astype(np.float32),
        assets=(asset,),
        stride=STRIDE,
    )


def test_a_borrowed_pixel_names_reference_position_and_similarity(lent):
    found = lent.ask(at=(21, 43))
    assert found.cell == (20, 40, 4, 4)
    assert (found.borrowings[0].x, found.borrowings[0].y) == (105, 210)
    assert found.borrowings[0].similarity == pytest.approx(0.8)
    assert found.borrowings[0].reference.path == "reference.png"


def test_the_words_say_which_where_how_strongly_and_why(lent):
    text = "\n".join(sentences(lent.ask()))
    assert "Texture was borrowed from reference.png (Title of reference.png)." in text
    assert "around 102,202 of that scan" in text
    assert "0.80 of 1, strong" in text
    assert "score 0.61: region 0,0,400,300: shows the same things" in text


def test_a_pixel_that_borrowed_nothing_names_the_steps_that_made_it(lent):
    found = lent.ask(at=(100, 10))
    assert found.borrowings == ()
    text = "\n".join(sentences(found))
    assert "Nothing was borrowed" in text
    assert "made from the scan a.png by scratch.detect 3 (Enlarge)" in text
    assert "each step did here is not known" in text  # the fixture's files are not those recorded


def test_an_output_is_found_by_its_place_on_the_disk_and_a_scan_by_its_path(lent):
    by_file = lent.ask(str(lent.archive.out / "a.png"))
    by_scan = lent.ask(str(lent.archive.scans / "a.png"))
    assert by_file.asset == by_scan.asset == lent.file.assets[0]


def test_an_output_that_was_renamed_is_found_by_its_content_and_by_its_sha256(lent, tmp_path):
    content = b"output a.png"
    (lent.archive.out / "a.png").write_bytes(content)
    moved = (lent.archive.out / "a.png").rename(tmp_path / "copy of a.png")
    for name in (str(moved), digest_bytes(content), digest_bytes(content)[:8]):
        assert lent.ask(name).file.path == "a.png"
    assert lent.ask(str(moved)).place == moved


def test_a_smaller_copy_is_asked_in_its_own_pixels(lent):
    draw_flat(lent.archive.out / "a.png", (48, 64), 120)
    found = lent.ask(at=(10, 21))
    assert (found.width, found.height) == (64, 48)
    assert found.cell == (10, 20, 2, 2)
    assert (found.borrowings[0].x, found.borrowings[0].y) == (105, 210)


def test_an_output_that_is_gone_is_asked_in_the_pixels_that_were_made(lent):
    (lent.archive.out / "a.png").unlink()
    assert (lent.ask().width, lent.ask().height) == (128, 96)


@pytest.mark.parametrize("at", [(128, 0), (0, 96), (-1, 5)])
def test_a_place_outside_the_result_is_refused_with_its_size(lent, at):
    with pytest.raises(UsageError, match="128 x 96 pixels"):
        lent.ask(at=at)


def test_an_unknown_name_is_refused_with_the_cure(lent):
    with pytest.raises(UsageError, match=r"knows nothing of 'b.png'.* Cure"):
        lent.ask("b.png")


def test_a_page_that_is_not_there_is_refused(lent):
    with pytest.raises(UsageError, match="no page 3"):
        lent.ask(page=2)


def test_a_map_that_was_not_kept_is_said_to_be_unknown_not_empty(lent):
    lent.map = replace(lent.map, kept=False, blob=None, digest="9" * 64)
    lent.run(key="2" * 64, version=4)
    found = lent.ask()
    assert "not kept" in found.problem
    assert "not known" in sentences(found)[1]


def test_a_damaged_map_is_said_to_be_unknown(lent):
    lent.archive.store.path(lent.map.blob).write_bytes(b"noise")
    assert "Cure" in lent.ask().problem


def test_a_result_that_no_step_made_says_so(lent):
    lent.run(key="3" * 64, version=5, outputs=())
    with pytest.raises(UsageError, match="no step made a picture"):
        lent.ask()


def test_a_photograph_whose_step_failed_has_no_result_and_says_why(lent):
    failed = lent.archive.file("broken.png")
    image = Artifact(port="image", kind="image", digest="1" * 64, width=128, height=96)
    lent.changes = {"outputs": (image,)}  # a step before the one that failed made a picture
    run = lent.archive.start(failed)
    lent.archive.end(run, failed, status=Status.FAILED, code="damaged", message="no light")
    with pytest.raises(
        UsageError, match=r"no result.* failed .*no light \[damaged\]\. Cure"
    ) as told:
        lent.ask("broken.png")
    assert "each pixel its own" not in str(told.value)


def test_a_photograph_that_no_run_has_treated_says_so(lent):
    lent.archive.start(lent.archive.file("new.png"))
    with pytest.raises(UsageError, match=r"No run has treated it yet. Cure: archivist run"):
        lent.ask("new.png")


def test_a_file_that_the_scan_refused_is_told_with_the_reason(lent):
    refusal = Refusal(path="cut.jpg", code="truncated", reason="it ends early. Cure: scan it again")
    lent.archive.start(refusals=[refusal])
    for name in ("cut.jpg", str(lent.archive.scans / "cut.jpg")):
        with pytest.raises(UsageError, match=r"cut.jpg was refused .*Cure: scan it again \[trunc"):
            lent.ask(name)


def test_an_output_that_a_later_run_failed_to_replace_is_told_by_its_own_steps(lent):
    lent.changes = {"key": "4" * 64, "version": 6, "outputs": ()}
    run = lent.archive.start(lent.file)
    lent.archive.end(run, lent.file, status=Status.FAILED, code="damaged", message="no light")
    found = lent.ask()
    assert [one.version for one in found.makers] == [3]
    assert "later run failed to make it anew: no light [damaged]" in sentences(found)[1]


def test_the_picture_shows_the_result_and_the_patch_side_by_side(lent, tmp_path):
    draw(lent.ask(at=(64 - 8, 48)), lent.folders, tmp_path / "see.png", codecs={})
    sheet = np.asarray(Image.open(tmp_path / "see.png"))
    height, width, _ = sheet.shape
    assert (height, width) == (AROUND * 8 + 48, 2 * AROUND * 8 + 72)
    assert (sheet[height // 2, width // 4] == 120).all()
    assert (sheet[height // 2, 3 * width // 4] == 200).all()


def test_without_a_borrowing_the_picture_shows_the_result_alone(lent, tmp_path):
    draw(lent.ask(at=(127, 95)), lent.folders, tmp_path / "see.png", codecs={})
    with Image.open(tmp_path / "see.png") as sheet:
        assert sheet.width == AROUND * 8 + 48


def test_a_reference_that_is_gone_costs_the_picture_only(lent, tmp_path):
    (lent.archive.scans / "reference.png").unlink()
    found = lent.ask()
    assert found.borrowings
    with pytest.raises(UsageError, match="cannot be shown"):
        draw(found, lent.folders, tmp_path / "see.png", codecs={})


def test_more_similar_is_stronger_in_words():
    assert [strength(n) for n in (0.2, 0.5, 0.8, 0.95)] == [
        "weak",
        "moderate",
        "strong",
        "very strong",
    ]


def test_the_report_shows_what_was_borrowed_over_the_result(lent):
    source = CatalogSource(lent.archive.catalog)
    asset = next(one for one in source.assets() if one.path == "a.png")
    pair = StoredPictures(source.run, lent.archive.store.root, side=64).pair(asset)
    (overlay,) = pair.overlays
    assert (overlay.key, overlay.label) == ("texture", "Borrowed")
    assert overlay.uri.startswith("data:image/png")
    (lender,) = overlay.lenders
    assert (lender.name, lender.share) == ("reference.png", 0.5)
    assert lender.similarity == pytest.approx(0.8)
    assert lender.picture.startswith("data:image/jpeg")


def test_the_command_tells_it_as_words_and_as_json(lent, capsys):
    options = ["--out", str(lent.archive.out), "--catalog", lent.archive.catalog.url]
    assert invoke(["explain", "a.png", "--at", "10,10", *options]) == 0
    assert "Texture was borrowed from reference.png" in capsys.readouterr().out
    assert invoke(["explain", "a.png", "--at", "10,10", *options, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["borrowed"][0]["x"], facts["cell"]) == (102, [8, 8, 4, 4])
    assert invoke(["explain", "a.png", "--at", "here", *options]) == 2
