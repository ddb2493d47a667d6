"""The estimate of disk counts enlargement and what the store keeps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from archivist.api import Tiling
from archivist.model import OutputProfile
from archivist.plan import Sizes, Summary

KEEP = ("image", "mask", "probability")


@pytest.fixture
def estimated(archive, plugins_of):
    """Give a function that estimates the plan of the archive with the specs it has now."""

    def estimate(*, keep=KEEP, measured=None, profile=None):
        sizes = Sizes(
            plugins=plugins_of(*archive.specs),
            profiles=(profile or OutputProfile(name="one"),),
            keep=keep,
            measured=measured or {},
        )
        summary = Summary(sizes=sizes)
        list(summary.watch(archive.units()))
        return summary.estimate

    return estimate


def enlarge(archive, scale):
    archive.specs[1] = replace(archive.specs[1], tiling=Tiling(scale=scale))


@pytest.mark.parametrize(("kind", "times"), [("tiff", 16), ("jpeg", 4)])
def test_enlarging_four_times_makes_outputs_larger_and_the_store_more_so(
    archive, estimated, kind, times
):
    """A JPEG grows less than its pixels: what is computed between them has no detail."""
    profile = OutputProfile(name="one", format=kind)
    plain = estimated(keep=["image"], profile=profile)
    enlarge(archive, 4)

    large = estimated(keep=["image"], profile=profile)

    assert large.output_bytes == pytest.approx(times * plain.output_bytes, rel=1e-3)
    assert large.store_bytes > 16 * plain.store_bytes


def test_a_profile_with_a_longest_side_does_not_grow_with_the_enlargement(archive, estimated):
    small = OutputProfile(name="small", max_side=64)
    plain = estimated(profile=small).output_bytes
    enlarge(archive, 4)

    assert 0 < estimated(profile=small).output_bytes <= plain * 1.001


def test_what_is_not_kept_takes_no_disk(estimated):
    assert estimated(keep=[]).store_bytes == 0
    assert 0 < estimated(keep=["mask"]).store_bytes < estimated().store_bytes


def test_what_was_measured_of_a_step_takes_the_place_of_the_guess(estimated):
    guess = estimated(keep=["image"])

    measured = estimated(keep=["image"], measured={("dust.mend", "image"): 0.0})

    assert guess.store_bytes > 0
    assert measured.store_bytes == 0
