"""Truncated and damaged files end in an error, sound ones never do."""

from __future__ import annotations

import numpy as np
import pytest

from archivist.api import SourceError
from archivist_jpeg2000.read import read


@pytest.fixture
def form(request, kit):
    """Return a file of about 40 kB: boxed, bare, or in tiles."""
    photo = kit.photo(150, 130)
    options = {"boxed": {}, "bare": {"no_jp2": True}, "tiled": {"tile_size": (40, 40)}}
    return kit.pillow(photo, **options[request.param])


ALL = pytest.mark.parametrize("form", ["boxed", "bare", "tiled"], indirect=True)


@ALL
def test_a_file_cut_anywhere_is_refused(form, refusal):
    places = {*range(13, 400, 7), *range(400, len(form), 997), len(form) - 2, len(form) - 1}
    codes = {refusal(form[:place]).code for place in places}
    assert codes == {"truncated"} or codes == {"truncated", "damaged"}


@ALL
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_hole_of_zeros_is_found(form, refusal, share):
    start = int(len(form) * share)
    error = refusal(form[:start] + bytes(2048) + form[start + 2048 :])
    assert error.code == "damaged"


@ALL
def test_a_block_of_another_file_is_found(form, refusal):
    block = np.random.default_rng(0).integers(0, 256, 4096, np.uint8).tobytes()
    start = len(form) // 2
    assert refusal(form[:start] + block + form[start + 4096 :]).code == "damaged"


def first_tile(data: bytes) -> tuple[int, int]:
    """Return where the first tile-part of a file begins and ends."""
    start = data.index(b"\xff\x90\x00\x0a")
    return start, start + int.from_bytes(data[start + 6 : start + 10], "big")


@pytest.mark.parametrize("form", ["tiled"], indirect=True)
def test_a_missing_tile_is_found(form, refusal):
    start = form.index(b"\xff\x4f\xff\x51")
    begin, end = first_tile(form)
    error = refusal(form[start:begin] + form[end:])
    assert error.code == "truncated"
    assert "1 of its 16 tiles are missing" in str(error)


@pytest.mark.parametrize("form", ["tiled"], indirect=True)
def test_a_missing_part_of_a_tile_is_found(form, refusal):
    start = form.index(b"\xff\x4f\xff\x51")
    begin, _ = first_tile(form)
    error = refusal(form[start : begin + 11] + b"\x02" + form[begin + 12 :])
    assert error.code == "truncated"


def test_what_the_decoder_cannot_decode_is_damage(kit, refusal):
    stream = kit.stream(kit.photo())
    quantisation = stream.index(b"\xff\x5c")
    assert (
        refusal(stream[:quantisation] + b"\xff\x64" + stream[quantisation + 2 :]).code == "damaged"
    )


def test_any_byte_of_the_header_may_be_wrong(kit):
    data = kit.pillow(kit.photo(20, 20))
    rng = np.random.default_rng(3)
    refused = 0
    for place in range(220):
        changed = bytearray(data)
        changed[place] = int(rng.integers(0, 256))
        try:
            read(bytes(changed))
        except SourceError:
            refused += 1
    assert refused > 60


@pytest.mark.parametrize("tone", [0, 128, 255])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"tile_size": (64, 64)},
        {"precinct_size": (32, 32), "codeblock_size": (8, 8)},
        {"quality_mode": "rates", "quality_layers": [200, 100, 50, 20, 10, 5, 2, 1]},
        {
            "quality_mode": "rates",
            "quality_layers": [99, 50, 20, 10, 5, 2, 1],
            "precinct_size": (32, 32),
        },
    ],
    ids=str,
)
def test_blank_paper_is_no_damage(kit, tone, options):
    blank = np.full((700, 500, 3), tone, np.uint8)
    assert np.array_equal(kit.samples(read(kit.pillow(blank, **options))), blank)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("resolutions", [1, 2, 6])
def test_a_drawing_of_ramps_and_checks_is_no_damage(kit, kind, resolutions):
    y, x = np.mgrid[:512, :512]
    drawn = np.stack([y % 256, (x // 4 + y // 4) % 2 * 200, (x + y) % 256], axis=2).astype(kind)
    data = kit.stream(drawn, resolutions=resolutions)
    assert np.array_equal(kit.samples(read(data)), drawn)


def test_a_picture_with_empty_low_bits_is_no_damage(kit):
    wide = kit.photo(300, 300).astype(np.uint16) << 8
    assert np.array_equal(kit.samples(read(kit.stream(wide))), wide)
