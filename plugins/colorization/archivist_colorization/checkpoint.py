"""Bring the released checkpoints of the paper into the form that archivist loads.

The release has one file per network. All three go into one safetensors file, the feature network
as ``features.``, the correspondence network as ``correspondence.``, the colour network as
``colour.``. Entries are held to strictly; a missing, unknown or misshapen one is an error.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import nn

from archivist_colorization.networks import PaperNetworks
from archivist_torch.weights import (
    load_network,
    load_state,
    read_checkpoint,
    save_weights,
    unwrapped,
)

FEATURES = "vgg19_conv"
MATCHING = "nonlocal_net"
RENDERING = "colornet"

MEMBERS: Mapping[str, str] = {
    FEATURES: "vgg19_conv.pth",
    MATCHING: "nonlocal_net_iter_76000.pth",
    RENDERING: "colornet_iter_76000.pth",
}
"""The file of each network in the release, in whatever folder."""


def import_paper(
    source: Path, destination: Path, make: Callable[[], PaperNetworks] = PaperNetworks
) -> None:
    """Convert the three files in ``source``, a folder or a ZIP archive, to one safetensors file.

    No code in the pickles is run. Raises FileNotFoundError that names a file which is not there,
    ValueError (WeightsMismatch) that names entries which are missing, unknown or of another shape.
    """
    with torch.device("meta"):
        networks = make()
    networks.to_empty(device="cpu")
    parts = (networks.features, networks.correspondence, networks.colour)
    for (title, member), network in zip(MEMBERS.items(), parts, strict=True):
        _fill(network, source, member, title)
    metadata = {"network": "colorization-paper", "converted_from": source.name}
    save_weights(networks.state_dict(), destination, metadata)


def load_paper(path: Path) -> PaperNetworks:
    """Return the networks of an imported file, in evaluation mode."""
    return load_network(PaperNetworks, path)


def _fill(network: nn.Module, source: Path, member: str, title: str) -> None:
    try:
        state = read_checkpoint(source, member)
    except FileNotFoundError as problem:
        raise FileNotFoundError(
            f"{problem}. Put {', '.join(MEMBERS.values())} into one folder and give that folder"
        ) from problem
    except zipfile.BadZipFile as problem:
        raise ValueError(f"{member} of {source} is damaged ({problem}); get it again") from problem
    load_state(network, unwrapped(state), f"{source}: {title}")
