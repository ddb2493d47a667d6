"""Colour for grey photographs: how near the true one, with and without exemplars, and how sure.

Workload: photographs that no training saw, turned grey by their own lightness: the val part of
``photos`` by themselves and with a photograph of something else as exemplar, and two groups of one
place, each picture with the next one of its group. Baseline: the grey picture. Metric: mean
CIEDE2000 over all pixels at full size. The step runs with its defaults, and once more with nothing
left neutral, from which comes whether its confidence is what it says: the share of places whose
colour is as near as NEAR, by stated confidence.

    python benchmarks/colorization.py --data FOLDER [--count N] [--longest PX] [--pictures FOLDER]

FOLDER holds ``photos`` and ``reference-groups``, which are not part of the project. ``--pictures``
keeps the results: grey, coloured, true, side by side.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click
import cv2
import numpy as np
import torch
from _harness import show, verdict
from numpy.typing import NDArray

from archivist.api import Colour, Image, Probability, Reference, References, Scores, Verdict
from archivist.testing import FakeContext
from archivist_colorization.colorize import at_depth, run
from archivist_colorization.compact.chroma import compressed
from archivist_colorization.compact.inference import NEAR
from archivist_colorization.lab import lab_of_rgb
from archivist_colorization.lightness import lightness_of
from archivist_colorization.params import ColorizeParams
from archivist_colorization.plugin import COLORIZE
from archivist_colorization.training.material import GROUPS, HELD_OUT, PHOTOS
from archivist_colorization.training.measure import ciede2000
from archivist_torch.data import read_folder

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

ALONE, GROUPED, HARM = 0.15, 0.35, 0.01
"""Shares of the error of grey: taken away without and with an exemplar; lost by a wrong one."""
STRANGER = 7
"""A wrong exemplar is the photograph so many places further on."""
LARGE = (3000, 4000)
"""Height and width of the picture whose cost is measured."""


@dataclass(slots=True)
class Found:
    """Errors of grey and of results, by picture, and what the step said of them."""

    grey: list[float] = field(default_factory=list)
    made: list[float] = field(default_factory=list)
    scores: list[Mapping[str, float]] = field(default_factory=list)
    lightness_off: int = 0

    @property
    def gain(self) -> float:
        """The share of the error of grey that colour takes away."""
        return 1 - float(np.mean(self.made) / np.mean(self.grey))

    def mean(self, name: str) -> float:
        """Return the mean of a score."""
        return float(np.mean([one[name] for one in self.scores]))


class Colouring:
    """The step ``color.colorize``, its network loaded once."""

    def __init__(self, pictures: Path | None) -> None:
        self.context, self.pictures = FakeContext(spec=COLORIZE), pictures
        self.bins: dict[int, list[float]] = defaultdict(list)

    def __call__(self, title: str, pairs: Sequence[tuple[Bytes, Bytes | None]]) -> Found:
        """Colour the grey of each first picture, by the second if there is one."""
        found = Found()
        for number, (truth, exemplar) in enumerate(pairs):
            grey = lightness_of(truth)
            made, confidence, scores = self.colour(grey, exemplar, ColorizeParams())
            true, wanted = lab(made), lab(truth)
            found.grey.append(float(ciede2000(lab(rgb(grey)), wanted).mean()))
            found.made.append(float(ciede2000(true, wanted).mean()))
            found.scores.append(scores)
            found.lightness_off += int((lightness_of(made) != grey).sum())
            bare, confidence, _ = self.colour(grey, exemplar, ColorizeParams(confidence=0))
            self._compare(confidence, lab(bare), wanted)
            if self.pictures:
                self.pictures.mkdir(parents=True, exist_ok=True)
                sheet = np.hstack([rgb(grey), made, bare, truth])
                cv2.imwrite(str(self.pictures / f"{title}-{number:02d}.jpg"), sheet[..., ::-1])
        return found

    def colour(
        self, grey: Bytes, exemplar: Bytes | None, params: ColorizeParams
    ) -> tuple[Bytes, Floats, Mapping[str, float]]:
        """Return the picture in colour, the confidence, and the scores."""
        references = () if exemplar is None else (reference(exemplar),)
        given = References(references=references, snapshot="benchmark")
        out = run({"image": image(grey), "exemplars": given}, params, self.context)
        assert not isinstance(out, Verdict)
        made, confidence, scores = out["image"], out["confidence"], out["scores"]
        assert isinstance(made, Image)
        assert isinstance(confidence, Probability)
        assert isinstance(scores, Scores)
        return at_depth(made).astype(np.uint8), confidence.pixels, scores.values

    def _compare(self, confidence: Floats, made: Floats, truth: Floats) -> None:
        """Note, for tenths of confidence, whether the colour was near."""
        off = np.linalg.norm(compressed(made[..., 1:]) - compressed(truth[..., 1:]), axis=-1)
        tenth = np.minimum(confidence * 10, 9).astype(int)
        for one in range(10):
            chosen = tenth == one
            if chosen.any():
                self.bins[one].append(float((off[chosen] <= NEAR).mean()))


def image(pixels: Bytes) -> Image:
    """Return an image of grey (h, w) or RGB (h, w, 3) pixels."""
    whole = pixels[..., None] if pixels.ndim == 2 else pixels
    colour = Colour.GREY if pixels.ndim == 2 else Colour.RGB
    return Image(pixels=whole.astype(np.float32) / np.float32(255), colour=colour)


def reference(pixels: Bytes) -> Reference:
    """Return a photograph as an exemplar."""
    return Reference(
        asset="0" * 64,
        region=(0, 0, pixels.shape[1], pixels.shape[0]),
        score=1.0,
        reason="benchmark",
        read=lambda longest=0: image(pixels),
    )


def rgb(grey: Bytes) -> Bytes:
    """Return grey as RGB."""
    return np.repeat(grey[..., None], 3, axis=2)


def lab(pixels: Bytes) -> Floats:
    """Return Lab of RGB bytes."""
    return lab_of_rgb(pixels.astype(np.float32) / np.float32(255))


def read(data: Path) -> tuple[list[Bytes], dict[str, list[Bytes]]]:
    """Return the photographs and the groups that are held out; grey ones as RGB."""
    photos = [
        rgb(one.pixels) if one.pixels.ndim == 2 else one.pixels[..., :3]
        for one in read_folder(data / PHOTOS, "val")
    ]
    groups: dict[str, list[Bytes]] = {name: [] for name in HELD_OUT}
    for one in read_folder(data / GROUPS, "train"):
        name = one.name.split("/")[0]
        if name in groups:
            groups[name].append(one.pixels[..., :3])
    return photos, groups


def reduced(pixels: Bytes, longest: int) -> Bytes:
    """Return a picture whose longer side has at most so many pixels."""
    factor = min(1.0, longest / max(pixels.shape[:2]))
    size = (max(1, round(pixels.shape[1] * factor)), max(1, round(pixels.shape[0] * factor)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def cost(colouring: Colouring, photograph: Bytes) -> tuple[float, float]:
    """Return CPU seconds of a picture as it is, and for a megapixel of one of LARGE."""
    grey = lightness_of(photograph)
    large = cv2.resize(grey, LARGE[::-1], interpolation=cv2.INTER_CUBIC)
    seconds = []
    for pixels in (grey, large):
        start = time.process_time()
        colouring.colour(pixels, photograph, ColorizeParams())
        seconds.append(time.process_time() - start)
    return seconds[0], (seconds[1] - seconds[0]) / (large.size - grey.size) * 1e6


def report(found: Mapping[str, Found], bins: Mapping[int, Sequence[float]]) -> int:
    """Print the figures and what is met; return the exit code."""
    for name, one in found.items():
        facts = [
            ("CIEDE2000 of grey", f"{np.mean(one.grey):.2f}"),
            ("of the result", f"{np.mean(one.made):.2f}"),
            ("taken away", f"{one.gain:.1%}"),
            ("mean confidence", f"{one.mean('mean_confidence'):.2f}"),
            ("from exemplars", f"{one.mean('from_exemplars'):.1%}"),
            ("automatic", f"{one.mean('automatic'):.1%}"),
            ("neutral", f"{one.mean('neutral'):.1%}"),
            ("pixels of other lightness", one.lightness_off),
        ]
        show(f"{name} ({len(one.made)})", facts)
    shares = [(f"{n / 10:.1f} to {n / 10 + 0.1:.1f}", np.mean(bins[n])) for n in sorted(bins)]
    show("confidence, and share of places that near", [(n, f"{s:.2f}") for n, s in shares])
    grouped = [one for name, one in found.items() if name in HELD_OUT]
    together = 1 - sum(sum(one.made) for one in grouped) / sum(sum(one.grey) for one in grouped)
    code = verdict("photographs alone", found["photographs"].gain, at_least=ALONE)
    code |= verdict("groups with an exemplar", together, at_least=GROUPED)
    harm = found["photographs"].gain - found["wrong exemplar"].gain
    code |= verdict("lost by a wrong exemplar", harm, at_most=HARM, at_least=-1)
    off = sum(one.lightness_off for one in found.values())
    return code | verdict("pixels of other lightness", off, at_most=0)


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--count", type=int, help="Pictures of each set; all without it.")
@click.option("--longest", type=int, help="Reduce pictures to this many pixels before.")
@click.option("--pictures", type=click.Path(path_type=Path), help="Keep the results here.")
def main(data: Path, count: int | None, longest: int | None, pictures: Path | None) -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    photos, groups = read(data)
    if count:
        photos = photos[:: max(1, len(photos) // count)][:count]
        groups = {name: group[:count] for name, group in groups.items()}
    if longest:
        photos = [reduced(one, longest) for one in photos]
        groups = {name: [reduced(one, longest) for one in group] for name, group in groups.items()}
    colouring = Colouring(pictures)
    away = STRANGER % len(photos) or 1
    others = photos[away:] + photos[:away]
    found = {
        "photographs": colouring("alone", [(one, None) for one in photos]),
        "wrong exemplar": colouring("wrong", list(zip(photos, others, strict=True))),
    }
    for name, group in groups.items():
        found[f"{name}, alone"] = colouring(f"{name}-alone", [(one, None) for one in group])
        pairs = list(zip(group, group[1:] + group[:1], strict=True))
        found[name] = colouring(name, pairs)
    code = report(found, colouring.bins)
    small, large = cost(colouring, photos[0])
    show("CPU seconds", [("a photograph", f"{small:.2f}"), ("each megapixel", f"{large:.2f}")])
    sys.exit(min(code, 1))


if __name__ == "__main__":
    main()
