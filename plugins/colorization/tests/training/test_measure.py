"""CIEDE2000 agrees with the pairs that its implementers publish."""

from __future__ import annotations

import numpy as np
import pytest

from archivist_colorization.training.measure import ciede2000

PAIRS = [
    ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
    ((50.0, -1.3802, -84.2814), (50.0, 0.0, -82.7485), 1.0000),
    ((50.0, 0.0, 0.0), (50.0, -1.0, 2.0), 2.3669),
    ((50.0, 2.4900, -0.0010), (50.0, -2.4900, 0.0009), 7.1792),
    ((50.0, 2.4900, -0.0010), (50.0, -2.4900, 0.0011), 7.2195),
    ((50.0, -0.0010, 2.4900), (50.0, 0.0009, -2.4900), 4.8045),
    ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
    ((50.0, 2.5, 0.0), (58.0, 24.0, 15.0), 19.4535),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]
"""Sharma, Wu, Dalal (2005), table 1."""


@pytest.mark.parametrize(("one", "other", "wanted"), PAIRS)
def test_published_pairs(one: tuple[float, ...], other: tuple[float, ...], wanted: float) -> None:
    assert ciede2000(np.array(one), np.array(other)) == pytest.approx(wanted, abs=1e-4)
    assert ciede2000(np.array(other), np.array(one)) == pytest.approx(wanted, abs=1e-4)


def test_a_colour_is_no_way_from_itself() -> None:
    lab = np.random.default_rng(1).uniform((0, -90, -90), (100, 90, 90), (50, 3))

    assert not ciede2000(lab, lab).any()
