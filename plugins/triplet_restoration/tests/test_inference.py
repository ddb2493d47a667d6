"""A picture in tiles is restored as it is in one piece."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from archivist_triplet import inference
from archivist_triplet.compact import Triplet, fill_smoothly
from archivist_triplet.tone_guess import agreed

Make = Callable[[], Triplet]


def scan(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return noise and a mask of one damaged piece."""
    rng = np.random.default_rng(height * width)
    mask = np.zeros((height, width), np.bool_)
    mask[height // 2 : height // 2 + 23, width // 3 : width // 3 + 31] = min(height, width) > 60
    return rng.random((height, width, 3), dtype=np.float32), mask


@pytest.mark.parametrize(("height", "width"), [(1003, 150), (90, 1201), (1, 1), (2, 700)])
def test_tiles_equal_the_whole(height: int, width: int, lively: Make) -> None:
    pixels, mask = scan(height, width)
    network = lively()

    tiled = inference.restore(network, pixels, mask, tile=128)
    whole = inference.restore(network, pixels, mask, tile=4096)

    assert abs(tiled.pixels - whole.pixels).max() < 1e-5
    assert abs(tiled.explained - whole.explained).max() < 1e-5
    assert whole.pixels.std() > 0.01 or min(height, width) == 1


def test_the_whole_equals_what_was_trained(lively: Make) -> None:
    pixels, mask = scan(96, 112)
    network = lively()
    shown = torch.from_numpy(pixels).permute(2, 0, 1)[None] * 2 - 1
    damage = torch.from_numpy(mask)[None, None].float()

    with torch.inference_mode():
        filled = fill_smoothly(shown, damage)
        made = ((network(filled, damage)[0].permute(1, 2, 0) + 1) / 2).clamp(0, 1)
        expected = agreed(network.guess, filled, damage, made).numpy()
    restored = inference.restore(network, pixels, mask, tile=4096)

    assert abs(restored.pixels - expected).max() < 1e-6


def test_the_receptive_field_is_no_wider_than_the_halo(lively: Make) -> None:
    """One changed pixel, with steering and attention held still, reaches no further than RADIUS."""
    network = lively()
    shown = torch.zeros(1, 3, 16, 1600)
    changed = shown.clone()
    changed[..., 800] = 1
    outputs = []
    with torch.inference_mode():
        for one in (shown, changed):
            latent, share = network.vae_a.encoder(one), torch.zeros(1, 1, 4, 400)
            begun = network.mapping.begin(latent, share)
            still = torch.zeros(1, network.mapping.context.WIDTH)
            mapped = network.mapping.finish(latent, begun, still, torch.zeros_like(begun.half))
            outputs.append(network.vae_b.decoder(mapped))
    reached = (outputs[0] - outputs[1]).abs().amax(dim=(0, 1, 2)).nonzero()[:, 0]

    assert 800 - int(reached.min()) <= Triplet.RADIUS
    assert int(reached.max()) - 800 <= Triplet.RADIUS
    assert int(reached.max()) - int(reached.min()) > 300  # the test sees far enough to fail


def test_memory_that_runs_out_halves_the_tiles(
    lively: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, (pixels, mask) = lively(), scan(600, 600)
    expected = inference.restore(network, pixels, mask, tile=4096)
    apply, sides = inference._apply, []

    def starved(*arguments: object) -> object:
        sides.append(arguments[4])
        if arguments[4] > 300:
            raise torch.OutOfMemoryError
        return apply(*arguments)

    monkeypatch.setattr(inference, "_apply", starved)

    found = inference.restore(network, pixels, mask, tile=1024)

    assert sides == [1024, 512, 256]
    assert abs(found.pixels - expected.pixels).max() < 1e-5


def test_tiles_without_damage_in_sight_are_left_when_only_damage_counts(lively: Make) -> None:
    pixels, mask = scan(80, 1600)
    found = inference.restore(lively(), pixels, mask, tile=128, everywhere=False)
    whole = inference.restore(lively(), pixels, mask, tile=4096, everywhere=False)

    assert abs(found.pixels[mask] - whole.pixels[mask]).max() < 1e-5
    assert abs(found.pixels[:, -128:] - pixels[:, -128:]).max() < 1e-6


def test_a_stopped_run_stops_between_tiles(lively: Make) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        inference.restore(lively(), *scan(64, 64), tile=64, pause=stop)
