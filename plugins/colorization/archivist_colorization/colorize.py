"""The step ``color.colorize``: colour for a grey photograph, and where it came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from archivist.api import (
    Colour,
    Image,
    Probability,
    Reference,
    References,
    Scores,
    StepContext,
    TransferMap,
    Value,
    Verdict,
)
from archivist_colorization import inference as paper
from archivist_colorization import sequence
from archivist_colorization.colour_profile import rgb_profile
from archivist_colorization.compact import inference as compact
from archivist_colorization.compact.framing import ready
from archivist_colorization.compact.network import Compact
from archivist_colorization.inference import NOWHERE, Coloured
from archivist_colorization.lightness import Pixels, lightness_of
from archivist_colorization.networks import PaperNetworks
from archivist_colorization.params import ColorizeParams
from archivist_colorization.plugin import COMPACT, PAPER
from archivist_colorization.recolour import recolour
from archivist_colorization.toning import Toning, assess
from archivist_torch.weights import load_network

Floats = NDArray[np.float32]
Paint = Callable[[Pixels, "Palette", "Pixels | None", ColorizeParams, StepContext], Coloured]
"""Lightness, exemplars, what was made of the frame before, params, context."""

READ = 768
"""Longest side in pixels to which exemplars are read."""
SOFT = 0.5
"""Colour fades in from the limit of confidence to (1 + SOFT) times it."""
LEAST_RANGE = 2 / 255
"""A picture whose tones differ by less shows nothing that could be coloured."""
RADIUS = {"compact": 1, "paper": 4}
"""Half width of the windows in which colour follows lightness, in pixels of the colour."""


def applies(inputs: Mapping[str, Value], params: ColorizeParams, ctx: StepContext) -> Verdict:
    """Say whether the photograph is grey or toned, and shows something."""
    image = _image(inputs)
    if np.ptp(image.pixels) < LEAST_RANGE:
        return Verdict(needed=False, reason="it is of one tone: there is nothing to colour")
    toning = assess(at_depth(image))
    scores = {"tint": toning.tint, "variety": toning.variety, "strongest": toning.strongest}
    needed = params.when == "always" or not toning.coloured
    return Verdict(needed=needed, reason=_in_words(toning), scores=scores)


def run(
    inputs: Mapping[str, Value], params: ColorizeParams, ctx: StepContext
) -> Mapping[str, Value] | Verdict:
    """Return ``image``, ``confidence``, ``exemplar_map`` and ``scores``."""
    image = _image(inputs)
    given = inputs.get("exemplars")
    offered = given.references if isinstance(given, References) and params.exemplars > 0 else ()
    palette = Palette(offered, ctx)
    light = lightness_of(at_depth(image))
    before = _before(inputs, light, ctx) if params.carry > 0 else None
    if params.network == "paper" and not palette.usable():
        return Verdict(
            needed=False,
            reason="the paper's network colours by exemplars alone, and there is none; "
            'network = "compact" knows automatic colour',
        )
    if not (params.automatic or before is not None or palette.usable()):
        return Verdict(
            needed=False,
            reason="no exemplar tells a colour, and automatic colour is off: nothing was coloured",
        )
    made = _painter(params, ctx)(light, palette, before, params, ctx)
    share = neutral_share(made.confidence, params.confidence)
    ab = made.ab * (params.saturation * (1 - share))[..., None]
    carried = 0.0
    if before is not None:
        ab, followed = sequence.carried(ab, light, before, params.carry)
        carried = float(followed.mean())
    rgb = recolour(light, np.ascontiguousarray(ab, np.float32), RADIUS[params.network])
    return {
        "image": Image(
            pixels=rgb.astype(np.float32) / np.float32(np.iinfo(rgb.dtype).max),
            colour=Colour.RGB,
            depth=image.depth,
            icc=rgb_profile(image.icc) if image.colour is Colour.GREY else image.icc,
        ),
        "confidence": _confidence(made, light.shape),
        "exemplar_map": exemplar_map(made, share, palette.taken, light.shape),
        "scores": Scores(_scores(made, share, ab, palette) | {"carried": carried}),
    }


class Palette:
    """Exemplars in colour, read one after another and not kept.

    ``taken`` are those that were yielded, by number; grey and toned ones are refused.
    """

    def __init__(self, references: Sequence[Reference], ctx: StepContext) -> None:
        self._references, self._ctx = list(references), ctx
        self.taken: list[Reference] = []
        self.refused = 0
        self._first: tuple[Reference, Pixels] | None = None

    def usable(self) -> bool:
        """Say whether there is any; what was read for that is not read again."""
        if self._first is None:
            self._first = next(self._read(), None)
        return self._first is not None

    def __iter__(self) -> Iterator[Pixels]:
        first, self._first = self._first, None
        if first is not None:
            self.taken.append(first[0])
            yield first[1]
        for reference, pixels in self._read():
            self.taken.append(reference)
            yield pixels

    def _read(self) -> Iterator[tuple[Reference, Pixels]]:
        while self._references:
            reference = self._references.pop(0)
            image = reference.read(READ)
            pixels = at_depth(image)
            if image.colour is Colour.GREY or not assess(pixels).coloured:
                self.refused += 1
                self._ctx.log.warning(
                    "exemplar %s left out: it is grey or toned and has no colour to give",
                    reference.asset[:12],
                )
                continue
            yield reference, pixels


def at_depth(image: Image) -> Pixels:
    """Return pixels as whole numbers of the scan's depth: (h, w) or (h, w, 3)."""
    dtype = np.uint8 if image.depth == 8 else np.uint16
    levels = np.rint(np.clip(image.pixels, 0, 1) * np.float32(np.iinfo(dtype).max)).astype(dtype)
    return levels[..., 0] if levels.shape[2] == 1 else levels


