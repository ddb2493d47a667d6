import contextlib
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from archivist.api.errors import PublishError
from archivist.hashing import digest_file
from archivist.imaging.decode import decode
from archivist.imaging.probe import probe
from archivist.imaging.raster import ArrayRaster
from archivist.model import OutputProfile
from archivist.store import checks
from archivist.store.naming import NameTable
from archivist.store.publish import outputs_of, publish

MASTER = OutputProfile(name="master", format="tiff", depth="16", folder="master")
ACCESS = OutputProfile(name="access", format="jpeg", folder="access", max_side=45)
PNG = OutputProfile(name="png", format="png", folder="png")
LIMIT = 10**8


def everything_in(root: Path) -> list[str]:
    if not root.exists():
        return []
    return sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())


def pixels_of(path: Path, page: int = 0) -> np.ndarray:
    return decode(path.read_bytes(), page, max_pixels=LIMIT).pixels


def test_an_untouched_scan_is_copied_byte_for_byte_with_its_time(job, save_jpeg, tmp_path):
    scan = save_jpeg()
    os.utime(scan, (10**9, 10**9))
    (found,) = publish(job(scan))
    assert found.untouched
    assert found.output_digest == digest_file(scan) == digest_file(tmp_path / "out" / "a.jpg")
    assert (tmp_path / "out" / "a.jpg").stat().st_mtime == 10**9


def test_a_changed_tiff_keeps_every_sample_depth_profile_and_size(job, save_tiff, tmp_path):
    scan = save_tiff()
    work = job(scan, change=(0,))
    (found,) = publish(work)
    written = tmp_path / "out" / "a.tif"
    assert not found.untouched
    assert np.array_equal(pixels_of(written), work.pages[0].raster.array)
    (header,) = probe(written, max_pixels=LIMIT)
    (before,) = probe(scan, max_pixels=LIMIT)
    assert header.icc_digest == before.icc_digest
    assert (header.depth, header.dpi) == (16, (400.0, 400.0))


def test_an_enlarged_result_keeps_its_physical_size(job, save_tiff, tmp_path):
    publish(job(save_tiff(), change=(0,), scale=2))
    (header,) = probe(tmp_path / "out" / "a.tif", max_pixels=LIMIT)
    assert header.dpi == (800.0, 800.0)
    with tifffile.TiffFile(tmp_path / "out" / "a.tif") as tif:
        assert tif.pages[0].tags[282].value == (800, 1)


def test_all_pages_of_a_file_are_published_together(job, save_tiff, tmp_path):
    scan = save_tiff(pages=3)
    publish(job(scan, change=(1,)))
    written = tmp_path / "out" / "a.tif"
    assert [header.height for header in probe(written, max_pixels=LIMIT)] == [60, 70, 80]
    for page in (0, 2):
        assert np.array_equal(pixels_of(written, page), pixels_of(scan, page))
    assert np.array_equal(pixels_of(written, 1), 65535 - pixels_of(scan, 1))
    with tifffile.TiffFile(written) as tif:
        assert [page.tags[65100].value for page in tif.pages] == [
            bytes([1, 2, 3, number]) for number in range(3)
        ]
        assert [page.description for page in tif.pages] == ["sheet 0", "sheet 1", "sheet 2"]


def test_master_and_access_copies_come_from_one_run(job, save_tiff, tmp_path):
    master, access = publish(job(save_tiff(), MASTER, ACCESS, change=(0,)))
    assert (master.path, access.path) == ("master/a.tif", "access/a.tif.jpg")
    (header,) = probe(tmp_path / "out" / access.path, max_pixels=LIMIT)
    assert (header.format, header.depth, header.width, header.height) == ("jpeg", 8, 45, 30)
    assert header.dpi == (200.0, 200.0)


def test_an_8_bit_scan_becomes_a_16_bit_master_exactly(job, save_tiff, tmp_path):
    scan = save_tiff(dtype="uint8")
    publish(job(scan, MASTER))
    assert np.array_equal(
        pixels_of(tmp_path / "out/master/a.tif"), pixels_of(scan) * np.uint16(257)
    )


def test_pages_that_a_format_cannot_join_get_a_file_each(job, save_tiff, tmp_path):
    work = job(save_tiff(pages=2), ACCESS)
    publish(work)
    assert everything_in(tmp_path / "out") == ["access/a.tif~page1.jpg", "access/a.tif~page2.jpg"]
    assert sorted(outputs_of(work)) == everything_in(tmp_path / "out")


