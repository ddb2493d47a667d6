"""Bring a released face generator of the paper into the form that archivist loads.

The release has two: ``Setting_9_epoch_100`` for crops of 256 px and ``FaceSR_512`` for 512 px. Both
store spectral norm as three entries a convolution; the file written here holds plain weights.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from archivist_faces.generator import FaceGenerator
from archivist_faces.spectral import folded
from archivist_torch.weights import (
    load_network,
    load_state,
    read_checkpoint,
    save_weights,
    unwrapped,
)

Side = Literal[256, 512]

MEMBERS: Mapping[Side, str] = {
    256: "Setting_9_epoch_100/latest_net_G.pth",
    512: "FaceSR_512/latest_net_G.pth",
}
"""The file of each generator in the release, by the side of the crops it was trained on."""


def import_paper_256(source: Path, destination: Path) -> None:
    """Convert the generator for 256 px; see :func:`import_generator`."""
    import_generator(256, source, destination)


def import_paper_512(source: Path, destination: Path) -> None:
    """Convert the generator for 512 px; see :func:`import_generator`."""
    import_generator(512, source, destination)


def import_generator(side: Side, source: Path, destination: Path, width: int = 64) -> None:
    """Convert a ``latest_net_G.pth``, or the archive or folder that holds it as in the release.

    No code in the pickle is run. Raises FileNotFoundError when it is not there, ValueError
    (WeightsMismatch) that names entries which are missing, unknown or of another shape.
    """
    state = _read(source, MEMBERS[side])
    with torch.device("meta"):
        network = FaceGenerator(width)
    network.to_empty(device="cpu")
    load_state(network, folded(unwrapped(state), str(source)), str(source))
    metadata = {"network": f"faces-paper-{side}", "converted_from": source.name}
    save_weights(network.state_dict(), destination, metadata)


def load_generator(path: Path, width: int = 64) -> FaceGenerator:
    """Return the generator of an imported file, in evaluation mode."""
    return load_network(lambda: FaceGenerator(width), path)


def _read(source: Path, member: str) -> dict[str, Tensor]:
    try:
        return read_checkpoint(source, member)
    except FileNotFoundError as problem:
        raise FileNotFoundError(
            f"{problem}. Give face_checkpoints.zip, the folder it was unpacked into, or the file "
            f"{member} itself"
        ) from problem
    except zipfile.BadZipFile as problem:
        raise ValueError(f"{source} is damaged ({problem}); get it again") from problem
