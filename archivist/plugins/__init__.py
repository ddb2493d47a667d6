"""Plugins: found by entry points, loaded one by one, checked, and never able to stop the rest."""

from archivist.plugins.loading import load_plugins, unknown_plugins
from archivist.plugins.manager import Offer, PluginInfo, Plugins, PluginState
from archivist.plugins.params import (
    ParamInfo,
    describe_params,
    make_params,
    plain_params,
)
from archivist.plugins.resolving import resolve
from archivist.plugins.validate import codec_problems, spec_problems
from archivist.plugins.weights import (
    ImportedWeights,
    NotInSource,
    default_weights_folder,
    find_weights,
    import_weights,
    imported_weights,
    locate_weights,
    weight_digest,
    weights_folders,
)

__all__ = [
    "ImportedWeights",
    "NotInSource",
    "Offer",
    "ParamInfo",
    "PluginInfo",
    "PluginState",
    "Plugins",
    "codec_problems",
    "default_weights_folder",
    "describe_params",
    "find_weights",
    "import_weights",
    "imported_weights",
    "load_plugins",
    "locate_weights",
    "make_params",
    "plain_params",
    "resolve",
    "spec_problems",
    "unknown_plugins",
    "weight_digest",
    "weights_folders",
]
