"""The scan: what each file is said to be, in order, with nothing read twice."""

from __future__ import annotations

import hashlib
import itertools
import os
import struct
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image as PilImage

from archivist.api import CodecSpec, Colour
from archivist.model import Refusal, ScanFile, Status
from archivist.scan import (
    Found,
    ScanOptions,
    Unchanged,
    hamming,
    read_manifest,
    scan,
    scanner,
)
from archivist.scan import identify as identify_module

Put = Callable[..., Path]
PictureBytes = Callable[..., bytes]


def only(root: Path, **options: object) -> object:
    (item,) = scan(root, ScanOptions(**options))
    return item


def refusal(root: Path, **options: object) -> Refusal:
    item = only(root, **options)
    assert isinstance(item, Refusal)
    return item


def scanned(root: Path, **options: object) -> ScanFile:
    item = only(root, **options)
    assert isinstance(item, ScanFile)
    return item


def test_a_jpeg_is_identified_by_the_digest_of_its_bytes(scans: Path, put: Put) -> None:
    file = put("1905/a.jpg", width=96, height=64)
    item = scanned(scans)
    assert item.digest == hashlib.sha256(file.read_bytes()).hexdigest()
    assert (item.path, item.size) == ("1905/a.jpg", file.stat().st_size)
    (asset,) = item.assets
    assert (asset.uid, asset.pages) == (item.digest, 1)
    assert (asset.header.width, asset.header.height) == (96, 64)
    assert (asset.header.format, asset.header.colour) == ("jpeg", Colour.GREY)


@pytest.mark.parametrize("form", ["jpeg", "png", "tiff", "tiff16"])
def test_a_file_too_large_for_memory_gives_the_same_result(
    scans: Path, put: Put, form: str
) -> None:
    put("a.pic", form=form)
    assert scanned(scans, read_whole=0) == scanned(scans)


def test_each_page_of_a_tiff_is_an_asset(scans: Path, put: Put) -> None:
    put("a.tif", form="pages")
    item = scanned(scans)
    assert [asset.uid for asset in item.assets] == [f"{item.digest}#{page}" for page in range(3)]
    assert len({asset.perceptual_hash for asset in item.assets}) == 3


def test_near_duplicates_have_near_hashes_whatever_their_format_and_size(
    scans: Path, put: Put
) -> None:
    put("1.jpg", width=640, height=420, quality=60)
    put("2.png", form="png", width=640, height=420)
    put("3.tif", form="tiff16", width=1280, height=840)
    put("other.jpg", width=640, height=420, seed=5)
    hashes = [item.assets[0].perceptual_hash for item in scan(scans, ScanOptions())]
    assert max(hamming(hashes[0], hashes[1]), hamming(hashes[0], hashes[2])) <= 4
    assert hamming(hashes[0], hashes[3]) > 10


def test_the_hash_of_a_large_tiff_is_that_of_the_same_picture_in_memory(
    scans: Path, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("a.tif", form="tiff16", width=2100, height=1500)
    whole = scanned(scans).assets[0].perceptual_hash
    monkeypatch.setattr("archivist.scan.likeness._IN_BANDS", 0)
    monkeypatch.setattr("archivist.scan.likeness._BAND_BYTES", 100_000)
    banded = scanned(scans).assets[0].perceptual_hash
    assert hamming(str(whole), str(banded)) <= 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_stored_on_its_side_has_the_hash_of_the_upright_one(
    scans: Path, put: Put, orientation: int
) -> None:
    upright = PilImage.open(put("a.png", form="png", width=320, height=200))
    undone = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}.get(orientation)
    stored = upright if undone is None else upright.transpose(PilImage.Transpose(undone))
    exif = PilImage.Exif()
    exif[0x0112] = orientation
    stored.save(scans / "b.jpg", exif=exif, quality=95)
    first, second = scan(scans, ScanOptions())
    assert second.assets[0].header.orientation == orientation
    assert second.assets[0].header.upright_size == (320, 200)
    assert hamming(first.assets[0].perceptual_hash, second.assets[0].perceptual_hash) <= 2


def test_a_picture_of_one_tone_has_no_hash_that_would_equal_others(scans: Path) -> None:
    PilImage.new("L", (40, 40), 128).save(scans / "grey.png")
    assert scanned(scans).assets[0].perceptual_hash is None


def test_exif_facts_are_read(scans: Path, picture_bytes: PictureBytes) -> None:
    exif = PilImage.Exif()
    exif[0x010F] = "Sinar"
    exif[0x0132] = "1998:05:04 10:11:12"
    (scans / "a.jpg").write_bytes(picture_bytes(exif=exif))
    assert "Sinar" in scanned(scans).assets[0].exif.values()


