"""A sheet of real prints before and after: ``python -m archivist_triplet.sheet --data FOLDER``.

FOLDER holds scans, as ``historic-prints`` of the training data; without ``--all`` those that were
kept out of training are shown. Restoration runs as plain functions, without engine or mask; each
pair tells what the judge of condition says of the print.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from archivist_torch.data import Picture, read_folder
from archivist_torch.weights import load_network
from archivist_triplet import compose, inference
from archivist_triplet.compact import Triplet
from archivist_triplet.condition import THRESHOLD, assess
from archivist_triplet.params import RestoreParams

Samples = NDArray[np.uint8]

SHIPPED = Path(__file__).parent / "weights" / "compact.safetensors"
TILE = 1024
CELL = 420
"""Longer side of a picture on the sheet, in pixels."""
CAPTION = 34
"""Height of the two lines under a pair, in pixels."""
GAP = 8
PAPER = 245
"""Grey of the sheet, 0..255."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A print before and after, uint8 RGB, and what to write under it."""

    before: Samples
    after: Samples
    lines: tuple[str, str]


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--out", required=True, type=click.Path(path_type=Path))
@click.option("--count", default=24, show_default=True, type=click.IntRange(1))
@click.option("--columns", default=3, show_default=True, type=click.IntRange(1))
@click.option("--weights", type=click.Path(path_type=Path, exists=True), help="Default: shipped.")
@click.option("--device", default="cpu", show_default=True)
@click.option("--whole", is_flag=True, help="Restore even what counts as sound.")
@click.option("--all", "everything", is_flag=True, help="Also show prints of the training part.")
def main(
    data: Path,
    out: Path,
    count: int,
    columns: int,
    weights: Path | None,
    device: str,
    whole: bool,
    everything: bool,
) -> None:
    """Restore COUNT prints under DATA and write the sheet to OUT."""
    cv2.setNumThreads(1)
    network = load_network(Triplet, weights or SHIPPED)
    network.to(device)
    found = read_folder(data, "val") + (read_folder(data, "train") if everything else [])
    chosen = [found[i] for i in np.linspace(0, len(found) - 1, min(count, len(found)), dtype=int)]
    pairs = [restored(picture, network, whole=whole) for picture in chosen]
    cv2.imwrite(str(out), cv2.cvtColor(laid_out(pairs, columns), cv2.COLOR_RGB2BGR))
    click.echo(f"{len(pairs)} prints on {out}")


def restored(picture: Picture, network: Triplet, *, whole: bool) -> Pair:
    """Restore a print all over, if it counts as degraded or ``whole`` is asked for."""
    before = _rgb(picture.pixels)
    scan = before.astype(np.float32) / np.float32(255)
    condition = assess(scan)
    needed = whole or condition.degraded >= THRESHOLD
    after = before
    if needed:
        nothing = np.zeros(scan.shape[:2], np.bool_)
        both = inference.restore(network, scan, nothing, tile=TILE)
        result = compose.whole(scan, both, nothing, RestoreParams())
        after = np.rint(result * 255).astype(np.uint8)
    head = f"{Path(picture.name).name}  {condition.degraded:.2f}{'' if needed else '  left alone'}"
    return Pair(before=before, after=after, lines=(head, "; ".join(condition.reasons)))


def laid_out(pairs: Sequence[Pair], columns: int) -> Samples:
    """Return the sheet: pairs side by side, captions below, ``columns`` pairs a row."""
    cells = [_cell(pair) for pair in pairs]
    height, width = max(c.shape[0] for c in cells), cells[0].shape[1]
    rows = -(-len(cells) // columns)
    sheet = np.full(
        (rows * (height + GAP) + GAP, columns * (width + GAP) + GAP, 3), PAPER, np.uint8
    )
    for number, cell in enumerate(cells):
        top = GAP + number // columns * (height + GAP)
        left = GAP + number % columns * (width + GAP)
        sheet[top : top + cell.shape[0], left : left + width] = cell
    return sheet


def _cell(pair: Pair) -> Samples:
    """Return one pair with its caption, 2 CELL wide."""
    before, after = (_fitted(picture) for picture in (pair.before, pair.after))
    cell = np.full((before.shape[0] + CAPTION, 2 * CELL, 3), PAPER, np.uint8)
    cell[: before.shape[0], : before.shape[1]] = before
    cell[: after.shape[0], CELL : CELL + after.shape[1]] = after
    for row, line in enumerate(pair.lines):
        place = (2, before.shape[0] + 13 + 15 * row)
        text = line.encode("ascii", "replace").decode()
        cv2.putText(cell, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (20, 20, 20), 1, cv2.LINE_AA)
    return cell


def _fitted(pixels: Samples) -> Samples:
    by = CELL / max(pixels.shape[:2])
    size = (max(1, round(pixels.shape[1] * by)), max(1, round(pixels.shape[0] * by)))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if by < 1 else cv2.INTER_CUBIC)


def _rgb(pixels: Samples) -> Samples:
    return pixels[..., :3] if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)


if __name__ == "__main__":
    main()
