"""Made-up photographs and values for tests: no file is borrowed, everything follows from a seed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archivist.api.steps import Kind, StepSpec
from archivist.api.values import (
    Colour,
    Embedding,
    Face,
    Faces,
    Image,
    Mask,
    Probability,
    Reference,
    References,
    Scores,
    TransferMap,
    Value,
)


def sample_image(
    height: int = 96,
    width: int = 128,
    *,
    colour: Colour = Colour.RGB,
    depth: int = 8,
    seed: int = 0,
) -> Image:
    """Return a soft, slightly grainy picture with two bright scratches, read-only, values 0..1.

    The samples lie on the grid of ``depth`` bits, as those of a scan do.
    """
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    channels = 1 if colour is Colour.GREY else 3
    phases = rng.uniform(0, 6.28, channels)
    waves = [np.sin(x / 17 + phase) * np.cos(y / 23 - phase) for phase in phases]
    pixels = 0.45 + 0.25 * np.stack(waves, axis=-1) + rng.normal(0, 0.01, (height, width, channels))
    pixels[scratches(height, width)] = 0.97
    steps = 2**depth - 1
    pixels = np.rint(np.clip(pixels, 0, 1) * steps) / steps
    return Image(pixels=freeze(pixels.astype(np.float32)), colour=colour, depth=depth)


def scratches(height: int, width: int) -> NDArray[np.bool_]:
    """Return two thin slanted lines, bool (height, width)."""
    y, x = np.mgrid[0:height, 0:width]
    first = np.abs(x - width // 3 - y // 7) < 1
    second = np.abs(y - height // 2 + x // 11) < 1
    return np.asarray(first | second)


def freeze(array: NDArray[Any]) -> NDArray[Any]:
    """Return the array, C-contiguous and read-only, as a step receives it."""
    array = np.ascontiguousarray(array)
    array.setflags(write=False)
    return array


def sample_inputs(spec: StepSpec, image: Image, *, optional: bool = True) -> dict[str, Value]:
    """Return a value for each input of a step, made to fit ``image``.

    Ports of kind image get the image itself; those that want a previous result are left out, as at
    the first item of a sequence; ``optional=False`` leaves out what is not required.
    """
    return {
        port.name: image if port.kind is Kind.IMAGE else _MAKERS[port.kind](image)
        for port in spec.inputs
        if not port.previous and (port.required or optional)
    }


def make_archive(folder: Path) -> Path:
    """Write five small scans into nested folders and return the folder.

    They are a colour JPEG, a grey JPEG, a PNG, a 16-bit colour TIFF and a text file that is none.
    """
    import tifffile
    from PIL import Image as Pillow

    (folder / "1890s" / "glass").mkdir(parents=True)
    (folder / "1930s").mkdir()
    colour = _bytes(sample_image(seed=1))
    Pillow.fromarray(colour).save(folder / "1930s" / "harbour.jpg", quality=92, dpi=(300, 300))
    Pillow.fromarray(_bytes(sample_image(80, 61, seed=2))).save(folder / "1930s" / "market.png")
    grey = _bytes(sample_image(90, 70, colour=Colour.GREY, seed=3))[..., 0]
    Pillow.fromarray(grey).save(folder / "1890s" / "portrait.jpg", quality=92)
    deep = np.rint(sample_image(75, 101, depth=16, seed=4).pixels * 65535).astype(np.uint16)
    tifffile.imwrite(folder / "1890s" / "glass" / "bridge.tif", deep, photometric="rgb")
    (folder / "notes.txt").write_text("Box 7, received 1951.\n", encoding="utf-8")
    return folder


def _bytes(image: Image) -> NDArray[np.uint8]:
    return np.rint(image.pixels * 255).astype(np.uint8)


def _mask(image: Image) -> Mask:
    return Mask(pixels=freeze(scratches(image.height, image.width)))


def _probability(image: Image) -> Probability:
    chosen = scratches(image.height, image.width).astype(np.float32)
    return Probability(pixels=freeze(chosen * np.float32(0.8)))


def _faces(image: Image) -> Faces:
    if min(image.height, image.width) < 48:
        return Faces(())
    x, y, side = image.width * 0.3, image.height * 0.2, min(image.height, image.width) * 0.5
    places = ((0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8))
    landmarks = tuple((x + side * u, y + side * v) for u, v in places)
    return Faces((Face(box=(x, y, side, side), landmarks=landmarks, score=0.9),))


def sample_references(*pictures: Image, snapshot: str = "sample") -> References:
    """Return references to whole pictures, in this order, as a step receives them.

    Each time one is read it gives the picture, with its samples read-only.
    """
    return References(
        references=tuple(
            Reference(
                asset=hashlib.sha256(b"reference %d" % number).hexdigest(),
                region=(0, 0, picture.width, picture.height),
                score=max(0.0, 0.9 - number / 10),
                reason="sample",
                read=partial(_read, picture),
            )
            for number, picture in enumerate(pictures)
        ),
        snapshot=snapshot,
        reason=f"{len(pictures)} given",
    )


def _read(picture: Image, longest: int = 0) -> Image:
    factor = longest / max(picture.height, picture.width)
    if longest == 0 or factor >= 1:
        return picture.with_pixels(freeze(picture.pixels))
    rows, columns = (
        (np.arange(max(1, round(side * factor))) / factor).astype(int)
        for side in (picture.height, picture.width)
    )
    return picture.with_pixels(freeze(picture.pixels[rows][:, columns]))


def _references(image: Image) -> References:
    """Return two pictures of half the size, as little like the picture as any others."""
    size = {"height": max(image.height // 2, 1), "width": max(image.width // 2, 1)}
    pictures = (sample_image(**size, colour=image.colour, seed=seed) for seed in (1, 2))
    return sample_references(*pictures)


def _transfer_map(image: Image) -> TransferMap:
    height, width = -(-image.height // 4), -(-image.width // 4)
    return TransferMap(
        source=freeze(np.full((height, width), -1, np.int32)),
        position=freeze(np.zeros((height, width, 2), np.int32)),
        similarity=freeze(np.zeros((height, width), np.float32)),
        assets=(),
        stride=4,
    )


def _embedding(image: Image) -> Embedding:
    vectors = np.zeros((1, 8), np.float32)
    vectors[0, 0] = 1
    regions = ((0, 0, image.width, image.height),)
    return Embedding(vectors=freeze(vectors), regions=regions, model="sample")


def _scores(_: Image) -> Scores:
    return Scores({"sample": 0.5})


_MAKERS: Mapping[Kind, Callable[[Image], Value]] = {
    Kind.MASK: _mask,
    Kind.PROBABILITY: _probability,
    Kind.FACES: _faces,
    Kind.REFERENCES: _references,
    Kind.TRANSFER_MAP: _transfer_map,
    Kind.EMBEDDING: _embedding,
    Kind.SCORES: _scores,
}
