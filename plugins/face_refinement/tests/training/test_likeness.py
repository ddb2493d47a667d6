"""The loss tells identity as the step does, and a gradient flows through it."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from archivist_faces import identity
from archivist_faces.alignment import Placement, crop, place
from archivist_faces.fitting import laid as laid_by_the_step
from archivist_faces.fitting import oval, without_light
from archivist_faces.identity import SIDE, IdentityNet
from archivist_faces.training.likeness import Likeness, aligned, laid, likeness_loss, prepared
from archivist_torch.weights import load_network

Picture = NDArray[np.float32]
Draw = Callable[[NDArray[np.uint8], tuple[int, int], int], None]
MARKS = np.array([[78, 96], [137, 88], [110, 122], [86, 152], [142, 146]], np.float64)


def colours(draw: Draw, side: int = 224, noise: float = 0.05) -> Picture:
    """Return a drawn face (side, side, 3), tinted and noisy, 0..1."""
    canvas = np.full((side, side), 120, np.uint8)
    draw(canvas, (side // 2, side // 2), round(side * 0.3))
    soft = cv2.GaussianBlur(canvas, (0, 0), 1.5)[..., None] / 255
    tinted = soft * (0.9, 0.8, 0.7)
    rng = np.random.default_rng(3)
    return np.clip(tinted + rng.normal(0, noise, tinted.shape), 0, 1).astype(np.float32)


def as_batch(pixels: Picture) -> torch.Tensor:
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None] * 2 - 1


@pytest.mark.parametrize("contrast", [1.0, 0.02])
def test_a_face_is_prepared_as_the_step_prepares_it(draw: Draw, contrast: float) -> None:
    face = 0.3 + contrast * (colours(draw, SIDE) - 0.5) / 2

    found = prepared(as_batch(face))[0]

    assert torch.allclose(found, identity.prepared(face), atol=1e-4)


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_a_face_is_aligned_as_the_step_aligns_it(draw: Draw, scale: float) -> None:
    face, where = colours(draw), place(MARKS * scale, SIDE)

    found = aligned(as_batch(face), torch.from_numpy(where.matrix.astype(np.float32)))

    assert np.allclose(found[0].permute(1, 2, 0) / 2 + 0.5, crop(face, where), atol=1e-4)


def test_distances_are_those_that_the_step_tells(draw: Draw) -> None:
    truth, face, made = (colours(draw, noise=noise) for noise in (0.0, 0.2, 0.1))
    where = place(MARKS, SIDE)
    network = load_network(IdentityNet, identity.WEIGHTS)
    own = crop(truth, where)

    found = Likeness()(
        *(as_batch(x) for x in (face, made, truth)),
        torch.from_numpy(where.matrix.astype(np.float32)),
    )

    told = [identity.distance(network, crop(x, where), own) for x in (face, made)]
    assert told[0] > 0.01
    assert found.tolist() == pytest.approx(told, abs=1e-4)


def test_a_correction_is_laid_as_the_step_lays_it(draw: Draw) -> None:
    face, change = colours(draw), 0.3 * colours(draw, noise=0.1)
    where = Placement(side=face.shape[0], matrix=np.eye(3))

    found = laid(as_batch(face), torch.from_numpy(change.transpose(2, 0, 1).copy())[None] * 2)

    told = laid_by_the_step(face, without_light(change), where, oval(where.side))
    assert np.allclose(found[0].permute(1, 2, 0) / 2 + 0.5, told, atol=2e-3)


def test_a_descent_brings_a_face_nearer_to_its_truth(draw: Draw) -> None:
    truth, face = (as_batch(colours(draw, noise=noise)) for noise in (0.0, 0.2))
    where, likeness = torch.from_numpy(place(MARKS, SIDE).matrix.astype(np.float32)), Likeness()
    made = face.clone().requires_grad_(True)

    before, after = likeness(face, made, truth, where)
    after.backward()
    assert made.grad is not None
    moved = made.detach() - 0.5 * made.grad / made.grad.norm()

    assert after.item() == pytest.approx(before.item(), abs=1e-6)
    assert likeness(face, moved, truth, where)[1] < before - 1e-3


def test_an_even_face_has_a_gradient_that_is_finite() -> None:
    flat = torch.zeros(1, 3, SIDE, SIDE, requires_grad=True)

    Likeness()(flat.detach(), flat, flat.detach(), torch.eye(3))[1].backward()

    assert flat.grad is not None
    assert torch.isfinite(flat.grad).all()


def test_going_away_costs_more_than_coming_nearer_brings() -> None:
    nearer, same, away = (
        likeness_loss(torch.tensor(0.05), torch.tensor(after)).item()
        for after in (0.04, 0.05, 0.06)
    )

    assert away - same > 1.5 * (same - nearer) > 0