def test_each_copy_of_a_scan_gets_its_output(job, save_jpeg, tmp_path):
    work = job(save_jpeg(), change=(0,), paths=("a.jpg", "again/b.jpg"))
    found = publish(work)
    assert [one.source for one in found] == ["a.jpg", "again/b.jpg"]
    assert len({digest_file(tmp_path / "out" / one.path) for one in found}) == 1


def test_the_name_table_decides_the_names(job, save_jpeg, tmp_path):
    profile = OutputProfile(name="restored")
    names = NameTable.build(["a.jpg", "A.jpg"], [profile])
    publish(job(save_jpeg(), profile, names=names))
    assert everything_in(tmp_path / "out") == [names.path(profile, "a.jpg")] != ["a.jpg"]


def test_the_same_result_is_left_alone(job, save_tiff, tmp_path):
    work = job(save_tiff(), MASTER, ACCESS, change=(0,))
    first = publish(work)
    before = [(tmp_path / "out" / one.path).stat().st_ino for one in first]
    assert publish(work) == first
    assert [(tmp_path / "out" / one.path).stat().st_ino for one in first] == before


def test_a_damaged_output_is_replaced(job, save_jpeg, tmp_path):
    work = job(save_jpeg(), change=(0,))
    (found,) = publish(work)
    (tmp_path / "out" / "a.jpg").write_bytes(b"rotten")
    publish(work)
    assert digest_file(tmp_path / "out" / "a.jpg") == found.output_digest


def test_the_scan_is_never_written_to(job, save_jpeg):
    scan = save_jpeg()
    before = (digest_file(scan), scan.stat().st_mtime_ns)
    publish(job(scan, MASTER, ACCESS, PNG, change=(0,)))
    assert (digest_file(scan), scan.stat().st_mtime_ns) == before


def test_a_link_out_of_the_output_folder_is_not_followed(job, save_jpeg, tmp_path, scans):
    scan = save_jpeg()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "album").symlink_to(scans)
    with pytest.raises(PublishError, match=r"link.*Cure") as caught:
        publish(job(scan, change=(0,), paths=("album/a.jpg",)))
    assert caught.value.code == "link"


def test_an_output_that_is_a_link_to_the_scan_is_refused(job, save_jpeg, tmp_path):
    scan = save_jpeg()
    (tmp_path / "out").mkdir()
    os.link(scan, tmp_path / "out" / "a.jpg")
    with pytest.raises(PublishError, match="is the scan itself"):
        publish(job(scan, change=(0,)))


def test_a_folder_in_the_place_of_an_output_is_an_error_with_its_cure(job, save_jpeg, tmp_path):
    (tmp_path / "out" / "a.jpg").mkdir(parents=True)
    with pytest.raises(PublishError, match="Cure: move the folder away"):
        publish(job(save_jpeg(), change=(0,)))


def test_alpha_survives_png_and_its_loss_in_jpeg_is_listed(job, scans, tmp_path):
    pixels = np.zeros((20, 30, 4), np.uint8)
    pixels[..., 3] = np.arange(30, dtype=np.uint8) * 8
    Image.fromarray(pixels).save(scans / "a.png")
    png, jpeg = publish(job(scans / "a.png", PNG, ACCESS, change=(0,)))
    written = decode((tmp_path / "out" / png.path).read_bytes(), max_pixels=LIMIT)
    assert np.array_equal(written.alpha, pixels[..., 3])
    assert "Alpha" in jpeg.contract.lost


def test_another_bit_depth_is_listed_with_its_reason(job, scans, save_tiff):
    Image.new("1", (30, 20), 1).save(scans / "text.png")
    (bilevel,) = publish(job(scans / "text.png", change=(0,)))
    assert "8 where the scan has 1: archivist writes no" in bilevel.contract.changed["BitDepth"]
    same, access = publish(job(save_tiff(), MASTER, ACCESS, change=(0,)))
    assert "BitDepth" not in {**same.contract.changed, **same.contract.added}
    assert "8 where the scan has 16: JPEG holds no more" in access.contract.changed["BitDepth"]


