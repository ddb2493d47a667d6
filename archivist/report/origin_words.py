"""The parts of a synthesis map in words: what made them, and why they are what they are."""

from __future__ import annotations

from collections.abc import Sequence

from archivist.api import Kind
from archivist.model import Role
from archivist.report import words
from archivist.report.audit_rows import AuditInput, AuditStep
from archivist.report.differing import Difference
from archivist.report.origin import Origin, Source, Stage, Synthesis

_BORROWED = {
    Origin.COLOUR_BORROWED: "Colour copied from",
    Origin.COPIED: "Texture copied from",
}
_VERBS = {
    Origin.ENLARGED: "Enlarged",
    Origin.CORRECTED: "Corrected",
    Origin.COLOUR_INVENTED: "Colour invented",
    Origin.INVENTED: "Invented",
    Origin.UNCERTAIN: "Filled or corrected",
    Origin.FILLED: "Filled in the mask",
}


def encoding_note(found: Synthesis, *, lossy: bool) -> list[str]:
    """Return what writing the output file cost, as a sentence; nothing when it is not known."""
    cost = found.encoding
    if cost is None:
        return []
    if cost.largest == 0:
        return ["The output file holds the last picture exactly."]
    why = "because JPEG does not keep samples exactly" if lossy else "by rounding its samples"
    return [
        f"Writing the output file altered samples by {_of_255(cost.mean)} on average and "
        f"{_of_255(cost.largest)} at most, {why}; that is not counted in the map."
    ]


def resizing_notes(steps: Sequence[AuditStep], stages: Sequence[Stage]) -> list[str]:
    """Return for each step that changed the size that it made all pixels anew."""
    return [
        "Beside what the parts say, all pixels were computed anew when "
        f"{' or '.join(steps[n].record.step for n in _steps(stage))} made the picture "
        f"{stage.after.shape[1]} by {stage.after.shape[0]} pixels."
        for stage in stages
        if stage.resizes
    ]


