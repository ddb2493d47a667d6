"""What a plan will cost, from the costs that the steps declare."""

from __future__ import annotations

from collections.abc import Mapping

from archivist.api.steps import Cost, StepSpec
from archivist.model import Estimate, Header
from archivist.plugins import Plugins, make_params, resolve

# Reading, hashing and decoding a megapixel and encoding it again take about 0.05 s of one core
# (16-bit TIFF with deflate level 1 measures 0.03 + 0.02); an image is held once as 16 bit.
IO_SECONDS_PER_MP = 0.05
BASE_MIB = 200.0
MIB_PER_MP = 3 * 2 * 2.0


def cost_of(spec: StepSpec, header: Header, params: Mapping[str, object]) -> Cost:
    """Return the cost of a step for one image, by its ``estimate`` where it has one."""
    if spec.estimate is None:
        return spec.cost
    width, height = header.upright_size
    cost = resolve(spec.estimate)(width, height, make_params(spec, params))
    assert isinstance(cost, Cost)
    return cost


def estimate_page(
    plugins: Plugins,
    header: Header,
    steps: Mapping[str, Mapping[str, object]],
    *,
    stream_above_mp: float,
) -> Estimate:
    """Return what one page costs; ``steps`` are the ids that may run, with their params."""
    area = header.megapixels
    seconds, ram, vram = IO_SECONDS_PER_MP * area, BASE_MIB + MIB_PER_MP * area, 0.0
    if area > stream_above_mp:
        ram = BASE_MIB + MIB_PER_MP * stream_above_mp
    for step, params in steps.items():
        spec = plugins.steps[step]
        cost = cost_of(spec, header, params)
        held = area
        if spec.tiling.mode == "tiled" and area > stream_above_mp:
            held = spec.tiling.size**2 / 1e6
        seconds += cost.seconds + cost.seconds_per_mp * area
        ram = max(ram, BASE_MIB + cost.ram_mib + (cost.ram_mib_per_mp + MIB_PER_MP) * held)
        vram = max(vram, cost.vram_mib + cost.vram_mib_per_mp * held)
    return Estimate(seconds=seconds, ram_mib=ram, vram_mib=vram)
