"""Where and in which precision to compute, decided once and said in the log."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import torch

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Compute:
    """A device, the type of its arithmetic, and the reason for that type."""

    device: torch.device
    dtype: torch.dtype
    reason: str

    def autocast(self) -> torch.autocast:
        """Return the context in which forward passes use :attr:`dtype`; idle for float32."""
        mixed = self.dtype is not torch.float32
        return torch.autocast(self.device.type, self.dtype, enabled=mixed)


def choose(wanted: str = "auto", *, mixed: bool = True) -> Compute:
    """Choose device and precision. ``wanted`` is auto, cpu, cuda or cuda:N.

    bfloat16 only where the hardware multiplies it natively; elsewhere it is emulated and slower
    than float32. ``mixed=False`` keeps float32 in any case, as inference on a CPU should: results
    then differ between machines by rounding alone.
    Raises ValueError for a CUDA device that is not there.
    """
    name = ("cuda" if torch.cuda.is_available() else "cpu") if wanted == "auto" else wanted
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(f"device {name!r} is not there; use --device cpu")
    device = torch.device(name)
    native, why = _native_bfloat16(device)
    dtype = torch.bfloat16 if mixed and native else torch.float32
    reason = why if mixed else "float32 asked for"
    LOG.info("computing on %s in %s (%s)", device, str(dtype).removeprefix("torch."), reason)
    return Compute(device, dtype, reason)


def _native_bfloat16(device: torch.device) -> tuple[bool, str]:
    if device.type == "cuda":
        major = torch.cuda.get_device_capability(device)[0]
        return major >= 8, f"compute capability {major}.x, bfloat16 needs 8.0"
    flags = cpu_flags()
    found = sorted(flags & {"avx512_bf16", "amx_bf16"})
    return bool(
        found
    ), f"CPU has {found[0]}" if found else "CPU has neither avx512_bf16 nor amx_bf16"


def cpu_flags(info: Path = Path("/proc/cpuinfo")) -> set[str]:
    """Return the instruction-set flags of the first CPU; an empty set where Linux does not say."""
    try:
        lines = info.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return set()
    return next(
        (set(line.split(":", 1)[1].split()) for line in lines if line.startswith("flags")), set()
    )