def test_the_row_of_the_manifest_comes_with_the_file(tmp_path: Path, scans: Path, put: Put) -> None:
    put("a.jpg")
    put("b.jpg", seed=1)
    table = tmp_path / "list.csv"
    table.write_text("path,title\na.jpg,Quay\nlost.jpg,Mill\n", encoding="utf-8")
    manifest = read_manifest(table)
    items = list(scan(scans, ScanOptions(), manifest=manifest))
    assert [item.assets[0].facts for item in items] == [{"title": "Quay"}, {}]
    assert [row.name for row in manifest.unused()] == ["lost.jpg"]


def test_the_order_is_that_of_the_walk_even_when_readers_are_unequal(
    scans: Path, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(24):
        put(f"{number:02}.jpg", width=8, height=8, seed=number)
    identify = scanner.identify

    def slow_at_times(root: Path, found: Found, *rest: object) -> object:
        time.sleep(0.02 if found.path < "04" else 0)
        return identify(root, found, *rest)

    monkeypatch.setattr(scanner, "identify", slow_at_times)
    paths = [item.path for item in scan(scans, ScanOptions(threads=4))]
    assert paths == [f"{number:02}.jpg" for number in range(24)]


def test_the_readers_run_only_a_little_ahead(
    scans: Path, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(60):
        put(f"{number:02}.jpg", b"\xff\xd8\xff")
    begun: list[str] = []
    identify = scanner.identify

    def counted(root: Path, found: Found, *rest: object) -> object:
        begun.append(found.path)
        return identify(root, found, *rest)

    monkeypatch.setattr(scanner, "identify", counted)
    items = scan(scans, ScanOptions(threads=2))
    next(items)
    time.sleep(0.1)
    assert len(begun) <= 10
    items.close()
    assert len(begun) <= 10


# --- what the catalog knows -------------------------------------------------------------------


def known_of(items: Sequence[object]) -> Callable[[Sequence[str]], Mapping[str, object]]:
    stats = {item.path: (item.size, item.mtime_ns, item.digest) for item in items}
    return lambda paths: {path: stats[path] for path in paths if path in stats}


def test_a_file_with_its_old_size_and_time_is_not_read_again(
    scans: Path, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("a.jpg")
    first = scanned(scans)
    monkeypatch.delattr(identify_module, "_read")
    (again,) = scan(scans, ScanOptions(), known=known_of([first]))
    assert again == Unchanged(
        path="a.jpg", digest=first.digest, size=first.size, mtime_ns=first.mtime_ns
    )


def test_an_unchanged_file_brings_its_new_row_of_the_manifest(
    tmp_path: Path, scans: Path, put: Put
) -> None:
    put("a.jpg")
    first = scanned(scans)
    table = tmp_path / "list.csv"
    table.write_text("path,title\na.jpg,Quay\n", encoding="utf-8")
    (again,) = scan(scans, ScanOptions(), known=known_of([first]), manifest=read_manifest(table))
    assert again.facts == {"title": "Quay"}


@pytest.mark.parametrize("change", ["content", "time"])
def test_a_file_with_another_size_or_time_is_read_again(scans: Path, put: Put, change: str) -> None:
    file = put("a.jpg")
    first = scanned(scans)
    if change == "content":
        put("a.jpg", seed=3, width=97)
        os.utime(file, ns=(first.mtime_ns, first.mtime_ns))
    else:
        os.utime(file, ns=(1, first.mtime_ns + 1))
    (again,) = scan(scans, ScanOptions(), known=known_of([first]))
    assert isinstance(again, ScanFile)
    assert (again.digest == first.digest) is (change == "time")


def test_every_file_is_read_again_when_asked(scans: Path, put: Put) -> None:
    put("a.jpg")
    first = scanned(scans)
    (again,) = scan(scans, ScanOptions(reread=True), known=known_of([first]))
    assert again == first


def test_the_catalog_is_asked_about_many_files_at_a_time(scans: Path, put: Put) -> None:
    for number in range(1100):
        put(f"{number:04}.txt", b"x")
    asked: list[int] = []

    def known(paths: Sequence[str]) -> Mapping[str, tuple[int, int, str]]:
        asked.append(len(paths))
        return {}

    assert len(list(scan(scans, ScanOptions(), known=known))) == 1100
    assert asked == [500, 500, 100]


# --- sample -----------------------------------------------------------------------------------


def sample(root: Path, count: int) -> list[str]:
    return [item.path for item in scan(root, ScanOptions(sample=count))]


@pytest.fixture
def many(scans: Path, put: Put) -> Path:
    for folder, number in itertools.product("abcdef", range(20)):
        put(f"{folder}/{number:02}.jpg", b"\xff\xd8\xff")
        put(f"{folder}/{number:02}.txt", b"x")
    return scans


def test_a_sample_has_the_asked_number_of_pictures_in_the_order_of_the_walk(many: Path) -> None:
    paths = sample(many, 30)
    assert len(paths) == 30
    assert paths == sorted(paths)
    assert all(path.endswith(".jpg") for path in paths)


def test_a_sample_is_the_same_every_time_and_grows_without_change(many: Path) -> None:
    assert sample(many, 12) == sample(many, 12)
    assert set(sample(many, 12)) < set(sample(many, 24))


def test_a_sample_is_spread_over_the_folders(many: Path) -> None:
    assert {path[0] for path in sample(many, 30)} == set("abcdef")


def test_a_sample_larger_than_the_archive_is_the_archive(many: Path) -> None:
    assert len(sample(many, 10_000)) == 120


# --- bad input --------------------------------------------------------------------------------


def png_that_declares(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("name", "content", "code", "status"),
    [
        ("notes.txt", b"hello", "not-a-picture", Status.SKIPPED),
        ("empty.txt", b"", "not-a-picture", Status.SKIPPED),
        ("movie.mov", b"\0\0\0\x14ftypqt  ", "not-a-picture", Status.SKIPPED),
        ("empty.jpg", b"", "empty", Status.FAILED),
        ("text.tif", b"I am a text file", "lying-suffix", Status.FAILED),
        ("noise.jpg", bytes(range(1, 200)), "lying-suffix", Status.FAILED),
        ("a.gif", b"GIF89a" + b"\0" * 50, "unsupported-format", Status.FAILED),
        ("webp.jpg", b"RIFF\0\0\0\0WEBPVP8 ", "unsupported-format", Status.FAILED),
        ("raw.cr2", b"II*\0\x10\0\0\0CR\x02\0", "unsupported-format", Status.FAILED),
        ("raw.dng", b"MM\0*" + b"\0" * 40, "unsupported-format", Status.FAILED),
        ("a.jp2", b"\0\0\0\x0cjP  \r\n\x87\n", "unsupported-format", Status.FAILED),
        ("a.heic", b"\0\0\0\x18ftypheic", "unsupported-format", Status.FAILED),
        ("huge.png", png_that_declares(60_000, 60_000), "too-large", Status.FAILED),
    ],
)
def test_what_is_no_readable_picture_is_refused_with_code_and_status(
    scans: Path, put: Put, name: str, content: bytes, code: str, status: Status
) -> None:
    put(name, content)
    item = refusal(scans)
    assert (item.code, item.status) == (code, status)
    assert item.path == name
    assert item.size == len(content)
    assert status is Status.SKIPPED or "Cure: " in item.reason


def test_an_unsupported_format_is_named_with_the_cure(scans: Path, put: Put) -> None:
    put("a.dng", b"II*\0" + b"\0" * 40)
    assert "a camera raw file" in refusal(scans).reason
    assert "install a codec plugin" in refusal(scans).reason


@pytest.mark.parametrize("form", ["jpeg", "png", "tiff16"])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_truncated_picture_is_refused_with_its_cure(
    scans: Path, put: Put, picture_bytes: PictureBytes, form: str, share: float
) -> None:
    content = picture_bytes(form, width=400, height=300)
    put("a.pic", content[: int(len(content) * share)])
    item = refusal(scans)
    assert item.code in ("truncated", "damaged")
    assert "Cure: " in item.reason


def test_the_pixel_budget_is_kept(scans: Path, put: Put) -> None:
    put("a.png", form="png", width=100, height=100)
    assert refusal(scans, max_pixels=9_999).code == "too-large"
    assert scanned(scans, max_pixels=10_000).assets[0].header.width == 100


def test_a_huge_declared_size_costs_neither_time_nor_memory(scans: Path, put: Put) -> None:
    put("huge.png", png_that_declares(2**31 - 1, 2**31 - 1))
    start = time.perf_counter()
    assert refusal(scans).status is Status.FAILED
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\x7f", b"Exif\0\0" + b"\xff" * 90]
)
def test_broken_exif_does_not_stop_a_picture(
    scans: Path, picture_bytes: PictureBytes, exif: bytes
) -> None:
    plain = picture_bytes()
    segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    (scans / "a.jpg").write_bytes(plain[:2] + segment + plain[2:])
    assert scanned(scans).assets[0].header.width == 96


def test_a_picture_of_another_format_than_its_suffix_is_what_it_is(scans: Path, put: Put) -> None:
    put("a.jpg", form="png")
    assert scanned(scans).assets[0].header.format == "png"


def test_a_picture_without_suffix_is_found(scans: Path, put: Put) -> None:
    put("scan 12")
    assert scanned(scans).assets[0].header.format == "jpeg"


def test_a_file_that_vanishes_before_it_is_read_is_reported(scans: Path, put: Put) -> None:
    put("a.jpg")
    item = Found(path="b.jpg", size=1, mtime_ns=1)
    result = identify_module.identify(scans, item, ScanOptions(), {})
    assert (result.code, result.status) == ("vanished", Status.FAILED)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_reported(scans: Path, put: Put) -> None:
    put("a.jpg").chmod(0)
    assert refusal(scans).code == "unreadable"


def test_a_medium_with_errors_is_reported_with_its_cure(
    scans: Path, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("a.jpg")

    def failing(*_: object, **__: object) -> object:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(identify_module, "_digest", failing)
    item = refusal(scans)
    assert (item.code, item.status) == ("unreadable", Status.FAILED)
    assert item.reason.startswith("Input/output error")


def test_a_file_that_is_written_to_while_it_is_read_is_reported(
    scans: Path, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = put("a.jpg")
    digest = identify_module._digest

    def growing(*args: object, **named: object) -> object:
        result = digest(*args, **named)
        with file.open("ab") as stream:
            stream.write(b"more")
        return result

    monkeypatch.setattr(identify_module, "_digest", growing)
    assert refusal(scans).code == "changed"


def test_a_file_that_became_a_pipe_is_not_waited_for(scans: Path) -> None:
    os.mkfifo(scans / "a.jpg")
    item = Found(path="a.jpg", size=1, mtime_ns=1)
    result = identify_module.identify(scans, item, ScanOptions(), {})
    assert result.code == "changed"


def test_a_file_that_became_a_link_is_not_followed(tmp_path: Path, scans: Path, put: Put) -> None:
    outside = tmp_path / "secret.jpg"
    outside.write_bytes(put("a.jpg").read_bytes())
    (scans / "b.jpg").symlink_to(outside)
    item = Found(path="b.jpg", size=1, mtime_ns=1)
    result = identify_module.identify(scans, item, ScanOptions(), {})
    assert isinstance(result, Refusal)


def test_one_bad_file_does_not_stop_the_others(scans: Path, put: Put) -> None:
    put("a.jpg")
    put("b.jpg", b"")
    put("c.jpg", seed=1)
    kinds = [type(item) for item in scan(scans, ScanOptions())]
    assert kinds == [ScanFile, Refusal, ScanFile]


# --- codec plugins ----------------------------------------------------------------------------

TOY = CodecSpec(
    id="toy", title="Toy pictures", suffixes=(".toy",), signature=b"TOY!", read="toy_codec:read"
)


@pytest.fixture
def toy_codec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A codec that is importable as ``toy_codec``."""
    module = tmp_path / "modules" / "toy_codec.py"
    module.parent.mkdir()
    module.write_text(
        "import numpy as np\n"
        "from archivist.api import CodecMetadata, Colour, Image\n"
        "def read(data, page):\n"
        "    side = data[4]\n"
        "    pixels = np.linspace(0, 1, side * side, dtype=np.float32).reshape(side, side, 1)\n"
        "    return Image(pixels=pixels, colour=Colour.GREY, depth=16)\n"
        "def metadata(data):\n"
        "    block = b'II*\\0\\x08\\0\\0\\0\\1\\0\\x12\\1\\3\\0\\1\\0\\0\\0\\6\\0\\0\\0'\n"
        "    return CodecMetadata(exif=block + bytes(4), dpi=(300.0, 300.0))\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(module.parent)


@pytest.mark.usefixtures("toy_codec")
def test_a_codec_plugin_brings_a_format(scans: Path, put: Put) -> None:
    put("a.toy", b"TOY!\x20")
    header = scanned(scans, codecs=(TOY,)).assets[0].header
    assert (header.format, header.width, header.depth) == ("toy", 32, 16)


@pytest.mark.usefixtures("toy_codec")
def test_a_file_that_a_codec_cannot_read_is_refused_by_its_name(scans: Path, put: Put) -> None:
    put("a.toy", b"TOY!")
    item = refusal(scans, codecs=(TOY,))
    assert item.code == "codec-failed"
    assert "Toy pictures" in item.reason


@pytest.mark.usefixtures("toy_codec")
def test_exif_of_a_codec_is_read_with_orientation_and_resolution(scans: Path, put: Put) -> None:
    put("a.toy", b"TOY!\x20")
    asset = scanned(scans, codecs=(replace(TOY, metadata="toy_codec:metadata"),)).assets[0]
    assert (asset.header.orientation, asset.header.dpi) == (6, (300.0, 300.0))
    assert asset.exif["Image Orientation"] == "Rotated 90 CW"


def test_a_format_of_an_absent_codec_is_no_picture(scans: Path, put: Put) -> None:
    put("a.toy", b"TOY!\x20")
    assert refusal(scans).code == "not-a-picture"