@pytest.mark.parametrize(("mode", "channels"), [("RGB", "3 channels"), ("L", "1 channel,")])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_a_palette_that_is_written_out_is_listed_with_its_reason(
    job, scans, tmp_path, mode, channels, suffix
):
    scan = scans / f"map.{suffix}"
    grey = Image.linear_gradient("L")
    picture = grey if mode == "L" else Image.merge("RGB", (grey, grey.rotate(90), grey))
    picture.quantize(16).save(scan)
    (found,) = publish(job(scan, change=(0,)))
    told = found.contract.changed["Palette"]
    assert told.startswith("written out")
    assert channels in told
    assert f"{pixels_of(tmp_path / 'out' / found.path).shape[2]} channel" in told


def test_wrong_pixels_in_the_file_are_noticed_before_it_takes_its_name(
    job, save_tiff, tmp_path, monkeypatch
):
    real = checks.open_each

    def corrupted(path, **options):
        for raster in real(path, **options):
            pixels = raster.read(0, raster.shape[0], 0, raster.shape[1]).copy()
            pixels[5, 5, 0] ^= 1
            raster._colours = ArrayRaster(pixels)
            yield raster

    monkeypatch.setattr(checks, "open_each", corrupted)
    with pytest.raises(PublishError, match="pixels differ in the rows") as caught:
        publish(job(save_tiff(), change=(0,)))
    assert caught.value.code == "check"
    assert everything_in(tmp_path / "out") == []


def test_a_jpeg_of_another_picture_is_noticed(job, save_jpeg, tmp_path, monkeypatch):
    from archivist.store import render

    real = render.write_pages

    def write_upside_down(path, pages, **options):
        turned = [replace(p, raster=ArrayRaster(p.raster.array[::-1].copy())) for p in pages]
        real(path, turned, **options)

    monkeypatch.setattr(render, "write_pages", write_upside_down)
    with pytest.raises(PublishError, match="dB"):
        publish(job(save_jpeg(), change=(0,)))


def test_metadata_that_vanish_unlisted_fail_the_asset(job, save_tiff, tmp_path, monkeypatch):
    from archivist.store import render

    monkeypatch.setattr(render, "attach", lambda path, pages: None)
    with pytest.raises(PublishError, match="0xfe4c") as caught:
        publish(job(save_tiff(), change=(0,)))
    assert caught.value.code == "metadata-lost"
    assert everything_in(tmp_path / "out") == []


@pytest.mark.parametrize(("number", "code"), [(28, "disk-full"), (13, "not-writable")])
def test_a_full_or_closed_disk_is_an_error_with_its_cure(
    job, save_jpeg, tmp_path, monkeypatch, number, code
):
    def fail(*_args):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(PublishError, match="Cure") as caught:
        publish(job(save_jpeg(), change=(0,)))
    assert caught.value.code == code
    assert everything_in(tmp_path / "out") == []


class Crash(BaseException):
    """The machine stops here: nothing that comes after it is carried out."""


@settings(
    deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(stop=st.integers(0, 12), changed=st.booleans())
def test_a_crash_at_any_write_leaves_the_old_or_the_new_output(
    job, save_tiff, tmp_path, stop, changed
):
    out = tmp_path / "out"
    shutil.rmtree(out, ignore_errors=True)
    work = job(save_tiff(), MASTER, ACCESS, change=(0,) if changed else ())
    new = {one.path: one.output_digest for one in publish(work)}
    old = {}
    for path in new:
        (out / path).write_bytes(b"the old output")
        old[path] = digest_file(out / path)
    count = 0

    def counted(real):
        def call(*args, **options):
            nonlocal count
            count += 1
            if count > stop:
                raise Crash
            return real(*args, **options)

        return call

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", counted(os.fsync))
        patch.setattr(Path, "replace", counted(Path.replace))
        patch.setattr(Path, "unlink", counted(Path.unlink))
        with contextlib.suppress(Crash):
            publish(work)
    for path, digest in new.items():
        assert digest_file(out / path) in (old[path], digest)
    assert {one.path: one.output_digest for one in publish(work)} == new


@pytest.mark.parametrize(("exif", "wanted"), [(72, 300), (240, 240)])
def test_exif_has_the_word_on_resolution_unless_it_says_the_default(
    job, save_jpeg, tmp_path, exif, wanted
):
    tags = Image.Exif()
    tags[282], tags[283], tags[296] = exif, exif, 2
    publish(job(save_jpeg(exif=tags), MASTER))
    (header,) = probe(tmp_path / "out/master/a.jpg.tif", max_pixels=LIMIT)
    assert header.dpi == (wanted, wanted)
