"""What grows out of a thing is no scratch, however much it looks like one."""

from __future__ import annotations

import numpy as np
import pytest

from archivist_scratch.outgrowth import grows_out
from archivist_scratch.params import DetectParams
from archivist_scratch.regions import decide

STROKE = (slice(20, 50), slice(58, 64))


def cat(ground: float, fur: float) -> np.ndarray:
    """Return a round body on an even ground, with a tail standing up from it."""
    y, x = np.mgrid[:120, :120]
    scene = np.full((120, 120), ground, np.float32)
    scene[(y - 70) ** 2 + (x - 60) ** 2 < 22**2] = fur
    scene[STROKE] = fur
    return scene


def stroke() -> np.ndarray:
    region = np.zeros((120, 120), np.bool_)
    region[STROKE] = True
    return region


@pytest.mark.parametrize(("ground", "fur"), [(0.7, 0.2), (0.2, 0.7)])
def test_a_tail_grows_out_of_its_cat(ground: float, fur: float) -> None:
    assert grows_out(cat(ground, fur), stroke())


def test_a_scratch_ends_where_it_ends() -> None:
    scene = cat(0.7, 0.2)
    scene[STROKE] = 0.7
    scene[20:46, 58:64] = 0.2  # between it and the body is ground

    region = np.zeros_like(stroke())
    region[20:46, 58:64] = True
    assert not grows_out(scene, region)


def test_a_scratch_of_another_tone_may_touch_a_thing() -> None:
    scene = cat(0.5, 0.2)
    scene[STROKE] = 0.95

    assert not grows_out(scene, stroke())


def test_a_region_that_fills_its_box_has_no_surroundings() -> None:
    assert not grows_out(np.ones((4, 4), np.float32), np.ones((4, 4), np.bool_))


def test_tails_stay_out_of_the_mask_and_long_scratches_in_it() -> None:
    scene = cat(0.7, 0.2)
    scene[10:92, 100:102] = 0.2
    scene[90:, 80:] = 0.2  # the scratch ends in a dark corner
    probability = np.zeros(scene.shape, np.float32)
    probability[STROKE] = probability[10:90, 100:102] = 0.99
    params = DetectParams(conviction=0, dilation=0)

    mask = decide(probability, params, grey=scene).mask

    assert mask[10:90, 100:102].all()
    assert not mask[STROKE].any()
    assert decide(probability, params).mask[STROKE].all()
