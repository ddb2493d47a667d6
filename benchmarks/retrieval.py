"""Finding references: whether the right picture comes first, and what a query costs.

Quality. Workload: photographs of ten places or objects among 500 others, each photograph asked for
as it is, reduced to a quarter, noisy and grey, and as a detail of a third of its sides. They are
described by the step ``embedding.compute`` as it is shipped. Baseline: the order of the embeddings
alone. Metrics: share of queries whose first, and one of whose first three, is of the same group;
seconds a picture.

Cost. Workload: generated unit vectors. Baselines: the plain product of one query at a time, and of
all queries at once with the whole matrix in memory. Metrics: time against each, whether the same
neighbours are found, seconds to add 1,000 vectors. With ``--graph`` the approximate engine too,
against the exact one: how many of the true neighbours it finds, its time, and what the graph costs.

    python benchmarks/retrieval.py --data FOLDER

FOLDER holds ``reference-groups``, ``photos`` and ``historic-prints``, which are not part of the
project; without it only the cost is measured.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from _harness import interleave, peak_rss_mib, show, timed, verdict
from numpy.typing import NDArray

from archivist.api.values import Colour, Embedding, Image
from archivist.references.approximate import GRAPH, Graph
from archivist.references.compare import Comparer
from archivist.references.header import EmbeddingModel
from archivist.references.index import VectorIndex, open_index
from archivist.references.rows import Place, Region
from archivist.references.rules import Facts, Kin, Rules
from archivist.references.search import Match
from archivist.references.select import Sighting, choose, sightings
from archivist.testing import FakeContext
from archivist_embedding.compute import run  # type: ignore[import-untyped]
from archivist_embedding.network import DIMENSIONS  # type: ignore[import-untyped]
from archivist_embedding.params import EmbeddingParams  # type: ignore[import-untyped]
from archivist_embedding.plugin import COMPUTE, MODEL  # type: ignore[import-untyped]

CPU = time.process_time
Grey = NDArray[np.uint8]
Vectors = NDArray[np.float32]
VALIDATION = ("buddha", "opensfm-lund")


# --- cost -----------------------------------------------------------------------------------


def cost(count: int, dimensions: int, queries: int, block: int, *, graph: bool) -> int:
    """Measure search and append on generated vectors; return the exit code."""
    model = EmbeddingModel("generated", "1", dimensions)
    stored = clustered(count, dimensions, 0)
    asked = clustered(queries, dimensions, 1)
    names = [hashlib.sha256(f"{number}".encode()).hexdigest() for number in range(count + 1000)]
    with tempfile.TemporaryDirectory() as folder:
        index = open_index(Path(folder), model)
        filled = timed(lambda: index.append(entries(names, stored)))
        opened = timed(lambda: open_index(Path(folder), model))
        digested = timed(lambda: index.snapshot)

        def in_blocks() -> list[tuple[Match, ...]]:
            parts = range(0, queries, block)
            return [hit for at in parts for hit in index.search(asked[at : at + block], k=10)]

        alone = interleave(lambda: one_by_one(stored, asked, 10), in_blocks, rounds=3, clock=CPU)
        whole = interleave(lambda: all_at_once(stored, asked, 10), in_blocks, rounds=3, clock=CPU)
        known = {name: number for number, name in enumerate(names)}
        hits = [[known[match.place.asset] for match in found] for found in in_blocks()]
        halves = stored.astype(np.float16).astype(np.float32)
        exact = recall(hits, one_by_one(halves, asked, 10))
        rounded = recall(hits, one_by_one(stored, asked, 10))
        approximation = approximate(index, in_blocks) if graph else 0
        more = list(entries(names[count:], clustered(1000, dimensions, 2)))
        added = timed(lambda: index.append(more))
    show(
        f"search: {count} vectors of {dimensions}, {queries} queries in blocks of {block}",
        [
            ("one query at a time", f"{1e3 * alone.medians[0] / queries:.2f} ms CPU per query"),
            ("whole product", f"{1e3 * whole.medians[0] / queries:.2f} ms CPU per query"),
            ("index", f"{1e3 * alone.medians[1] / queries:.2f} ms CPU per query"),
            ("index against the whole product", f"{whole.ratio:.2f} of its time"),
            ("filled, opened, digested", f"{filled:.1f}, {opened:.4f}, {digested:.3f} s"),
            ("peak memory", f"{peak_rss_mib():.0f} MiB with the baselines' own copies"),
        ],
    )
    code = verdict("times one query at a time", 1 / alone.ratio, at_least=3)
    code |= verdict("recall of the ten nearest of what is stored", exact, at_least=1)
    code |= verdict("recall before rounding to half precision", rounded, at_least=0.98)
    return approximation | code | verdict("seconds to add 1,000", added, at_most=1)


def approximate(index: VectorIndex, ask: Callable[[], list[tuple[Match, ...]]]) -> int:
    """Measure the graph against the exact engine; return the exit code. The engine is put back."""
    exact, began = index.nearest, CPU()
    graph = Graph(index)
    made = CPU() - began
    truth = [[match.place.asset for match in found] for found in ask()]

    def by_graph() -> list[tuple[Match, ...]]:
        index.nearest = graph
        try:
            return ask()
        finally:
            index.nearest = exact

    found = [[match.place.asset for match in some] for some in by_graph()]
    pair = interleave(ask, by_graph, rounds=3, clock=CPU)
    show(
        "the same by a graph",
        [
            ("exact", f"{1e3 * pair.medians[0] / len(truth):.3f} ms CPU per query"),
            ("graph", f"{1e3 * pair.medians[1] / len(truth):.3f} ms CPU per query"),
            ("made in", f"{made:.0f} CPU s, {made / len(index) * 1e3:.2f} ms a vector"),
            ("size", f"{(index.folder / GRAPH).stat().st_size / len(index):.0f} bytes a vector"),
        ],
    )
    code = verdict("times as fast as the exact engine", 1 / pair.ratio, at_least=1)
    return code | verdict(
        "recall of the ten nearest by the graph", recall(found, truth), at_least=0.98
    )


def recall(hits: Sequence[Sequence[Hashable]], truth: Sequence[Sequence[Hashable]]) -> float:
    """Return the share of the true neighbours that were found."""
    found = sum(len(set(one) & set(two)) for one, two in zip(hits, truth, strict=True))
    return found / sum(map(len, truth))


def clustered(count: int, dimensions: int, seed: int) -> Vectors:
    """Return unit vectors in clusters, as pictures of an archive are."""
    centres = np.random.default_rng(99).standard_normal((500, dimensions)).astype(np.float32)
    draw = np.random.default_rng(seed)
    vectors = draw.standard_normal((count, dimensions), np.float32)
    vectors += 0.8 * centres[draw.integers(0, len(centres), count)]
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def entries(names: Sequence[str], vectors: Vectors) -> Iterator[tuple[str, Embedding]]:
    """Yield vectors as embeddings of assets of these names."""
    for name, vector in zip(names, vectors, strict=False):
        yield name, Embedding(vectors=vector[None], regions=((0, 0, 1, 1),), model="generated")


def one_by_one(stored: Vectors, queries: Vectors, k: int) -> list[list[int]]:
    """Return the nearest by the first baseline: a product and a partition for each query."""
    return [nearest(stored @ query, k) for query in queries]


def all_at_once(stored: Vectors, queries: Vectors, k: int) -> list[list[int]]:
    """Return the nearest by the second baseline: one product, its matrix kept whole."""
    return [nearest(row, k) for row in queries @ stored.T]


def nearest(scores: Vectors, k: int) -> list[int]:
    """Return the numbers of the ``k`` highest scores."""
    return [int(number) for number in np.argpartition(-scores, k)[:k]]


# --- quality --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Photograph:
    """A picture of the workload: its name, its group ("" for the others), what it was made of."""

    name: str
    group: str
    grey: Grey
    original: str

    def changed(self, grey: NDArray[Any]) -> Photograph:
        """Return a query of other pixels, 0..255, made of this picture."""
        pixels = np.clip(grey, 0, 255).astype(np.uint8)
        name = hashlib.sha256(self.name.encode() + pixels.tobytes()).hexdigest()
        return Photograph(name, self.group, pixels, self.name)


class Embedder:
    """The step ``embedding.compute``, its network loaded once."""

    def __init__(self) -> None:
        self._context, self._params = FakeContext(spec=COMPUTE), EmbeddingParams()

    def __call__(self, grey: Grey) -> Embedding:
        """Return the embedding of a picture: of the whole and of its regions."""
        pixels = grey[..., None].astype(np.float32) / np.float32(255)
        image = Image(pixels=pixels, colour=Colour.GREY)
        embedding: Embedding = run({"image": image}, self._params, self._context)["embedding"]
        return embedding


def quality(data: Path, looks: int) -> int:
    """Measure all kinds of queries before and after re-ranking; return the exit code."""
    groups = [
        photograph(path, path.parent.name) for path in sorted(data.glob("reference-groups/*/*.jpg"))
    ]
    others = sorted(data.glob("photos/**/*.jpg"))[:350]
    others += sorted(data.glob("historic-prints/*.jpg"))[::4][:150]
    archive = groups + [photograph(path, "") for path in others]
    embed = Embedder()
    code = 0
    with tempfile.TemporaryDirectory() as folder:
        index = open_index(Path(folder), EmbeddingModel(MODEL, "1", DIMENSIONS))
        start = time.process_time()
        rows = index.append((one.name, embed(one.grey)) for one in archive)
        spent = (time.process_time() - start) / len(archive)
        print(
            f"{len(archive)} pictures, {rows} vectors, {spent:.3f} s CPU each to embed and append"
        )
        for title, change, goals in (
            ("as they are", as_it_is, (0.92, 0.97)),
            ("a quarter, noisy, grey", worse, (0.88, 0)),
            ("a detail of 0.35 of the sides, at half size", detail, (0, 0)),
        ):
            queries = [change(one, at) for at, one in enumerate(groups)]
            code |= ask(title, queries, archive, index, embed, looks, goals)
    return code


def ask(
    title: str,
    queries: Sequence[Photograph],
    archive: Sequence[Photograph],
    index: VectorIndex,
    embed: Embedder,
    looks: int,
    goals: tuple[float, float],
) -> int:
    """Ask for each query, print the shares, and return the exit code."""
    known = {one.name: one for one in (*archive, *queries)}
    start = time.process_time()
    seen_by = [sighted(one, embed(one.grey), index) for one in queries]
    searched = time.process_time() - start
    compare = Comparer(lambda place: crop(known[place.asset].grey, place.region), kept=4000)
    before, after = [], []
    start = time.process_time()
    for query, seen in zip(queries, seen_by, strict=True):
        facts = {one.reference.asset: Facts(asset=one.reference.asset) for one in seen}
        # Here the group counts, not the detail: all photographs of a group are of one resolution.
        rules = Rules(count=50, looks=looks, min_scale=0.0, floor=0.0, min_share=0.0)
        chosen = choose(Facts(asset=query.name), facts, seen, compare, rules, kin=Kin())
        first = [choice.place.asset for choice in chosen.choices]
        plain = [one.reference.asset for one in seen]
        before.append([known[name].group == query.group for name in plain])
        after.append(
            [
                known[name].group == query.group
                for name in first + [n for n in plain if n not in first]
            ]
        )
    compared = time.process_time() - start
    kept_out = [one.group in VALIDATION for one in queries]
    show(
        f"queries {title}: {len(queries)}, each looking at {looks} pictures",
        [
            ("embedding alone", shares(before)),
            ("after re-ranking", shares(after)),
            ("validation groups, alone", shares(rows_of(before, kept_out))),
            ("validation groups, after", shares(rows_of(after, kept_out))),
            ("cost", f"{1e3 * searched / len(queries):.0f} ms CPU embedding and search, "
                     f"{1e3 * compared / len(queries):.0f} ms CPU comparing, per query"),
        ],
    )  # fmt: skip
    code = verdict("first of the group", share(after, 1), at_least=goals[0])
    return code | verdict("one of three of the group", share(after, 3), at_least=goals[1])


def sighted(one: Photograph, embedding: Embedding, index: VectorIndex) -> tuple[Sighting, ...]:
    """Return the places of other pictures that look like one or a region of it."""
    places = [Place(one.name, region) for region in embedding.regions]
    allowed = ~index.mask_of([one.original])
    return sightings(places, index.search(embedding.vectors, k=20, allowed=allowed))


def crop(grey: Grey, region: Region) -> Grey:
    """Return a region of a picture."""
    x, y, width, height = region
    return grey[y : y + height, x : x + width]


def photograph(path: Path, group: str) -> Photograph:
    """Read a picture in grey; it is named by the digest of its path."""
    name = hashlib.sha256(str(path).encode()).hexdigest()
    grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert grey is not None, path
    return Photograph(name, group, np.asarray(grey, np.uint8), name)


def as_it_is(one: Photograph, _: int) -> Photograph:
    """Return the picture."""
    return one


def detail(one: Photograph, seed: int) -> Photograph:
    """Return a part of 0.35 of both sides, anywhere in the picture, at half its size."""
    part = [round(0.35 * side) for side in one.grey.shape]
    top, left = (
        int(np.random.default_rng((seed, axis)).integers(0, side - length + 1))
        for axis, (side, length) in enumerate(zip(one.grey.shape, part, strict=True))
    )
    grey = one.grey[top : top + part[0], left : left + part[1]]
    small = cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return one.changed(small)


def worse(one: Photograph, seed: int) -> Photograph:
    """Return the picture reduced to a quarter, with noise of eight levels."""
    small = cv2.resize(one.grey, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    noise = np.random.default_rng(seed).normal(0, 8, small.shape)
    return one.changed(small + noise)


def rows_of(right: Sequence[list[bool]], wanted: Sequence[bool]) -> list[list[bool]]:
    """Return the answers of the wanted queries."""
    return [row for row, keep in zip(right, wanted, strict=True) if keep]


def share(right: Sequence[list[bool]], among: int) -> float:
    """Return the share of queries with a right answer among the first so many."""
    return sum(any(row[:among]) for row in right) / max(1, len(right))


def shares(right: Sequence[list[bool]]) -> str:
    """Return both shares in words."""
    return f"first {share(right, 1):.3f}, one of three {share(right, 3):.3f}"


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--vectors", type=int, default=100_000)
    parser.add_argument("--dimensions", type=int, default=256)
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--block", type=int, default=64)
    parser.add_argument("--graph", action="store_true", help="also measure the graph")
    parser.add_argument("--looks", type=int, default=10)
    given = parser.parse_args()
    code = cost(given.vectors, given.dimensions, given.queries, given.block, graph=given.graph)
    return code | (quality(given.data, given.looks) if given.data else 0)


if __name__ == "__main__":
    raise SystemExit(main())
