"""Compare an output that was made again with the recorded one, and give the verdict."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archivist.api.errors import ArchivistError
from archivist.api.extensions import CodecSpec
from archivist.api.steps import Determinism, Kind, StepSpec
from archivist.catalog.lineage import Written
from archivist.catalog.replays import Replayed, Verdict
from archivist.hashing import digest_file
from archivist.model import Publication, Status, StepRecord, UnitOutcome, text_to_path
from archivist.pipeline.replay.prepare import Prepared
from archivist.report.difference_pictures import write_difference
from archivist.report.measuring import Measure, NotComparable, measure, measure_files, pages_of
from archivist.store.artifacts import load_picture
from archivist.store.blobs import BlobStore

_LIKE_DONE = (Status.DONE, Status.REUSED)


@dataclass(frozen=True, kw_only=True)
class Judge:
    """Compares outputs. ``out`` is where the recorded ones lie, ``made`` where those made again do.

    ``pictures`` is a folder for pictures of differences, if they are wanted.
    """

    out: Path | None
    made: Path
    store: BlobStore | None
    steps: Mapping[str, StepSpec]
    codecs: Mapping[str, CodecSpec]
    tolerance: float | None = None
    """Takes the place of what the steps declare."""
    pictures: Path | None = None
    drawn: list[Path] = field(default_factory=list)
    """The pictures of differences that were written."""

    def judge(self, prepared: Prepared, outcome: UnitOutcome) -> list[Replayed]:
        """Return the verdict on each output of a target, and remove what was made for it."""
        made = [one for one in outcome.publications if one.digest == prepared.target.digest]
        try:
            if not made:
                failed = [one for one in outcome.assets if one.status is Status.FAILED]
                reasons = [f"{one.message} [{one.code}]" for one in failed]
                return impossible(prepared, reasons or ["the steps made no output"])
            records = [record for one in outcome.assets for record in one.records]
            return list(self._outputs(prepared, made, departure(prepared, records)))
        finally:
            for one in outcome.publications:
                (self.made / text_to_path(one.path)).unlink(missing_ok=True)

    def _outputs(
        self, prepared: Prepared, made: Sequence[Publication], departed: StepRecord | None
    ) -> Iterator[Replayed]:
        again: defaultdict[str, list[Publication]] = defaultdict(list)
        for one in made:
            again[one.profile].append(one)
        places: defaultdict[tuple[str, str], int] = defaultdict(int)
        for written in prepared.target.written:
            item = written.publication
            place = places[item.profile, item.source]  # pages that became a file each, in order
            places[item.profile, item.source] += 1
            found = again[item.profile][place : place + 1]
            verdict, detail = self._compared(prepared, item, found, departed)
            if departed is not None:
                detail = {"departed": departed.step} | detail
            yield told(written, verdict, detail)

    def _compared(
        self,
        prepared: Prepared,
        item: Publication,
        made: Sequence[Publication],
        departed: StepRecord | None,
    ) -> tuple[Verdict, dict[str, Any]]:
        if not made:
            return Verdict.DIFFERENT, {"note": "the steps made no such output now"}
        if made[0].output_digest == item.output_digest:
            return Verdict.BIT, {}
        recorded, why = self._recorded(item)
        again = self.made / text_to_path(made[0].path)
        if recorded is None and departed is None:
            note = f"{why}; what the steps made is the same, sample by sample"
            return Verdict.PIXEL, {"note": note}
        try:
            if recorded is not None:
                found = measure_files(recorded, again, self.codecs)
            else:
                found = self._with_stored(prepared, again, why)
        except NotComparable as error:
            return Verdict.DIFFERENT, {"note": str(error)}
        except (ArchivistError, OSError, ValueError) as error:
            return Verdict.DIFFERENT, {"note": f"they cannot be compared: {error}"}
        if found.largest and recorded is not None:
            self._draw(item, recorded, again)
        return self._verdict(found, self._tolerance(prepared, departed), departed)

    def _verdict(
        self, found: Measure, tolerance: float, departed: StepRecord | None
    ) -> tuple[Verdict, dict[str, Any]]:
        if not found.largest:
            return Verdict.PIXEL, {}
        # The smallest difference may move a sample to the next value of the file's depth.
        if tolerance and found.largest <= tolerance + 1 / ((1 << found.depth) - 1):
            return Verdict.TOLERANCE, facts_of(found) | {"tolerance": tolerance}
        note = (
            {"note": "what the steps made is the same; the file was written otherwise"}
            if departed is None
            else {}
        )
        return Verdict.DIFFERENT, facts_of(found) | note

    def _recorded(self, item: Publication) -> tuple[Path | None, str]:
        """Return where a recorded output lies whole, else (None, why not)."""
        if self.out is None:
            return None, "it is not known where the recorded file lies"
        path = self.out / text_to_path(item.path)
        try:
            if digest_file(path) == item.output_digest:
                return path, ""
        except OSError as error:
            return None, f"the recorded file cannot be read ({error.strerror or error})"
        return None, "another file lies in the place of the recorded one"

    def _with_stored(self, prepared: Prepared, again: Path, why: str) -> Measure:
        """Compare with the kept picture of the last step, where the recorded file is gone."""
        images = [
            output
            for records in prepared.records.values()
            for record in records
            for output in record.outputs
            if output.kind == Kind.IMAGE and output.kept
        ]
        if self.store is None or not images or len(prepared.records) > 1:
            raise NotComparable(f"{why}, and no picture of the steps was kept")
        kept = load_picture(self.store, images[-1]).raster
        with closing(pages_of(again, self.codecs)) as pages:
            page = next(pages)
            if page.shape != kept.shape:
                raise NotComparable(f"{why}, and the kept picture has another size")
            return measure(page, kept)

    def _tolerance(self, prepared: Prepared, departed: StepRecord | None) -> float:
        """Return the largest tolerance declared from the first step on that went another way.

        It is 0 where that step promises equal values.
        """
        if self.tolerance is not None:
            return self.tolerance
        spec = None if departed is None else self.steps.get(departed.step)
        if departed is None or spec is None or spec.determinism is not Determinism.TOLERANCE:
            return 0.0
        later = {
            record.step
            for records in prepared.records.values()
            for record in records
            if record.ordinal >= departed.ordinal
        }
        return max(
            one.tolerance
            for step, one in self.steps.items()
            if step in later and one.determinism is Determinism.TOLERANCE
        )

    def _draw(self, item: Publication, recorded: Path, again: Path) -> None:
        if self.pictures is not None:
            target = self.pictures / f"{text_to_path(item.path)}.difference.png"
            write_difference(recorded, again, target, self.codecs)
            self.drawn.append(target)


def impossible(prepared: Prepared, reasons: Sequence[str]) -> list[Replayed]:
    """Return the verdicts on outputs for which something is missing."""
    detail = {"missing": list(reasons)}
    return [told(one, Verdict.IMPOSSIBLE, detail) for one in prepared.target.written]


def told(written: Written, verdict: Verdict, detail: Mapping[str, Any]) -> Replayed:
    """Return the verdict on an output."""
    item = written.publication
    return Replayed(
        publication=written.id,
        source=item.source,
        path=item.path,
        profile=item.profile,
        output_digest=item.output_digest,
        verdict=verdict,
        detail=detail,
    )


def facts_of(found: Measure) -> dict[str, Any]:
    """Return a measure as the detail of a verdict has it."""
    facts = {"largest": found.largest, "mean": found.mean, "share": found.share}
    return facts if math.isinf(found.psnr) else facts | {"psnr": found.psnr}


def departure(prepared: Prepared, made: Sequence[StepRecord]) -> StepRecord | None:
    """Return the record of the first step that made something else this time; None for none."""
    now = {(one.asset, one.ordinal): one for one in made}
    recorded = [one for records in prepared.records.values() for one in records]
    for one in sorted(recorded, key=lambda record: record.ordinal):
        again = now.get((one.asset, one.ordinal))
        if again is None or _made(again) != _made(one):
            return one
    return None


def _made(record: StepRecord) -> tuple[bool, dict[str, str]]:
    """Return whether a step worked, and the digests of what it made, but for its measurements."""
    outputs = {o.port: o.digest for o in record.outputs if o.kind != Kind.SCORES}
    return record.status in _LIKE_DONE, outputs
