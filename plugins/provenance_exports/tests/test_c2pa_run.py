"""C2PA as the last act of a run, by the command line, with real outputs and records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import c2pa
import cv2
import jumbf
import numpy as np
import pytest

from archivist.cli.main import invoke
from archivist_exports.c2pa_manifest import LINEAGE
from archivist_exports.params import C2paParams

CONFIG = """
[publish]
exports = ["c2pa"]
[publish.params.c2pa]
certificate = "{params.certificate}"
key = "{params.key}"
trust = "{params.trust}"
[recipes.spots]
inputs = {{ user_mask = "{masks}" }}
steps = [{{ use = "scratch.detect" }}, {{ use = "scratch.repair" }}]
[[recipes.spots.overrides]]
where = 'path == "b.jpg"'
use = "scratch.repair"
radius = {radius}
"""


def scan(seed: int) -> np.ndarray:
    """Return a picture; what is at its left is drawn as damaged."""
    return np.random.default_rng(seed).integers(0, 256, (48, 64), np.uint8)


MASK = np.zeros((48, 64), np.uint8)
MASK[10:20, 5:15] = 255


class Archive:
    """Two scans, and the configuration of a museum that signs."""

    def __init__(self, home: Path, params: C2paParams, capsys: Any) -> None:
        self.scans, self.out, self.config = home / "album", home / "restored", home / "c.toml"
        self.signed = self.out / ".archivist" / "exports" / "c2pa"
        self.params, self._capsys = params, capsys
        self.masks = home / "masks"
        self.scans.mkdir()
        self.masks.mkdir()
        for seed, name in enumerate(("a.jpg", "b.jpg")):
            cv2.imwrite(str(self.scans / name), scan(seed))
            cv2.imwrite(str(self.masks / f"{name}.png"), MASK)
        self.configure(radius=3.0)

    def configure(self, *, radius: float) -> None:
        text = CONFIG.format(params=self.params, masks=self.masks, radius=radius)
        self.config.write_text(text)

    def command(self, name: str, *words: object) -> tuple[int, str, str]:
        place = ["--out", self.out, "--config", self.config]
        code = invoke([name, *map(str, [*words, *place])])
        said = self._capsys.readouterr()
        return code, said.out, said.err

    def run(self) -> Any:
        words = ["--recipe", "spots", "--scheduler", "serial", "--json"]
        code, out, err = self.command("run", self.scans, *words)
        assert code == 0, err
        (export,) = json.loads(out.splitlines()[-1])["exports"]
        return export["state"], export["made"], export["kept"]

    def state(self, name: str) -> str:
        """Return how the library of the standard validates a signed file under our root."""
        settings = {"trust": {"trust_anchors": Path(self.params.trust).read_text()}}
        with (
            c2pa.Context.from_dict(settings) as context,
            (self.signed / name).open("rb") as stream,
            c2pa.Reader("image/jpeg", stream, context=context) as reader,
        ):
            return str(reader.get_validation_state())

    def lineage(self, name: str) -> Any:
        store = jumbf.store_in_jpeg((self.signed / name).read_bytes())
        return jumbf.Statement.of(store).assertion(LINEAGE)


@pytest.fixture
def archive(tmp_path: Path, params: C2paParams, capsys: Any) -> Archive:
    return Archive(tmp_path, params, capsys)


def test_a_run_signs_its_outputs_and_later_only_what_changed(archive: Archive) -> None:
    assert archive.run() == ("made", 2, 0)
    assert [archive.state(name) for name in ("a.jpg", "b.jpg")] == ["Trusted", "Trusted"]
    first = (archive.signed / "a.jpg").read_bytes()

    assert archive.run() == ("current", 0, 0)

    archive.configure(radius=8.0)
    assert archive.run() == ("made", 1, 1)
    assert (archive.signed / "a.jpg").read_bytes() == first
    assert archive.state("b.jpg") == "Trusted"
    assert json.loads(archive.lineage("b.jpg")["steps"][-1]["params"])["radius"] == 8.0


def test_a_review_is_stated_under_a_checkpoint_that_covers_it(archive: Archive) -> None:
    archive.run()
    before = archive.lineage("a.jpg")
    code, _, err = archive.command("review", "approve", archive.out / "a.jpg", "--by", "Ann")
    assert code == 0, err

    code, out, err = archive.command("report", "--export", "c2pa")

    assert code == 0, err
    assert "1 made, 1 kept" in out
    after = archive.lineage("a.jpg")
    assert (before["review"], after["review"]["decision"]) == (None, "approve")
    assert _size(after["checkpoint"]) == _size(before["checkpoint"]) + 1


def _size(checkpoint: str) -> int:
    return int(checkpoint.split()[1])


def test_a_missing_key_is_told_before_the_scan(archive: Archive) -> None:
    Path(archive.params.key).unlink()
    code, _, err = archive.command("run", archive.scans)
    assert code == 2
    assert "publish.exports: the export c2pa could not be made: the private key" in err
    assert not archive.out.exists()
