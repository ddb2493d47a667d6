"""Faces: found on worn prints, refined beyond what restoration does, and left their owners'.

Workload: portraits kept out of training, 512 px, aged as prints with a frozen seed. Baseline:
``triplet.restore`` alone; ours: ``face.detect`` and ``face.refine`` after it. Metrics in the middle
of the face's crop, means over portraits: PSNR of luma, feature distance, and the identity distance
to the truth; as a witness whom training did not ask, the cosine distance of what the last layer of
EfficientNet-Lite0 sees on the aligned face. Detection: small grey noisy versions of 60 portraits,
against one plain look by MTCNN. False refinement: photographs of a folder ``photos``, its part
``val``; ``--showing`` names those that do show faces. Then CPU seconds per megapixel.

    python benchmarks/face_refinement.py --data FOLDER --count 40

FOLDER holds ``faces``, ``photos`` and, if there are any, ``historic-prints`` and
``damage-overlays``; they are not part of the project.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import click
import cv2
import numpy as np
import torch
from _fidelity import features, psnr
from _harness import verdict
from numpy.typing import NDArray
from torch.nn import functional

from archivist.api import Colour, Faces, Image, Scores, Value, Verdict
from archivist.testing import FakeContext
from archivist_faces import finding, identity, refining
from archivist_faces.alignment import crop, place
from archivist_faces.identity import IdentityNet
from archivist_faces.mtcnn import Detections, detect, load
from archivist_faces.params import DetectParams, RefineParams
from archivist_faces.plugin import DETECT, IDENTITY, REFINE
from archivist_faces.training.portraits import (
    AS_PRINTS,
    Portrait,
    read_material,
    read_portraits,
)
from archivist_torch import ageing
from archivist_torch.data import read_folder
from archivist_torch.efficientnet import EfficientNetLite0, load_efficientnet
from archivist_torch.seeding import generator
from archivist_torch.weights import load_network
from archivist_triplet import restore
from archivist_triplet.params import RestoreParams
from archivist_triplet.plugin import RESTORE

Pixels = NDArray[np.float32]
Figures = dict[str, float]
Result = TypeVar("Result")

SIDE = 512
"""Longer side of the portraits, in pixels."""
FACE = 0.6
"""The face area: the middle of the crop, so many of its sides wide and high."""
SMALL = (110, 200)
"""Longer sides in pixels of the versions for detection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An aged portrait and its truth (h, w, 3), and the true landmarks."""

    name: str
    aged: Pixels
    truth: Pixels
    landmarks: NDArray[np.float32]

    def area(self) -> tuple[slice, slice]:
        """Return rows and columns of the face area."""
        where = place(self.landmarks, 1)
        middle = where.matrix[:2, :2] @ (0.5, 0.5) + where.matrix[:2, 2]
        low, high = middle - FACE / 2 * where.scale, middle + FACE / 2 * where.scale
        left, top = np.maximum(low, 0).astype(int)
        right, bottom = np.minimum(np.ceil(high), self.truth.shape[1::-1]).astype(int)
        return slice(top, bottom), slice(left, right)


class Steps:
    """The three steps as functions of pixels; networks are loaded once, CPU time is added up."""

    def __init__(self, params: RefineParams) -> None:
        self.params = params
        specs = (RESTORE, DETECT, REFINE)
        self.contexts = {spec.id: FakeContext(spec=spec) for spec in specs}
        self.seconds = dict.fromkeys(self.contexts, 0.0)

    def restored(self, pixels: Pixels) -> Pixels:
        """Return what ``triplet.restore`` makes of them, in a recipe."""
        inputs, params = {"image": _image(pixels)}, RestoreParams()
        context = self.contexts[RESTORE.id]
        if not restore.applies(inputs, params, context).needed:
            return pixels
        out = self._timed(RESTORE.id, lambda: restore.run(inputs, params, context))
        return _pixels(out)

    def refined(self, pixels: Pixels) -> tuple[Pixels, Figures]:
        """Return what the two steps of this plugin make of them, and the scores of the second."""
        inputs: dict[str, Value] = {"image": _image(pixels)}
        inputs["faces"] = self.found(pixels)
        context = self.contexts[REFINE.id]
        sound = refining.applies(inputs, self.params, context)
        if not sound.needed:
            return pixels, dict(sound.scores)
        out = self._timed(REFINE.id, lambda: refining.run(inputs, self.params, context))
        if isinstance(out, Verdict):
            return pixels, dict(out.scores)
        scores = out["scores"]
        assert isinstance(scores, Scores)
        return _pixels(out), dict(scores.values)

    def found(self, pixels: Pixels) -> Faces:
        """Return the faces of a picture."""
        inputs, context = {"image": _image(pixels)}, self.contexts[DETECT.id]
        out = self._timed(DETECT.id, lambda: finding.run(inputs, DetectParams(), context))
        faces = out["faces"]
        assert isinstance(faces, Faces)
        return faces

    def _timed(self, step: str, work: Callable[[], Result]) -> Result:
        start = time.process_time()
        result = work()
        self.seconds[step] += time.process_time() - start
        return result


def cases(material: ageing.AgeingMaterial, portraits: Sequence[Portrait], seed: int) -> list[Case]:
    """Return portraits aged as prints."""
    return [_case(n, one, seed, material) for n, one in enumerate(portraits)]


def refinement(workload: Sequence[Case], steps: Steps) -> tuple[Figures, list[Figures]]:
    """Return the means over the portraits, and each portrait's own figures."""
    network = load_network(IdentityNet, steps.contexts[REFINE.id].weights(IDENTITY.name))
    witness, rows = load_efficientnet(), []
    for case in workload:
        before = steps.restored(case.aged)
        after, scores = steps.refined(before)
        area, where = case.area(), place(case.landmarks, identity.SIDE)
        own = crop(case.truth, where)
        row: Figures = {"refined": scores.get("refined", 0.0), "good": scores.get("good", 0.0)}
        row["guarded"] = scores.get("guarded", 0.0)
        for name, pixels in (("aged", case.aged), ("restored", before), ("ours", after)):
            shown, truth = pixels[area], case.truth[area]
            row[f"{name} PSNR"] = psnr(shown, truth)
            row[f"{name} features"] = features(shown, truth)
            row[f"{name} identity"] = identity.distance(network, crop(pixels, where), own)
            row[f"{name} witness"] = last_features_apart(witness, crop(pixels, where), own)
        rows.append(row)
    means = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    moved = np.array([row["ours identity"] - row["restored identity"] for row in rows])
    means["identity not further"] = float((moved <= 1e-6).mean())
    seen = np.array([row["ours witness"] - row["restored witness"] for row in rows])
    means["witness not further"] = float((seen <= 1e-6).mean())
    means["identity within 0.01"] = float((moved <= 0.01).mean())
    gains = [row["ours PSNR"] - row["restored PSNR"] for row in rows if row["refined"]]
    means["gain of refined ones"] = float(np.mean(gains)) if gains else 0.0
    means["least gain"] = float(np.min(gains)) if gains else 0.0
    return means, rows


