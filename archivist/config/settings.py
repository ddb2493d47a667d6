"""The settings; these classes are the only list of keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from archivist.api.steps import Kind, param
from archivist.model import OutputProfile
from archivist.rights import RightsSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanSettings:
    """Which files are scans."""

    include: tuple[str, ...] = param(
        (), doc="Glob patterns of paths to take, relative to the scans; empty: all."
    )
    exclude: tuple[str, ...] = param((), doc="Glob patterns of paths to leave out.")
    max_megapixels: float = param(
        2000.0,
        doc="Larger pages are refused before a pixel is decoded; 1e9: none.",
        low=0.001,
    )
    manifest: str = param(
        "",
        doc="A CSV with columns path or inventory_no, title, date, series, rights, object_id.",
        is_path=True,
    )
    sequences: tuple[str, ...] = param(
        (),
        doc="Patterns as in a .gitignore of folders whose files are a sequence in the order of "
        "their names (frames of a film), or of files whose pages are one.",
    )
    near_duplicate_bits: int = param(
        6, doc="Perceptual hashes that differ in at most this many of 64 bits.", low=0, high=11
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputSettings:
    """How results are written."""

    profiles: tuple[OutputProfile, ...] = param(
        (OutputProfile(name="restored"),),
        doc="One or more; each writes every result once. Give all but one a folder of their own.",
    )
    exiftool: str = param(
        "auto",
        doc="auto: where exiftool is installed it reads each changed output again; never: not.",
        choices=("auto", "never"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """Which intermediate results are kept."""

    keep: tuple[str, ...] = param(
        ("image", "mask", "probability", "faces", "transfer_map", "embedding", "scores"),
        doc="Kinds to keep. A kind that is not kept is made again when a later step needs it.",
        choices=tuple(str(kind) for kind in Kind),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleSettings:
    """Who does the work."""

    scheduler: str = param("auto", doc="auto, serial, or tcp://HOST:PORT of a Dask scheduler.")
    workers: int = param(0, doc="Worker processes; 0: as many as cores and memory allow.", low=0)
    memory_mib: float = param(
        0.0, doc="Memory for all workers together, in MiB; 0: what is free.", low=0
    )
    recycle_after: int = param(
        2000, doc="A worker process is replaced after this many assets; 0: never.", low=0
    )
    stream_above_megapixels: float = param(
        64.0, doc="Larger images are read, worked on and written in windows; 1e9: none.", low=0.1
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogSettings:
    """Where the record is kept."""

    url: str = param(
        "", doc="A SQLAlchemy URL such as postgresql+psycopg://host/name; empty: SQLite in OUT."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceSettings:
    """Which pictures of the archive may lend texture or colour to others, if a recipe borrows."""

    excluded: tuple[str, ...] = param(
        (),
        doc="Never references: paths of scans or outputs, inventory numbers or SHA-256 digests.",
    )
    rights: tuple[str, ...] = param(
        (), doc="Values of the manifest's `rights` that allow it; empty: any."
    )
    max_years: int = param(
        -1,
        doc="Years that may lie between two photographs; -1: any. An unknown date passes.",
        low=-1,
    )
    near_bits: int = param(
        6,
        doc="Perceptual hashes that differ in at most this many of 64 bits are the same picture, "
        "which lends nothing to itself; more than scan.near_duplicate_bits are not looked for.",
        low=0,
        high=11,
    )
    lookalikes: int = param(
        20,
        doc="The most similar pictures that are handed to the step that chooses, for each scan.",
        low=1,
        high=1000,
    )
    approximate_above: int = param(
        0,
        doc="Vectors above which a graph proposes the lookalikes (needs archivist[usearch]); 0: "
        "never, every search is exact.",
        low=0,
    )
    colour_lookalikes: int = param(
        60,
        doc="The same for a step that chooses exemplars of colour; more, because prints that were "
        "scanned in colour are found to be toned only when they are looked at.",
        low=1,
        high=1000,
    )
    approved: bool = param(
        False,
        doc="Whether results that a person approved, and that were put among the scans, may lend "
        "their colours: a series is then coloured alike, by colours that were invented.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewSettings:
    """Who approves results, and what people look at first."""

    approvals: int = param(
        1, doc="Different persons that must approve a result before it is pinned.", low=1, high=9
    )
    by_operator: bool = param(True, doc="Whether the operator of a run may approve what it made.")
    reviewers: tuple[str, ...] = param((), doc="Who may review; empty: anybody who gives a name.")
    weights: Mapping[str, float] = field(
        default_factory=dict,
        metadata={"doc": "Weights 0..1 of the measures of risk; see `archivist review measures`."},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerSettings:
    """Evidence that the record was not changed."""

    signing_key: str = param(
        "",
        doc="The file of the private key that signs checkpoints; the environment variable "
        "ARCHIVIST_SIGNING_KEY goes before it; empty: they stay unsigned.",
        is_path=True,
    )
    public_keys: tuple[str, ...] = param(
        (),
        doc="Files of the keys that signatures are checked with, those of former years too.",
        is_path=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishSettings:
    """What a run makes of the outputs as its last act."""

    exports: tuple[str, ...] = param(
        (),
        doc="Exporters whose exports are brought up to date; `archivist report --list-exporters` "
        "lists them.",
    )
    folder: str = param(
        "",
        doc="The folder that holds the exports, each under the name of its exporter; empty: "
        ".archivist/exports in OUT.",
        is_path=True,
    )
    params: Mapping[str, Mapping[str, Any]] = field(
        default_factory=dict,
        metadata={"doc": "Params of the exporters, a table for each: [publish.params.c2pa]."},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginSettings:
    """Which plugins are loaded."""

    allow: tuple[str, ...] = param((), doc="Distributions that may be loaded; empty: all.")
    block: tuple[str, ...] = param((), doc="Distributions that are never loaded.")


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightSettings:
    """Where imported weights lie."""

    folder: str = param("", doc="A folder; empty: the user's data folder.", is_path=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeSettings:
    """A recipe as written; :mod:`archivist.plan.recipe` checks it against the plugins."""

    title: str = param("", doc="One line for people.")
    steps: tuple[Mapping[str, Any], ...] = param(
        (), doc="Tables with `use` (a step id) and any of the step's params."
    )
    overrides: tuple[Mapping[str, Any], ...] = param(
        (), doc="Tables with `where` (an expression), `use` and params, for some assets only."
    )
    inputs: Mapping[str, str] = field(default_factory=dict)
    """Values made by hand: ``{ user_mask = FOLDER }`` with files named like the scans."""
    seed: int = param(0, doc="Part of every step key; another seed, another result.", low=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole configuration."""

    recipe: str = param("restore", doc="The recipe that is used when none is named.")
    operator: str = param("", doc="Who is responsible; empty: the user's login name.")
    scan: ScanSettings = field(default_factory=ScanSettings)
    output: OutputSettings = field(default_factory=OutputSettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    schedule: ScheduleSettings = field(default_factory=ScheduleSettings)
    catalog: CatalogSettings = field(default_factory=CatalogSettings)
    references: ReferenceSettings = field(default_factory=ReferenceSettings)
    rights: RightsSettings = field(default_factory=RightsSettings)
    review: ReviewSettings = field(default_factory=ReviewSettings)
    ledger: LedgerSettings = field(default_factory=LedgerSettings)
    publish: PublishSettings = field(default_factory=PublishSettings)
    plugins: PluginSettings = field(default_factory=PluginSettings)
    weights: WeightSettings = field(default_factory=WeightSettings)
    recipes: Mapping[str, RecipeSettings] = field(default_factory=dict)
