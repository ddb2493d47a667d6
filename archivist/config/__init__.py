"""Settings: TOML in, frozen dataclasses out; errors name the file, the key, what is allowed."""

from archivist.config.checking import build, check_range, convert, unknown
from archivist.config.example import example
from archivist.config.loading import default_catalog, load, named_in_errors, parse
from archivist.config.places import placed_values
from archivist.config.settings import (
    CatalogSettings,
    LedgerSettings,
    OutputSettings,
    PluginSettings,
    PublishSettings,
    RecipeSettings,
    ReferenceSettings,
    ReviewSettings,
    ScanSettings,
    ScheduleSettings,
    Settings,
    StoreSettings,
    WeightSettings,
)
from archivist.config.shipped import first_party_steps, shipped_recipes
from archivist.rights import RightsRule, RightsSettings

__all__ = [
    "CatalogSettings",
    "LedgerSettings",
    "OutputSettings",
    "PluginSettings",
    "PublishSettings",
    "RecipeSettings",
    "ReferenceSettings",
    "ReviewSettings",
    "RightsRule",
    "RightsSettings",
    "ScanSettings",
    "ScheduleSettings",
    "Settings",
    "StoreSettings",
    "WeightSettings",
    "build",
    "check_range",
    "convert",
    "default_catalog",
    "example",
    "first_party_steps",
    "load",
    "named_in_errors",
    "parse",
    "placed_values",
    "shipped_recipes",
    "unknown",
]
