"""The released form of SPAN is read number by number, and anything else is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from archivist_reference_sr.compact.enlarger import Enlarger
from archivist_reference_sr.training.span import HALF, command, read_span
from archivist_torch.weights import load_weights


def released(network: Enlarger, folder: Path) -> Path:
    """Write a network as ncnn has it, its weights rounded to float16, and return the text's path.

    Begins with a constant of three numbers, as the release does.
    """
    lines, content = ["7767517", "MemoryData mean 0 1 mean 0=1 1=1 2=3"], [bytes(12)]
    layers = [module for module in network.modules() if isinstance(module, torch.nn.Conv2d)]
    for number, layer in enumerate(layers):
        weight, bias = (x.detach().numpy() for x in (layer.weight, layer.bias))
        lines.append(f"Convolution {number} 1 1 a b 0={len(bias)} 6={weight.size}")
        filled = bytes(weight.size * 2 % 4)
        content += [HALF, weight.astype("<f2").tobytes(), filled, bias.astype("<f4").tobytes()]
    path = folder / "span.param"
    path.write_text("\n".join(lines))
    path.with_suffix(".bin").write_bytes(b"".join(content))
    return path


def test_every_weight_is_read_in_its_place(tmp_path: Path) -> None:
    torch.manual_seed(3)
    network = Enlarger()

    found = read_span(released(network, tmp_path)).state_dict()

    for name, value in network.state_dict().items():
        wanted = value.half().float() if name.endswith("weight") else value
        assert torch.equal(found[name], wanted)


@pytest.mark.parametrize("size", [(52, 6), (48, 5)])
def test_another_network_is_refused(size: tuple[int, int], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="spanx4_ch48"):
        read_span(released(Enlarger(*size), tmp_path))


def test_weights_of_another_type_are_refused(tmp_path: Path) -> None:
    path = released(Enlarger(), tmp_path)
    content = path.with_suffix(".bin").read_bytes()
    path.with_suffix(".bin").write_bytes(content.replace(HALF, bytes(4)))

    with pytest.raises(ValueError, match="not in float16"):
        read_span(path)


def test_a_file_that_is_cut_off_is_told_as_such(tmp_path: Path) -> None:
    path = released(Enlarger(), tmp_path)
    path.with_suffix(".bin").write_bytes(path.with_suffix(".bin").read_bytes()[:-5])

    result = CliRunner().invoke(command, [str(path), str(tmp_path / "out.safetensors")])

    assert result.exit_code == 1
    assert "cut off" in result.output


def test_the_command_writes_what_training_begins_from(tmp_path: Path) -> None:
    path, out = released(Enlarger(), tmp_path), tmp_path / "runs" / "span.safetensors"

    result = CliRunner().invoke(command, [str(path), str(out)])

    assert result.exit_code == 0, result.output
    load_weights(Enlarger(), out)
