"""What would come out wrong is refused by name, with the cure."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from archivist_jpeg2000.boxes import box
from archivist_jpeg2000.read import probe


def test_cmyk_is_refused_by_its_name(kit, refusal):
    photo = kit.photo(channels=4)
    error = refusal(kit.file(kit.stream(photo), photo, kit.colr(12)))
    assert error.code == "unsupported-colour"
    assert "CMYK" in str(error)


@pytest.mark.parametrize(("number", "name"), [(14, "CIELab"), (21, "ROMM-RGB"), (77, "kind 77")])
def test_other_colour_spaces_are_refused_by_their_names(kit, refusal, number, name):
    photo = kit.photo()
    error = refusal(kit.file(kit.stream(photo), photo, kit.colr(number)))
    assert error.code == "unsupported-colour"
    assert name in str(error)


def test_a_profile_for_cmyk_is_refused(kit, refusal, srgb):
    photo = kit.photo()
    icc = srgb[:16] + b"CMYK" + srgb[20:]
    error = refusal(kit.file(kit.stream(photo), photo, kit.profile(icc)))
    assert "one for 'CMYK'" in str(error)


@pytest.mark.parametrize("cut", [1, 200])
def test_a_torn_profile_is_damage(kit, refusal, srgb, cut):
    photo = kit.photo()
    assert refusal(kit.file(kit.stream(photo), photo, kit.profile(srgb[:-cut]))).code == "damaged"


@pytest.mark.parametrize("kind", [1, 2])
def test_opacity_is_refused(kit, refusal, kind):
    photo = kit.photo(channels=4)
    channels = kit.cdef((0, 0, 1), (1, 0, 2), (2, 0, 3), (3, kind, 0))
    error = refusal(kit.file(kit.stream(photo), photo, kit.colr(16), channels))
    assert error.code == "unsupported-layout"
    assert "flatten it, or convert it to TIFF" in str(error)


@pytest.mark.parametrize("channels", [2, 4])
def test_a_channel_that_nothing_explains_is_refused(kit, refusal, channels):
    photo = kit.photo(channels=channels)
    colour = kit.colr(17 if channels == 2 else 16)
    boxed = kit.file(kit.stream(photo), photo, colour)
    assert refusal(boxed).code == refusal(kit.stream(photo)).code == "unsupported-colour"


def test_channels_without_meaning_are_refused(kit, refusal):
    photo = kit.photo()
    channels = kit.cdef((0, 0, 1), (1, 0, 2), (2, 65535, 65535))
    data = kit.file(kit.stream(photo), photo, kit.colr(16), channels)
    assert refusal(data).code == "unsupported-colour"


def test_grey_that_calls_itself_srgb_is_refused(kit, refusal):
    photo = kit.photo(channels=1)
    assert refusal(kit.file(kit.stream(photo), photo, kit.colr(16))).code == "unsupported-colour"


def test_no_colour_space_is_refused(kit, refusal):
    photo = kit.photo()
    assert refusal(kit.file(kit.stream(photo), photo)).code == "unsupported-colour"


def test_samples_with_a_sign_are_refused(kit, refusal):
    signed = (kit.photo().astype(np.int16) - 128).astype(np.int8)
    error = refusal(kit.stream(signed))
    assert error.code == "unsupported-depth"
    assert "sign" in str(error)


def test_samples_of_more_than_sixteen_bits_are_refused(kit, refusal):
    deep = kit.photo(channels=1).astype(np.uint32) << 12
    error = refusal(kit.stream(deep, bitspersample=20))
    assert error.code == "unsupported-depth"
    assert "20 bits" in str(error)


def component(stream: bytes, number: int, fields: bytes) -> bytes:
    """Return a codestream whose SIZ describes a component otherwise (depth, across, down)."""
    at = 42 + 3 * number
    return stream[:at] + fields + stream[at + 3 :]


def test_components_of_reduced_size_are_refused(kit, refusal):
    error = refusal(component(kit.stream(kit.photo()), 1, b"\x07\x02\x02"))
    assert error.code == "unsupported-layout"
    assert "subsampling" in str(error)


def test_components_of_different_depths_are_refused(kit, refusal):
    error = refusal(component(kit.stream(kit.photo()), 2, b"\x03\x01\x01"))
    assert error.code == "unsupported-depth"
    assert "8, 8, 4 bits" in str(error)


def test_extensions_of_part_2_are_refused(kit, refusal):
    stream = kit.stream(kit.photo())
    assert refusal(stream[:6] + b"\x80\x00" + stream[8:]).code == "unsupported-layout"


def test_a_jpx_file_of_two_pictures_is_refused(kit, refusal):
    photo = kit.photo()
    stream = kit.stream(photo)
    second = box(b"jp2c", stream)
    error = refusal(kit.file(stream, photo, kit.colr(16), brand=b"jpx ", more=second))
    assert error.code == "unsupported-layout"
    assert "2 pictures" in str(error)
    assert "each picture as a file of its own" in str(error)


def test_a_jpx_file_of_one_picture_is_read(kit):
    photo = kit.photo()
    plain = box(b"jplh", b"") + box(b"jpch", box(b"lbl ", b"recto"))
    data = kit.file(kit.stream(photo), photo, kit.colr(16), brand=b"jpx ", more=plain)
    assert probe(data).width == photo.shape[1]


@pytest.mark.parametrize("inner", [b"cgrp", b"opct"])
def test_a_layer_with_colours_of_its_own_is_refused(kit, refusal, inner):
    photo = kit.photo()
    layer = box(b"jplh", box(inner, b""))
    data = kit.file(kit.stream(photo), photo, kit.colr(16), brand=b"jpx ", more=layer)
    assert refusal(data).code == "unsupported-layout"


def test_a_picture_in_pieces_is_refused(kit, refusal):
    photo = kit.photo()
    pieces = box(b"ftbl", bytes(8))
    data = kit.file(kit.stream(photo), photo, kit.colr(16), brand=b"jpx ", more=pieces)
    assert refusal(data).code == "unsupported-layout"


@pytest.mark.parametrize(
    ("brand", "name"), [(b"jpm ", "JPM"), (b"mjp2", "Motion"), (b"what", "what")]
)
def test_other_kinds_of_the_family_are_refused(kit, refusal, brand, name):
    photo = kit.photo()
    error = refusal(kit.file(kit.stream(photo), photo, kit.colr(16), brand=brand))
    assert error.code == "unsupported-layout"
    assert name in str(error)


def test_a_header_that_contradicts_the_codestream_is_damage(kit, refusal):
    photo = kit.photo(30, 40)
    data = kit.file(kit.stream(photo), photo[:, :39], kit.colr(16))
    error = refusal(data)
    assert error.code == "damaged"
    assert "39 x 30 pixels of 3 components, its codestream 40 x 30" in str(error)


@pytest.mark.parametrize("side", [40_000, 2**31])
def test_a_size_that_the_file_cannot_hold_is_refused_before_it_is_decoded(kit, refusal, side):
    stream = kit.stream(kit.photo(64, 64, 1))
    size = struct.pack(">4I", side, side, 0, 0) + struct.pack(">4I", side, side, 0, 0)
    error = refusal(stream[:8] + size + stream[40:])
    assert error.code == "damaged"
    assert "cannot hold" in str(error)


def test_tiles_without_number_are_refused(kit, refusal):
    stream = kit.stream(kit.photo(64, 64, 1))
    size = struct.pack(">8I", 9_000, 9_000, 0, 0, 1, 1, 0, 0)
    assert refusal(stream[:8] + size + stream[40:]).code == "damaged"
