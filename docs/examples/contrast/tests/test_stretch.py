"""The step keeps its promises, and does what it is for."""

from archivist.testing import assert_step_conforms, run_step, sample_image
from archivist_example_contrast.plugin import STRETCH


def test_the_step_keeps_its_promises():
    assert_step_conforms(STRETCH)


def test_a_faded_photograph_spans_the_whole_range_afterwards():
    image = sample_image()
    faded = image.with_pixels(image.pixels * 0.4 + 0.3)
    result = run_step(STRETCH, {"clip": 0}, image=faded)["image"]
    assert result.pixels.min() < 0.01
    assert result.pixels.max() > 0.99


def test_strength_zero_changes_nothing():
    image = sample_image()
    result = run_step(STRETCH, {"strength": 0}, image=image)["image"]
    assert (result.pixels == image.pixels).all()
