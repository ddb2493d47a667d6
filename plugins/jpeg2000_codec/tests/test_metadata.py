"""What a file says beside its picture: read from its boxes, written into them, listed if lost."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from archivist.api import CodecMetadata, Colour, Image, SourceError
from archivist_jpeg2000.boxes import box
from archivist_jpeg2000.metadata import EXIF, IPTC, XMP, metadata
from archivist_jpeg2000.resolution import resolution
from archivist_jpeg2000.write import write_codestream, write_file

HELD = {"exif": b"II*\0\x08\0\0\0\0\0\0\0\0\0", "xmp": b"<x/>", "iptc": b"\x1c\x02\x19\0\x01a"}
OLD_EXIF = bytes.fromhex("0537cdab9d0c4431a72afa561f2a113e")
OLD_IPTC = bytes.fromhex("09a14e97c0b442e0bebf36df6f0ce36f")
GEO = bytes.fromhex("b14bf8bd083d4b43a5ae8cd7d5a6ce03")


def uuid(kind: bytes, content: bytes) -> bytes:
    return box(b"uuid", kind + content)


def res(*parts: tuple[bytes, bytes]) -> bytes:
    return box(b"res ", b"".join(box(kind, text) for kind, text in parts))


@pytest.fixture
def read(kit):
    """Return what a file with these boxes says: those in its header, and those around it."""

    def found(*header: bytes, more: bytes = b"") -> CodecMetadata:
        photo = kit.photo(30, 40)
        data = kit.file(kit.stream(photo), photo, kit.colr(16), *header, more=more)
        return metadata(data)

    return found


@pytest.fixture
def image(kit) -> Image:
    pixels = kit.photo(30, 40).astype(np.float32) / np.float32(255)
    return Image(pixels=pixels, colour=Colour.RGB)


@pytest.mark.parametrize("dpi", [(300.0, 300.0), (72.0, 96.5), (2400.0, 1200.0), (0.5, 9999.9)])
def test_what_is_written_is_found_again(image, dpi):
    found = metadata(write_file(image, CodecMetadata(**HELD, dpi=dpi)))
    assert {name: getattr(found, name) for name in HELD} == HELD
    assert found.dpi == pytest.approx(dpi, rel=1e-6)


def test_three_hundred_dots_per_inch_are_written_exactly():
    numbers = struct.unpack(">HHHHbb", resolution((300.0, 300.0))[16:])
    assert numbers[0] * 10 ** numbers[4] * 127 == numbers[1] * 1_500_000


def test_a_picture_without_metadata_gets_no_box_for_them(image):
    assert b"uuid" not in write_file(image)
    assert metadata(write_file(image)).dpi is None


@pytest.mark.parametrize("kind", [EXIF, OLD_EXIF])
@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
def test_exif_is_read_as_three_programs_write_it(read, kind, prefix):
    assert read(more=uuid(kind, prefix + HELD["exif"])).exif == HELD["exif"]


@pytest.mark.parametrize("kind", [IPTC, OLD_IPTC])
def test_iptc_is_read_as_two_programs_write_it(read, kind):
    assert read(more=uuid(kind, HELD["iptc"])).iptc == HELD["iptc"]


def test_the_first_of_two_packets_is_carried_and_the_other_listed(read):
    found = read(more=uuid(XMP, b"<one/>") + uuid(XMP, b"<two/>"))
    assert found.xmp == b"<one/>"
    assert "the first is carried" in found.lost["XMP"]


# 300 dpi across and 150 dpi down, in pixels per metre: 11811 and 5906.
CAPTURE = (b"resc", struct.pack(">HHHHbb", 5906, 1, 11811, 1, 0, 0))
DISPLAY = (b"resd", struct.pack(">HHHHbb", 2835, 1, 2835, 1, 0, 0))
BROKEN = (b"resc", struct.pack(">HHHHbb", 1, 0, 1, 1, 0, 0))
ENDLESS = (b"resc", struct.pack(">HHHHbb", 9, 1, 9, 1, 127, 127))
NOTHING = (b"resc", struct.pack(">HHHHbb", 9, 1, 9, 1, -128, -128))


@pytest.mark.parametrize(
    ("parts", "dpi", "lost"),
    [
        ([CAPTURE], (300, 150), {}),
        ([DISPLAY], (72, 72), {"Jpeg2000:DisplayResolution": "become the resolution of capture"}),
        ([DISPLAY, CAPTURE], (300, 150), {"Jpeg2000:DisplayResolution": "stands for it"}),
        *(
            ([part], None, {"Jpeg2000:CaptureResolution": "makes no sense"})
            for part in (BROKEN, ENDLESS, NOTHING)
        ),
    ],
    ids=["capture", "display", "both", "broken", "endless", "nothing"],
)
def test_the_resolution_of_capture_counts_before_that_of_display(read, parts, dpi, lost):
    found = read(res(*parts))
    assert found.dpi == (pytest.approx(dpi, abs=0.02) if dpi else None)
    told = {name: reason for name, reason in found.lost.items() if "Resolution" in name}
    assert told.keys() == lost.keys()
    assert all(words in told[name] for name, words in lost.items())


@pytest.mark.parametrize(
    ("part", "name"),
    [
        (box(b"xml ", b"<gml/>"), "Jpeg2000:xml"),
        (box(b"jp2i", b"<rights/>"), "Jpeg2000:jp2i"),
        (box(b"uinf", box(b"ulst", b"\0\0")), "Jpeg2000:uinf"),
        (box(b"jumb", b"c2pa"), "Jpeg2000:jumb"),
        (box(b"what", b"?"), "Jpeg2000:what"),
        (uuid(b"0123456789abcdef", b"?"), "Jpeg2000:UUID-30313233343536373839616263646566"),
        (uuid(bytes.fromhex("2c4c0100850440b9a03e562148d6dfeb"), b"8BIM"), "Photoshop"),
    ],
)
def test_every_other_box_is_listed_with_a_reason(read, part, name):
    found = read(more=part)
    assert len(found.lost[name]) > 20


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_place_on_earth_is_listed_tag_by_tag(read, order):
    mark = {"<": b"II*\0", ">": b"MM\0*"}[order]
    scale = struct.pack(order + "HHII", 33550, 12, 3, 100)
    content = mark + struct.pack(order + "IH", 8, 1) + scale
    lost = read(more=uuid(GEO, content)).lost
    assert {"Jpeg2000:UUID-GeoJP2", "IFD0:PixelScale"} <= lost.keys()
    assert "Jpeg2000:UUID-GeoJP2" in read(more=uuid(GEO, content[:9])).lost


def test_an_unknown_box_in_the_header_is_listed(read):
    assert "Jpeg2000:what" in read(box(b"what", b"?")).lost


def test_a_note_of_the_encoder_is_shown_where_it_is_lost(kit, image):
    for data in (kit.pillow(kit.photo(), comment="scanned in 2003"), write_codestream(image)):
        assert "Jpeg2000:Comment" in metadata(data).lost
    assert (
        "scanned in 2003"
        in metadata(kit.pillow(kit.photo(), comment="scanned in 2003")).lost["Jpeg2000:Comment"]
    )


@pytest.mark.parametrize(("bits", "told"), [(1, 1), (8, 0), (12, 12), (16, 0)])
def test_bits_are_told_where_the_picture_that_is_read_has_others(kit, bits, told):
    samples = (kit.photo(channels=1).astype(np.uint16) << 8) >> (16 - bits)
    samples = samples.astype(np.uint8 if bits <= 8 else np.uint16)
    assert metadata(kit.stream(samples, bitspersample=bits)).bits == told


def test_colours_that_are_turned_into_others_are_told(kit):
    photo = kit.photo()
    stream = kit.stream(photo)
    assert metadata(kit.file(stream, photo, kit.colr(18))).model == "sYCC"
    assert metadata(kit.file(stream, photo, kit.colr(16))).model == ""


def test_a_palette_is_told(kit):
    indices = np.zeros((9, 9, 1), np.uint8)
    palette = box(b"pclr", struct.pack(">HB3B", 1, 3, 7, 7, 7) + bytes((1, 2, 3)))
    columns = b"".join(struct.pack(">HBB", 0, 1, column) for column in range(3))
    data = kit.file(kit.stream(indices), indices, palette, box(b"cmap", columns), kit.colr(16))
    assert metadata(data).palette


def test_a_torn_resolution_is_told_as_damage(read):
    with pytest.raises(SourceError) as caught:
        read(box(b"res ", b"\0\0\0\x12resc"))
    assert caught.value.code == "truncated"
