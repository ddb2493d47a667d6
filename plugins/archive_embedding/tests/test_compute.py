"""The step: every picture gets vectors, and worse copies of a picture are near it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from archivist.api import Cancelled, Colour, Embedding, Image
from archivist.testing import FakeContext, run_step
from archivist_embedding import compute
from archivist_embedding.network import DIMENSIONS, Describer
from archivist_embedding.params import EmbeddingParams
from archivist_embedding.plugin import COMPUTE, MODEL
from archivist_embedding.regions import Pixels


def image(pixels: Pixels, depth: int = 8) -> Image:
    colour = Colour.RGB if pixels.ndim == 3 else Colour.GREY
    shaped = pixels.reshape(*pixels.shape[:2], -1)
    return Image(pixels=np.ascontiguousarray(shaped, np.float32), colour=colour, depth=depth)


def embed(pixels: Pixels, **params: int) -> Embedding:
    found = run_step(COMPUTE, EmbeddingParams(**params), image=image(pixels))["embedding"]
    assert isinstance(found, Embedding)
    return found


def worse(grey: Pixels) -> Pixels:
    small = cv2.resize(grey, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA)
    noise = np.random.default_rng(3).normal(0, 0.02, small.shape)
    return np.asarray(np.clip(small * 0.6 + 0.2 + noise, 0, 1), np.float32)


def test_a_worse_copy_of_a_picture_is_nearer_to_it_than_every_other(
    shipped: Describer, scenes: list[Pixels]
) -> None:
    good = np.stack([compute.describe(shipped, scene) for scene in scenes])
    bad = np.stack([compute.describe(shipped, worse(scene)) for scene in scenes])

    assert ((bad @ good.T).argmax(axis=1) == np.arange(len(scenes))).all()


def test_a_large_scan_gets_vectors_of_the_whole_and_of_its_regions() -> None:
    scan = np.random.default_rng(0).random((700, 900), np.float32)

    embedding = embed(scan, finest_grid=3)

    assert embedding.vectors.shape == (14, DIMENSIONS)
    assert embedding.vectors.dtype == np.float32
    assert embedding.regions[0] == (0, 0, 900, 700)
    assert np.allclose(np.linalg.norm(embedding.vectors, axis=1), 1, atol=1e-5)
    assert embedding.model == MODEL


def test_a_region_is_described_as_if_it_were_a_scan_of_its_own(scenes: list[Pixels]) -> None:
    scan = cv2.resize(scenes[1], (1200, 900), interpolation=cv2.INTER_CUBIC)

    embedding = embed(scan, finest_grid=3)
    x, y, width, height = embedding.regions[3]

    alone = embed(scan[y : y + height, x : x + width], finest_grid=1)
    assert embedding.vectors[3] @ alone.vectors[0] > 0.98


def test_the_number_of_regions_does_not_change_the_vector_of_the_whole(
    scenes: list[Pixels],
) -> None:
    scan = cv2.resize(scenes[2], (1000, 800), interpolation=cv2.INTER_CUBIC)

    one, many = embed(scan, finest_grid=1), embed(scan, finest_grid=3)

    assert one.vectors[0] @ many.vectors[0] > 0.99


def test_colour_and_grey_copies_of_a_picture_have_the_same_vector(scenes: list[Pixels]) -> None:
    grey, colour = embed(scenes[0]), embed(np.repeat(scenes[0][..., None], 3, axis=2))

    assert np.allclose(grey.vectors, colour.vectors, atol=1e-3)


@pytest.mark.parametrize("tone", [0.0, 0.5, 1.0])
def test_a_picture_of_one_tone_has_the_unit_vector_of_blank_paper(tone: float) -> None:
    blank = embed(np.full((60, 80), tone, np.float32))
    black = embed(np.zeros((60, 80), np.float32))

    assert np.linalg.norm(blank.vectors[0]) == pytest.approx(1, abs=1e-5)
    assert np.allclose(blank.vectors, black.vectors, atol=1e-4)


def test_a_picture_is_not_like_blank_paper(scenes: list[Pixels]) -> None:
    blank = embed(np.zeros((120, 160), np.float32)).vectors[0]

    assert max(embed(scene).vectors[0] @ blank for scene in scenes[:3]) < 0.9


def test_a_stopped_run_stops_between_regions() -> None:
    class Stopped(FakeContext):
        def check_cancelled(self) -> None:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        compute.run(
            {"image": image(np.zeros((9, 9), np.float32))},
            EmbeddingParams(),
            Stopped(spec=COMPUTE),
        )
