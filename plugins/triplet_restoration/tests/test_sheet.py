"""The sheet shows every pair, and leaves alone what counts as sound."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from archivist_torch.data import Picture
from archivist_triplet import sheet
from archivist_triplet.compact import Triplet
from archivist_triplet.sheet import CAPTION, CELL, Pair, laid_out, restored


@pytest.fixture
def pair() -> Pair:
    dark, light = (np.full((60, 90, 3), level, np.uint8) for level in (30, 200))
    return Pair(before=dark, after=light, lines=("a print", "grain 0.031"))


def test_before_and_after_lie_side_by_side(pair: Pair) -> None:
    page = laid_out([pair], columns=1)
    middle = page[page.shape[0] // 3]
    assert middle[CELL // 2].tolist() == [30, 30, 30]
    assert middle[CELL + CELL // 2].tolist() == [200, 200, 200]


@pytest.mark.parametrize(("count", "rows"), [(1, 1), (3, 1), (4, 2), (7, 3)])
def test_there_are_as_many_rows_as_the_pairs_need(pair: Pair, count: int, rows: int) -> None:
    page = laid_out([pair] * count, columns=3)
    assert page.shape[0] // (CELL * 60 // 90 + CAPTION) == rows
    assert page.shape[1] > 3 * 2 * CELL


def test_the_caption_is_written(pair: Pair) -> None:
    bare = Pair(before=pair.before, after=pair.after, lines=("", ""))
    assert (laid_out([pair], 1) != laid_out([bare], 1)).any()


def test_a_sound_print_is_left_alone() -> None:
    picture = Picture("prints/plain.jpg", np.full((40, 50), 128, np.uint8))
    shown = restored(picture, Triplet().eval(), whole=False)
    assert (shown.before == shown.after).all()
    assert "left alone" in shown.lines[0]


def test_whole_restores_what_counts_as_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    network = Triplet().eval()
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    calls = []
    inner = sheet.inference.restore
    monkeypatch.setattr(
        sheet.inference, "restore", lambda *a, **k: calls.append(1) or inner(*a, **k)
    )
    shown = restored(Picture("a.png", pixels), network, whole=True)

    assert calls == [1]
    assert shown.after.shape == pixels.shape
    assert "left alone" not in shown.lines[0]
