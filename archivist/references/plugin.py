"""The steps of the core itself: choosing among what a plan found to look alike."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from archivist.api import Cost, Kind, Port, StepSpec, hookimpl, param
from archivist.references.rules import Rules

_RULES = Rules()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChooseParams:
    """What a reference must be, as the pictures themselves tell."""

    count: int = param(_RULES.count, doc="References chosen at most.", low=1, high=32)
    looks: int = param(
        _RULES.looks,
        doc="Pictures compared at most, the most similar first.",
        low=1,
        high=1000,
    )
    min_cosine: float = param(
        _RULES.min_cosine,
        doc="Similarity of the embeddings below which pictures are not compared; it depends on "
        "the model.",
        low=-1.0,
        high=1.0,
    )
    min_inliers: int = param(
        _RULES.min_inliers,
        doc="Matching points that prove that both pictures show the same things.",
        low=6,
        high=2000,
    )
    min_share: float = param(
        _RULES.min_share,
        doc="Part of the picture that the matching points must span.",
        low=0.0,
        high=1.0,
    )
    min_scale: float = param(
        _RULES.min_scale,
        doc="How much finer a reference must show the things, along a line.",
        low=0.25,
        high=16.0,
    )
    floor: float = param(
        _RULES.floor,
        doc="Score below which a reference does more harm than good.",
        low=0.0,
        high=1.0,
    )


CHOOSE = StepSpec(
    id="references.choose",
    version=1,
    title="Choose references of the same archive",
    run="archivist.step.choosing:run",
    params=ChooseParams,
    inputs=(
        Port(name="image", kind=Kind.IMAGE, doc="The picture that looks for references."),
        Port(
            name="lookalikes",
            kind=Kind.REFERENCES,
            doc="What looks alike, the most similar first, as the plan found it in the index.",
        ),
    ),
    outputs=(
        Port(name="references", kind=Kind.REFERENCES, doc="The chosen ones, the best first."),
    ),
    # 20 comparisons of 0.2 s each; a scan is decoded whole where its format knows no windows.
    cost=Cost(ram_mib=320.0, ram_mib_per_mp=24.0, seconds=4.0, seconds_per_mp=0.05),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExemplarParams:
    """What an exemplar must be, as the pictures themselves tell."""

    count: int = param(_RULES.count, doc="Exemplars chosen at most.", low=1, high=32)
    looks: int = param(
        12,
        doc="Pictures in colour compared at most, the most similar first.",
        low=1,
        high=1000,
    )
    min_cosine: float = param(
        0.3,
        doc="Similarity of the embeddings below which pictures are not looked at; it depends on "
        "the model.",
        low=-1.0,
        high=1.0,
    )
    min_alike: float = param(
        _RULES.min_alike,
        doc="Similarity of the embeddings that is enough where no matching points prove that both "
        "pictures show the same things; 1 asks for the proof.",
        low=-1.0,
        high=1.0,
    )
    min_inliers: int = param(
        _RULES.min_inliers,
        doc="Matching points that prove that both pictures show the same things.",
        low=6,
        high=2000,
    )
    min_spread: float = param(
        _RULES.min_spread,
        doc="How far the colours must lie from those of one tone, in units of CIE Lab; toned "
        "prints reach 2.",
        low=0.0,
        high=50.0,
    )


EXEMPLARS = StepSpec(
    id="exemplars.choose",
    version=1,
    title="Choose exemplars of colour of the same archive",
    run="archivist.step.choosing:run_exemplars",
    params=ExemplarParams,
    inputs=(
        Port(name="image", kind=Kind.IMAGE, doc="The picture that looks for exemplars."),
        Port(
            name="colour_lookalikes",
            kind=Kind.REFERENCES,
            doc="What looks alike and is no grey scan, the most similar first, as the plan found "
            "it in the index.",
        ),
    ),
    outputs=(Port(name="exemplars", kind=Kind.REFERENCES, doc="The chosen ones, the best first."),),
    cost=CHOOSE.cost,
)


@hookimpl
def archivist_steps() -> Iterable[StepSpec]:
    """Offer the steps."""
    return CHOOSE, EXEMPLARS
