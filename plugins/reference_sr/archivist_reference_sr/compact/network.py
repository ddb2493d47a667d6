"""The compact network as a whole: what its weight file holds."""

from __future__ import annotations

from torch import Tensor, nn

from archivist_reference_sr.compact.describer import Describer
from archivist_reference_sr.compact.enlarger import Enlarger
from archivist_reference_sr.compact.joiner import Joiner
from archivist_reference_sr.picture import enlarged_exactly


class Compact(nn.Module):
    """Describes pictures for the search, enlarges them, and joins what was borrowed.

    0.9 million numbers. Texture is borrowed by :func:`.borrow.borrow`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.describer, self.enlarger, self.joiner = Describer(), Enlarger(), Joiner()

    @property
    def radius(self) -> int:
        """Pixels of the small picture to each side that a position of the result depends on."""
        return self.enlarger.radius + self.joiner.radius

    def forward(self, small: Tensor, detail: Tensor, similarity: Tensor) -> Tensor:
        """Return pictures (batch, 3, 4 x height, 4 x width), -1..1.

        ``small`` is (batch, 3, height, width), -1..1; ``detail`` and ``similarity`` (batch, 1,
        height, width) are what was borrowed; where similarity is 0 the result does not depend on
        either.
        """
        features, made = self.enlarger.surer(small)
        if bool(similarity.any()):
            plain = enlarged_exactly(small)
            made = made + self.joiner(features, made - plain, detail, similarity)
        return made.clamp(-1, 1)
