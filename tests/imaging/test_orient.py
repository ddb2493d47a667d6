import numpy as np
import pytest
from PIL import Image, ImageOps

from archivist.imaging.orient import stored_window, upright


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pixels_are_turned_as_pillow_turns_them(orientation, noise):
    pixels = noise(5, 8)
    image = Image.fromarray(pixels)
    image.getexif()[274] = orientation
    assert np.array_equal(upright(pixels, orientation), np.asarray(ImageOps.exif_transpose(image)))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_window_of_the_upright_picture_is_found_in_the_stored_one(orientation, noise):
    pixels = noise(11, 17)
    whole = upright(pixels, orientation)
    y0, y1, x0, x1 = 2, 9, 3, 7
    top, bottom, left, right = stored_window((y0, y1, x0, x1), orientation, 11, 17)
    window = upright(pixels[top:bottom, left:right], orientation)
    assert np.array_equal(window, whole[y0:y1, x0:x1])
