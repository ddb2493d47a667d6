"""The first stage: what colour a place has, learnt from places of all pictures at once.

A step looks at some thousand places of as many pictures as there are, so that it moves towards what
holds of all of them. That a few crops in a step cannot do, however long they are looked at.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from archivist_colorization.compact.columns import Columns, columns_of
from archivist_colorization.compact.decoder import UNIT, guess_of
from archivist_colorization.compact.network import Compact
from archivist_colorization.training.samples import Samples
from archivist_colorization.training.task import distance, likelihood
from archivist_colorization.training.validation import Validation
from archivist_torch.device import Compute
from archivist_torch.seeding import generator
from archivist_torch.training import Batch

LOG = logging.getLogger(__name__)

VIEWS, PLACES = 10, 160
"""So often each picture is cut out anew, and so many places of it are kept: 1.7 GB for 800."""
LESSON = 256
"""Places in a sample."""
LIKELIHOOD = 0.4
"""Weight of the scale beside colour."""


class ColumnsTask:
    """Distance of colours, of places drawn from views of all pictures."""

    def __init__(
        self,
        whole: Compact,
        samples: Samples,
        validation: Validation,
        compute: Compute,
        views: int = VIEWS,
    ) -> None:
        """Look at every picture ``views`` times; ``whole`` has the encoder that looks."""
        self.whole = copy.deepcopy(whole).eval()
        self.seed, self.validation = samples.seed, validation
        columns, colours = [], []
        for number in range(views * len(samples.material.album)):
            seen, true = self._look(samples, number, compute)
            columns.append(seen)
            colours.append(true)
        self.columns, self.colours = torch.cat(columns), torch.cat(colours)
        LOG.info("%d places of %d pictures", len(self.columns), len(samples.material.album))

    def batch(self, indices: Sequence[int]) -> Batch:
        """Return columns (n, COLUMN) and true colours (n, 2) of LESSON places a sample."""
        rngs = (generator("places", self.seed, index) for index in indices)
        drawn = np.concatenate([rng.integers(0, len(self.columns), LESSON) for rng in rngs])
        chosen = torch.from_numpy(drawn)
        return self.columns[chosen], self.colours[chosen]

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Return the mean distance of colours, and the likelihood of the errors."""
        columns, truth = batch
        guess = guess_of(network(columns.float())[..., None, None].float())
        off = distance(guess.colour, truth[..., None, None])
        return off.mean() / UNIT + LIKELIHOOD * likelihood(guess.scale, off).mean() / 4

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Return shares of the error of grey that automatic colour takes away."""
        assert isinstance(network, Columns)
        self.whole.decoder.columns = network
        return self.validation.alone(self.whole)

    @torch.inference_mode()
    def _look(self, samples: Samples, number: int, compute: Compute) -> tuple[Tensor, Tensor]:
        """Return columns (PLACES, COLUMN), half precision, and true colours of a view."""
        light, colour = samples.view(number)
        with torch.autocast("cpu", compute.dtype, enabled=compute.dtype is not torch.float32):
            maps = self.whole.encoder(torch.from_numpy(light)[None])
        columns = columns_of([x.float() for x in maps])[0].flatten(0, 1)
        true = functional.avg_pool2d(torch.from_numpy(colour), 2).flatten(1).T
        drawn = generator("view", self.seed, number).permutation(len(columns))[:PLACES]
        return columns[drawn].half(), true[drawn]
