import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archivist.api.errors import OutOfMemory
from archivist.imaging.raster import ArrayRaster, FileRaster
from archivist.imaging.tile_plan import smallest_tile
from archivist.imaging.tiles import map_raster, map_tiles, plan_tiles, tiled

SIDES = st.integers(1, 220)


def floats(height, width, channels=3):
    values = np.random.default_rng(height + width).integers(0, 65536, (height, width, channels))
    return (values / 65535).astype(np.float32)


def gaussian(radius):
    def blur(tile):
        side = 2 * radius + 1
        blurred = cv2.GaussianBlur(tile, (side, side), radius / 3)
        return blurred.reshape(tile.shape)

    return blur


@given(height=SIDES, width=SIDES, size=st.integers(1, 99), overlap=st.integers(0, 20),
       multiple_of=st.sampled_from([1, 2, 3, 8, 16]))  # fmt: skip
def test_the_owned_parts_cover_a_picture_once(height, width, size, overlap, multiple_of):
    plan = plan_tiles(height, width, size, overlap, multiple_of)
    for spans, length in ((plan.rows, height), (plan.columns, width)):
        owned = [pixel for span in spans for pixel in range(span.first, span.last)]
        assert owned == list(range(length))
        for span in spans:
            assert span.start % multiple_of == 0
            assert span.stop - span.start <= plan.size
            assert span.start == 0 or span.first - span.before - span.start >= overlap
            assert span.stop == length or span.stop - span.last - span.after >= overlap
            assert span.last - span.first >= span.before + span.after


@settings(deadline=None)
@given(height=SIDES, width=SIDES, size=st.integers(1, 99), overlap=st.integers(0, 20),
       multiple_of=st.sampled_from([1, 2, 3, 8, 16]), scale=st.integers(1, 2))  # fmt: skip
def test_a_function_that_changes_nothing_changes_nothing(
    height, width, size, overlap, multiple_of, scale
):
    pixels = floats(height, width)

    def enlarge(tile):
        assert tile.shape[0] % multiple_of == tile.shape[1] % multiple_of == 0
        return tile.repeat(scale, 0).repeat(scale, 1)

    result = map_tiles(
        pixels, enlarge, size=size, overlap=overlap, multiple_of=multiple_of, scale=scale
    )
    assert np.array_equal(result, pixels.repeat(scale, 0).repeat(scale, 1))


@settings(deadline=None)
@given(height=st.integers(20, 220), width=st.integers(20, 220), size=st.integers(1, 99),
       overlap=st.integers(1, 15))  # fmt: skip
def test_a_blur_by_tiles_equals_the_blur_of_the_whole(height, width, size, overlap):
    pixels = floats(height, width)
    blur = gaussian(overlap)
    result = map_tiles(pixels, blur, size=size, overlap=overlap)
    assert np.abs(result - blur(pixels)).max() < 1e-6


def test_tiles_that_disagree_are_blended_without_a_step():
    counter = iter(range(100))

    def different(tile):
        return np.full_like(tile, next(counter) % 2)

    result = map_tiles(floats(64, 300, 1), different, size=128, overlap=32)[:, :, 0]
    steps = np.abs(np.diff(result, axis=1))
    assert result.max() == 1
    assert result.min() == 0
    assert steps.max() < 0.06  # half a cosine over 32 pixels: pi / 2 / 32


def test_a_mask_takes_each_pixel_from_one_tile():
    pixels = floats(90, 120, 1)
    mask = ArrayRaster(np.zeros((90, 120, 1), bool))
    image = ArrayRaster(np.zeros((90, 120, 1), np.uint16))

    def run(tile):
        return {"mask": tile["image"] > 0.5, "image": tile["image"]}

    map_raster(
        {"image": ArrayRaster(pixels)}, {"mask": mask, "image": image}, run, size=40, overlap=8
    )
    assert np.array_equal(mask.array, pixels > 0.5)
    assert np.array_equal(image.array, np.rint(pixels * 65535))


