"""The three networks of the paper as one, and how their outputs feed each other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from archivist_colorization.colour_net import ColourNetwork
from archivist_colorization.correspondence import SCALE, CorrespondenceNetwork
from archivist_colorization.features import FeatureNetwork
from archivist_colorization.lab import MIDDLE
from archivist_colorization.matching import BEST, Matches, best_of, match


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemplar:
    """A colour photograph, ready to be matched any number of times.

    ``vectors`` (256, rows * columns) of length 1; ``lab`` (3, rows * columns): L minus 50, a, b,
    averaged over 4 x 4 px; ``rows`` and ``columns`` of the grid, one quarter of the working size.
    """

    vectors: Tensor
    lab: Tensor
    rows: int
    columns: int


class PaperNetworks(nn.Module):
    """Features, correspondence and colour: 59,743,885 numbers in one state dict.

    Sides of all inputs must fit :class:`CorrespondenceNetwork`; see
    :mod:`archivist_colorization.inference` for pictures of any size.
    """

    def __init__(
        self,
        features: FeatureNetwork | None = None,
        correspondence: CorrespondenceNetwork | None = None,
        colour: ColourNetwork | None = None,
    ) -> None:
        super().__init__()
        self.features = features or FeatureNetwork()
        self.correspondence = correspondence or CorrespondenceNetwork()
        self.colour = colour or ColourNetwork()

    def exemplar(self, rgb: Tensor, lab: Tensor, grid: tuple[int, int] | None = None) -> Exemplar:
        """Describe an exemplar: RGB (1, 3, h, w) in 0..1 and the same as Lab, L minus 50.

        ``grid`` keeps only the first rows and columns of the h / 4 x w / 4 positions: what is
        beyond was padded and is no source of colour.
        """
        vectors = self.correspondence.exemplar(self.features.levels(rgb))
        pooled = functional.avg_pool2d(lab, SCALE)
        rows, columns = grid or (vectors.shape[2], vectors.shape[3])
        return Exemplar(
            vectors=vectors[0, :, :rows, :columns].flatten(1),
            lab=pooled[0, :, :rows, :columns].flatten(1),
            rows=rows,
            columns=columns,
        )

    def matches(
        self, lightness: Tensor, exemplars: Iterable[Exemplar], temperature: float = BEST
    ) -> Matches:
        """Match L minus 50 (1, 1, h, w) with exemplars, one after another; values are Lab."""
        grey = ((lightness + MIDDLE) / 100).expand(-1, 3, -1, -1)
        target = self.correspondence.target(self.features.levels(grey))[0].flatten(1)
        return best_of(
            match(target, one.vectors, one.lab, temperature=temperature, number=number)
            for number, one in enumerate(exemplars)
        )

    def forward(
        self, lightness: Tensor, warped: Tensor, similarity: Tensor, previous: Tensor | None = None
    ) -> Tensor:
        """Return a and b (1, 2, h, w).

        ``lightness`` (1, 1, h, w) is L minus 50; ``warped`` (1, 3, h, w) the matched Lab, of which
        a and b are used; ``similarity`` (1, 1, h, w); ``previous`` (1, 3, h, w) the Lab of the
        frame before, zeros for a picture of its own.
        """
        batch, _, height, width = lightness.shape
        before = lightness.new_zeros(batch, 3, height, width) if previous is None else previous
        return self.colour(torch.cat([lightness, warped[:, 1:], similarity, before], dim=1))


def on_grid(values: Tensor, height: int, width: int) -> Tensor:
    """Bring values of matched positions, (channels, n) or (n), to (1, channels, height, width)."""
    grid = values.reshape(1, -1, height // SCALE, width // SCALE)
    return functional.interpolate(grid, scale_factor=SCALE, mode="nearest")
