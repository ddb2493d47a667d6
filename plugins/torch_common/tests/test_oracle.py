"""Oracle weights follow their recipe, and comparisons are honest."""

from __future__ import annotations

import json
import math
import zlib

import numpy as np
import pytest
import torch
from torch import nn

from archivist_torch.oracle import Comparison, Report, compare, drawn_state


def test_a_weight_is_drawn_from_the_seed_of_its_name() -> None:
    state = drawn_state({"a.weight": torch.zeros(2, 3, 3, 3)}, "tag")

    seed = zlib.crc32(b"tag:a.weight")
    z = np.random.RandomState(seed).standard_normal((2, 3, 3, 3))
    assert np.array_equal(state["a.weight"].numpy(), (z * math.sqrt(2 / 27)).astype(np.float32))


def test_batch_norm_gets_positive_variances() -> None:
    state = drawn_state(nn.BatchNorm2d(50).state_dict(), "tag")

    assert state["running_var"].min() >= 1
    assert abs(float(state["weight"].mean()) - 1) < 0.1
    assert state["num_batches_tracked"].item() == 0


def test_spectral_vectors_are_unit_and_belong_together() -> None:
    layout = {
        "weight_orig": torch.zeros(4, 3, 3, 3),
        "weight_u": torch.zeros(4),
        "weight_v": torch.zeros(27),
    }
    state = drawn_state(layout, "tag")

    raised = state["weight_orig"].reshape(4, -1).T @ state["weight_u"]
    assert torch.allclose(state["weight_v"], raised / raised.norm(), atol=1e-6)


def test_fixed_filters_are_kept() -> None:
    layout = {"filt": torch.full((2, 1, 3, 3), 0.25)}

    assert torch.equal(drawn_state(layout, "tag")["filt"], layout["filt"])


def test_an_entry_without_a_rule_is_an_error() -> None:
    with pytest.raises(ValueError, match="'odd'"):
        drawn_state({"a.odd": torch.zeros(2)}, "tag")


def test_a_comparison_reports_the_largest_error_of_each_array() -> None:
    result = compare({"a": np.zeros(3), "b": np.zeros(2)}, {"a": np.array([0, 1e-6, 0])})

    assert result.passed
    assert json.loads(result.to_json())["errors"] == {"a": 1e-6}


@pytest.mark.parametrize("errors", [{}, {"a": 1e-3}, {"a": math.inf}, {"a": math.nan}])
def test_nothing_too_far_infinite_or_undefined_passes(errors: dict[str, float]) -> None:
    assert not Comparison(errors, 1e-4).passed


def test_each_array_of_a_report_is_held_to_its_own_limit() -> None:
    limits = {"picture": 1e-4, "levels": 1.5}

    assert Report({"picture": 1e-5, "levels": 1.0}, limits).passed
    assert not Report({"picture": 1.0, "levels": 1.0}, limits).passed
    assert not Report({"picture": math.nan}, limits).passed
    assert not Report({}, limits).passed
