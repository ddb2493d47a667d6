"""Fit the judges of condition: ``python -m archivist_triplet.condition_fit --data FOLDER``.

FOLDER holds ``photos`` (sound), ``historic-prints`` (degraded) and, if there are any,
``damage-overlays``. Sound photographs are also shown reduced, a little enlarged, in grey and
lightly compressed, because none of that is degradation; the same, aged, are degraded.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from archivist_torch.ageing import (
    DAMAGE_KINDS,
    PICTURE_KINDS,
    AgeingMaterial,
    AgeingSettings,
    draw,
)
from archivist_torch.degrade import jpeg, luma
from archivist_torch.seeding import generator
from archivist_triplet.condition import JUDGES, Judge, logistic, standardised, to_json
from archivist_triplet.measures import measure
from archivist_triplet.samples import Album, Material

Pixels = NDArray[np.float32]
Numbers = NDArray[np.float64]

SOUND, PRINT, MIXED = "sound", "print", "mixed"
NEVER = dict.fromkeys((*PICTURE_KINDS, *DAMAGE_KINDS), 0.0) | {"pristine": 0.0, "undamaged": 1.0}
AGEINGS = {
    "tone": {"toning": 0.4, "fading": 0.6, "yellowing": 0.35, "contrast": 0.35, "uneven": 0.35},
    "noise": {"grain": 0.55, "paper": 0.45, "noise": 0.35},
    "blur": {"blur": 0.6, "low_resolution": 0.5},
    "compression": {"jpeg": 1.0},
}
"""How often each kind of ageing befalls the pictures from which one question is learnt."""
SOUND_TO_STAY_SOUND = 0.98
BARELY_AGED = 30.0
"""dB of an aged picture outside its damage; from here on nobody would call it degraded."""
SEED = 5
"""Of the ageing."""
FOLDS = 5
RIDGE = 3.0
"""Strength of the penalty on weights, in pictures; chosen by cross validation among 3, 10, 30."""
STEPS = 30


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Measures (pictures, measures), the kind of each, and the number of the scene it shows."""

    measures: Numbers
    kinds: NDArray[np.str_]
    scenes: NDArray[np.int64]

    def rows(self, chosen: NDArray[np.bool_]) -> Sample:
        """Return a part of the pictures."""
        return Sample(self.measures[chosen], self.kinds[chosen], self.scenes[chosen])


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--cache", type=click.Path(path_type=Path), help="Folder of packed pictures.")
@click.option("--every", default=1, show_default=True, help="Use every n-th picture only.")
@click.option("--out", default=JUDGES, type=click.Path(path_type=Path))
def main(data: Path, cache: Path | None, every: int, out: Path) -> None:
    """Fit the judges on the training pictures under DATA and write it to OUT."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    material = Material.read(data, "train", cache)
    if material.prints is None:
        raise click.UsageError(f"{data} has no folder 'historic-prints'; add scans of old prints")
    sample = measured(_pictures(material.photos, material.prints, material.ageing, every))
    judges, scores = fit_judges(sample)
    out.write_text(to_json(judges), encoding="utf-8")
    degraded = np.max(list(scores.values()), axis=0) > 0
    for kind in np.unique(sample.kinds):
        chosen = sample.kinds == kind
        told = "  ".join(f"{name} {(scores[name][chosen] > 0).mean():.1%}" for name in judges)
        click.echo(f"{kind:12}{degraded[chosen].mean():7.1%} degraded;  by question: {told}")


def measured(pictures: Iterable[tuple[str, int, Pixels]]) -> Sample:
    """Measure pictures, each given with its kind and the number of its scene."""
    rows, kinds, scenes = [], [], []
    for kind, scene, pixels in pictures:
        rows.append(list(measure(_eight_bits(pixels)).values()))
        kinds.append(kind)
        scenes.append(scene)
    return Sample(np.array(rows), np.array(kinds), np.array(scenes))


def fit_judges(sample: Sample) -> tuple[dict[str, Judge], dict[str, Numbers]]:
    """Return a judge for each question, and each picture's logits by judges without its scene.

    A question tells one kind of degraded pictures from sound ones. All are equally strict, so that
    SOUND_TO_STAY_SOUND of the sound pictures pass all of them, by judges that never saw them.
    """
    questions = [kind for kind in np.unique(sample.kinds).tolist() if kind != SOUND]
    judges, scores = {}, {}
    for question in questions:
        judges[question], scores[question] = _crossed(sample, question)
    sound = sample.kinds == SOUND
    strict = _strictness({name: score[sound] for name, score in scores.items()})
    for name, score in scores.items():
        limit = float(np.quantile(score[sound], strict))
        judges[name] = dataclasses.replace(judges[name], bias=judges[name].bias - limit)
        scores[name] = score - limit
    return judges, scores


def _crossed(sample: Sample, question: str) -> tuple[Judge, Numbers]:
    """Fit a judge; return it, and the logits of all by judges that have not seen their scene."""
    asked = np.isin(sample.kinds, (SOUND, question))
    scores = np.empty(len(sample.kinds))
    for fold in range(FOLDS):
        left_out = sample.scenes % FOLDS == fold
        scores[left_out] = _fitted(sample.rows(asked & ~left_out)).logits(sample.measures[left_out])
    return _fitted(sample.rows(asked)), scores


def _strictness(scores: dict[str, Numbers]) -> float:
    """Return the quantile of sound pictures at which all limits lie."""
    for strict in np.arange(SOUND_TO_STAY_SOUND, 1, 0.0005):
        over = [score > np.quantile(score, strict) for score in scores.values()]
        if np.any(over, axis=0).mean() <= 1 - SOUND_TO_STAY_SOUND:
            return float(strict)
    return 1.0


def _pictures(
    photos: Album, prints: Album, made_of: AgeingMaterial, every: int
) -> Iterator[tuple[str, int, Pixels]]:
    """Yield kind, scene and pixels: photographs and a variant of each, both aged, and prints."""
    for scene in range(len(photos) // every):
        rng = generator("condition", "photo", scene)
        photo = _floats(photos, scene * every)
        other = variant(photo, rng)
        yield SOUND, scene, photo
        yield SOUND, scene, other
        for number, (kind, befalls) in enumerate(AGEINGS.items()):
            settings = AgeingSettings(**{**NEVER, **befalls})
            yield from _aged(kind, scene, (photo, other)[number % 2], settings, made_of)
        yield from _aged(MIXED, scene, photo, AgeingSettings(pristine=0.0), made_of)
    for scene in range(len(prints) // every):
        rng = generator("condition", "print", scene)
        scan = _floats(prints, scene * every)
        yield PRINT, scene, variant(_part(scan, rng), rng) if scene % 2 else scan


def _aged(
    kind: str, scene: int, pixels: Pixels, settings: AgeingSettings, made_of: AgeingMaterial
) -> Iterator[tuple[str, int, Pixels]]:
    """Yield the picture aged, if that can be seen."""
    shown = torch.from_numpy(pixels).permute(2, 0, 1)[None].contiguous()
    aged = draw([scene], shown, SEED, settings, made_of)
    wrong = (aged.pixels - aged.truth)[~aged.mask.expand_as(aged.truth)]
    if wrong.numel() and float(wrong.square().mean()) > 10 ** (-BARELY_AGED / 10):
        yield kind, scene, aged.pixels[0].permute(1, 2, 0).contiguous().numpy()


def variant(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Return a picture as another sound copy of it could be: size, grey, light compression."""
    if rng.random() < 0.75:
        by = float(np.exp(rng.uniform(np.log(0.55), np.log(1.3))))
        how = cv2.INTER_AREA if by < 1 else cv2.INTER_CUBIC
        pixels = np.clip(cv2.resize(pixels, None, fx=by, fy=by, interpolation=how), 0, 1)
    if rng.random() < 0.25:
        pixels = np.repeat(luma(pixels)[..., None], 3, axis=2)
    return jpeg((88, 99))(pixels, rng) if rng.random() < 0.5 else pixels


