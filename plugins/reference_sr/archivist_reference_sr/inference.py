"""The network on pictures of any size, with any number of references of any size.

References are taken one after another, part by part; of each part only the matches and the texture
that is borrowed from it are kept. The picture goes through the main network in windows that see as
far as the network does, so the result is that of the whole but for rounding. Memory is linear in
the picture's area, and in that of one reference; the number of references does not matter.

The main network runs in two passes, as its first half looks 68 pixels to each side and its second
half 32: between them features at the picture's own size are kept, 256 bytes a pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from archivist_reference_sr.extractor import COARSEST, STRIDES, TextureExtractor
from archivist_reference_sr.matching import Matcher, Matches
from archivist_reference_sr.network import TTSR, MainNet
from archivist_reference_sr.patches import bordered
from archivist_reference_sr.picture import (
    SCALE,
    Pixels,
    blurred,
    enlarged,
    from_network,
    prepared,
    to_network,
)
from archivist_reference_sr.transfer import Part, Sources, assembled, table
from archivist_torch.windows import Box, Window, windows

EXTRACTED = 512
"""Side in pixels of the parts in which features are extracted: 75 MB for each map of 64 channels.
"""
TILE = 256
"""Default of the largest side, in pixels of the small picture, that the second pass sees at once.

Its maps have 64 channels at four times the size: 268 MB each, and five at a time.
"""
SMALLEST_TILE = 3 * MainNet.RADIUS_FINISH


@dataclass(frozen=True, slots=True, eq=False)
class Enlarged:
    """Pixels (4 x height, 4 x width, channels), 0..1, and where their texture came from.

    ``matches`` is at the small picture's size; rows and columns count blocks of 4x4 pixels of the
    reference.
    """

    pixels: Pixels
    matches: Matches


def ready(network: TTSR, device: torch.device) -> TTSR:
    """Return the network on a device, for inference alone.

    Channels last: on a server's CPU the main network then needs 0.65 of the time.
    """
    frozen = network.eval().requires_grad_(False)
    return frozen.to(device=device, memory_format=torch.channels_last)


@torch.inference_mode()
def enlarge(
    network: TTSR,
    pixels: Pixels,
    references: Sequence[Pixels],
    *,
    fast: bool = False,
    tile: int = TILE,
    pause: Callable[[], None] = lambda: None,
) -> Enlarged:
    """Enlarge pixels (height, width, 1 or 3), 0..1, four times, with texture of the references.

    ``network`` comes from :func:`ready`. ``references`` are such pixels too, at their full size; a
    sequence may load them when asked, they are not kept. Where they are equally similar, the first
    one counts; without any, nothing is borrowed. ``fast`` halves the time of the matching
    (:class:`Matcher`). ``tile`` bounds memory. ``pause`` is called before each piece of work; it
    may raise to stop.
    Raises ValueError for a reference smaller than a patch (12 px), wrong channels or a tile under
    96 px.
    """
    if tile < SMALLEST_TILE:
        raise ValueError(f"a tile of {tile} px is too small; give at least {SMALLEST_TILE}")
    work = _Work(network, references, next(network.parameters()).device, fast, tile, pause)
    picture = work.to_device(to_network(pixels))
    matches = work.match(picture)
    begun = work.begin(picture, matches)
    result = work.finish(begun, matches)
    return Enlarged(from_network(result, pixels.shape[2]), matches)


@dataclass(frozen=True, slots=True)
class _Work:
    network: TTSR
    references: Sequence[Pixels]
    device: torch.device
    fast: bool
    tile: int
    pause: Callable[[], None]

    def to_device(self, picture: Tensor) -> Tensor:
        return picture.to(self.device).contiguous(memory_format=torch.channels_last)

    def match(self, picture: Tensor) -> Matches:
        """Return the best position of all references for every pixel of the small picture."""
        matcher = Matcher(self._queries(enlarged(picture)), fast=self.fast)
        for number in range(len(self.references)):
            unsharp = blurred(self._reference(number))
            for window in _extraction_windows(unsharp):
                self.pause()
                rows, columns = window.inner(COARSEST)
                # Features end inside a window only where the reference ends: there zeros follow.
                features = bordered(self._coarse(unsharp, window))
                keys = features[:, rows.start : rows.stop + 2, columns.start : columns.stop + 2]
                top, left = (part.start for part in window.core_at(COARSEST))
                matcher.search(keys, number, (top, left))
        return matcher.matches()

    def begin(self, picture: Tensor, matches: Matches) -> Tensor:
        """Return the features between both passes (1, features, height, width)."""
        size, main = picture.shape[2:], self.network.MainNet
        begun = picture.new_empty(1, main.conv12.in_channels, *size)
        # Maps at the picture's own size are small: a wide window costs less than many halos.
        for window in _main_windows(size, 2 * self.tile, MainNet.RADIUS_BEGIN):
            self.pause()
            (third,) = self._textures(matches, window, (2,))
            seen = (..., *window.seen)
            features = main.begin(picture[seen], matches.similarity[None, None][seen], third)
            begun[(..., *window.core)] = features[(..., *window.inner())]
        return begun

    def finish(self, begun: Tensor, matches: Matches) -> Tensor:
        """Return the enlarged picture (3, 4 x height, 4 x width), on the CPU."""
        height, width = begun.shape[2:]
        result = torch.empty(3, height * SCALE, width * SCALE)
        for window in _main_windows((height, width), self.tile, MainNet.RADIUS_FINISH):
            self.pause()
            seen = (..., *window.seen)
            attention = matches.similarity[None, None][seen]
            part = self.network.MainNet.finish(
                begun[seen], attention, *self._textures(matches, window, (1, 0))
            )
            core = part[(0, slice(None), *_times(window.inner(), SCALE))]
            result[(slice(None), *_times(window.core, SCALE))] = core.cpu()
        return result

    def _reference(self, number: int) -> Tensor:
        return self.to_device(prepared(self.references[number]))

    def _coarse(self, picture: Tensor, window: Window) -> Tensor:
        return self.network.LTE.coarse(picture[(..., *window.seen)])[0]

    def _queries(self, picture: Tensor) -> Tensor:
        size = (side // COARSEST for side in picture.shape[2:])
        queries = picture.new_empty(self.network.LTE.widths[2], *size)
        for window in _extraction_windows(picture):
            features = self._coarse(picture, window)
            queries[(..., *window.core_at(COARSEST))] = features[(..., *window.inner(COARSEST))]
        return queries

    def _textures(
        self, matches: Matches, window: Window, levels: Sequence[int]
    ) -> tuple[Tensor, ...]:
        """Return the borrowed texture of a window at some levels, (1, channels, ...) each."""
        sources = Sources.of(matches, window.seen)
        scales = {level: SCALE // STRIDES[level] for level in levels}
        height, width = (part.stop - part.start for part in window.seen)
        into = {
            level: torch.zeros(
                height * width, scale**2 * self.network.LTE.widths[level], device=self.device
            )
            for level, scale in scales.items()
        }
        for number in sources.numbers():
            for part, features, inner in self._lenders(sources, number, levels):
                for level, scale in scales.items():
                    values = features[level][(0, slice(None), *_times(inner, scale))]
                    part.lend(table(values, scale), into[level])
        return tuple(
            assembled(into.pop(level), height, width, scales[level])[None] for level in levels
        )

    def _lenders(
        self, sources: Sources, number: int, levels: Sequence[int]
    ) -> Iterator[tuple[Part, Sequence[Tensor], Box]]:
        """Yield the parts of a reference that lend something, their features, and the core."""
        reference, extractor = self._reference(number), self.network.LTE
        for window in _extraction_windows(reference):
            part = sources.within(number, window.core_at(COARSEST))
            if part:
                self.pause()
                seen = reference[(..., *window.seen)]
                features = extractor(seen) if 2 in levels else extractor.fine(seen)
                yield part, features, window.inner(COARSEST)


def _extraction_windows(picture: Tensor) -> Iterator[Window]:
    height, width = picture.shape[2:]
    halo = TextureExtractor.RADIUS + COARSEST  # a patch sees one position more than its middle
    return windows(height, width, core=EXTRACTED, halo=halo, multiple=COARSEST)


def _main_windows(size: Sequence[int], limit: int, halo: int) -> Iterator[Window]:
    """Yield windows of about equal size that see about ``limit`` pixels each way, or all."""
    counts = [1 if side <= limit else -(-side // (limit - 2 * halo)) for side in size]
    core = max(-(-side // count) for side, count in zip(size, counts, strict=True))
    return windows(*size, core=core, halo=halo, multiple=1)


def _times(box: Box, factor: int) -> Box:
    rows, columns = (slice(part.start * factor, part.stop * factor) for part in box)
    return rows, columns
