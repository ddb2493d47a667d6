"""Automatic colour is learnt from places, and told of each by itself."""

from __future__ import annotations

import numpy as np
import torch

from archivist_colorization.compact.columns import COLUMN, Columns, columns_of
from archivist_colorization.compact.encoder import WIDTHS
from archivist_colorization.compact.network import Compact
from archivist_colorization.training.columns import ColumnsTask
from archivist_colorization.training.material import Material
from archivist_colorization.training.samples import Samples
from archivist_colorization.training.validation import Validation
from archivist_torch.device import Compute

CPU = Compute(torch.device("cpu"), torch.float32, "test")


def striped(rng: np.random.Generator) -> np.ndarray:
    """Return a picture (64, 64, 3) whose bright half is blue and whose dark half is brown."""
    level = int(rng.integers(0, 20))
    picture = np.empty((64, 64, 3), np.uint8)
    picture[:32] = (130 + level, 180 + level, 235)
    picture[32:] = (90 + level, 60 + level, 30)
    return picture


def test_colours_of_places_are_learnt() -> None:
    rng = np.random.default_rng(4)
    album = [striped(rng) for _ in range(3)]
    material = Material(album=album, groups=[], held_out_photos=album[:1], held_out_groups={})
    validation = Validation(material.held_out_photos, {}, CPU)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        task = ColumnsTask(Compact(), Samples(material, 64, 1), validation, CPU, views=2)
        columns = Columns()
        mover = torch.optim.AdamW(columns.parameters(), 3e-3)
        for step in range(40):
            loss = task.loss(columns, task.batch([step]))
            mover.zero_grad()
            loss.backward()
            mover.step()

    assert task.validate(columns.eval())["score"] > 0.4


def test_a_place_is_judged_by_its_own_column_alone() -> None:
    columns = Columns().eval()
    with torch.no_grad():
        columns.say.weight.normal_()
    seen = torch.randn(1, 4, 4, COLUMN)
    other = seen.clone()
    other[0, 1, 2] += 1

    changed = (columns(seen) != columns(other)).any(dim=-1)[0]

    assert changed.nonzero().tolist() == [[1, 2]]


def test_settled_columns_leave_nothing_out_while_others_learn() -> None:
    columns = Columns().train()
    seen = torch.randn(8, COLUMN)
    assert not torch.equal(columns.middle(seen), columns.middle(seen))

    columns.settle()

    assert torch.equal(columns.middle(seen), columns.middle(seen))
    assert not any(weight.requires_grad for weight in columns.parameters())


def test_columns_hold_all_maps_and_the_height() -> None:
    strides = (4, 8, 16, 16, 32, 32)
    maps = [
        torch.full((1, width, 64 // stride, 96 // stride), float(number))
        for number, (width, stride) in enumerate(zip(WIDTHS, strides, strict=True))
    ]

    columns = columns_of(maps)

    assert columns.shape == (1, 8, 12, COLUMN)
    assert columns[0, 3, 5, :-1].unique().tolist() == [0, 1, 2, 3, 4, 5]
    assert columns[0, :, 0, -1].tolist() == torch.linspace(-1, 1, 8).tolist()
