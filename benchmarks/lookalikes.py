"""How long a plan looks for lookalikes, and how long when the archive is as it was.

Made-up pictures in groups of ten, each with one vector. Baseline: the search that a first plan
makes for every picture. Ours: the same question asked again, of an index and a catalog opened anew,
with all that must be read to know that nothing has changed. Measured in CPU seconds.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from _filled_catalog import scan_file
from _harness import read_sizes, show, verdict

from archivist.api.values import Embedding
from archivist.catalog.bulk import pages
from archivist.catalog.session import open_catalog
from archivist.catalog.writer import Writer
from archivist.config import ReferenceSettings
from archivist.lending import Lends
from archivist.model import Asset, Lookalike
from archivist.pipeline.job import Silent
from archivist.pipeline.referencing import search_in
from archivist.references.header import EmbeddingModel
from archivist.references.index import open_index

DIMENSIONS, GROUP, PAGE = 256, 10, 500
MODEL = EmbeddingModel(name="made up", version="1", dimensions=DIMENSIONS)


def embeddings(count: int) -> Iterator[tuple[str, Embedding]]:
    """Yield the embeddings of so many pictures."""
    draw = np.random.default_rng(7)
    for number in range(count):
        if number % GROUP == 0:
            centre = draw.standard_normal(DIMENSIONS)
        vectors = (centre + draw.standard_normal(DIMENSIONS)).astype(np.float32)[None]
        whole = Embedding(vectors=vectors, regions=((0, 0, 6000, 4000),), model=MODEL.name)
        yield scan_file(number).assets[0].uid, whole


def ask(home: Path, url: str, run: str, assets: list[Asset]) -> tuple[float, list[object]]:
    """Return the CPU seconds of looking for the lookalikes of all, and those of a few."""
    began, found = time.process_time(), list[tuple[Lookalike, ...]]()
    with open_catalog(url, write=False) as catalog:
        job = SimpleNamespace(settings=SimpleNamespace(references=ReferenceSettings()))
        desk = SimpleNamespace(catalog=catalog, job=job, run=run, watcher=Silent())
        search = search_in(open_index(home / "index", MODEL), desk)
        for page in pages(assets, PAGE):
            some = search.find(page, Lends.TEXTURE)
            found.append(some[page[0].uid])
    return time.process_time() - began, found


def main() -> int:
    """Fill a catalog and an index, look twice, and print the figures."""
    count = read_sizes(__doc__, pictures=(5_000, 20_000)).pictures
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        url = f"sqlite:///{home}/catalog.sqlite"
        with open_catalog(url, write=True) as catalog:
            writer = Writer(catalog)
            run = writer.start_run(command="run")
            writer.add_scan(run, map(scan_file, range(count)))
        open_index(home / "index", MODEL).append(embeddings(count))
        assets = [scan_file(number).assets[0] for number in range(count)]
        first, found = ask(home, url, run, assets)
        again, same = ask(home, url, run, assets)
        size = sum(path.stat().st_size for path in (home / "index").glob("found-*"))
    if found != same:
        raise SystemExit("the second answer is another")
    show(
        f"lookalikes: {count:,} pictures of one vector of {DIMENSIONS}, 20 lookalikes each",
        [
            ("looked for", f"{first:.1f} CPU s, {first / count * 1e3:.2f} ms a picture"),
            ("known already", f"{again:.1f} CPU s, {again / count * 1e3:.2f} ms a picture"),
            ("kept", f"{size / count:.0f} bytes a picture"),
        ],
    )
    return verdict("ratio of the second to the first", again / first, at_most=0.2)


if __name__ == "__main__":
    raise SystemExit(main())
