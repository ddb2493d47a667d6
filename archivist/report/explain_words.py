"""What is known of one pixel, in words."""

from __future__ import annotations

from collections.abc import Iterator

from archivist.lending import Lends
from archivist.report import words
from archivist.report.at_place import Borrowing, Grade
from archivist.report.explaining import Explanation
from archivist.report.pixel import Samples


def sentences(one: Explanation) -> list[str]:
    """Return the explanation in words, a sentence or two each."""
    return list(_sentences(one))


def _sentences(one: Explanation) -> Iterator[str]:
    yield f"{one.name} at {one.x},{one.y} of {one.width} x {one.height} pixels"
    yield from one.warnings
    yield from _happened(one)
    if one.problem:
        what = "more" if one.borrowings else "anything"
        yield f"It is not known whether {what} was borrowed: {one.problem}"
    elif not one.borrowings:
        yield "Nothing was borrowed from another photograph here."
    for lent in one.borrowings:
        yield from _borrowed(lent)
    coloured = any(lent.lends is Lends.COLOUR for lent in one.borrowings)
    for grade in one.grades:
        if one.pixel.missing or grade.step in one.pixel.touched_by:
            yield from _invented(grade, coloured=coloured)
    made = "; ".join(f"{r.step} {r.version} ({r.title})" for r in one.makers)
    yield f"The picture was made from the scan {words.readable(one.scan)} by {made}."


def _happened(one: Explanation) -> Iterator[str]:
    """Say what the steps did to this pixel."""
    pixel = one.pixel
    if pixel.missing:
        yield f"What each step did here is not known: {pixel.missing}."
        return
    yield f"{pixel.title}. {pixel.reason}"
    x, y = pixel.scan_at
    most = pixel.scan_most
    ends = f"In the upright scan the place is {x},{y}: {_value(pixel.scan, most, most)}"
    if pixel.result:
        ends += f"; in the output it is {_value(pixel.result, pixel.result_most, most)}"
    yield f"{ends}, of {most} at full light."
    versions = {record.step: record.version for record in one.makers}
    for act in pixel.acts:
        who = " or ".join(f"{step} {versions.get(step, '')}".strip() for step in act.steps)
        what = "made it anew" if act.resized else "changed it"
        values = (_value(one, act.most, most) for one in (act.before, act.after))
        yield f"{who} {what}: {' -> '.join(values)}."
    yield from pixel.notes


def _value(samples: Samples, most: int, shown: int) -> str:
    """Return samples, of ``most`` at full light, as if that were ``shown``."""
    return "/".join(f"{one * shown / most:.1f}".removesuffix(".0") for one in samples)


def _borrowed(lent: Borrowing) -> Iterator[str]:
    reference = lent.reference
    number = f", inventory number {reference.inventory}" if reference.inventory else ""
    title = f" ({reference.title})" if reference.title else ""
    page = f", page {reference.page + 1}" if "#" in reference.uid else ""
    name = words.readable(reference.path) or "a photograph that is no longer in the archive"
    yield f"{lent.lends.capitalize()} was borrowed from {name}{page}{title}{number}."
    yield f"The patch lies around {lent.x},{lent.y} of that scan (SHA-256 {reference.uid})."
    yield f"Similarity of the patches: {lent.similarity:.2f} of 1, {strength(lent.similarity)}."
    if reference.score is not None:
        what = "an exemplar" if lent.lends is Lends.COLOUR else "a reference"
        yield f"It is {what} with the score {reference.score:.2f}: {reference.note}."
    yield f"Borrowed by {lent.step} {lent.version}."


def _invented(grade: Grade, *, coloured: bool) -> Iterator[str]:
    """Say what a step invented here, where it did."""
    who = f"{grade.step} {grade.version}"
    model = f" with the model {', '.join(grade.models)}" if grade.models else ""
    if grade.colours and not coloured:
        yield f"The colour was invented by {who}{model}, not borrowed."
    if grade.port == "confidence":
        yield f"Its confidence in the colour here is {grade.value:.2f} of 1."
    elif round(grade.value, 2) > 0:
        yield f"{who} invented content here{model}: its map {grade.port} is {grade.value:.2f} of 1."


def strength(similarity: float) -> str:
    """Return in words how strongly a patch of this similarity (0..1) contributes."""
    for floor, name in ((0.9, "very strong"), (0.75, "strong"), (0.5, "moderate")):
        if similarity >= floor:
            return name
    return "weak"