class Wording:
    """Says in words what the parts of a map are."""

    def __init__(
        self,
        steps: Sequence[AuditStep],
        stages: Sequence[Stage],
        differences: Sequence[Difference | None],
    ) -> None:
        self._steps, self._stages, self._differences = steps, stages, differences

    def title(self, source: Source) -> str:
        """Return a line such as ``Filled in the mask by scratch.repair``."""
        if source.origin is Origin.UNTOUCHED:
            return "Untouched"
        if source.origin in _BORROWED:
            used = self._reference(source)
            name = used.paths[0] if used and used.paths else words.short(source.reference)
            return f"{_BORROWED[source.origin]} {name}"
        verb = _VERBS[source.origin]
        if source.origin is Origin.INVENTED and self._of_faces(source):
            verb = "Face synthesized"
        return f"{verb} by {' or '.join(self._names(source))}"

    def reason(self, source: Source) -> str:
        """Return one or two sentences that say why these pixels are what they are."""
        what = f"“{' or '.join(self._steps[n].record.title for n in source.steps)}”"
        return {
            Origin.UNTOUCHED: self._untouched,
            Origin.ENLARGED: self._enlarged,
            Origin.CORRECTED: self._corrected,
            Origin.COLOUR_BORROWED: self._colour_borrowed,
            Origin.COLOUR_INVENTED: self._colour_invented,
            Origin.INVENTED: self._invented,
            Origin.UNCERTAIN: self._uncertain,
            Origin.FILLED: self._filled,
            Origin.COPIED: self._copied,
        }[source.origin](source, what)

    def _untouched(self, source: Source, what: str) -> str:
        if any(stage.tolerance for stage in self._stages):
            return "No step changed these pixels beyond what writing the file changes."
        return "No step changed these pixels: each sample is the scan's."

    def _enlarged(self, source: Source, what: str) -> str:
        stage = next(one for one in self._stages if one.resizes and _steps(one) == source.steps)
        (old_h, old_w), (new_h, new_w) = stage.before.shape[:2], stage.after.shape[:2]
        return (
            f"{what} made the picture {new_w} by {new_h} pixels from {old_w} by {old_h}; these "
            f"pixels were computed from the scan's own with {self._models(source)}."
        )

    def _corrected(self, source: Source, what: str) -> str:
        return (
            f"{what} changed these pixels with {self._models(source)}: what they show is the "
            f"scan's, their values are the step's.{self._measured(source)}"
        )

    def _colour_borrowed(self, source: Source, what: str) -> str:
        return (
            f"What these pixels show is the scan's; {what} took their colour from this photograph "
            f"of the archive{self._score(source)} with {self._models(source)}; mean similarity of "
            f"the places {self._similarity(source):.2f}."
        )

    def _colour_invented(self, source: Source, what: str) -> str:
        return (
            f"What these pixels show is the scan's; their colour is a guess of {what} with "
            f"{self._models(source)}, and no photograph of the archive lent it."
            f"{self._measured(source)}"
        )

    def _invented(self, source: Source, what: str) -> str:
        faces = (
            " Faces were drawn anew from what is left of them." if self._of_faces(source) else ""
        )
        return (
            f"{what} invents content and declares it; it worked with {self._models(source)}."
            f"{faces}{self._measured(source)}"
        )

    def _of_faces(self, source: Source) -> bool:
        """Tell whether the steps worked on faces that were found before."""
        return all(
            any(one.use.role == Kind.FACES for one in self._steps[n].inputs) for n in source.steps
        )

    def _filled(self, source: Source, what: str) -> str:
        masks = (
            self._maker(one)
            for one in self._steps[source.steps[0]].inputs
            if one.use.port == "mask" or one.use.role in ("mask", Role.SUPPLIED)
        )
        return (
            f"Marked as damaged ({next(masks, 'a mask')}); {what} replaced what was there with "
            f"{self._models(source)}. The scan's pixels are gone from these places."
        )

    def _uncertain(self, source: Source, what: str) -> str:
        who = " and ".join(self._steps[n].record.step for n in source.steps if self._masked(n))
        return (
            f"{what} changed these pixels with {self._models(source)}. {who} worked by a mask that "
            "is not at hand, so it cannot be told whether they show what the scan shows, or what "
            f"was put in its place.{self._measured(source)}"
        )

    def _masked(self, step: int) -> bool:
        return any(
            change.step == step and change.mask_unknown
            for stage in self._stages
            for change in stage.changes
        )

    def _maker(self, mask: AuditInput) -> str:
        """Return who made a mask: a person, also where a step only passed it on."""
        if mask.use.role == Role.SUPPLIED:
            return f"a mask {_drawn(mask)}"
        drawn = (
            f"{mask.maker}, {_drawn(one)}"
            for step in self._steps
            if any(output.digest == mask.use.digest for output in step.record.outputs)
            for one in step.inputs
            if one.use.role == Role.SUPPLIED
        )
        return next(drawn, mask.maker)

    def _copied(self, source: Source, what: str) -> str:
        return (
            f"{what} borrowed texture of this photograph of the archive{self._score(source)} with "
            f"{self._models(source)}; mean similarity of the places {self._similarity(source):.2f}."
        )

    def _score(self, source: Source) -> str:
        used = self._reference(source)
        return "" if used is None or used.use.score is None else f" (score {used.use.score:.2f})"

    def _names(self, source: Source) -> list[str]:
        steps = [self._steps[n] for n in source.steps]
        models = [f" ({', '.join(one.models)})" if one.models else "" for one in steps]
        return [one.record.step + model for one, model in zip(steps, models, strict=True)]

    def _models(self, source: Source) -> str:
        names = [name for n in source.steps for name in self._steps[n].models]
        return f"the model {', '.join(dict.fromkeys(names))}" if names else "no trained model"

    def _reference(self, source: Source) -> AuditInput | None:
        digest = source.reference.partition("#")[0]
        return next(
            (
                one
                for n in source.steps
                for one in self._steps[n].references
                if one.use.digest.partition("#")[0] == digest
            ),
            None,
        )

    def _measured(self, source: Source) -> str:
        """Return by how much the stage of these steps changed the picture."""
        for stage, difference in zip(self._stages, self._differences, strict=True):
            if difference is not None and set(source.steps) <= set(_steps(stage)):
                return f" {_difference(difference)}"
        return ""

    def _similarity(self, source: Source) -> float:
        """Return the mean similarity of the places copied from a reference."""
        for change in (one for stage in self._stages for one in stage.changes):
            of_colour = source.origin is Origin.COLOUR_BORROWED
            transfer = change.exemplars if of_colour else change.transfer
            if change.step in source.steps and transfer and source.reference in transfer.assets:
                chosen = transfer.source == transfer.assets.index(source.reference)
                return float(transfer.similarity[chosen].mean())
        return 0.0


def _drawn(mask: AuditInput) -> str:
    return words.readable(mask.use.note) or "drawn by a person"


def _steps(stage: Stage) -> tuple[int, ...]:
    return tuple(change.step for change in stage.changes)


def _difference(one: Difference) -> str:
    return (
        f"Of the picture {words.share(one.share)} changed, by {_of_255(one.mean)} on average "
        f"and {_of_255(one.largest)} at most."
    )


def _of_255(value: float) -> str:
    return f"{value * 255:.3g} of 255"
