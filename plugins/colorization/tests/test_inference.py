"""Pictures of any size and shape are coloured whole."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from archivist_colorization.inference import colour, prepare_exemplar, working_size
from archivist_colorization.networks import PaperNetworks
from archivist_colorization.recolour import recolour

Picture = NDArray[np.uint8]


@pytest.mark.parametrize("size", [(7, 5), (33, 91), (91, 33), (48, 64), (1, 200)])
def test_any_size_and_shape_is_coloured_whole(
    networks: PaperNetworks, picture: Picture, size: tuple[int, int]
) -> None:
    grey = np.random.default_rng(2).integers(0, 256, size, np.uint8)

    found = colour(networks, grey, [prepare_exemplar(networks, picture)])

    assert found.ab.shape == (*size, 2)
    assert found.similarity.shape == (-(-size[0] // 4), -(-size[1] // 4))
    assert np.isfinite(found.ab).all()


def test_a_large_picture_is_worked_on_small_and_coloured_at_full_size(
    networks: PaperNetworks, picture: Picture
) -> None:
    lightness = np.random.default_rng(2).integers(0, 65536, (150, 210), np.uint16)

    found = colour(networks, lightness, [prepare_exemplar(networks, picture)], area=48 * 64)
    result = recolour(lightness, found.ab)

    assert found.ab.shape[:2] == working_size(150, 210, 48 * 64)
    assert result.shape == (150, 210, 3)


def test_another_exemplar_never_makes_a_match_worse(
    networks: PaperNetworks, picture: Picture
) -> None:
    first, second = (prepare_exemplar(networks, one) for one in (picture, picture[::-1, ::-1]))

    alone, both = colour(networks, picture, [first]), colour(networks, picture, [first, second])

    assert (both.similarity >= alone.similarity).all()
    assert np.array_equal(both.exemplar == 0, both.similarity == alone.similarity)


def test_what_was_padded_is_no_source_of_colour(networks: PaperNetworks, picture: Picture) -> None:
    exemplar = prepare_exemplar(networks, picture[:37, :50])

    assert (exemplar.rows, exemplar.columns) == (10, 13)
    assert exemplar.vectors.shape[1] == exemplar.lab.shape[1] == 130


def test_positions_lie_within_their_exemplars(networks: PaperNetworks, picture: Picture) -> None:
    exemplars = [prepare_exemplar(networks, one) for one in (picture, picture[:20, ::-1])]

    found = colour(networks, picture, exemplars)

    assert found.position.shape == (15, 21, 2)
    assert found.position.min() > 0
    assert found.position.max() < 1


def test_only_the_lightness_of_the_target_counts(networks: PaperNetworks, picture: Picture) -> None:
    grey = picture[..., 0]
    exemplar = prepare_exemplar(networks, picture)

    first = colour(networks, grey, [exemplar])
    second = colour(networks, np.repeat(grey[..., None], 3, axis=2), [exemplar])

    assert np.array_equal(first.ab, second.ab)


def test_the_previous_frame_has_a_say(networks: PaperNetworks, picture: Picture) -> None:
    exemplar = prepare_exemplar(networks, picture)
    first = colour(networks, picture, [exemplar])

    second = colour(networks, picture, [exemplar], previous=recolour(picture[..., 0], first.ab))

    assert not np.allclose(first.ab, second.ab)


def test_a_previous_frame_of_another_size_is_refused(
    networks: PaperNetworks, picture: Picture
) -> None:
    exemplar = prepare_exemplar(networks, picture)

    with pytest.raises(ValueError, match="one size"):
        colour(networks, picture, [exemplar], previous=np.zeros((8, 8, 3), np.uint8))


def test_a_grey_exemplar_is_refused(networks: PaperNetworks, picture: Picture) -> None:
    with pytest.raises(ValueError, match="colour photograph"):
        prepare_exemplar(networks, picture[..., 0])


def test_results_repeat_without_touching_global_random_state(
    networks: PaperNetworks, picture: Picture
) -> None:
    before = torch.random.get_rng_state()
    exemplar = prepare_exemplar(networks, picture)

    first, second = (colour(networks, picture, [exemplar]) for _ in range(2))

    assert np.array_equal(first.ab, second.ab)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("size", [(100, 100), (4000, 6000), (6000, 400)])
def test_the_working_size_keeps_the_aspect(size: tuple[int, int]) -> None:
    height, width = working_size(*size, area=216 * 384)

    assert height * width <= 1.02 * 216 * 384
    assert height / width == pytest.approx(size[0] / size[1], rel=0.02)
