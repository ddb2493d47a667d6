"""The compact networks: shapes, masks, and filling before encoding."""

from __future__ import annotations

from collections.abc import Callable

import torch

from archivist_triplet.compact import NOISE, Triplet, Vae, fill_smoothly


def picture(height: int = 64, width: int = 80) -> torch.Tensor:
    generator = torch.Generator().manual_seed(height * width)
    return torch.rand(2, 3, height, width, generator=generator) * 2 - 1


def test_a_latent_has_a_quarter_of_the_size_and_pixels_come_back_in_full() -> None:
    vae = Vae(latent=16).eval()

    shown, mean = vae(picture())

    assert mean.shape == (2, 16, 16, 20)
    assert shown.shape == picture().shape


def test_noise_reaches_the_latent_in_training_only() -> None:
    vae = Vae(latent=16)
    torch.manual_seed(1)

    first, second = vae(picture())[0], vae(picture())[0]
    vae.eval()

    assert not torch.equal(first, second)
    assert torch.equal(vae(picture())[0], vae(picture())[0])
    assert 0 < NOISE < 1


def test_pictures_of_a_batch_do_not_see_each_other(lively: Callable[[], Triplet]) -> None:
    network, damage = lively(), torch.zeros(2, 1, 64, 80)
    damage[0, :, 20:40, 30:50] = 1

    with torch.inference_mode():
        together = network(picture(), damage)
        alone = network(picture()[:1], damage[:1])

    assert torch.allclose(together[:1], alone, atol=1e-5)


def test_damaged_positions_take_from_sound_ones_anywhere_in_the_picture(
    lively: Callable[[], Triplet],
) -> None:
    network, damage = lively(), torch.zeros(1, 1, 64, 1600)
    damage[..., 16:32, 16:32] = 1
    near = torch.zeros(1, 3, 64, 1600)
    far = near.clone()
    far[..., 1500:] = torch.rand(3, 64, 100, generator=torch.Generator().manual_seed(1))
    mapping = network.mapping

    with torch.inference_mode():
        brought = []
        for shown in (near, far):
            share = torch.nn.functional.avg_pool2d(damage, 4)
            half = mapping.begin(network.vae_a.encoder(shown), share).half
            brought.append(mapping.fill(half, torch.nn.functional.max_pool2d(share, 2)))

    assert (brought[0][..., 2:4, 2:4] - brought[1][..., 2:4, 2:4]).abs().max() > 1e-4
    assert brought[0][..., 4:, 4:].abs().max() == 0


def test_a_wholly_damaged_picture_gives_finite_pixels(lively: Callable[[], Triplet]) -> None:
    with torch.inference_mode():
        shown = lively()(torch.zeros(1, 3, 32, 32), torch.ones(1, 1, 32, 32))

    assert torch.isfinite(shown).all()


def test_holes_are_filled_from_around_and_sound_pixels_stay() -> None:
    slope = torch.linspace(-1, 1, 60).expand(1, 3, 50, 60)
    damage = torch.zeros(1, 1, 50, 60)
    damage[..., 20:30, 20:40] = 1
    holed = torch.where(damage > 0, 1.0, slope)

    filled = fill_smoothly(holed, damage)

    assert torch.equal(filled[..., :20, :], slope[..., :20, :])
    assert (filled - slope).abs().max() < 0.25
    assert torch.isfinite(fill_smoothly(holed, torch.ones_like(damage))).all()
