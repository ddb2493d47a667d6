"""Damaged metadata never stop a picture: they are kept as they are, or listed as lost."""

import struct

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from archivist.api import Colour
from archivist.imaging.metadata import Target, attach, carry, collect, compare, exif_facts, facts
from archivist.imaging.metadata.jpeg_parts import Segment
from archivist.model import Header

HEADER = Header(format="jpeg", width=90, height=60, colour=Colour.RGB, depth=8)
FORMATS = ("jpeg", "png", "tiff")


def jpeg_of(*added):
    """A JPEG file without a picture: metadata segments only."""
    jfif = Segment(0xE0, b"JFIF\0\1\1\1\0\x48\0\x48\0\0")
    return b"\xff\xd8" + b"".join(s.packed() for s in (jfif, *added)) + b"\xff\xda\0\2\xff\xd9"


def target(kind, note):
    return Target(format=kind, width=180, height=120, depth=8, dpi=None, stored=HEADER, note=note)


@pytest.mark.parametrize("kind", ["jpeg", "png"])
def test_an_exif_block_that_cannot_be_read_is_kept_verbatim(kind, note):
    source = collect(jpeg_of(Segment(0xE1, b"Exif\0\0garbage, not TIFF")))
    assert source.problems
    carried = carry(source, target(kind, note))
    pieces = carried.pieces
    written = b"".join(pieces.jpeg_segments) + b"".join(data for _, data in pieces.png_chunks)
    assert b"garbage, not TIFF" in written
    assert "EXIF" in carried.contract.kept


def test_an_exif_block_that_cannot_be_read_is_listed_where_it_has_no_place(note):
    source = collect(jpeg_of(Segment(0xE1, b"Exif\0\0garbage, not TIFF")))
    assert "cannot be read" in carry(source, target("tiff", note)).contract.lost["EXIF"]


def test_broken_photoshop_resources_are_kept_verbatim(note):
    segment = Segment(0xED, b"Photoshop 3.0\0not a resource at all")
    carried = carry(collect(jpeg_of(segment)), target("jpeg", note))
    assert segment.packed() in carried.pieces.jpeg_segments


def test_an_incomplete_extension_of_xmp_is_kept_verbatim(note):
    head = b"http://ns.adobe.com/xmp/extension/\0" + b"A" * 32
    part = Segment(0xE1, head + struct.pack(">II", 100, 0) + b"half")
    carried = carry(collect(jpeg_of(part)), target("jpeg", note))
    assert part.packed() in carried.pieces.jpeg_segments


def test_a_tag_that_leads_out_of_the_file_stays_in_a_jpeg_and_is_listed_in_a_tiff(
    camera_block, note
):
    block = bytearray(camera_block()[0])
    block[18:22] = struct.pack("<I", 0xFFFFFF)  # the offset of Make
    source = collect(jpeg_of(Segment(0xE1, b"Exif\0\0" + bytes(block))))
    assert "IFD0:Make" in carry(source, target("jpeg", note)).contract.kept
    assert "nothing readable" in carry(source, target("tiff", note)).contract.lost["IFD0:Make"]


def test_a_directory_that_leads_to_itself_is_read_once(camera_block):
    block = bytearray(camera_block()[0])
    block[42:46] = struct.pack("<I", 8)  # the ExifIFD is IFD0
    source = collect(jpeg_of(Segment(0xE1, b"Exif\0\0" + bytes(block))))
    assert "IFD0:Make" in facts(source)


def test_a_file_without_metadata_has_none():
    assert facts(collect(jpeg_of())) == {}


def test_other_formats_are_refused():
    with pytest.raises(ValueError, match="neither JPEG nor PNG nor TIFF"):
        collect(b"GIF89a")
    with pytest.raises(ValueError, match="not gif"):
        carry(collect(jpeg_of()), target("gif", None))


def test_a_page_that_is_not_there_is_refused(save_tiff):
    with pytest.raises(ValueError, match="no page 3"):
        collect(save_tiff(pages=2).read_bytes(), 3)


def test_a_file_with_another_number_of_pages_is_refused(save_tiff):
    with pytest.raises(ValueError, match="has 2 pages, not 1"):
        attach(save_tiff(pages=2), [None])


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    changes=st.lists(st.tuples(st.integers(0, 420), st.integers(0, 255)), max_size=12),
    cut=st.integers(20, 420),
    order=st.sampled_from(["<", ">"]),
)
@example(changes=[(37, 16)], cut=108, order=">")  # a number of 64 bits that fits none of 32
def test_any_damage_of_exif_is_survived_and_accounted_for(
    camera_block, note, save_tiff, changes, cut, order
):
    block = bytearray(camera_block(order)[0])
    for place, value in changes:
        block[place % len(block)] = value
    data = jpeg_of(Segment(0xE1, b"Exif\0\0" + bytes(block[:cut])))
    source = collect(data)
    assert isinstance(exif_facts(data), dict)
    for kind in FORMATS:
        carried = carry(source, target(kind, note))
        if kind == "jpeg":
            written = collect(
                b"\xff\xd8" + b"".join(carried.pieces.jpeg_segments) + b"\xff\xda\0\2\xff\xd9"
            )
            assert compare(source, written, carried.contract) == []
        elif kind == "tiff":
            path = save_tiff()
            attach(path, [carried.directory])
            written = collect(path.read_bytes())
            assert compare(source, written, carried.contract) == []


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=400))
def test_any_bytes_as_xmp_are_survived(junk):
    data = jpeg_of(Segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + junk))
    source = collect(data)
    carried = carry(source, target("jpeg", None))
    written = b"\xff\xd8" + b"".join(carried.pieces.jpeg_segments) + b"\xff\xda\0\2\xff\xd9"
    assert compare(source, collect(written), carried.contract) == []
