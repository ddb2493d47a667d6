"""Faces are described by who they look like more than by their condition."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from archivist_faces import mtcnn as detection
from archivist_faces.identity import FEATURES, IdentityNet, distance, vectors
from archivist_faces.training.identity_fit import discriminant, separation
from archivist_torch.weights import load_network

Picture = NDArray[np.float32]
Draw = Callable[[NDArray[np.uint8], tuple[int, int], int], None]


@pytest.fixture(scope="module")
def network() -> IdentityNet:
    return load_network(IdentityNet, Path(detection.WEIGHTS).with_name("identity.safetensors"))


def crop(draw: Draw, radius: int = 60) -> Picture:
    """Return a drawn face as a crop (192, 192, 1)."""
    canvas = np.full((192, 192), 120, np.uint8)
    draw(canvas, (96, 96), radius)
    return (cv2.GaussianBlur(canvas, (0, 0), 1.5) / np.float32(255))[..., None]


def test_a_face_is_at_no_distance_from_itself(network: IdentityNet, draw: Draw) -> None:
    face = crop(draw)

    assert distance(network, face, face) == pytest.approx(0, abs=1e-5)


def test_a_worn_face_is_nearer_than_another(network: IdentityNet, draw: Draw) -> None:
    face, rng = crop(draw), np.random.default_rng(1)
    worn = cv2.GaussianBlur(face, (0, 0), 2)[..., None] + rng.normal(0, 0.04, face.shape)
    other = np.ascontiguousarray(crop(draw, 80)[:, ::-1])

    near = distance(network, face, np.clip(worn, 0, 1).astype(np.float32))

    assert near < 0.5 * distance(network, face, other)


def test_contrast_and_light_make_no_difference(network: IdentityNet, draw: Draw) -> None:
    face = crop(draw)

    assert distance(network, face, 0.3 + 0.4 * face) < 1e-3


def test_grey_and_colour_of_one_lightness_are_one_face(network: IdentityNet, draw: Draw) -> None:
    face = crop(draw)

    assert distance(network, face, np.repeat(face, 3, axis=2)) < 1e-3


def test_vectors_have_unit_length_at_any_size(network: IdentityNet, draw: Draw) -> None:
    faces = [crop(draw), cv2.resize(crop(draw), (70, 70))[..., None]]

    assert np.allclose(np.linalg.norm(vectors(network, faces), axis=1), 1, atol=1e-5)


def test_an_even_crop_has_a_description(network: IdentityNet) -> None:
    flat = np.full((64, 64, 1), 0.5, np.float32)

    assert np.isfinite(vectors(network, [flat])).all()


def test_features_of_unknown_weights_have_the_projections_size() -> None:
    torch.manual_seed(0)

    assert IdentityNet().eval().features(torch.rand(1, 3, 128, 128)).shape == (1, FEATURES)


def test_the_discriminant_ignores_what_varies_within_a_person() -> None:
    rng = np.random.default_rng(6)
    people = np.repeat(np.arange(60), 8)
    own, condition = rng.normal(0, 1, (60, 50))[people], rng.normal(0, 2, (480, 50))
    features = np.concatenate([own + rng.normal(0, 0.1, own.shape), condition], axis=1)

    weight, bias = discriminant(features, people)

    plain, found = (separation(v, people)["area"] for v in (features, features @ weight.T + bias))
    assert 1 - found < 0.1 * (1 - plain)


def test_separation_of_persons_that_are_apart_is_whole() -> None:
    vectors_ = np.repeat(np.eye(4), 3, axis=0)

    figures = separation(vectors_, np.repeat(np.arange(4), 3))

    assert figures["same_95"] == pytest.approx(0)
    assert figures["other_01"] == pytest.approx(1)
    assert figures["area"] == 1
