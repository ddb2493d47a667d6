"""The last pictures of two runs side by side: measured where both were kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from archivist.api import ArchivistError, Determinism, StepSpec
from archivist.catalog.behind import Made
from archivist.model import Artifact, Status
from archivist.report.measuring import Measure, measure
from archivist.store.artifacts import load_picture
from archivist.store.blobs import BlobStore

Images = tuple[tuple[str, Artifact | None], tuple[str, Artifact | None]]
"""Of both runs the digest of the last picture, and where it lies."""


class Measuring:
    """Measures differences, at most so many; ``specs`` are the installed steps."""

    def __init__(self, store: BlobStore | None, specs: Mapping[str, StepSpec], most: int) -> None:
        self._store, self._specs, self._left = store, specs, most

    def measured(self, images: Images) -> tuple[Measure | None, str]:
        """Return how the last pictures differ, or the reason why that is not known."""
        artifacts = images[0][1], images[1][1]
        if None in artifacts and images[0][0] != images[1][0]:
            return None, "one of them is the scan itself, unchanged"
        if self._store is None:
            return None, "it is not known where the store lies; name the folder with --out"
        if self._left <= 0:
            return None, "not measured: enough others were (--measure)"
        self._left -= 1
        try:
            rasters = [load_picture(self._store, one).raster for one in artifacts if one]
        except ArchivistError as error:
            return None, str(error)
        if rasters[0].shape != rasters[1].shape:
            sizes = " and ".join(f"{one.shape[1]} by {one.shape[0]}" for one in rasters)
            return None, f"of different size or channels: {sizes}"
        return measure(rasters[0], rasters[1]), ""

    def tolerance(self, first: Sequence[Made], second: Sequence[Made]) -> float:
        """Return the largest tolerance that the steps of both declare, where both took the same.

        It is 0 where they took other steps, or where no step declares one: a step that promises
        equal values leaves no room.
        """
        steps = [[one.record.step for one in made if _worked(one)] for made in (first, second)]
        if steps[0] != steps[1]:
            return 0.0
        return max(
            (
                self._specs[step].tolerance
                for step in steps[0]
                if step in self._specs and self._specs[step].determinism is Determinism.TOLERANCE
            ),
            default=0.0,
        )


def last_image(uid: str, made: Sequence[Made]) -> tuple[str, Artifact | None]:
    """Return the digest of the last picture and where it lies; the scan's uid when unchanged."""
    for one in reversed(made):
        if _worked(one):
            for output in one.record.outputs:
                if output.kind == "image":
                    return output.digest, output
    return uid, None


def _worked(one: Made) -> bool:
    return one.record.status in (Status.DONE, Status.REUSED)
