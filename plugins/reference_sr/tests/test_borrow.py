"""What is borrowed: from where, how much, and when nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from archivist_reference_sr.compact.align import Aligner, unchanged
from archivist_reference_sr.compact.borrow import Borrowed, borrow, lay
from archivist_reference_sr.compact.describer import CHANNELS, Describer
from archivist_reference_sr.compact.refine import Places
from archivist_reference_sr.picture import Pixels


@pytest.fixture(scope="module")
def describer() -> Describer:
    return Describer.pretrained()


def scene(height: int, width: int, seed: int = 0, channels: int = 3) -> Pixels:
    """Return a picture of blots of all sizes, distinct everywhere, 0..1."""
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros(1, channels, height, width)
    for side in (2, 5, 12, 30):
        few = torch.randn(1, channels, height // side + 2, width // side + 2, generator=generator)
        total += torch.nn.functional.interpolate(few, (height, width), mode="bicubic")
    unit = (total / 8 + 0.5).clamp(0, 1)[0].permute(1, 2, 0)
    return np.ascontiguousarray(unit.numpy(), np.float32)


def quarter(pixels: Pixels) -> Pixels:
    height, width, channels = pixels.shape
    blocks = pixels.reshape(height // 4, 4, width // 4, 4, channels)
    return np.ascontiguousarray(blocks.mean(axis=(1, 3)), np.float32)


def test_a_picture_finds_every_block_of_itself_in_its_place(describer: Describer) -> None:
    whole = scene(128, 160)

    found = borrow(describer, quarter(whole), [whole])

    y, x = np.mgrid[:32, :40] * 4 + 1.5
    right = (np.abs(found.x.numpy() - x) < 1) & (np.abs(found.y.numpy() - y) < 1)
    assert right.mean() > 0.97


def test_detail_of_the_picture_itself_is_what_it_lacks(describer: Describer) -> None:
    whole = scene(128, 160)

    found = borrow(describer, quarter(whole), [whole])

    luma = found.detail.mean(0)
    assert luma.std() > 0.02
    assert found.similarity.mean() > 0.95


def test_a_shifted_reference_lends_from_the_shifted_place(describer: Describer) -> None:
    whole = scene(160, 200)
    shown = whole[9:137, 21:181]

    found = borrow(describer, quarter(shown), [whole])

    assert np.median(found.x.numpy() - np.mgrid[:32, :40][1] * 4) == pytest.approx(22.5, abs=1.1)
    assert np.median(found.y.numpy() - np.mgrid[:32, :40][0] * 4) == pytest.approx(10.5, abs=1.1)


def test_the_more_similar_of_two_references_lends(describer: Describer) -> None:
    whole, other = scene(128, 128), scene(128, 128, seed=5)

    found = borrow(describer, quarter(whole), [other, whole])

    assert (found.source == 1).float().mean() > 0.95


def test_an_even_reference_lends_nothing(describer: Describer) -> None:
    found = borrow(describer, quarter(scene(64, 64)), [np.full((64, 64, 3), 0.5, np.float32)])

    assert (found.source == -1).all()
    assert found.detail.abs().max() < 1e-3


def test_a_demanding_floor_borrows_less(describer: Describer) -> None:
    small, reference = quarter(scene(96, 96)), scene(96, 96, seed=4)

    easy, strict = (
        borrow(describer, small, [reference], least=least, align=False) for least in (0.5, 0.9)
    )

    assert (strict.source != -1).sum() < (easy.source != -1).sum()


def test_a_reference_without_proof_must_be_more_similar(describer: Describer) -> None:
    small, reference = quarter(scene(96, 96)), scene(96, 96, seed=4)

    believed, unproven = (borrow(describer, small, [reference], align=a) for a in (False, True))

    assert (unproven.source != -1).sum() < (believed.source != -1).sum()


def test_fast_search_of_reduced_pictures_finds_the_place_too(
    describer: Describer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archivist_reference_sr.compact.borrow.FAST_PAIRS", 1e5)
    whole = scene(160, 160)

    found = borrow(describer, quarter(whole), [whole], fast=True)

    x = np.mgrid[:40, :40][1] * 4 + 1.5
    assert (np.abs(found.x.numpy() - x) < 1).mean() > 0.8


def test_a_reference_smaller_than_a_patch_is_refused(describer: Describer) -> None:
    with pytest.raises(ValueError, match="smaller than one patch"):
        borrow(describer, quarter(scene(64, 64)), [scene(8, 64)])


def test_a_turned_and_larger_reference_is_aligned(describer: Describer) -> None:
    whole = scene(240, 240)
    turned = np.ascontiguousarray(np.rot90(whole))
    small = quarter(whole)

    found = borrow(describer, small, [turned])

    # The pixel x, y lies at y, 239 - x of the picture turned to the left.
    y, x = np.mgrid[:60, :60] * 4 + 1.5
    right = (np.abs(found.x.numpy() - y) < 3) & (np.abs(found.y.numpy() - (239 - x)) < 3)
    assert right.mean() > 0.85


def test_a_reference_without_proof_stays_as_it_is() -> None:
    reference = scene(96, 96, seed=9)

    aligned = Aligner(quarter(scene(96, 96))).align(reference)

    assert not aligned.proven
    assert aligned.pixels is reference
    assert aligned.valid.all()


def test_an_unchanged_reference_keeps_its_positions() -> None:
    aligned = unchanged(scene(16, 16), proven=False)

    assert aligned.positions(np.array(3.0), np.array(7.0)).tolist() == [3.0, 7.0]


def test_places_move_to_where_the_patch_is() -> None:
    luma = torch.from_numpy(scene(64, 64, channels=1))[..., 0]
    y, x = torch.meshgrid(torch.arange(8) * 4, torch.arange(8) * 4, indexing="ij")
    part = luma[12:44, 12:44]
    valid = torch.ones_like(luma, dtype=torch.bool)

    places = Places(part, luma, valid, y + 12 + 2, x + 12 - 1)
    places.improve((4, 2, 1))

    inner = (slice(1, -1), slice(1, -1))
    assert (places.row[inner] == (y + 12)[inner]).all()
    assert (places.column[inner] == (x + 12)[inner]).all()


def test_invalid_parts_of_a_reference_are_similar_to_nothing() -> None:
    luma = torch.from_numpy(scene(32, 32, channels=1))[..., 0]
    here = torch.arange(8)[:, None].expand(8, 8) * 4

    places = Places(luma, luma, torch.zeros_like(luma, dtype=torch.bool), here, here.T)

    assert (places.similarity == -1).all()


def test_blocks_laid_in_their_own_place_give_the_detail_back() -> None:
    detail = torch.randn(3, 64, 48, generator=torch.Generator().manual_seed(1))
    row = (torch.arange(16) * 4)[:, None].expand(16, 12)
    column = (torch.arange(12) * 4)[None].expand(16, 12)
    ones = torch.ones(16, 12)

    laid = lay(detail, row, column, ones, ones)

    inner = (slice(None), slice(4, -4), slice(4, -4))
    assert torch.allclose(laid[inner], detail[inner], atol=1e-5)


def test_bands_lay_the_same_as_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(1)
    detail = torch.randn(3, 64, 48, generator=generator)
    row = torch.randint(0, 60, (16, 12), generator=generator)
    column = torch.randint(0, 44, (16, 12), generator=generator)
    similarity = torch.rand(16, 12, generator=generator)

    whole = lay(detail, row, column, similarity, similarity)
    monkeypatch.setattr("archivist_reference_sr.compact.borrow.BAND", 5)
    parts = lay(detail, row, column, similarity, similarity)

    assert torch.allclose(whole, parts, atol=1e-6)


def test_parts_of_a_picture_are_described_like_the_whole(
    describer: Describer, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = torch.rand(1, 3, 96, 128, generator=torch.Generator().manual_seed(2)) * 2 - 1
    with torch.inference_mode():
        whole = describer.describe(picture)
        monkeypatch.setattr("archivist_reference_sr.compact.describer.PART", 32)
        parts = describer.describe(picture)

    assert whole.shape == (CHANNELS, 24, 32)
    assert torch.allclose(whole, parts, atol=1e-4)


def test_nothing_borrowed_has_no_source() -> None:
    nothing = Borrowed.nothing(3, 5)

    assert (nothing.source == -1).all()
    assert nothing.detail.shape == (3, 12, 20)
