"""Face detection with five landmarks by MTCNN (Zhang et al., 2016, "Joint Face Detection ...").

Three small networks in series. The first slides over a pyramid of copies and proposes boxes; the
second and the third look at every box again, drop most, move its edges; the third also gives eyes,
nose and mouth corners. The network's pixels are RGB, (v - 127.5) / 128 for v in 0..255.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from archivist_faces.boxes import distinct, moved, patches, square
from archivist_torch.weights import load_network

Floats = NDArray[np.float32]

WEIGHTS = Path(__file__).with_name("weights") / "mtcnn.safetensors"

CELL, STRIDE = 12, 2
"""The first network sees squares of 12 px, at every second pixel."""

PYRAMID = 0.709
"""Ratio of neighbouring sizes in the pyramid: half the area."""

BATCH = 256
"""Boxes that the later networks see at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to look for faces.

    ``smallest``: side in pixels of the smallest face; time grows with the inverse of its square.
    ``proposal``, ``refinement``, ``final``: scores 0..1 that a box needs after each network.
    """

    smallest: float = 20.0
    proposal: float = 0.6
    refinement: float = 0.7
    final: float = 0.8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Detections:
    """n faces, best first.

    ``boxes`` (n, 4): left, top, right, bottom; ``landmarks`` (n, 5, 2): x and y of left eye, right
    eye, nose tip, left and right mouth corner as seen in the picture, in pixels from the upper left
    edge; ``scores`` (n): 0..1.
    """

    boxes: Floats
    landmarks: Floats
    scores: Floats

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, indices: NDArray[np.intp]) -> Detections:
        """Return the detections of these indices, in their order."""
        return Detections(
            boxes=self.boxes[indices],
            landmarks=self.landmarks[indices],
            scores=self.scores[indices],
        )


class Mtcnn(nn.Module):
    """The three networks: ``pnet`` proposes, ``rnet`` refines, ``onet`` decides and marks."""

    def __init__(self) -> None:
        super().__init__()
        self.pnet = _Proposal()
        self.rnet = _Refinement()
        self.onet = _Output()


def load(path: Path = WEIGHTS) -> Mtcnn:
    """Return the networks with the weights that are shipped with this package."""
    return load_network(Mtcnn, path)


@torch.inference_mode()
def detect(network: Mtcnn, pixels: Floats, settings: Settings | None = None) -> Detections:
    """Find upright faces. ``pixels`` is (h, w, 1) or (h, w, 3), float32 in 0..1.

    Raises ValueError for another shape.
    """
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3):
        raise ValueError(f"pixels are {pixels.shape}; give (h, w, 1) or (h, w, 3)")
    settings = settings or Settings()
    rgb = np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels
    seen = (rgb.astype(np.float32) * 255 - 127.5) / 128
    boxes = _proposed(network.pnet, seen, settings)
    boxes = _refined(network.rnet, seen, boxes, settings.refinement)
    return _decided(network.onet, seen, boxes, settings.final)


def _proposed(pnet: nn.Module, seen: Floats, settings: Settings) -> Floats:
    found = [np.zeros((0, 9), np.float32)]
    for small in _pyramid(seen, settings.smallest):
        offsets, scores = _run(pnet, small[None].transpose(0, 3, 1, 2))
        rows, columns = np.nonzero(scores[0] > settings.proposal)
        scale = np.array(seen.shape[1::-1]) / small.shape[1::-1]
        corner = np.stack([columns, rows], axis=1) * STRIDE
        boxes = np.concatenate([corner * scale, (corner + CELL) * scale], axis=1)
        proposals = np.column_stack([boxes, offsets[0, :, rows, columns], scores[0, rows, columns]])
        found.append(proposals[distinct(boxes, proposals[:, 8], 0.5)].astype(np.float32))
    every = np.concatenate(found)
    every = every[distinct(every[:, :4], every[:, 8], 0.7)]
    return square(moved(every[:, :4], every[:, 4:8]))


def _pyramid(seen: Floats, smallest: float) -> Iterator[Floats]:
    """Yield smaller copies, in the first of which the smallest face has the size of a cell."""
    height, width = seen.shape[:2]
    scale = CELL / smallest
    while min(height, width) * scale >= CELL:
        size = (max(CELL, round(width * scale)), max(CELL, round(height * scale)))
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        yield np.asarray(cv2.resize(seen, size, interpolation=method))
        scale *= PYRAMID


def _refined(rnet: nn.Module, seen: Floats, boxes: Floats, least: float) -> Floats:
    offsets, scores = _looked_at(rnet, seen, boxes, 24)[:2]
    likely = np.flatnonzero(scores > least)
    kept = likely[distinct(boxes[likely], scores[likely], 0.7)]
    return square(moved(boxes[kept], offsets[kept]))


def _decided(onet: nn.Module, seen: Floats, boxes: Floats, least: float) -> Detections:
    offsets, scores, places = _looked_at(onet, seen, boxes, 48)
    likely = np.flatnonzero(scores > least)
    boxes, offsets, scores, places = (a[likely] for a in (boxes, offsets, scores, places))
    size = boxes[:, None, 2:] - boxes[:, None, :2]
    landmarks = boxes[:, None, :2] + places.reshape(-1, 2, 5).transpose(0, 2, 1) * size
    found = Detections(boxes=moved(boxes, offsets), landmarks=landmarks, scores=scores)
    return found.take(distinct(found.boxes, scores, 0.7, nested=True))


def _looked_at(net: nn.Module, seen: Floats, boxes: Floats, side: int) -> list[Floats]:
    """Return what a later network says about each box: offsets, scores, and places if any."""
    chunks = np.array_split(boxes, max(1, -(-len(boxes) // BATCH)))
    outputs = [_run(net, patches(seen, chunk, side)) for chunk in chunks]
    return [np.concatenate(column) for column in zip(*outputs, strict=True)]


def _run(net: nn.Module, batch: Floats) -> list[Floats]:
    device = next(net.parameters()).device
    outputs = net(torch.from_numpy(np.ascontiguousarray(batch)).to(device))
    return [output.float().cpu().numpy() for output in outputs]


class _Proposal(nn.Module):
    """Fully convolutional: an answer for each square of 12 px."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 10, 3), nn.PReLU(10)
        self.conv2, self.prelu2 = nn.Conv2d(10, 16, 3), nn.PReLU(16)
        self.conv3, self.prelu3 = nn.Conv2d(16, 32, 3), nn.PReLU(32)
        self.conv4_1 = nn.Conv2d(32, 2, 1)
        self.conv4_2 = nn.Conv2d(32, 4, 1)
        self.pool = nn.MaxPool2d(2, 2, ceil_mode=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.pool(self.prelu1(self.conv1(x)))
        x = self.prelu3(self.conv3(self.prelu2(self.conv2(x))))
        return self.conv4_2(x), self.conv4_1(x).softmax(dim=1)[:, 1]


class _Refinement(nn.Module):
    """An answer for each patch of 24 px."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 28, 3), nn.PReLU(28)
        self.conv2, self.prelu2 = nn.Conv2d(28, 48, 3), nn.PReLU(48)
        self.conv3, self.prelu3 = nn.Conv2d(48, 64, 2), nn.PReLU(64)
        self.dense4, self.prelu4 = nn.Linear(576, 128), nn.PReLU(128)
        self.dense5_1 = nn.Linear(128, 2)
        self.dense5_2 = nn.Linear(128, 4)
        self.pool = nn.MaxPool2d(3, 2, ceil_mode=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.pool(self.prelu1(self.conv1(x)))
        x = self.pool(self.prelu2(self.conv2(x)))
        x = _flat(self.prelu3(self.conv3(x)))
        x = self.prelu4(self.dense4(x))
        return self.dense5_2(x), self.dense5_1(x).softmax(dim=1)[:, 1]


class _Output(nn.Module):
    """An answer and ten coordinates, five x and five y in 0..1, for each patch of 48 px."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 32, 3), nn.PReLU(32)
        self.conv2, self.prelu2 = nn.Conv2d(32, 64, 3), nn.PReLU(64)
        self.conv3, self.prelu3 = nn.Conv2d(64, 64, 3), nn.PReLU(64)
        self.conv4, self.prelu4 = nn.Conv2d(64, 128, 2), nn.PReLU(128)
        self.dense5, self.prelu5 = nn.Linear(1152, 256), nn.PReLU(256)
        self.dense6_1 = nn.Linear(256, 2)
        self.dense6_2 = nn.Linear(256, 4)
        self.dense6_3 = nn.Linear(256, 10)
        self.pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.last_pool = nn.MaxPool2d(2, 2, ceil_mode=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = self.pool(self.prelu1(self.conv1(x)))
        x = self.pool(self.prelu2(self.conv2(x)))
        x = self.last_pool(self.prelu3(self.conv3(x)))
        x = _flat(self.prelu4(self.conv4(x)))
        x = self.prelu5(self.dense5(x))
        return self.dense6_2(x), self.dense6_1(x).softmax(dim=1)[:, 1], self.dense6_3(x)


def _flat(x: Tensor) -> Tensor:
    """Flatten column by column, channels last, as the weights of the dense layers expect."""
    return x.permute(0, 3, 2, 1).flatten(1)
