"""Samples are the same wherever they are aged, and are what the networks take."""

from __future__ import annotations

from dataclasses import replace

import torch

from archivist_triplet.training.source import Source, sharpened


def test_ageing_on_the_device_gives_what_ageing_in_a_worker_gives(source: Source) -> None:
    late = replace(source, early=False)

    in_worker = source.samples(source.batch(range(3, 7)))
    on_device = late.samples(late.batch(range(3, 7)))

    assert torch.equal(in_worker.aged, on_device.aged)
    assert torch.equal(in_worker.truth, on_device.truth)
    assert torch.equal(in_worker.observed, on_device.observed)


def test_a_sample_does_not_depend_on_its_batch(source: Source) -> None:
    alone = source.samples(source.batch([6]))
    among = source.samples(source.batch(range(4, 8)))

    assert torch.allclose(alone.aged[0], among.aged[2], atol=1 / 127)


def test_pictures_are_signed_and_masks_are_shares(source: Source) -> None:
    samples = source.samples(source.batch(range(8)))

    assert samples.aged.shape == (8, 3, 32, 32)
    assert samples.prints.shape == (8, 3, 32, 32)
    assert samples.aged.min() < -0.2 < 0.2 < samples.aged.max()
    assert samples.aged.abs().max() <= 1
    assert set(samples.mask.unique().tolist()) <= {0.0, 1.0}


def test_prints_are_read_only_where_they_are_needed(source: Source) -> None:
    assert len(replace(source, prints=False).samples(source.batch([1])).aged) == 1
    assert replace(source, prints=False).batch([1])[2].numel() == 0


def test_sharpening_adds_detail_where_it_is_asked_for() -> None:
    torch.manual_seed(1)
    pixels = 0.5 + 0.1 * torch.randn(2, 3, 32, 32).clamp(-3, 3)

    made = sharpened(pixels, torch.tensor([0.0, 1.0]))

    assert torch.allclose(made[0], pixels[0], atol=1e-6)
    assert made[1].std() > 1.3 * pixels[1].std()
    assert made[1].mean() - pixels[1].mean() < 0.01


def test_a_sharpened_sample_does_not_depend_on_its_batch(source: Source) -> None:
    sharp = replace(source, sharpened=0.5)
    among, plain = (one.samples(one.batch(range(8))) for one in (sharp, source))
    alone = sharp.samples(sharp.batch([6]))

    changed = [not torch.equal(a, b) for a, b in zip(among.aged, plain.aged, strict=True)]
    assert 0 < sum(changed) < 8
    assert torch.allclose(alone.aged[0], among.aged[6], atol=1 / 127)


def test_smaller_scales_show_more_of_a_picture(source: Source) -> None:
    whole = replace(source, scales=(0.3, 0.3)).batch([2])[1].float()
    part = replace(source, scales=(1.2, 1.2)).batch([2])[1].float()

    assert whole.diff(dim=3).abs().mean() > 1.5 * part.diff(dim=3).abs().mean()
