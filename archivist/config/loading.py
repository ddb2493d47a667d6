"""From a file to settings, and what a file cannot say by itself checked."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from archivist.api.errors import ConfigError
from archivist.config.checking import build, check_range
from archivist.config.places import placed
from archivist.config.settings import ReviewSettings, Settings
from archivist.config.shipped import shipped_recipes
from archivist.model import OutputProfile
from archivist.rights import check_rights


def default_catalog(out: Path) -> str:
    """Return the URL of the catalog inside an output folder."""
    return f"sqlite:///{out.resolve() / '.archivist' / 'catalog.sqlite'}"


def named_in_errors(path: Path | None) -> str:
    """Return what errors call the settings of a file, or those that hold without one."""
    return str(path or "defaults")


def load(path: Path | None = None) -> Settings:
    """Return the settings of a TOML file, or the defaults; recipes that ship are always there.

    Relative paths in it count from the folder of the file. Raises :class:`ConfigError` that names
    the file, the key and what is allowed.
    """
    table = _read(path) if path else {}
    own = table.get("recipes", {})
    if not isinstance(own, Mapping):
        raise ConfigError("expected tables [recipes.NAME]", where=str(path), key="recipes")
    named = named_in_errors(path)
    settings = parse({**table, "recipes": {**shipped_recipes(), **own}}, where=named)
    settings = _with_plain_folders(placed(settings, path.parent if path else Path()))
    _check_profiles(settings.output.profiles, named)
    check_rights(settings.rights, settings.references.rights, named)
    _check_review(settings.review, named)
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


def _with_plain_folders(settings: Settings) -> Settings:
    """Return settings whose profiles name folders without a slash at the end."""
    profiles = tuple(
        replace(profile, folder=profile.folder.rstrip("/") or profile.folder)
        for profile in settings.output.profiles
    )
    return replace(settings, output=replace(settings.output, profiles=profiles))


def _check_review(review: ReviewSettings, where: str) -> None:
    if review.reviewers and len(review.reviewers) < review.approvals:
        raise ConfigError(
            f"{review.approvals} persons must approve and only {len(review.reviewers)} may. "
            "Cure: fewer approvals, or more reviewers",
            where=where,
            key="review.approvals",
        )
    for name, weight in review.weights.items():
        check_range(weight, {"low": 0, "high": 1}, where=where, key=f"review.weights.{name}")


def _check_profiles(profiles: Sequence[OutputProfile], where: str) -> None:
    allowed = {"format": ("same", "tiff", "jpeg", "png"), "depth": ("same", "8", "16")}
    for number, profile in enumerate(profiles):
        key = f"output.profiles[{number}]"
        for name, choices in allowed.items():
            check_range(
                getattr(profile, name), {"choices": choices}, where=where, key=f"{key}.{name}"
            )
        check_range(profile.quality, {"low": 1, "high": 100}, where=where, key=f"{key}.quality")
        check_range(profile.max_side, {"low": 0}, where=where, key=f"{key}.max_side")
        if profile.format == "jpeg" and profile.depth == "16":
            message = "JPEG holds 8 bits; use 8 or same"
            raise ConfigError(message, where=where, key=f"{key}.depth")
        parts = profile.folder.split("/") if profile.folder else []
        if any(part in ("", ".", "..") or "\0" in part for part in parts):
            message = f"{profile.folder!r} must be a folder inside the output folder"
            cure = "Cure: a plain name such as access, or access/small; empty: the output folder"
            raise ConfigError(f"{message}. {cure}", where=where, key=f"{key}.folder")
    for what in ("name", "folder"):
        seen = [getattr(profile, what) for profile in profiles]
        if len(set(seen)) != len(seen):
            message = f"two profiles have the same {what}; each needs its own"
            raise ConfigError(message, where=where, key="output.profiles")
    if not profiles:
        raise ConfigError("at least one profile is needed", where=where, key="output.profiles")
