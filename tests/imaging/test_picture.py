import numpy as np
import pytest

from archivist.imaging.picture import quantise, to_depth, to_float, widen

ALL_16 = np.arange(65536, dtype=np.uint16).reshape(256, 256)
ALL_8 = np.arange(256, dtype=np.uint8).reshape(16, 16)


def test_every_16_bit_value_survives_the_way_to_float_and_back():
    assert np.array_equal(quantise(to_float(ALL_16)), ALL_16)


def test_an_8_bit_picture_and_its_16_bit_copy_give_the_same_floats():
    assert np.array_equal(to_float(ALL_8), to_float(widen(ALL_8)))


def test_every_8_bit_value_survives_16_bits():
    assert np.array_equal(to_depth(widen(ALL_8), 8), ALL_8)


def test_16_bits_are_rounded_to_the_nearest_8_bit_value():
    expected = np.rint(ALL_16 / 257).astype(np.uint8)
    assert np.array_equal(to_depth(ALL_16, 8), expected)


def test_floats_outside_the_range_are_clipped():
    outside = np.array([[-0.5, 1.5]], np.float32)
    assert quantise(outside).tolist() == [[0, 65535]]


def test_nan_is_no_pixel_value():
    with pytest.raises(ValueError, match="NaN"):
        quantise(np.array([[0.5, np.nan]], np.float32))


def test_quantising_leaves_its_argument_alone():
    given = np.array([[-1.0, 0.25, 2.0]], np.float32)
    quantise(given)
    assert given.tolist() == [[-1.0, 0.25, 2.0]]


def test_an_unknown_depth_is_a_fault_of_the_caller():
    with pytest.raises(ValueError, match="12"):
        to_depth(ALL_16, 12)