def test_no_window_is_larger_than_a_tile():
    class Watched(ArrayRaster):
        largest = 0

        def read(self, y0, y1, x0, x1):
            Watched.largest = max(Watched.largest, (y1 - y0) * (x1 - x0))
            return super().read(y0, y1, x0, x1)

        def write(self, y0, x0, window):
            Watched.largest = max(Watched.largest, window.shape[0] * window.shape[1])
            super().write(y0, x0, window)

    source = Watched(floats(500, 700))
    target = Watched(np.zeros((500, 700, 3), np.uint16))
    map_raster({"a": source}, {"a": target}, lambda tile: tile, size=64, overlap=8)
    assert Watched.largest == 64 * 64
    assert np.array_equal(target.array, np.rint(source.array * 65535))


def test_inputs_of_several_kinds_come_as_floats_and_bools(noise, tmp_path):
    scan, graded, chosen = noise(50, 60), noise(50, 60, 1, np.uint16), noise(50, 60, 1) > 99
    raster = FileRaster.create(tmp_path / "scan.npy", scan.shape, scan.dtype)
    raster.write(0, 0, scan)
    out = FileRaster.create(tmp_path / "out.npy", scan.shape, np.float32)

    def run(tile):
        assert (tile["image"].dtype, tile["graded"].dtype) == (np.float32, np.float32)
        assert tile["mask"].dtype == bool
        return {"out": np.where(tile["mask"], tile["image"], tile["graded"])}

    inputs = {"image": raster, "graded": ArrayRaster(graded), "mask": ArrayRaster(chosen)}
    map_raster(inputs, {"out": out}, run, size=32, overlap=4)
    expected = np.where(chosen, scan / np.float32(255), graded / np.float32(65535))
    assert np.array_equal(out.read(0, 50, 0, 60), expected)


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")]
)
def test_tiles_are_halved_until_they_fit_into_memory(error):
    pixels, sides = floats(200, 300), []

    def hungry(tile):
        sides.append(max(tile.shape[:2]))
        if sides[-1] > 70:
            raise error
        return tile

    result, used = tiled(pixels, hungry, size=256, overlap=4)
    assert sides[:3] == [256, 128, 64]
    assert used == 64
    assert np.array_equal(result, pixels)


def test_a_restart_is_announced_with_the_new_side():
    begun = []

    def hungry(tile):
        if len(begun) < 2:
            raise MemoryError
        return {"out": tile["in"]}

    out = ArrayRaster(np.zeros((200, 200, 3), np.float32))
    inputs = {"in": ArrayRaster(floats(200, 200))}
    map_raster(inputs, {"out": out}, hungry, size=128, overlap=4, begin=begun.append)
    assert begun == [128, 64]


def test_when_not_even_the_smallest_tile_fits_the_error_says_so():
    def impossible(tile):
        raise MemoryError

    with pytest.raises(OutOfMemory, match=f"{smallest_tile(16, 8)} x {smallest_tile(16, 8)}"):
        map_tiles(floats(300, 300), impossible, size=256, overlap=16, multiple_of=8)


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    calls = []

    def broken(tile):
        calls.append(1)
        raise RuntimeError("expected 3 channels")

    with pytest.raises(RuntimeError, match="3 channels"):
        map_tiles(floats(300, 300), broken, size=128, overlap=16)
    assert len(calls) == 1


def test_a_tile_of_another_size_is_a_fault():
    with pytest.raises(ValueError, match="expected"):
        map_tiles(floats(100, 100), lambda tile: tile[1:], size=64, overlap=4)


def test_inputs_of_different_size_are_a_fault():
    inputs = {"a": ArrayRaster(floats(9, 9)), "b": ArrayRaster(floats(9, 8))}
    with pytest.raises(ValueError, match="different sizes"):
        map_raster(inputs, {}, lambda tile: {}, size=64, overlap=4)
