"""What the user may set, as data; imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass

from archivist.api import param


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectParams:
    """How to look for faces."""

    smallest: int = param(
        16,
        doc="Side in pixels of the smallest face looked for, hair not counted; in a large scan at "
        "least 1/200 of its longer side, which bounds the time.",
        low=12,
        high=1000,
    )
    score: float = param(
        0.8, doc="Least score of a face; lower finds more, and more that is none.", low=0.5, high=1
    )
    most: int = param(500, doc="So many faces are kept at most, the best first.", low=1, high=5000)
    turned: str = param(
        "auto",
        doc="Whether to look for faces that lie on their side or upside down: auto does where no "
        "upright face was found.",
        choices=("auto", "always", "never"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RefineParams:
    """Which faces are refined, by which network, and how far they may change."""

    network: str = param(
        "compact",
        doc="Our own network, or the paper's for crops of 256 or of 512 px, whose released weights "
        "you import yourself.",
        choices=("compact", "paper_256", "paper_512"),
    )
    fidelity: float = param(
        0.2,
        doc="How much of the face as it was scanned stays: 1 leaves it, 0 takes the whole of what "
        "the network proposes. At 0.2 nine in ten faces stay as near to their owners as they were, "
        "at 0 eight.",
        low=0,
        high=1,
    )
    identity_limit: float = param(
        0.1,
        doc="A face whose description moves further than this (cosine distance) is left as it was. "
        "Half of all portraits that age at random move by 0.05; of pairs of different persons 1 in "
        "100 is nearer than 0.4.",
        low=0,
        high=2,
    )
    smallest: int = param(
        40,
        doc="Side in pixels of the smallest crop of a face that is refined, about twice the side "
        "of its box; in smaller ones there is too little to go by.",
        low=16,
        high=1000,
    )
    score: float = param(
        0.8, doc="Faces that were detected with a lower score are left alone.", low=0, high=1
    )
    least_change: float = param(
        0.006,
        doc="A face that the network would change by less (mean, of 1) is good already and stays "
        "bit for bit.",
        low=0,
        high=1,
    )
    spare_good: bool = param(
        True,
        doc="Faces that are sharp and clean stay bit for bit: the network would take pores and "
        "freckles for grain.",
    )
    most: int = param(100, doc="So many faces are refined at most, the largest first.", low=1)
