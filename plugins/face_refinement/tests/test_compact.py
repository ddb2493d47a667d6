"""The compact generator begins by doing nothing, and sees crops of any size."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest
import torch

from archivist_faces.compact import LEAST, CompactGenerator
from archivist_torch.weights import load_network

TINY = {"widths": (8, 8, 12, 16), "blocks": (1, 1, 1, 1)}


def network(seed: int = 4) -> CompactGenerator:
    """Return a tiny network that does draw corrections."""
    torch.manual_seed(seed)
    made = CompactGenerator(**TINY).eval()
    torch.nn.init.normal_(made.last.weight, std=0.2)
    return made


def test_an_untrained_network_corrects_almost_nothing() -> None:
    face = torch.rand(1, 3, 48, 64) * 2 - 1

    assert 0 < CompactGenerator(**TINY)(face).abs().max() < 0.01


@pytest.mark.parametrize("size", [(16, 16), (48, 80)])
def test_a_correction_has_the_size_of_the_crop(size: tuple[int, int]) -> None:
    assert network()(torch.rand(2, 3, *size)).shape == (2, 3, *size)


def test_sides_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="multiples of 16"):
        network()(torch.rand(1, 3, 40, 48))


def test_faces_of_a_batch_do_not_see_each_other() -> None:
    made, faces = network(), torch.rand(2, 3, 32, 32)

    with torch.no_grad():
        assert torch.allclose(made(faces)[1:], made(faces[1:]), atol=1e-6)


def test_every_scale_has_a_say() -> None:
    made, face = network(), torch.rand(1, 3, 64, 64)
    before = made(face).detach()

    for scale in range(4):
        changed = network()
        with torch.no_grad():
            for weight in changed.steps[scale].parameters():
                weight.mul_(1.5)
        assert not torch.allclose(changed(face), before, atol=1e-5)


def test_the_shipped_network_is_as_small_as_it_is_said_to_be() -> None:
    assert sum(w.numel() for w in CompactGenerator().parameters()) == 1_243_524


def test_the_shipped_weights_fit() -> None:
    path = Path(str(resources.files("archivist_faces") / "weights" / "compact.safetensors"))

    assert load_network(CompactGenerator, path).last.weight.std() > 2 * LEAST