def _part(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Cut a part out of a print, mostly without its mount."""
    height, width = pixels.shape[:2]
    share, y, x = rng.uniform(0.6, 1), rng.random(), rng.random()
    top, left = int(y * (1 - share) * height), int(x * (1 - share) * width)
    part = pixels[top : top + int(share * height), left : left + int(share * width)]
    return np.ascontiguousarray(part)


def _fitted(sample: Sample) -> Judge:
    """Fit weights by Newton's method, penalised in units of standard deviations."""
    means, scales = sample.measures.mean(0), sample.measures.std(0) + 1e-9
    apart = standardised(sample.measures, means, scales)
    squares = np.square(apart)
    centre, spread = squares.mean(0), squares.std(0) + 1e-9
    design = np.hstack([np.ones((len(apart), 1)), apart, (squares - centre) / spread])
    degraded = sample.kinds != SOUND
    balance = np.where(degraded, 0.5 / degraded.mean(), 0.5 / (1 - degraded.mean()))
    found = _newton(design, degraded.astype(np.float64), balance)
    count = apart.shape[1]
    square_weights = found[1 + count :] / spread
    return Judge(
        means=tuple(means.tolist()),
        scales=tuple(scales.tolist()),
        weights=tuple(found[1 : 1 + count].tolist()),
        square_weights=tuple(square_weights.tolist()),
        bias=float(found[0] - (square_weights * centre).sum()),
    )


def _newton(design: Numbers, wanted: Numbers, weights: Numbers) -> Numbers:
    penalty = np.full(design.shape[1], RIDGE)
    penalty[0] = 0
    found = np.zeros(design.shape[1])
    for _ in range(STEPS):
        chance = np.asarray(logistic(design @ found))
        slope = design.T @ (weights * (chance - wanted)) + penalty * found
        bend = (design * (weights * chance * (1 - chance))[:, None]).T @ design + np.diag(penalty)
        step = np.linalg.solve(bend, slope)
        found -= step
        if np.abs(step).max() < 1e-6:
            break
    return found


def _floats(album: Album, number: int) -> Pixels:
    return album[number].numpy().astype(np.float32) / np.float32(255)


def _eight_bits(pixels: Pixels) -> Pixels:
    return np.rint(pixels * 255).astype(np.float32) / np.float32(255)


if __name__ == "__main__":
    main()
