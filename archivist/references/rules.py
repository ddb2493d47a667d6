"""What may be a reference: pure functions over plain facts, each refusal with its reason in words.

Rules that need no pixels come first (:func:`refuse`), those over what the pictures show after that
(:func:`refuse_agreement`, :func:`refuse_tint`). :mod:`eligible` applies the first kind to a whole
index. To lend colour is another matter than to lend texture: a duplicate may, a grey scan cannot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from archivist.api.values import Colour
from archivist.lending import Lends
from archivist.references.dates import gap, years

# The defaults of Rules are read to list the steps: geometry loads OpenCV, the model takes long.
if TYPE_CHECKING:
    from archivist.model import Asset
    from archivist.references.geometry import Agreement

WITHOUT_COLOUR = ("grey", "toned")
"""The rules that refuse an exemplar for its colours; what is told so is not compared any more."""
GREYEST = 3.0
"""Mean chroma below which a picture is called grey: the least of the toned prints had 4.8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a reference must be, to lend texture or, as an exemplar, colour.

    The defaults of the geometric rules are measured on groups of photographs of one place each:
    pairs that show nothing in common had at most 8 inliers; one in ten true pairs overlaps in less
    than two hundredths of the picture.
    """

    lends: Lends = Lends.TEXTURE
    approved: bool = False
    """Whether approved results of archivist may lend their colours."""
    count: int = 3
    """References chosen at most."""
    rights: tuple[str, ...] = ()
    """Values of the manifest's ``rights`` that allow it, empty for any; case does not matter."""
    max_years: int | None = None
    """Years that may lie between the photographs, None for any. An unknown date passes."""
    near_bits: int = 6
    """Pictures whose perceptual hashes differ in so few bits are the same picture."""
    excluded: frozenset[str] = frozenset()
    """Assets that are never references, by uid or by digest for all pages of a file."""
    min_cosine: float = 0.0
    """Similarity below which pictures are not compared; depends on the embedding model."""
    looks: int = 20
    """Pictures compared at most, the most similar first: about 0.2 s of one core each. What is
    found to be grey or toned does not count."""
    min_inliers: int = 10
    """Matching points that prove that both show the same things."""
    min_share: float = 0.01
    """Part of the picture, 0..1, that the matching points must span."""
    min_scale: float = 1.2
    """How much finer a reference must show the things, along a line."""
    floor: float = 0.2
    """Score below which a reference does more harm than good."""
    min_alike: float = 0.5
    """Similarity with which an exemplar needs no matching points: of 587 photographs that show
    different things one in four has a neighbour so near, of groups of one place 19 in 20."""
    min_spread: float = 2.0
    """Spread of colours (:attr:`Tint.spread`) that a toned print does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of an asset without its pixels; ``asset`` is its uid, texts as in the manifest.

    ``width`` and ``height`` are those of the upright scan, in pixels.
    """

    asset: str
    width: int = 0
    height: int = 0
    rights: str = ""
    object_id: str = ""
    date: str = ""
    grey: bool = False
    """True when the scan has one channel."""
    made: bool = False
    """True when the file is an output of archivist that lies among the scans."""
    approved: bool = False
    """True when a person approved that output, and it is still the one in place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tint:
    """What colours a picture has, in units of CIE Lab.

    ``chroma`` is the mean distance from grey, ``spread`` how far the colours lie from those of a
    print of one tone (:mod:`archivist.references.tint`).
    """

    chroma: float
    spread: float


def facts_of(asset: Asset) -> Facts:
    """Return what the rules ask of an asset."""
    width, height = asset.header.upright_size
    return Facts(
        asset=asset.uid,
        width=width,
        height=height,
        rights=asset.facts.get("rights", ""),
        object_id=asset.facts.get("object_id", ""),
        date=asset.facts.get("date", ""),
        grey=asset.header.colour is Colour.GREY,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Kin:
    """How other assets are related to the one that looks for references, by uid.

    ``near`` gives the bits in which perceptual hashes differ, for those that differ in few;
    ``derived`` are the assets made from this one, and those it was made from.
    """

    near: Mapping[str, int] = field(default_factory=dict)
    derived: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Refusal:
    """That an asset may not be a reference: ``rule`` for counting, ``reason`` for people."""

    asset: str
    rule: str
    reason: str


def refuse(query: Facts, candidate: Facts, kin: Kin, rules: Rules) -> Refusal | None:
    """Return why the facts forbid a candidate, or None when they do not."""
    return (
        _itself(query, candidate)
        or (colourless(candidate, rules) if rules.lends is Lends.COLOUR else None)
        or _related(candidate, kin, rules)
        or refuse_always(candidate, rules)
        or _dated(query, candidate, rules)
    )


def refuse_always(candidate: Facts, rules: Rules) -> Refusal | None:
    """Return why a candidate may be a reference of no picture at all, or None."""
    asset = candidate.asset
    if asset in rules.excluded or asset.partition("#")[0] in rules.excluded:
        return Refusal(asset, "excluded", "it is excluded by request")
    if rules.rights and _folded(candidate.rights) not in map(_folded, rules.rights):
        said = f"are {candidate.rights!r}" if candidate.rights.strip() else "are not known"
        return Refusal(asset, "rights", f"its rights {said}; allowed: {', '.join(rules.rights)}")
    return None


def refuse_agreement(asset: str, agreement: Agreement, rules: Rules) -> Refusal | None:
    """Return why the comparison of the pictures forbids a candidate, or None.

    Size alone says nothing: a reference must show the same things, and those in finer detail.
    """
    if agreement.inliers < rules.min_inliers:
        return unproven(asset, agreement.inliers)
    if agreement.share < rules.min_share:
        reason = f"what both show is {agreement.share:.1%} of the picture, too little"
        return Refusal(asset, "overlap", reason)
    if agreement.scale < rules.min_scale:
        reason = (
            f"it shows the same things at {agreement.scale:.2g} times this resolution; "
            f"{rules.min_scale:g} is needed"
        )
        return Refusal(asset, "not finer", reason)
    return None


def refuse_tint(asset: str, tint: Tint, rules: Rules) -> Refusal | None:
    """Return why the colours of a candidate forbid to borrow them, or None."""
    if tint.spread >= rules.min_spread:
        return None
    if tint.chroma < GREYEST:
        return Refusal(asset, "grey", f"it is grey: its mean chroma is {tint.chroma:.1f}")
    reason = (
        f"it is toned: its colours are those of one tone (spread {tint.spread:.1f}; "
        f"{rules.min_spread:g} is needed)"
    )
    return Refusal(asset, "toned", reason)


def unproven(asset: str, points: int) -> Refusal:
    """Return the refusal of a picture of which only so many points match."""
    reason = f"nothing proves that it shows the same things ({points} matching points)"
    return Refusal(asset, "nothing in common", reason)


def same_object(query: Facts, candidate: Facts) -> bool:
    """Tell whether the manifest says that both show the same object."""
    return bool(query.object_id) and _folded(query.object_id) == _folded(candidate.object_id)


def _itself(query: Facts, candidate: Facts) -> Refusal | None:
    if candidate.asset == query.asset:
        return Refusal(candidate.asset, "itself", "it is the picture itself")
    return None


def colourless(candidate: Facts, rules: Rules) -> Refusal | None:
    """Return why a candidate may be an exemplar of no picture at all, or None."""
    if candidate.grey:
        return Refusal(candidate.asset, "grey", "it is a grey scan, of one channel")
    if candidate.made and not (rules.approved and candidate.approved):
        reason = "archivist made it: its colours may be invented, and prove nothing"
        return Refusal(candidate.asset, "made here", reason)
    return None


def _related(candidate: Facts, kin: Kin, rules: Rules) -> Refusal | None:
    bits = kin.near.get(candidate.asset)
    same = bits is not None and bits <= rules.near_bits
    if same and rules.lends is Lends.TEXTURE:  # a duplicate in colour is the best exemplar
        reason = f"it is the same picture: the perceptual hashes differ in {bits} of 64 bits"
        return Refusal(candidate.asset, "duplicate", reason)
    if candidate.asset in kin.derived:
        return Refusal(candidate.asset, "derivative", "one was made from the other")
    return None


def _dated(query: Facts, candidate: Facts, rules: Rules) -> Refusal | None:
    if rules.max_years is None:
        return None
    one, other = years(query.date), years(candidate.date)
    if one is None or other is None or gap(one, other) <= rules.max_years:
        return None
    reason = f"{gap(one, other)} years lie between them; {rules.max_years} are allowed"
    return Refusal(candidate.asset, "date", reason)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
