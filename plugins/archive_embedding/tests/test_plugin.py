"""The plugin keeps the promises of the plugin surface."""

from __future__ import annotations

from archivist.testing import assert_step_conforms
from archivist_embedding.plugin import COMPUTE, archivist_steps


def test_the_step_is_offered() -> None:
    assert [spec.id for spec in archivist_steps()] == ["embedding.compute"]


def test_it_conforms() -> None:
    assert_step_conforms(COMPUTE)
