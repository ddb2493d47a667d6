"""Tiny networks and random pictures."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from archivist_reference_sr.matching import Matches
from archivist_reference_sr.network import TTSR
from archivist_reference_sr.oracle import drawn_state

TINY = {"features": 4, "blocks": (2, 2, 1, 1), "texture": (4, 6, 8)}


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(5)


@pytest.fixture
def network() -> TTSR:
    """A network of few channels and blocks, with weights that keep features apart."""
    tiny = TTSR(**TINY)
    tiny.load_state_dict(drawn_state(tiny.state_dict(), "tiny"))
    return tiny.eval().requires_grad_(False)


class Paper:
    """The paper's formulas written plainly, in double precision: unfold, multiply, fold."""

    @staticmethod
    def relevance(queries: Tensor, keys: Tensor) -> Tensor:
        """(key positions, query positions) for features (channels, height, width)."""
        patches = [
            torch.nn.functional.unfold(features[None].double(), 3, padding=1)[0]
            for features in (queries, keys)
        ]
        ours, theirs = (torch.nn.functional.normalize(p, dim=0, eps=1e-12) for p in patches)
        return theirs.T @ ours

    @staticmethod
    def transfer(values: Tensor, matches: Matches, scale: int) -> Tensor:
        """Pick patches of 3 x scale, fold, divide by 9."""
        rule = {"kernel_size": 3 * scale, "stride": scale, "padding": scale}
        patches = torch.nn.functional.unfold(values[None].double(), **rule)
        width = values.shape[2] // scale
        chosen = patches[..., (matches.row.long() * width + matches.column).flatten()]
        size = tuple(side * scale for side in matches.row.shape)
        return torch.nn.functional.fold(chosen, size, **rule)[0] / 9


@pytest.fixture
def paper() -> type[Paper]:
    return Paper