@torch.inference_mode()
def last_features_apart(network: EfficientNetLite0, one: Pixels, other: Pixels) -> float:
    """Return the cosine distance of what the network's last layer sees on two aligned faces."""
    faces = torch.stack([identity.prepared(face) for face in (one, other)])
    first, second = functional.normalize(network.head(faces))
    return float(1 - first @ second)


def detection(portraits: Sequence[Portrait], steps: Steps, seed: int) -> Figures:
    """Return the shares of small grey noisy portraits whose face is found."""
    network = load()
    plain = ours = 0
    for number, portrait in enumerate(portraits):
        pixels, factor = worn(portrait, generator("face benchmark", seed, number))
        truth = portrait.landmarks * factor
        faces = steps.found(pixels).faces
        ours += _hit(np.array([f.landmarks for f in faces]).reshape(-1, 5, 2), truth)
        found: Detections = detect(network, pixels)
        plain += _hit(found.landmarks, truth)
    return {"plain MTCNN": plain / len(portraits), "face.detect": ours / len(portraits)}


def worn(portrait: Portrait, rng: np.random.Generator) -> tuple[Pixels, float]:
    """Return a small, grey, soft, flat, noisy version (h, w, 1), half of them after JPEG."""
    factor = int(rng.integers(*SMALL)) / max(portrait.pixels.shape)
    grey = cv2.cvtColor(portrait.pixels, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    small = cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), rng.uniform(0.3, 1.2))
    flat = 0.5 + (soft - 0.5) * rng.uniform(0.4, 0.9) + rng.uniform(-0.08, 0.08)
    noisy = np.clip(flat + rng.normal(0, rng.uniform(0.03, 0.12), flat.shape), 0, 1)
    samples = np.rint(noisy * 255).astype(np.uint8)
    if rng.random() < 0.5:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 80))]
        packed = cv2.imencode(".jpg", samples, quality)[1]
        samples = np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), np.uint8)
    return (samples.astype(np.float32) / 255)[..., None], factor


