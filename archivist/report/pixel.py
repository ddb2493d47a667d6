"""What happened at one pixel: the part of the audit's map that it belongs to, and its samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from archivist.imaging.storage import Raster
from archivist.report.audit_rows import AuditStep
from archivist.report.differing import UNITS
from archivist.report.labels import Labels
from archivist.report.origin import Origin, Stage
from archivist.report.origin_words import Wording

Samples = tuple[int, ...]
"""One for each channel, in the depth of the picture."""
Share = tuple[float, float]
"""A place (x, y) in shares of the picture, 0..1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """That steps changed the pixel: its samples before and after, of ``most`` at full light.

    Several steps stand together where the pictures between them were not kept.
    """

    steps: tuple[str, ...]
    before: Samples
    after: Samples
    most: int
    resized: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pixel:
    """What is known of one pixel. ``missing`` says why nothing is, else it is empty."""

    origin: Origin | None = None
    title: str = ""
    reason: str = ""
    acts: tuple[Act, ...] = ()
    """What the steps did here, in their order; those that left the pixel alone are not there."""
    scan_at: tuple[int, int] = (0, 0)
    """The place in the upright scan."""
    scan: Samples = ()
    scan_most: int = 255
    """The scan's sample of full light."""
    result: Samples = ()
    """Of the largest output file, empty where that is gone."""
    result_most: int = 255
    notes: tuple[str, ...] = ()
    missing: str = ""

    @property
    def touched_by(self) -> frozenset[str]:
        """The steps that changed the pixel, or may have done so."""
        return frozenset(step for act in self.acts for step in act.steps)


def pixel_of(
    steps: Sequence[AuditStep],
    stages: Sequence[Stage],
    ends: tuple[Raster, Raster | None],
    final: Raster,
    share: Share,
) -> Pixel:
    """Return what the map of an audit says of a place of the last picture, ``final``.

    ``ends`` are the scan and the output file.
    """
    scan, output = ends
    height, width, _ = final.shape
    x, y = _place(final, share)
    labels = Labels(stages, height, width)
    source = labels.sources[labels.band(y, y + 1)[0, x]]
    wording = Wording(steps, stages, [None] * len(stages))
    return Pixel(
        origin=source.origin,
        title=wording.title(source),
        reason=wording.reason(source),
        acts=tuple(_acts(steps, stages, share)),
        scan_at=_place(scan, share),
        scan=_samples(scan, share),
        scan_most=_most(scan),
        result=() if output is None else _samples(output, share),
        result_most=255 if output is None else _most(output),
    )


def _acts(steps: Sequence[AuditStep], stages: Sequence[Stage], share: Share) -> Iterator[Act]:
    for stage in stages:
        before, after = _samples(stage.before, share), _samples(stage.after, share)
        most = _most(stage.after)
        was = _in(most, before, _most(stage.before))
        if stage.resizes or _apart(was, after) * (65535 // most) > stage.tolerance:
            yield Act(
                steps=tuple(steps[change.step].record.step for change in stage.changes),
                before=was,
                after=after,
                most=most,
                resized=stage.resizes,
            )


def _apart(one: Samples, other: Samples) -> int:
    """Return the largest difference of any channel; grey counts as three equal ones."""
    count = max(len(one), len(other))
    pairs = zip(one * (count // len(one)), other * (count // len(other)), strict=True)
    return max(abs(a - b) for a, b in pairs)


def _place(raster: Raster, share: Share) -> tuple[int, int]:
    height, width, _ = raster.shape
    return min(int(share[0] * width), width - 1), min(int(share[1] * height), height - 1)


def _samples(raster: Raster, share: Share) -> Samples:
    x, y = _place(raster, share)
    return tuple(int(one) for one in raster.read(y, y + 1, x, x + 1)[0, 0])


def _most(raster: Raster) -> int:
    return 65535 if raster.dtype.itemsize == 2 else 255


def _in(most: int, samples: Samples, of: int) -> Samples:
    """Return samples in another depth."""
    if most == of:
        return samples
    return tuple(one * UNITS if most > of else round(one / UNITS) for one in samples)
