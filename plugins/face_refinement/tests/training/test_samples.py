"""Samples are windows on faces, the same ones for the same number, with truths in their light."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from archivist_faces.alignment import crop, place
from archivist_faces.identity import SIDE, prepared
from archivist_faces.training import prepare, samples
from archivist_faces.training.light import in_its_light, smoothed
from archivist_faces.training.likeness import described
from archivist_faces.training.pairs import LANDMARKS, Pair, read_pairs
from archivist_faces.training.portraits import Portrait, read_material, read_portraits
from archivist_faces.training.samples import Samples, window
from archivist_faces.training.whole import of_pair
from archivist_torch.seeding import generator


def test_pictures_without_a_face_are_left_out(data: Path) -> None:
    found = read_portraits(data / "faces", "train")

    assert [one.name for one in found] == ["0.png", "1.png"]
    assert all(100 < one.side < 200 for one in found)


def test_portraits_and_material_are_read_from_the_cache_the_next_time(
    data: Path, tmp_path: Path
) -> None:
    first = read_portraits(data / "faces", "val", tmp_path), read_material(data, "val", tmp_path)
    shutil.rmtree(data)
    again = read_portraits(data / "faces", "val", tmp_path), read_material(data, "val", tmp_path)

    assert [one.name for one in again[0]] == [one.name for one in first[0]]
    assert np.array_equal(again[0][0].pixels, first[0][0].pixels)
    assert torch.equal(again[1].paper, first[1].paper)


def test_a_folder_without_faces_is_refused(data: Path) -> None:
    for path in (data / "faces").glob("[0-9].png"):
        path.unlink()

    with pytest.raises(FileNotFoundError, match="no face in its 'train' part"):
        read_portraits(data / "faces", "train")


def test_a_sample_is_the_same_whenever_it_is_asked_for(data: Path) -> None:
    made = Samples(read_portraits(data / "faces", "train"), read_material(data, "train"), 64, 1)

    first, again, other = made.sample(5), made.sample(5), made.sample(6)

    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[1], other[1])
    assert {part.shape for part in first} == {(3, 64, 64)}


def test_windows_show_the_face(data: Path) -> None:
    portrait = read_portraits(data / "faces", "train")[0]

    shown = [window(portrait, 96, generator("test", n)) for n in range(8)]

    assert all(one.shape == (96, 96, 3) for one in shown)
    assert all(one.std() > 10 for one in shown)


def test_degraded_and_true_parts_of_a_pair_are_of_one_place(
    monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    monkeypatch.setattr(samples, "PREPARED", 1.0)
    truth = np.random.default_rng(0).integers(0, 200, (90, 70, 3), np.uint8)
    pair = Pair(degraded=truth + np.uint8(20), truth=truth, landmarks=np.zeros((5, 2), np.float32))
    made = Samples([], read_material(data, "train"), 64, 1, [pair])

    for index in range(4):
        degraded, clean = made.sample(index)
        assert abs(degraded.astype(int) - clean.astype(int) - 20).max() <= 60
        assert np.median(degraded.astype(int) - clean.astype(int)) == 20


def test_prepared_pairs_are_read_restored_where_they_are(data: Path, tmp_path: Path) -> None:
    pairs = tmp_path / "pairs"
    options = ["--data", str(data), "--out", str(pairs), "--each", "1"]

    result = CliRunner().invoke(prepare.main, options, catch_exceptions=False)

    assert result.exit_code == 0
    aged = read_pairs(pairs)
    shutil.copytree(pairs / "truth", pairs / "restored")
    restored = read_pairs(pairs)
    assert len(aged) == len(restored) == 2
    assert np.array_equal(restored[0].degraded, restored[0].truth)
    portrait = read_portraits(data / "faces", "train")[0]
    where = place(aged[0].landmarks, SIDE)
    seen, wanted = (
        prepared(crop(pixels / np.float32(255), where))
        for pixels, where in (
            (aged[0].truth, where),
            (portrait.pixels, portrait.placed(SIDE)),
        )
    )
    assert (seen - wanted).abs().mean() < 0.1
    assert not np.array_equal(aged[0].degraded, aged[0].truth)


def test_a_pair_of_two_sizes_is_refused(tmp_path: Path) -> None:
    for name, side in (("truth", 40), ("aged", 44)):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "0.png"), np.zeros((side, 40, 3), np.uint8))
    np.savez(tmp_path / LANDMARKS, **{"0.png": np.zeros((5, 2))})

    with pytest.raises(ValueError, match="prepare the pairs again"):
        read_pairs(tmp_path)


def test_a_folder_without_truth_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="prepare"):
        read_pairs(tmp_path)


def test_pairs_without_landmarks_are_refused_with_the_cure(tmp_path: Path) -> None:
    (tmp_path / "truth").mkdir()
    cv2.imwrite(str(tmp_path / "truth" / "0.png"), np.zeros((40, 40, 3), np.uint8))

    with pytest.raises(FileNotFoundError, match="prepare again"):
        read_pairs(tmp_path)


def assert_described_alike(made: Samples, portrait: Portrait) -> None:
    """Let faces be such as the network may see, and those of the portrait where it is described."""
    wanted = prepared(crop(portrait.pixels / np.float32(255), portrait.placed(SIDE)))
    for index in range(4):
        _, truth, where = made.whole(index)
        shown = described(torch.from_numpy(truth)[None] / 127.5 - 1, torch.from_numpy(where))[0]
        away = [(x - wanted).abs().mean().item() for x in (shown, shown.flip(-1))]
        assert truth.shape[1:] in [(side, side) for side in range(192, 289, 16)]
        assert min(away) < 0.1


def test_a_whole_face_lies_where_the_descriptor_looks(data: Path) -> None:
    portrait = read_portraits(data / "faces", "train")[0]

    assert_described_alike(Samples([portrait], read_material(data, "train"), 64, 1), portrait)


@pytest.mark.parametrize("scale", [0.5, 1.0, 4.0])
def test_a_pairs_face_lies_where_the_descriptor_looks(
    monkeypatch: pytest.MonkeyPatch, data: Path, scale: float
) -> None:
    monkeypatch.setattr(samples, "PREPARED", 1.0)
    portrait = read_portraits(data / "faces", "train")[0]
    size = tuple(round(side * scale) for side in portrait.pixels.shape[1::-1])
    pixels = cv2.resize(portrait.pixels, size)
    pair = Pair(degraded=pixels, truth=pixels, landmarks=portrait.landmarks * np.float32(scale))

    assert_described_alike(Samples([], read_material(data, "train"), 64, 1, [pair]), portrait)


def test_a_whole_face_is_the_same_whenever_it_is_asked_for(data: Path) -> None:
    made = Samples(read_portraits(data / "faces", "train"), read_material(data, "train"), 64, 1)

    first, again, other = made.whole(5), made.whole(5), made.whole(6)

    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[2], other[2])


def test_a_mirrored_face_keeps_its_place(data: Path) -> None:
    portrait = read_portraits(data / "faces", "train")[0]
    face = of_pair(
        Pair(degraded=portrait.pixels, truth=portrait.pixels, landmarks=portrait.landmarks)
    )
    mirrored = face.mirrored()

    seen, turned = (
        crop(x.truth / np.float32(255), place(x.landmarks, SIDE)) for x in (face, mirrored)
    )

    assert np.abs(turned[:, ::-1] - seen).mean() < 0.02
    assert place(mirrored.landmarks, SIDE).scale == pytest.approx(place(face.landmarks, SIDE).scale)


def test_the_truth_takes_on_contrast_and_light_but_no_noise() -> None:
    y, x = torch.meshgrid(torch.arange(96.0), torch.arange(96.0), indexing="ij")
    truth = (0.6 * torch.sin(x / 5) * torch.cos(y / 6)).expand(1, 3, -1, -1)
    faded = 0.4 * truth + 0.2 + 0.002 * (x - 48)
    noise = torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(1)) * 0.1

    found = in_its_light(truth, faded + noise)

    inner = (..., slice(16, -16), slice(16, -16))
    assert (found - faded)[inner].abs().mean() < 0.02


def test_smoothing_keeps_even_pictures_and_their_borders() -> None:
    assert torch.allclose(smoothed(torch.full((1, 2, 20, 30), 0.3), 6.0), torch.tensor(0.3))
