"""Whole runs by the command line: JPEG 2000 beside other formats."""

from __future__ import annotations

import json
from typing import Any

import cv2
import numpy as np

from archivist.api import Colour, Image
from archivist_jpeg2000.plugin import CODECS, archivist_codecs
from archivist_jpeg2000.read import read
from archivist_jpeg2000.write import write_file

HEIGHT, WIDTH = 90, 120


def wide(kit: Any, icc: bytes) -> Image:
    samples = kit.photo(HEIGHT, WIDTH).astype(np.uint16) * 257
    pixels = samples.astype(np.float32) / np.float32(65535)
    return Image(pixels=pixels, colour=Colour.RGB, depth=16, icc=icc)


def test_both_codecs_are_offered() -> None:
    assert archivist_codecs() == CODECS
    assert [codec.id for codec in CODECS] == ["jp2", "j2k"]


def test_a_folder_with_jpeg_2000_among_others_is_restored(kit, archive, srgb) -> None:
    photo = kit.photo(HEIGHT, WIDTH)
    deep = wide(kit, srgb)
    archive.put("deep.jp2", write_file(deep))
    archive.put("grey.jp2", kit.pillow(kit.photo(HEIGHT, WIDTH, 1)))
    archive.put("bare.j2k", kit.pillow(photo, no_jp2=True))
    archive.put("whole.jp2", kit.pillow(photo), marked=False)
    archive.put("other.png", cv2.imencode(".png", photo)[1].tobytes())

    code, said = archive.run()

    assert code == 0, said
    assert "5 assets in 5 files: 4 restored, 1 needed nothing" in said
    assert archive.output("master/whole.jp2") == (archive.scans / "whole.jp2").read_bytes()

    made = read(archive.output("master/deep.jp2"))
    assert (made.depth, made.colour, made.icc) == (16, Colour.RGB, srgb)
    repaired = np.zeros((HEIGHT, WIDTH), bool)
    repaired[10:20, 30:60] = True
    same = (made.pixels == deep.pixels).all(axis=2)
    assert same[~repaired].all()
    assert not same[repaired].any()

    grey = read(archive.output("master/grey.jp2"))
    assert (grey.depth, grey.colour) == (8, Colour.GREY)
    assert archive.output("master/bare.j2k").startswith(b"\xff\x4f\xff\x51")

    for folder, suffix in (("tiff", "tif"), ("png", "png")):
        written = cv2.imread(str(archive.out / f"{folder}/deep.jp2.{suffix}"), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(written[..., ::-1], kit.samples(made))
    web = cv2.imread(str(archive.out / "web/bare.j2k.jpg"))[..., ::-1].astype(int)
    assert np.abs(web - kit.samples(read(archive.output("master/bare.j2k")))).mean() < 6


def test_outputs_are_verified_replayed_and_shown(kit, archive) -> None:
    archive.put("a.jp2", kit.pillow(kit.photo(HEIGHT, WIDTH)))
    archive.run()

    assert archive.command("verify")[0] == 0
    code, said = archive.command("replay", "last", "--config", archive.config)
    assert code == 0, said
    assert "4 outputs: 4 bit-identical" in said
    code, said = archive.command("report", "--json")
    (asset,) = json.loads(said)["assets"]
    master = next(item for item in asset["outputs"] if item["profile"] == "master")
    assert master["media_type"] == "image/jp2"
    said = " ".join(archive.command("audit", "a.jp2")[1].split())
    assert "lost Jpeg2000:Comment: a note of the encoder on itself" in said


def test_files_that_cannot_be_read_right_are_refused_and_the_others_done(kit, archive) -> None:
    photo = kit.photo(HEIGHT, WIDTH)
    whole = kit.pillow(photo)
    archive.put("fine.jp2", whole)
    archive.put("cut.jp2", whole[: len(whole) // 2])
    inks = np.dstack([photo, photo[..., :1]])
    archive.put("inks.jp2", kit.file(kit.stream(inks), inks, kit.colr(12)))

    code, said = archive.run()

    assert code == 3
    assert "1 assets in 1 files: 1 restored" in said or "1 asset in 1 file: 1 restored" in said
    assert "cut.jp2: its box 'jp2c' is" in said
    assert "[truncated]" in said
    assert "inks.jp2: its colours are CMYK. Cure: convert it" in said


def test_a_picture_above_the_limit_is_refused_by_its_header(kit, archive) -> None:
    archive.put("a.jp2", kit.pillow(kit.photo(1001, 1000)))
    archive.config.write_text("[scan]\nmax_megapixels = 1\n" + archive.config.read_text())
    code, said = archive.run()
    assert code == 3
    assert "the header declares 1000 x 1001" in said