def false_refinement(data: Path, showing: Sequence[str], steps: Steps) -> tuple[Figures, list[str]]:
    """Return how many photographs without faces were refined, and the names of all that were."""
    photographs = read_folder(data / "photos", "val")
    touched = []
    for photograph in photographs:
        pixels = np.atleast_3d(photograph.pixels)[..., :3].astype(np.float32) / 255
        _, scores = steps.refined(np.ascontiguousarray(pixels))
        if scores.get("refined"):
            touched.append(photograph.name)
    faceless = [p.name for p in photographs if not any(part in p.name for part in showing)]
    wrong = [name for name in touched if name in faceless]
    return {"faceless": float(len(faceless)), "refined": float(len(wrong))}, touched


def judge(means: Figures, found: Figures, wrong: Figures) -> int:
    """Print what meets its target; return 0 when all does."""
    nearer = means["ours features"] / means["restored features"]
    codes = (
        verdict(
            "dB over restoration alone", means["ours PSNR"] - means["restored PSNR"], at_least=1
        ),
        verdict("feature distance to that of restoration", nearer, at_most=1),
        verdict("identity not further", means["identity not further"], at_least=0.95),
        verdict("small grey noisy faces found", found["face.detect"], at_least=0.9),
        verdict("faceless photographs refined", wrong["refined"], at_most=1),
    )
    return max(codes)


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--count", default=6, show_default=True, help="Portraits; 40 for the real figures.")
@click.option("--seed", default=11, show_default=True)
@click.option("--network", default="compact", show_default=True)
@click.option("--showing", multiple=True, help="Part of a name: that photograph shows faces.")
@click.option(
    "--cache", type=click.Path(path_type=Path), help="Keeps what was read, for next time."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.pass_context
def main(
    ctx: click.Context,
    data: Path,
    count: int,
    seed: int,
    network: str,
    showing: tuple[str, ...],
    cache: Path | None,
    as_json: bool,
) -> None:
    """Measure detection and refinement of faces on pictures under DATA."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    held_out = read_portraits(data / "faces", "val", cache)
    steps = Steps(RefineParams(network=network))
    workload = cases(read_material(data, "val", cache), held_out[:count], seed)
    means, rows = refinement(workload, steps)
    area = sum(case.truth.shape[0] * case.truth.shape[1] for case in workload) / 1e6
    cost = {f"{name}, CPU s/MP": spent / area for name, spent in steps.seconds.items()}
    others = read_portraits(data / "faces", "train", cache)
    found = detection([*held_out, *others][: count * 3 // 2], steps, seed)
    wrong, touched = false_refinement(data, showing, steps)
    if as_json:
        parts = (means, rows, found, wrong, touched, cost)
        names = ("means", "each", "detection", "false", "touched", "cost")
        click.echo(json.dumps(dict(zip(names, parts, strict=True)), indent=1))
        return
    for title, part in (("Faces", means), ("Found", found), ("False", wrong), ("Cost", cost)):
        click.echo(f"\n{title}")
        for name, value in part.items():
            click.echo(f"  {name:28}{value:10.3f}")
    click.echo(f"  photographs refined: {', '.join(touched) or 'none'}\n")
    ctx.exit(judge(means, found, wrong))


def _case(number: int, portrait: Portrait, seed: int, material: ageing.AgeingMaterial) -> Case:
    factor = min(1.0, SIDE / max(portrait.pixels.shape))
    method = cv2.INTER_AREA
    clean = cv2.resize(portrait.pixels, None, fx=factor, fy=factor, interpolation=method)
    batch = torch.from_numpy(clean.transpose(2, 0, 1).copy())[None].float() / 255
    settings = replace(AS_PRINTS, pristine=0.0)
    aged = ageing.draw([number], batch, seed, settings, material)
    pixels, truth = (
        np.ascontiguousarray(x[0].permute(1, 2, 0).numpy()) for x in (aged.pixels, aged.truth)
    )
    rounded = (np.rint(pixels * 255) / 255).astype(np.float32)
    marks = portrait.landmarks * np.float32(factor)
    return Case(name=portrait.name, aged=rounded, truth=truth, landmarks=marks)


def _hit(found: NDArray[np.floating], truth: NDArray[np.floating]) -> bool:
    """Say whether one of the finds lies where the face is and is as large."""
    side = place(truth, 1).scale
    for landmarks in found:
        apart = np.abs(landmarks.mean(axis=0) - truth.mean(axis=0)).max() / side
        if apart < 0.15 and 0.6 < place(landmarks, 1).scale / side < 1.6:
            return True
    return False


def _image(pixels: Pixels) -> Image:
    colour = Colour.GREY if pixels.shape[2] == 1 else Colour.RGB
    return Image(pixels=np.ascontiguousarray(pixels), colour=colour)


def _pixels(outputs: object) -> Pixels:
    assert isinstance(outputs, dict)
    image = outputs["image"]
    assert isinstance(image, Image)
    return image.pixels


if __name__ == "__main__":
    main()
