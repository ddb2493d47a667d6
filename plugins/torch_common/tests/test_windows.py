"""Windows cover a picture once, and see around themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archivist_torch.windows import windows

sides = st.integers(1, 40).map(lambda n: 16 * n)


@given(height=sides, width=sides, core=st.integers(1, 300), halo=st.integers(0, 300))
def test_cores_cover_every_pixel_once(height: int, width: int, core: int, halo: int) -> None:
    covered = np.zeros((height, width), np.int64)

    for window in windows(height, width, core=core, halo=halo, multiple=16):
        covered[window.core] += 1

    assert (covered == 1).all()


@given(height=sides, width=sides, core=st.integers(16, 300), halo=st.integers(0, 300))
def test_a_window_sees_its_halo_wherever_the_picture_has_it(
    height: int, width: int, core: int, halo: int
) -> None:
    for window in windows(height, width, core=core, halo=halo, multiple=16):
        for seen, inside, length in zip(window.seen, window.core, (height, width), strict=True):
            assert seen.start <= max(0, inside.start - halo)
            assert seen.stop >= min(length, inside.stop + halo)
            assert seen.start % 16 == 0
            assert seen.stop % 16 == 0


def test_the_core_is_found_again_in_what_is_seen() -> None:
    picture = np.arange(64 * 96).reshape(64, 96)

    for window in windows(64, 96, core=32, halo=16, multiple=16):
        assert np.array_equal(picture[window.seen][window.inner()], picture[window.core])
        small = picture[::4, ::4]
        assert np.array_equal(small[window.seen_at(4)][window.inner(4)], small[window.core_at(4)])


def test_a_size_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="multiples of 16"):
        list(windows(30, 32, core=16, halo=0, multiple=16))
