"""Settings: TOML in, frozen dataclasses out; an error names the file, the key and what is allowed.

The classes here are the only list of keys: ``config.example.toml`` and the documentation are
written from them.
"""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from archivist.api.errors import ConfigError
from archivist.api.steps import param
from archivist.model import OutputProfile

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanSettings:
    """Which files are scans."""

    include: tuple[str, ...] = param(
        (), doc="Glob patterns of paths to take, relative to the scans; empty: all."
    )
    exclude: tuple[str, ...] = param((), doc="Glob patterns of paths to leave out.")
    max_megapixels: float = param(
        2000.0, doc="Larger pages are refused before a pixel is decoded.", low=0.001
    )
    manifest: str = param(
        "", doc="A CSV with columns path or inventory_no, title, date, series, rights, object_id."
    )
    near_duplicate_bits: int = param(
        6, doc="Perceptual hashes that differ in at most this many of 64 bits.", low=0, high=16
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
        64.0, doc="Larger images are read, worked on and written in windows.", low=0.1
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogSettings:
    """Where the record is kept."""

    url: str = param(
        "", doc="A SQLAlchemy URL such as postgresql+psycopg://host/name; empty: SQLite in OUT."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginSettings:
    """Which plugins are loaded."""

    allow: tuple[str, ...] = param((), doc="Distributions that may be loaded; empty: all.")
    block: tuple[str, ...] = param((), doc="Distributions that are never loaded.")


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightSettings:
    """Where imported weights lie."""

    folder: str = param("", doc="A folder; empty: the user's data folder.")


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

    recipe: str = param("scratch", doc="The recipe that is used when none is named.")
    operator: str = param("", doc="Who is responsible; empty: the user's login name.")
    scan: ScanSettings = field(default_factory=ScanSettings)
    output: OutputSettings = field(default_factory=OutputSettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    schedule: ScheduleSettings = field(default_factory=ScheduleSettings)
    catalog: CatalogSettings = field(default_factory=CatalogSettings)
    plugins: PluginSettings = field(default_factory=PluginSettings)
    weights: WeightSettings = field(default_factory=WeightSettings)
    recipes: Mapping[str, RecipeSettings] = field(default_factory=dict)


def default_catalog(out: Path) -> str:
    """Return the URL of the catalog inside an output folder."""
    return f"sqlite:///{out.resolve() / '.archivist' / 'catalog.sqlite'}"


def load(path: Path | None = None) -> Settings:
    """Return the settings of a TOML file, or the defaults; recipes that ship are always there.

    Raises :class:`ConfigError` that names the file, the key and what is allowed.
    """
    shipped = resources.files("archivist").joinpath("recipes.toml").read_text(encoding="utf-8")
    recipes: dict[str, Any] = tomllib.loads(shipped)["recipes"]
    table = _read(path) if path else {}
    own = table.get("recipes", {})
    if not isinstance(own, Mapping):
        raise ConfigError("expected tables [recipes.NAME]", where=str(path), key="recipes")
    settings = parse({**table, "recipes": {**recipes, **own}}, where=str(path or "defaults"))
    _check_profiles(settings.output.profiles, str(path or "defaults"))
    return settings


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror or error}", where=str(path)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"is no valid TOML: {error}", where=str(path)) from error


def parse(table: Mapping[str, Any], *, where: str) -> Settings:
    """Return the settings of a TOML table, recipes that ship not included."""
    return build(Settings, table, where=where)


def build(cls: type[T], table: Mapping[str, Any], *, where: str, key: str = "") -> T:
    """Make a dataclass from a table, checking names, types, ranges and choices.

    ``where`` and ``key`` (the dotted key so far) enter the errors.
    """
    if not isinstance(table, Mapping):
        raise ConfigError(f"expected a table, found {table!r}", where=where, key=key)
    fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    hints = typing.get_type_hints(cls)
    values = {}
    for name, value in table.items():
        dotted = f"{key}.{name}" if key else name
        if name not in fields:
            raise ConfigError(unknown(name, fields), where=where, key=dotted)
        values[name] = convert(value, hints[name], where=where, key=dotted)
        check_range(values[name], fields[name].metadata, where=where, key=dotted)
    missing = [
        f.name
        for f in fields.values()
        if f.name not in values
        and f.default is dataclasses.MISSING
        and f.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise ConfigError(f"is missing: {', '.join(missing)}", where=where, key=key)
    return cls(**values)


def unknown(name: str, known: typing.Iterable[str]) -> str:
    """Say that a name is unknown, which one was perhaps meant, and which ones there are."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"unknown name {name!r}.{hint} Known: {', '.join(names) or 'none'}"


def convert(value: Any, hint: Any, *, where: str, key: str) -> Any:
    """Return a TOML value as the type of a field, or raise :class:`ConfigError`."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        return build(typing.cast("type[Any]", hint), value, where=where, key=key)
    if origin is tuple:
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise ConfigError(f"expected a list, found {value!r}", where=where, key=key)
        items = enumerate(value)
        return tuple(convert(v, arguments[0], where=where, key=f"{key}[{n}]") for n, v in items)
    if origin in (dict, Mapping) or origin is getattr(types, "MappingType", Mapping):
        if not isinstance(value, Mapping):
            raise ConfigError(f"expected a table, found {value!r}", where=where, key=key)
        return {
            k: convert(v, arguments[1], where=where, key=f"{key}.{k}") for k, v in value.items()
        }
    if hint is Any or hint is object:
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        kind = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
        raise ConfigError(f"expected {kind.get(hint, hint)}, found {value!r}", where=where, key=key)
    return value


def check_range(value: Any, metadata: Mapping[str, Any], *, where: str, key: str) -> None:
    """Raise :class:`ConfigError` when a value is outside the range or choices of its field."""
    choices = metadata.get("choices") or ()
    low, high = metadata.get("low"), metadata.get("high")
    if choices and value not in choices:
        allowed = ", ".join(map(repr, choices))
        raise ConfigError(f"{value!r} is not allowed; allowed: {allowed}", where=where, key=key)
    too_low = low is not None and value < low
    if too_low or (high is not None and value > high):
        limits = f"{'-inf' if low is None else low} to {'inf' if high is None else high}"
        raise ConfigError(f"{value!r} is outside the range {limits}", where=where, key=key)


def _check_profiles(profiles: Sequence[OutputProfile], where: str) -> None:
    allowed = {"format": ("same", "tiff", "jpeg", "png"), "depth": ("same", "8", "16")}
    for number, profile in enumerate(profiles):
        key = f"output.profiles[{number}]"
        for name, choices in allowed.items():
            check_range(
                getattr(profile, name), {"choices": choices}, where=where, key=f"{key}.{name}"
            )
        check_range(profile.quality, {"low": 1, "high": 100}, where=where, key=f"{key}.quality")
        if Path(profile.folder).is_absolute() or ".." in Path(profile.folder).parts:
            message = f"{profile.folder!r} must be a folder inside the output folder"
            raise ConfigError(message, where=where, key=f"{key}.folder")
    for what in ("name", "folder"):
        seen = [getattr(profile, what) for profile in profiles]
        if len(set(seen)) != len(seen):
            message = f"two profiles have the same {what}; each needs its own"
            raise ConfigError(message, where=where, key="output.profiles")
    if not profiles:
        raise ConfigError("at least one profile is needed", where=where, key="output.profiles")


def example() -> str:
    """Return the text of ``config.example.toml``: every key with its meaning and default."""
    lines = ["# Every key of archivist's configuration with its default.", ""]
    lines += _example_of(Settings(), "")
    lines += _EXAMPLE_RECIPE
    return "\n".join(lines) + "\n"


def _example_of(settings: Any, section: str) -> list[str]:
    lines, later = [], []
    for f in dataclasses.fields(settings):
        value, dotted = getattr(settings, f.name), f"{section}.{f.name}" if section else f.name
        if dataclasses.is_dataclass(value):
            title = (type(value).__doc__ or "").splitlines()[0]
            later += [f"# {title}", f"[{dotted}]", *_example_of(value, dotted)]
        elif f.name == "profiles":
            later += [f"# {f.metadata['doc']}", *_example_profiles(dotted)]
        elif f.name != "recipes":
            lines += [f"# {f.metadata['doc']}", f"{f.name} = {_toml(value)}"]
    return [*lines, "", *later]


def _example_profiles(section: str) -> list[str]:
    lines = []
    for profile in (OutputProfile(name="restored"),):
        lines += [f"[[{section}]]"]
        lines += [
            f"{f.name} = {_toml(getattr(profile, f.name))}" for f in dataclasses.fields(profile)
        ]
    return [
        *lines,
        "# A second profile: small copies for the reading room.",
        f"# [[{section}]]",
        '# name = "access"',
        '# folder = "access"',
        '# format = "jpeg"',
        '# depth = "8"',
        "# max_side = 2048",
        "",
    ]


_EXAMPLE_RECIPE = [
    "# A recipe: steps in their order, each with params of its own.",
    "[recipes.careful]",
    'title = "Only what is surely a scratch"',
    "steps = [",
    '  { use = "scratch.detect", threshold = 0.6 },',
    '  { use = "scratch.repair" },',
    "]",
    "# Other params for some assets: any fact of the catalog or column of the manifest.",
    "[[recipes.careful.overrides]]",
    "where = 'series == \"Glass negatives\"'",
    'use = "scratch.detect"',
    "threshold = 0.3",
]


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return str(value)