def neutral_share(confidence: Floats, limit: float) -> Floats:
    """Return how neutral each place stays, 0..1: 1 below the limit, 0 well above it."""
    if limit <= 0:
        return np.zeros_like(confidence)
    place = np.clip((confidence - limit) / (limit * SOFT), 0, 1)
    return np.asarray(1 - place * place * (3 - 2 * place), np.float32)


def exemplar_map(
    made: Coloured, neutral: Floats, exemplars: Sequence[Reference], shape: tuple[int, ...]
) -> TransferMap:
    """Return where colour came from, in pixels of the upright scans of the exemplars."""
    rows, columns = made.exemplar.shape
    stride = max(1, -(-max(shape) // max(rows, columns)))
    height, width = (-(-side // stride) for side in shape)
    y = np.minimum((np.arange(height) + 0.5) * stride / shape[0] * rows, rows - 1).astype(np.intp)
    x = np.minimum((np.arange(width) + 0.5) * stride / shape[1] * columns, columns - 1)
    place = np.ix_(y, x.astype(np.intp))
    shown = cv2.resize(neutral, (columns, rows), interpolation=cv2.INTER_AREA)
    lent = (made.exemplar != NOWHERE) & (made.trust >= 0.5) & (shown < 0.5)
    source = np.where(lent, made.exemplar, NOWHERE)[place].astype(np.int32)
    position = np.zeros((height, width, 2), np.int32)
    for number, one in enumerate(exemplars):
        corner, sides = np.array(one.region[:2]), np.array(one.region[2:])
        chosen = source == number
        inside = np.minimum(made.position[place][chosen] * sides, sides - 1)
        position[chosen] = np.floor(inside).astype(np.int32) + corner
    similarity = np.clip(made.similarity[place], 0, 1) * (source != NOWHERE)
    return TransferMap(
        source=np.ascontiguousarray(source),
        position=position,
        similarity=np.ascontiguousarray(similarity, np.float32),
        assets=tuple(one.asset for one in exemplars),
        stride=stride,
    )


def _scores(made: Coloured, neutral: Floats, ab: Floats, palette: Palette) -> dict[str, float]:
    size = (neutral.shape[1], neutral.shape[0])
    trust = cv2.resize(made.trust, size, interpolation=cv2.INTER_LINEAR)
    coloured = neutral < 0.5
    lent = coloured & (trust >= 0.5)
    return {
        "mean_confidence": float(made.confidence.mean()),
        "from_exemplars": float(lent.mean()),
        "automatic": float((coloured & ~lent).mean()),
        "neutral": float((~coloured).mean()),
        "mean_chroma": float(np.hypot(ab[..., 0], ab[..., 1]).mean()),
        "exemplars": float(len(palette.taken)),
        "exemplars_refused": float(palette.refused),
    }


def _in_words(toning: Toning) -> str:
    if toning.grey:
        return "a grey photograph"
    if not toning.coloured:
        return (
            f"a toned photograph (tint {toning.tint:.1f}, variety of colour {toning.variety:.2f})"
        )
    if toning.printlike:
        return f"a colour photograph: its variety of colour is {toning.variety:.2f}, limit 1"
    return (
        f"a colour photograph: no print has a tint of {toning.strongest:.0f} in a hue of "
        f"{toning.hue:.0f} degrees"
    )


def _image(inputs: Mapping[str, Value]) -> Image:
    image = inputs["image"]
    assert isinstance(image, Image)
    return image


def _before(inputs: Mapping[str, Value], light: Pixels, ctx: StepContext) -> Pixels | None:
    """Return the result of the frame before, if it is of this size and in colour."""
    before = inputs.get("before")
    if not isinstance(before, Image) or before.colour is not Colour.RGB:
        return None
    if (before.height, before.width) != light.shape:
        ctx.log.warning(
            "the frame before is %d x %d px, this one %d x %d px: coloured by itself",
            before.width,
            before.height,
            light.shape[1],
            light.shape[0],
        )
        return None
    return at_depth(replace(before, depth=8 if light.dtype == np.uint8 else 16))


def _confidence(made: Coloured, shape: tuple[int, ...]) -> Probability:
    size = (shape[1], shape[0])
    full = cv2.resize(made.confidence, size, interpolation=cv2.INTER_LINEAR)
    return Probability(pixels=np.ascontiguousarray(np.clip(full, 0, 1), np.float32))


def _painter(params: ColorizeParams, ctx: StepContext) -> Paint:
    """Return the chosen network as a function; weights are loaded once per worker."""

    def make() -> Paint:
        torch.set_num_threads(max(1, ctx.threads))
        device = torch.device(ctx.device)
        if params.network == "compact":
            own = ready(load_network(Compact, ctx.weights(COMPACT.name)), device)
            return lambda *call: _compact(own, *call)
        networks = load_network(PaperNetworks, ctx.weights(PAPER.name)).to(device)
        return lambda *call: _paper(networks, *call)

    return ctx.cached(f"archivist_colorization/{params.network}/{ctx.device}", make)


def _compact(
    network: Compact,
    light: Pixels,
    palette: Palette,
    before: Pixels | None,
    params: ColorizeParams,
    ctx: StepContext,
) -> Coloured:
    area = params.working_size**2
    return compact.colour(
        network,
        light,
        (compact.describe(network, one, area) for one in palette),
        area=area,
        weight=params.exemplars,
        invent=params.automatic,
        pause=ctx.check_cancelled,
    )


def _paper(
    networks: PaperNetworks,
    light: Pixels,
    palette: Palette,
    before: Pixels | None,
    params: ColorizeParams,
    ctx: StepContext,
) -> Coloured:
    area = params.working_size**2
    described = (paper.prepare_exemplar(networks, one, area) for one in palette)
    return paper.colour(networks, light, described, previous=before, area=area)
