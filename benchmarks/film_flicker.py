"""Colour of film: each frame by itself against a sequence in which the frame before is known.

Workload: a pan and a zoom over photographs kept out of training, with things that move in front,
grain and a brightness that flickers; made by a script from a seed. Colour is automatic, or by an
exemplar: the first frame in its true colours, as when a reviewer approved it. Baseline:
``color.colorize`` on each frame alone. Metric: the warp error of colour. The motion of the true
frames is followed by OpenCV (dense inverse search); where it is followed there and back, the colour
(a, b of CIE Lab) of a frame is compared with that of the frame before, moved. Beside it stands how
far the colours are from the true ones.

    python benchmarks/film_flicker.py --data FOLDER

FOLDER holds ``photos`` as for ``archivist train color``; it is not part of the project.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
import cv2
import numpy as np
import torch
from _harness import verdict
from _moving_pictures import LUMA, Film, Pixels, films
from numpy.typing import NDArray

from archivist.api import Colour, Image, Reference, References, Value, Verdict
from archivist.testing import FakeContext
from archivist_colorization import colorize
from archivist_colorization.params import ColorizeParams
from archivist_colorization.plugin import COLORIZE

TARGET = 0.6
CONSISTENT = 1.0
"""Pixels by which the way there and back may fail to end where it began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """Where each place of a frame was in the frame before (h, w, 2), and where that is known."""

    flow: NDArray[np.float32]
    known: NDArray[np.bool_]

    @classmethod
    def between(cls, then: Pixels, now: Pixels) -> Motion:
        """Follow the motion between two true frames (h, w, 3)."""
        back, forth = _flow(now, then), _flow(then, now)
        lost = np.linalg.norm(back + _moved(forth, back), axis=2)
        height, width = now.shape[:2]
        y, x = np.mgrid[:height, :width] + back.transpose(2, 0, 1)[::-1]
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        return cls(flow=back, known=(lost < CONSISTENT) & inside)

    def flicker(self, then: Pixels, now: Pixels) -> float:
        """Return how far the colours (h, w, 2) of a place change from frame to frame."""
        return float(np.linalg.norm(now - _moved(then, self.flow), axis=2)[self.known].mean())


def _flow(one: Pixels, other: Pixels) -> NDArray[np.float32]:
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    grey = [np.rint(frame @ LUMA * 255).astype(np.uint8) for frame in (one, other)]
    return np.asarray(search.calc(*grey, None), np.float32)


def _moved(picture: Pixels, flow: NDArray[np.float32]) -> Pixels:
    y, x = np.mgrid[: flow.shape[0], : flow.shape[1]].astype(np.float32)
    return np.asarray(cv2.remap(picture, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR))


def colours(frame: Pixels) -> Pixels:
    """Return a and b of CIE Lab (h, w, 2) of a frame (h, w, 3)."""
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2LAB)[..., 1:])


def coloured(film: Film, exemplars: References | None, *, looks_back: bool) -> list[Pixels]:
    """Return the frames of a film as ``color.colorize`` colours them."""
    context = FakeContext(spec=COLORIZE)
    before: Value | None = None
    results = []
    for grey in film.grey:
        inputs: dict[str, Value] = {"image": Image(pixels=grey[..., None], colour=Colour.GREY)}
        inputs |= {"exemplars": exemplars} if exemplars else {}
        inputs |= {"before": before} if before is not None and looks_back else {}
        made = colorize.run(inputs, ColorizeParams(), context)
        assert not isinstance(made, Verdict)
        before = made["image"]
        assert isinstance(before, Image)
        results.append(before.pixels)
    return results


def approved(film: Film) -> References:
    """Return the first frame in its true colours as the only exemplar."""
    image = Image(pixels=film.truth[0], colour=Colour.RGB)
    height, width = film.truth[0].shape[:2]
    region = (0, 0, width, height)
    reference = Reference(
        asset="0" * 64,
        region=region,
        score=1.0,
        reason="the same film",
        read=partial(_read, image),
        near=region,
    )
    return References(references=(reference,), snapshot="film")


def _read(image: Image, longest: int = 0) -> Image:
    return image


def measured(film: Film, results: Sequence[Pixels], motions: Sequence[Motion]) -> dict[str, float]:
    """Return flicker and error of colour, in units of CIE Lab."""
    found = [colours(np.ascontiguousarray(frame, np.float32)) for frame in results]
    pairs = zip(found, found[1:], motions, strict=False)
    error = [
        np.linalg.norm(one - colours(true), axis=2).mean()
        for one, true in zip(found, film.truth, strict=True)
    ]
    return {
        "flicker": float(np.mean([motion.flicker(*pair) for *pair, motion in pairs])),
        "error": float(np.mean(error)),
        "last error": float(error[-1]),
    }


def compared(film: Film) -> dict[str, dict[str, float]]:
    """Return the measures of a film, coloured frame by frame and as a sequence."""
    pairs = zip(film.truth, film.truth[1:], strict=False)
    motions = [Motion.between(then, now) for then, now in pairs]
    rows = {"true colours": measured(film, film.truth, motions)}
    for how, exemplars in (("automatic", None), ("exemplar", approved(film))):
        for name, looks_back in (("frame by frame", False), ("sequence", True)):
            results = coloured(film, exemplars, looks_back=looks_back)
            rows[f"{how}, {name}"] = measured(film, results, motions)
    return rows


def ratios(rows: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Return the flicker of the sequence over that of frame by frame."""
    return {
        how: rows[f"{how}, sequence"]["flicker"] / rows[f"{how}, frame by frame"]["flicker"]
        for how in ("automatic", "exemplar")
    }


def table(name: str, rows: Mapping[str, Mapping[str, float]]) -> str:
    """Return the measures of a film as a table."""
    columns = next(iter(rows.values()))
    lines = [f"{name:28}" + "".join(f"{column:>12}" for column in columns)]
    for row, values in rows.items():
        lines.append(f"{row:28}" + "".join(f"{value:12.3f}" for value in values.values()))
    return "\n".join(lines)


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--frames", default=24, show_default=True, help="Frames of each film.")
@click.option("--seed", default=7, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def main(data: Path, frames: int, seed: int, as_json: bool) -> None:
    """Compare both ways on two films made of photographs under DATA."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    rows = {film.name: compared(film) for film in films(data, frames, seed)}
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    for name, row in rows.items():
        click.echo(table(name, row))
    found = {f"{name}, {how}": r for name, row in rows.items() for how, r in ratios(row).items()}
    missed = [verdict(f"flicker, {name}", ratio, at_most=TARGET) for name, ratio in found.items()]
    raise SystemExit(max(missed))


if __name__ == "__main__":
    main()
