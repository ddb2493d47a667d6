"""Precision follows what the hardware can do, and the reason is told."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from archivist_torch import device


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("fpu avx2", torch.float32),
        ("fpu avx512_bf16", torch.bfloat16),
        ("amx_bf16", torch.bfloat16),
    ],
)
def test_bfloat16_is_used_where_the_cpu_multiplies_it(
    monkeypatch: pytest.MonkeyPatch, flags: str, expected: torch.dtype
) -> None:
    monkeypatch.setattr(device, "cpu_flags", lambda: set(flags.split()))

    assert device.choose("cpu").dtype is expected


def test_float32_can_be_asked_for() -> None:
    chosen = device.choose("cpu", mixed=False)

    assert chosen.dtype is torch.float32
    assert chosen.reason == "float32 asked for"


def test_flags_are_read_from_the_first_cpu(tmp_path: Path) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text("model : 1\nflags\t\t: fpu avx2\nflags : other\n")

    assert device.cpu_flags(info) == {"fpu", "avx2"}
    assert device.cpu_flags(tmp_path / "none") == set()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_device_is_an_error_with_a_cure() -> None:
    with pytest.raises(ValueError, match="use --device cpu"):
        device.choose("cuda")
