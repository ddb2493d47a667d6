"""Bring a released checkpoint of TTSR into the form that archivist loads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from torch import Tensor

from archivist_reference_sr.network import TTSR
from archivist_torch.weights import load_state, read_checkpoint, save_weights

PARALLEL = "module."
"""Prefix of every name in a file saved from a network spread over several devices."""
COPY, ORIGINAL = "LTE_copy.", "LTE."
"""A second extractor that training compares with; always equal to the first."""


def import_paper(source: Path, destination: Path) -> str:
    """Convert ``TTSR.pt`` or ``TTSR-rec.pt`` to safetensors and return the new file's SHA-256.

    Raises ValueError, naming the entries, when they are not those of the paper's network, and
    FileNotFoundError when an archive or folder does not hold exactly one checkpoint.
    """
    network = TTSR()
    state = own_names(read_checkpoint(source), network.state_dict())
    load_state(network, state, str(source))
    return save_weights(network.state_dict(), destination, {"converted_from": source.name})


def own_names(state: Mapping[str, Tensor], known: Iterable[str]) -> dict[str, Tensor]:
    """Return the entries without the prefix of parallel training and without the extractor's copy.

    Only entries that copy a known one are dropped; anything else stays, and is refused later.
    """
    copies = {COPY + name.removeprefix(ORIGINAL) for name in known if name.startswith(ORIGINAL)}
    plain = {name.removeprefix(PARALLEL): value for name, value in state.items()}
    return {name: value for name, value in plain.items() if name not in copies}
