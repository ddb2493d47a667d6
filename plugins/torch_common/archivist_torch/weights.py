"""Weight files: safetensors with metadata, read strictly; pickled checkpoints only for conversion.

A missing or unknown entry is an error that names it. The program of the paper continued with
random weights in that case, and said so in one printed line.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

State = Mapping[str, Tensor]
Network = TypeVar("Network", bound=nn.Module)

PICKLES = (".pt", ".pth")
WRAPPER = "module."
"""Before every name of a checkpoint that was saved from a network on several devices."""


class WeightsMismatch(ValueError):
    """A weight file does not fit the network; the message names what is missing or unknown."""


def save_weights(
    state: State,
    path: Path,
    metadata: Mapping[str, str] | None = None,
    dtype: torch.dtype = torch.float32,
) -> str:
    """Write a state dict as safetensors and return the file's SHA-256 (hex).

    Floating-point entries are stored as ``dtype``; float16 halves the file. The file appears whole
    or not at all.
    """
    tensors = {
        name: (value.to(dtype) if value.is_floating_point() else value).detach().cpu().contiguous()
        for name, value in state.items()
    }
    part = path.with_name(path.name + ".part")
    save_file(tensors, part, dict(metadata or {}))
    part.chmod(0o644)  # safetensors makes files that only their owner can read
    part.replace(path)
    return digest(path)


def load_network(make: Callable[[], Network], path: Path) -> Network:
    """Return a network in evaluation mode, made by ``make`` and filled from a safetensors file.

    It is made without memory first, so that no random number is drawn for weights that the file
    replaces anyway: a restoration step must not touch global random state.
    Raises WeightsMismatch and ValueError as :func:`load_weights` does.
    """
    with torch.device("meta"):
        network = make()
    network.to_empty(device="cpu")
    load_weights(network, path)
    return network.eval()


def load_weights(network: nn.Module, path: Path) -> dict[str, str]:
    """Load a safetensors file into a network and return the file's metadata.

    float16 entries are widened to the network's own type.
    Raises WeightsMismatch when names or shapes differ, ValueError when it is no such file.
    """
    try:
        state, metadata = load_file(path), read_metadata(path)
    except SafetensorError as problem:
        raise ValueError(f"{path} is no safetensors file ({problem}); import it again") from problem
    load_state(network, state, str(path))
    return metadata


def load_state(network: nn.Module, state: State, source: str) -> None:
    """Load a state dict into a network, strictly; ``source`` is named in errors.

    ``num_batches_tracked`` may be absent: files saved by very old torch lack it, and inference
    does not use it.
    """
    own = network.state_dict()
    missing = [n for n in own if n not in state and not n.endswith("num_batches_tracked")]
    unknown = [n for n in state if n not in own]
    odd = [
        f"{n} is {tuple(state[n].shape)}, not {tuple(own[n].shape)}"
        for n in own
        if n in state and state[n].shape != own[n].shape
    ]
    problems = [
        f"{title}: {_few(names)}"
        for title, names in (("missing", missing), ("unknown", unknown), ("shape", odd))
        if names
    ]
    if problems:
        raise WeightsMismatch(
            f"{source} does not fit {type(network).__name__}. " + "; ".join(problems)
        )
    counters = {n: torch.zeros_like(v) for n, v in own.items() if n not in state}
    network.load_state_dict({**state, **counters})


def read_checkpoint(source: Path, member: str | None = None) -> dict[str, Tensor]:
    """Read the state dict of a released checkpoint, without running code from it.

    ``source`` is a .pt, .pth or .safetensors file, or a ZIP archive or folder that holds one whose
    path ends with ``member`` (``detection/FT_Epoch_latest.pt``). A dictionary around the state
    dict (``model_state``, ``state_dict``) is opened.
    Raises FileNotFoundError when no such file is inside, ValueError when it holds no state dict.
    """
    if source.is_dir():
        return read_checkpoint(_inside(source, member), None)
    if source.suffix == ".safetensors":
        try:
            return load_file(source)
        except SafetensorError as problem:
            raise ValueError(f"{source} is no safetensors file, or damaged ({problem})") from None
    if zipfile.is_zipfile(source) and source.suffix not in PICKLES:
        with zipfile.ZipFile(source) as archive:
            name = _choose(archive.namelist(), member, source)
            try:
                content = archive.read(name)
            except zipfile.BadZipFile as problem:
                raise ValueError(f"{source} is damaged ({problem}); get it again") from problem
        return _state_of(io.BytesIO(content), f"{source}:{name}")
    return _state_of(source, str(source))


def unwrapped(state: State) -> dict[str, Tensor]:
    """Return a state dict without :data:`WRAPPER` before its names, if all have it."""
    wrapped = all(name.startswith(WRAPPER) for name in state)
    return {name.removeprefix(WRAPPER) if wrapped else name: v for name, v in state.items()}


def convert(source: Path, destination: Path, network: nn.Module, member: str | None = None) -> str:
    """Turn a released checkpoint into safetensors after proving that it fits ``network``.

    Returns the SHA-256 of the new file.
    """
    state = read_checkpoint(source, member)
    load_state(network, state, str(source))
    return save_weights(network.state_dict(), destination, {"converted_from": source.name})


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_metadata(path: Path) -> dict[str, str]:
    """Return the metadata of a safetensors file, without reading its weights."""
    with safe_open(path, "pt") as file:
        return dict(file.metadata() or {})


_NOT_READ = (
    RuntimeError,
    pickle.UnpicklingError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    struct.error,
)
"""What PyTorch's reader of pickles raises where bytes are none: it takes each for an order."""


def _state_of(source: Path | io.BytesIO, name: str) -> dict[str, Tensor]:
    try:
        loaded = torch.load(source, map_location="cpu", weights_only=True)
    except EOFError as problem:
        raise ValueError(f"{name} is empty or cut off; get it again") from problem
    except _NOT_READ:
        # Not in PyTorch's words: they advise to read it with whatever code it brings along.
        raise ValueError(
            f"{name} is damaged, no checkpoint, or holds more than tensors, which is not read "
            "because it could run code; get the released file again"
        ) from None
    for key in ("model_state", "state_dict"):
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            loaded = loaded[key]
    if not isinstance(loaded, dict) or not all(isinstance(v, Tensor) for v in loaded.values()):
        raise ValueError(f"{name} holds no state dict; give the file of the released checkpoint")
    return loaded


def _inside(folder: Path, member: str | None) -> Path:
    files = [p for p in folder.rglob("*") if p.suffix in (*PICKLES, ".safetensors")]
    return folder / _choose([p.relative_to(folder).as_posix() for p in files], member, folder)


def _choose(names: list[str], member: str | None, source: Path) -> str:
    fitting = [n for n in names if PurePosixPath(n).suffix in (*PICKLES, ".safetensors")]
    wanted = [n for n in fitting if member is None or n.endswith(member)]
    if len(wanted) != 1:
        what = f"one file {member!r}" if member else "exactly one checkpoint"
        raise FileNotFoundError(f"{source} does not hold {what}; found: {_few(fitting) or 'none'}")
    return wanted[0]


def _few(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
