"""Instance norm over a whole picture, its convolutions band by band.

The plain way pads and copies every map and keeps input and output of each layer. Here

- a convolution is computed for bands of rows, each with the rows around it that it needs (halo),
  so that padded copies and work space have the size of a band;
- mean and variance of each channel are gathered meanwhile, then the map is normalised in place;
- a convolution that keeps size and width takes the memory of its input;
- a map that is larger than what lies before and behind it together (the full-size maps of the
  autoencoders) is not stored: it is computed twice, for its statistics and for the next layer.

Quality mode thus needs two maps of 512 channels at a quarter of the sides: 4 KiB for 16 pixels.
Results are those of the plain way but for the order of sums.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from archivist_triplet.paper.blocks import Pause, go_on
from archivist_triplet.paper.layers import Layer, Rows, layers_of

EPS = 1e-5
"""Added to variances, as torch's instance norm does."""

BAND_VALUES = 2**23
"""Values of input and output of one band: 32 MiB in float32."""


class Banded:
    """Computes chains of layers with memory that is linear in the area and small."""

    def __init__(self, band_values: int = BAND_VALUES, pause: Pause = go_on) -> None:
        self.band_values = band_values
        self.pause = pause

    def chain(self, layers: nn.Sequential, x: Tensor, *, keep: bool = False) -> Tensor:
        """Return ``layers(x)``; unless ``keep``, ``x`` is overwritten."""
        todo = layers_of(layers)
        while todo:
            group = todo.pop(0)
            if isinstance(group, tuple):
                x = self._residual(*group, x, keep=keep)
            elif todo and isinstance(after := todo[0], Layer) and _skips(group, after, x):
                del todo[0]
                x = self._fused(group, after, x)
            else:
                x = self._layer(group, x, keep=keep)
            keep = False
        return x

    def join(self, layer: nn.Conv2d, parts: Sequence[Tensor]) -> Tensor:
        """Return the convolution of the joined channels in the memory of the first part."""
        target, last = parts[0], parts[-1]
        bare = Layer(conv=layer)
        self._fill(bare, Sliding(parts), last, target)
        return target

    def _residual(self, first: Layer, second: Layer, x: Tensor, *, keep: bool) -> Tensor:
        inner = self._layer(second, self._layer(first, x, keep=True))
        return inner.add_(x) if keep else x.add_(inner)

    def _layer(self, layer: Layer, x: Tensor, *, keep: bool = False) -> Tensor:
        if layer.in_place and not keep:
            moments = self._fill(layer, Sliding([x]), x, x)
            return self._finish(layer, x, moments)
        target = _empty(layer, x)
        moments = self._fill(layer, _stored(x), x, target)
        return self._finish(layer, target, moments)

    def _fused(self, first: Layer, second: Layer, x: Tensor) -> Tensor:
        """Compute two layers without storing what lies between them."""
        middle = first.size(*x.shape[2:])
        moments = self._fill(first, _stored(x), x, None)

        def between(start: int, end: int) -> Tensor:
            rows = first.rows(_stored(x), x.shape[2], start, end)
            return self._finish(first, rows, moments)

        size = second.size(*middle)
        target = x.new_empty(x.shape[0], second.conv.out_channels, *size)
        found = Moments()
        for start, end in _bands(size[0], self._rows_of_band(second, middle[1], size[1])):
            self.pause()
            rows = second.rows(between, middle[0], start, end)
            target[:, :, start:end] = rows
            found.add(rows)
        return self._finish(second, target, found)

    def _fill(self, layer: Layer, read: Rows, x: Tensor, target: Tensor | None) -> Moments:
        """Write the convolution of ``x``, as ``read`` gives it, and return its moments."""
        height, width = x.shape[2:]
        size = layer.size(height, width)
        moments = Moments()
        for start, end in _bands(size[0], self._rows_of_band(layer, width, size[1])):
            self.pause()
            rows = layer.rows(read, height, start, end)
            if target is not None:
                target[:, :, start:end] = rows
            if layer.norm:
                moments.add(rows)
        return moments

    def _finish(self, layer: Layer, x: Tensor, moments: Moments) -> Tensor:
        """Normalise and activate in place; in bands, so that each is read from memory once."""
        height = max(1, self.band_values // (x.shape[1] * x.shape[3]))
        for start, end in _bands(x.shape[2], height):
            rows = x[:, :, start:end]
            layer.activate_(moments.normalise_(rows) if layer.norm else rows)
        return x

    def _rows_of_band(self, layer: Layer, width: int, out_width: int) -> int:
        scale = max(1, width // out_width)
        line = scale * width * layer.conv.in_channels + out_width * layer.conv.out_channels
        return max(1, self.band_values // line)


class Sliding:
    """Reads rows from above to below, joined along channels, while rows already read change.

    What was read last is kept, so the halo above a band stays as it was.
    """

    def __init__(self, parts: Sequence[Tensor]) -> None:
        self.parts = parts
        self.first, self.end = 0, 0
        self.window: Tensor | None = None

    def __call__(self, first: int, end: int) -> Tensor:
        """Return rows first..end; neither may be less than in the call before."""
        fresh = torch.cat([part[:, :, self.end : end] for part in self.parts], dim=1)
        if self.window is not None:
            fresh = torch.cat([self.window[:, :, first - self.first :], fresh], dim=2)
        self.first, self.end, self.window = first, end, fresh
        return fresh


class Moments:
    """Mean and variance of each channel, gathered band by band in float64.

    Bands are merged by the rule of Chan, Golub and LeVeque (1979), which does not cancel.
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean = torch.zeros(())
        self.squares = torch.zeros(())
        """Sum of squared differences from the mean."""

    def add(self, rows: Tensor) -> None:
        """Take rows (batch, channels, height, width) in."""
        variance, mean = torch.var_mean(rows, dim=(2, 3), correction=0, keepdim=True)
        count = rows.shape[2] * rows.shape[3]
        whole = self.count + count
        away = mean.double() - self.mean
        self.mean = self.mean + away * (count / whole)
        self.squares = (
            self.squares + variance.double() * count + away**2 * (self.count * count / whole)
        )
        self.count = whole

    def normalise_(self, rows: Tensor) -> Tensor:
        """Normalise rows in place to mean 0 and variance 1 of the whole map."""
        scale = (self.squares / self.count + EPS).rsqrt()
        return rows.sub_(self.mean.to(rows.dtype)).mul_(scale.to(rows.dtype))


def _skips(first: Layer, second: Layer, x: Tensor) -> bool:
    """Return whether the map between two layers is larger than those around it together."""
    middle = first.size(*x.shape[2:])
    behind = second.size(*middle)
    before = x.shape[1] * x.shape[2] * x.shape[3]
    inner = first.conv.out_channels * middle[0] * middle[1]
    return inner > before + second.conv.out_channels * behind[0] * behind[1]


def _empty(layer: Layer, x: Tensor) -> Tensor:
    return x.new_empty(x.shape[0], layer.conv.out_channels, *layer.size(*x.shape[2:]))


def _stored(x: Tensor) -> Rows:
    return lambda first, end: x[:, :, first:end]


def _bands(height: int, rows: int) -> Iterator[tuple[int, int]]:
    for start in range(0, height, rows):
        yield start, min(start + rows, height)
