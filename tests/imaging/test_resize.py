import cv2
import numpy as np
import pytest

from archivist.imaging.raster import ArrayRaster
from archivist.imaging.resize import shrink


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_each_new_pixel_is_the_mean_of_its_area(dtype, channels, noise, monkeypatch):
    monkeypatch.setattr("archivist.imaging.storage.BAND_BYTES", 3000)
    pixels = noise(113, 157, channels, dtype)
    small = shrink(ArrayRaster(pixels), 50)
    height, width, _ = small.shape
    assert (height, width) == (36, 50)
    floats = pixels.astype(np.float64)
    expected = cv2.resize(floats, (width, height), interpolation=cv2.INTER_AREA)
    difference = small.read(0, height, 0, width) - expected.reshape(height, width, channels)
    assert np.abs(difference).max() < 0.51


def test_a_flat_picture_stays_flat():
    pixels = np.full((1000, 700, 1), 65535, np.uint16)
    assert np.unique(shrink(ArrayRaster(pixels), 333).read(0, 333, 0, 233)).tolist() == [65535]


@pytest.mark.parametrize("max_side", [0, 53, 99])
def test_a_picture_that_is_small_enough_is_left_alone(max_side, noise):
    raster = ArrayRaster(noise())
    assert shrink(raster, max_side) is raster


def test_a_thin_picture_keeps_at_least_one_pixel(noise):
    assert shrink(ArrayRaster(noise(1, 900)), 100).shape == (1, 100, 3)
