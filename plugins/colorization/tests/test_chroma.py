"""Chroma on the scale of the eye keeps hue, comes back, and measures as CIEDE2000 does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archivist_colorization.compact.chroma import compressed, expanded
from archivist_colorization.training.measure import ciede2000

coordinate = st.floats(-110, 110, width=32)


@settings(deadline=None)
@given(st.lists(st.tuples(coordinate, coordinate), min_size=1, max_size=20))
def test_expanding_undoes_compressing(points: list[tuple[float, float]]) -> None:
    ab = np.array(points, np.float32)

    assert np.allclose(expanded(compressed(ab)), ab, atol=1e-3, rtol=1e-4)


@settings(deadline=None)
@given(st.tuples(coordinate, coordinate).filter(lambda p: np.hypot(*p) > 0.1))
def test_hue_is_kept_and_chroma_never_grows(point: tuple[float, float]) -> None:
    ab = np.array(point)

    small = compressed(ab)

    assert np.arctan2(*small) == pytest.approx(np.arctan2(*ab), abs=1e-4)
    assert np.hypot(*small) <= np.hypot(*ab)


def test_grey_stays_grey() -> None:
    assert not compressed(np.zeros((3, 4, 2), np.float32)).any()
    assert not expanded(np.zeros((3, 4, 2), np.float32)).any()


def test_distances_are_nearly_those_of_ciede2000() -> None:
    rng = np.random.default_rng(3)
    one = rng.uniform(-60, 60, (2000, 2))
    other = one + rng.normal(0, 6, (2000, 2))
    full = [np.concatenate([np.full((2000, 1), 55.0), ab], axis=1) for ab in (one, other)]

    ours = np.linalg.norm(compressed(one) - compressed(other), axis=1)
    plain = np.linalg.norm(one - other, axis=1)
    seen = ciede2000(*full)

    assert np.corrcoef(ours, seen)[0, 1] > 0.9 > np.corrcoef(plain, seen)[0, 1]
    assert 0.6 < np.median(ours / seen) < 1.4
