"""What is known of one pixel, in words."""

from __future__ import annotations

from archivist.report import words
from archivist.report.explaining import Explanation


def sentences(one: Explanation) -> list[str]:
    """Return the explanation in words, a sentence or two each."""
    lines = [f"{one.name} at {one.x},{one.y} of {one.width} x {one.height} pixels"]
    made = "; ".join(f"{r.step} {r.version} ({r.title})" for r in one.makers)
    if one.problem:
        return [*lines, f"It is not known whether anything was borrowed: {one.problem}", made]
    lent = one.borrowing
    if lent is None:
        return [
            *lines,
            "Nothing was borrowed from another photograph here.",
            f"The pixel was made from the scan {words.readable(one.scan)} by {made}.",
        ]
    reference = lent.reference
    number = f", inventory number {reference.inventory}" if reference.inventory else ""
    title = f" ({reference.title})" if reference.title else ""
    page = f", page {reference.page + 1}" if "#" in reference.uid else ""
    name = words.readable(reference.path) or "a photograph that is no longer in the archive"
    lines += [
        f"Texture was borrowed from {name}{page}{title}{number}.",
        f"The patch lies around {lent.x},{lent.y} of that scan (SHA-256 {reference.uid}).",
        f"Similarity of the patches: {lent.similarity:.2f} of 1, {strength(lent.similarity)}.",
    ]
    if reference.score is not None:
        lines.append(f"It is a reference with the score {reference.score:.2f}: {reference.note}.")
    lines.append(f"Borrowed by {lent.step} {lent.version}; the picture was made by {made}.")
    return lines


def strength(similarity: float) -> str:
    """Return in words how strongly a patch of this similarity (0..1) contributes."""
    for floor, name in ((0.9, "very strong"), (0.75, "strong"), (0.5, "moderate")):
        if similarity >= floor:
            return name
    return "weak"
