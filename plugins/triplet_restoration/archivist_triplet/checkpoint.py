"""Bring released checkpoints of the paper's restoration into the form that archivist loads.

Each mode gets one safetensors file with all that it needs: the encoder of ``VAE_A_quality``
(``vae_a.``), its mapping (``mapping.``) and the decoder of its ``VAE_B`` (``vae_b.``).

The source is the archive ``global_checkpoints.zip``, the folder it was unpacked into, or a folder
with the three files, each in the folder of its network (``VAE_A_quality/latest_net_G.pth``) or
named after it (``VAE_A_quality.pth``).

Entries are held to strictly. The paper's own loader drops unknown entries and keeps random weights
for missing ones; here both are errors that name the entry, for an entry that nothing applies means
a checkpoint of another network. There is one exception: ``running_mean``, ``running_var`` and
``num_batches_tracked`` are left out, which early torch saved for instance norms although they
never used them.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import torch
from torch import Tensor, nn

from archivist_torch.weights import digest, load_state, read_checkpoint, save_weights
from archivist_triplet.paper.restore import Mode, make_mapping
from archivist_triplet.paper.vae import WIDTH, Vae

ENCODER = "VAE_A_quality"
"""The folder of the release whose encoder all modes share."""

MAPPINGS: Mapping[Mode, str] = {
    "quality": "mapping_quality",
    "scratch": "mapping_scratch",
    "hr": "mapping_Patch_Attention",
}
DECODERS: Mapping[Mode, str] = {
    "quality": "VAE_B_quality",
    "scratch": "VAE_B_scratch",
    "hr": "VAE_B_scratch",
}

IDLE = ("running_mean", "running_var", "num_batches_tracked")
"""Buffers of instance norms that early torch saved and never used."""


def import_paper_quality(source: Path, destination: Path) -> None:
    """Convert what quality mode needs. Raises FileNotFoundError and ValueError, with names."""
    import_mode("quality", source, destination)


def import_paper_scratch(source: Path, destination: Path) -> None:
    """Convert what scratch mode needs. Raises FileNotFoundError and ValueError, with names."""
    import_mode("scratch", source, destination)


def import_paper_hr(source: Path, destination: Path) -> None:
    """Convert what HR mode needs. Raises FileNotFoundError and ValueError, with names."""
    import_mode("hr", source, destination)


def import_mode(mode: Mode, source: Path, destination: Path, width: int = WIDTH) -> None:
    """Write the weight file of a mode; its metadata has name and SHA-256 of each source file.

    Raises FileNotFoundError that names a file which the source lacks, ValueError
    (WeightsMismatch) that names entries which are missing, unknown or of another shape.
    """
    with torch.device("meta"):
        parts = (
            ("vae_a", ENCODER, "encoder.", Vae(width)),
            ("mapping", MAPPINGS[mode], "", make_mapping(mode, width)),
            ("vae_b", DECODERS[mode], "decoder.", Vae(width)),
        )
    state: dict[str, Tensor] = {}
    metadata = {"network": f"triplet-paper-{mode}", "converted_from": source.name}
    found = {prefix: locate(source, folder) for prefix, folder, _, _ in parts}
    for prefix, _, half, network in parts:
        entries = _proven(found[prefix], network)
        state |= {f"{prefix}.{n}": v for n, v in entries.items() if n.startswith(half)}
        metadata[f"{prefix}.file"] = found[prefix].name
        metadata[f"{prefix}.sha256"] = found[prefix].sha256()
    save_weights(state, destination, metadata)


@dataclass(frozen=True, slots=True)
class Found:
    """A released file: a file of its own, or the member ``name`` of the archive ``path``."""

    path: Path
    name: str
    archived: bool

    def read(self) -> dict[str, Tensor]:
        """Return its state dict; no code in it is run. Raises ValueError when it is none."""
        try:
            state: dict[str, Tensor] = read_checkpoint(
                self.path, self.name if self.archived else None
            )
        except (EOFError, zipfile.BadZipFile) as problem:
            raise ValueError(f"{self} is damaged ({problem}); get it again") from problem
        return state

    def sha256(self) -> str:
        """Return the SHA-256 of the file as it was released, in hexadecimal."""
        if not self.archived:
            return str(digest(self.path))
        found = hashlib.sha256()
        with zipfile.ZipFile(self.path) as archive, archive.open(self.name) as stream:
            while piece := stream.read(2**20):
                found.update(piece)
        return found.hexdigest()

    def __str__(self) -> str:
        return f"{self.path}:{self.name}" if self.archived else str(self.path)


def member(folder: str) -> str:
    """Return the path of a network's file in the release: ``VAE_A_quality/latest_net_G.pth``."""
    name = "latest_net_G.pth" if folder.startswith("VAE") else "latest_net_mapping_net.pth"
    return f"{folder}/{name}"


def locate(source: Path, folder: str) -> Found:
    """Find the file of the network ``folder`` in an archive or in a folder.

    Raises FileNotFoundError when the source holds none or several, ValueError when it is neither.
    """
    names = _names(source)
    wanted = (member(folder), f"{folder}.pth")
    fitting = [n for n in names if "/".join(PurePosixPath(n).parts[-2:]) in wanted]
    fitting = fitting or [n for n in names if PurePosixPath(n).name == wanted[1]]
    if len(fitting) != 1:
        what = f"several files for {folder}: {', '.join(fitting)}" if fitting else f"no {wanted[0]}"
        raise FileNotFoundError(
            f"{source} holds {what}; give global_checkpoints.zip, the folder it was unpacked "
            f"into, or a folder with one {wanted[0]} or {wanted[1]}"
        )
    if source.is_dir():
        return Found(source / fitting[0], fitting[0], archived=False)
    return Found(source, fitting[0], archived=True)


def _names(source: Path) -> list[str]:
    if source.is_dir():
        return sorted(p.relative_to(source).as_posix() for p in source.rglob("*.pth"))
    if not source.exists():
        raise FileNotFoundError(f"there is no {source}")
    if source.suffix == ".pth" or not zipfile.is_zipfile(source):
        raise ValueError(
            f"{source} is neither a ZIP archive nor a folder, and a mode needs three files; "
            "give global_checkpoints.zip or the folder that holds them"
        )
    with zipfile.ZipFile(source) as archive:
        return archive.namelist()


def _proven(found: Found, network: nn.Module) -> dict[str, Tensor]:
    """Return the entries of a file after proving that they are those of ``network``."""
    state = {n: v for n, v in found.read().items() if n.rpartition(".")[2] not in IDLE}
    network.to_empty(device="cpu")
    load_state(network, state, str(found))
    return dict(network.state_dict())
