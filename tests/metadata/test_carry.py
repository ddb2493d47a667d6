import hashlib
import struct
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from lxml import etree
from PIL import Image, PngImagePlugin

from archivist.imaging.metadata import attach, collect, compare, facts
from archivist.imaging.metadata.jpeg_parts import Segment, segments
from archivist.imaging.metadata.xmp import Packet
from archivist.imaging.metadata.xmp_edit import COMPOSITE, ENHANCED
from archivist.model import MetadataContract

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"


def with_segments(path, *added):
    """Put segments behind the JFIF header of a JPEG file."""
    data = path.read_bytes()
    end = 4 + struct.unpack(">H", data[4:6])[0]
    path.write_bytes(data[:end] + b"".join(s.packed() for s in added) + data[end:])
    return path


@pytest.fixture
def camera_scan(save_jpeg, camera_block):
    """Save a JPEG with a maker note; return (path, maker note)."""

    def save(order="<", note_at=300):
        block, maker = camera_block(order, note_at)
        path = with_segments(save_jpeg(), Segment(0xE1, b"Exif\0\0" + block))
        return path, maker

    return save


@pytest.fixture
def xmp_scan(save_jpeg):
    def save(body, attributes=""):
        packet = (
            '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
            '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
            f'<rdf:Description rdf:about="" {attributes}>{body}</rdf:Description>'
            "</rdf:RDF></x:xmpmeta>"
        )
        head = b"http://ns.adobe.com/xap/1.0/\0"
        return with_segments(save_jpeg(), Segment(0xE1, head + packet.encode()))

    return save


def packet_in(path):
    return Packet.parse(collect(path.read_bytes()).xmp)


# --- maker notes ----------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["jpeg", "png", "tiff"])
def test_a_maker_note_is_carried_verbatim(camera_scan, restore, kind, order):
    scan, maker = camera_scan(order)
    path, _ = restore(scan, kind)
    exif = collect(path.read_bytes()).ifd0.child(34665)
    assert exif.get(37500).value == maker


@pytest.mark.parametrize("kind", ["jpeg", "png", "tiff"])
def test_the_offsets_inside_a_maker_note_stay_true(camera_scan, restore, read_tags, kind):
    scan, _ = camera_scan()
    path, _ = restore(scan, kind)
    assert read_tags(scan)["Canon:OwnerName"] == "Serial 12345 of the scanner"
    assert read_tags(path)["Canon:OwnerName"] == "Serial 12345 of the scanner"


def test_the_samples_survive_the_room_made_for_a_maker_note(camera_scan, restore):
    scan, maker = camera_scan(note_at=5000)
    path, _ = restore(scan, "tiff")
    assert path.read_bytes()[5000 : 5000 + len(maker)] == maker
    wanted = np.asarray(Image.open(scan)).astype(np.uint16) * 257
    assert np.array_equal(tifffile.imread(path), wanted)


def test_a_big_tiff_keeps_the_exif_directory(camera_scan, tmp_path, restore):
    scan, maker = camera_scan()
    path = tmp_path / "big.tif"
    tifffile.imwrite(path, np.zeros((8, 8), np.uint8), bigtiff=True, metadata=None, software=False)
    source = collect(scan.read_bytes())
    attach(path, [source.ifd0])
    written = collect(path.read_bytes())
    assert written.ifd0.child(34665).get(37500).value == maker
    assert tifffile.imread(path).shape == (8, 8)


def test_a_block_that_needs_no_change_is_copied_byte_for_byte(camera_scan, restore):
    scan, _ = camera_scan()
    path, _ = restore(scan, "jpeg", noted=False)
    assert collect(path.read_bytes()).block == collect(scan.read_bytes()).block


# --- thumbnails -----------------------------------------------------------------------------


@pytest.fixture
def thumbnailed(save_jpeg, exiftool, thumbnail, tmp_path):
    scan = save_jpeg()
    (tmp_path / "t.jpg").write_bytes(thumbnail("red"))
    exiftool(scan, "-Make=Epson", f"-ThumbnailImage<={tmp_path / 't.jpg'}")
    return scan


def test_the_thumbnail_shows_the_new_picture_and_the_old_one_is_erased(
    thumbnailed, restore, thumbnail
):
    new = thumbnail("blue")
    path, (contract,) = restore(thumbnailed, "jpeg", new_thumbnail=new)
    written = collect(path.read_bytes())
    assert written.ifd1.get(0x201).stream == new
    assert thumbnail("red")[200:] not in path.read_bytes()
    assert "new picture" in contract.changed["IFD1:ThumbnailImage"]


@pytest.mark.parametrize("kind", ["jpeg", "tiff"])
def test_a_thumbnail_that_cannot_be_renewed_is_left_out_and_listed(thumbnailed, restore, kind):
    path, (contract,) = restore(thumbnailed, kind)
    assert collect(path.read_bytes()).ifd1 is None
    assert "IFD1:ThumbnailImage" in contract.lost


def test_photoshops_thumbnail_is_renewed_too(save_jpeg, restore, thumbnail):
    old = struct.pack(">IIIIIIHH", 1, 80, 53, 240, 12720, 10, 24, 1) + b"old pixels"
    block = b"8BIM" + struct.pack(">H", 1036) + b"\0\0" + struct.pack(">I", len(old)) + old
    scan = with_segments(save_jpeg(), Segment(0xED, b"Photoshop 3.0\0" + block))
    new = thumbnail("blue")
    path, _ = restore(scan, "jpeg", new_thumbnail=new)
    (item,) = collect(path.read_bytes()).resources
    assert item.data[28:] == new
    assert struct.unpack(">II", item.data[4:12]) == (80, 53)


# --- XMP ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("synthetic", "term"), [(True, COMPOSITE), (False, ENHANCED)])
def test_a_restored_picture_is_marked_as_one(save_jpeg, restore, note, synthetic, term):
    path, (contract,) = restore(save_jpeg(), "jpeg", used_note=replace(note, synthetic=synthetic))
    assert packet_in(path).get("Iptc4xmpExt:DigitalSourceType") == term
    assert "XMP-Iptc4xmpExt:DigitalSourceType" in contract.added


def test_a_picture_that_was_only_converted_is_not_marked_as_restored(save_jpeg, restore, note):
    path, _ = restore(save_jpeg(), "png", used_note=replace(note, restored=False))
    assert not packet_in(path).has("Iptc4xmpExt:DigitalSourceType")


def test_the_history_of_the_scan_goes_on(xmp_scan, restore):
    scan = xmp_scan(
        "<xmpMM:History><rdf:Seq><rdf:li stEvt:action='created'/></rdf:Seq></xmpMM:History>",
        'xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/" '
        'xmlns:stEvt="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#" '
        'xmpMM:DocumentID="xmp.did:scan" xmpMM:InstanceID="xmp.iid:scan"',
    )
    path, _ = restore(scan, "jpeg")
    packet = packet_in(path)
    events = list(packet.element("xmpMM:History").iter(f"{RDF}li"))
    assert len(events) == 2
    words = {etree.QName(child).localname: child.text for child in events[1]}
    assert words["action"] == "edited"
    assert words["softwareAgent"] == "archivist 0.1"
    assert words["when"] == "2026-11-22T12:30:00Z"
    assert words["parameters"] == "scratch.repair 1"
    derived = {etree.QName(c).localname: c.text for c in packet.element("xmpMM:DerivedFrom")}
    assert derived["documentID"] == "xmp.did:scan"
    assert derived["instanceID"] == "xmp.iid:scan"
    assert packet.get("xmpMM:OriginalDocumentID") == "xmp.did:scan"
    assert packet.get("xmpMM:DocumentID") != "xmp.did:scan"


def test_equal_work_gives_equal_bytes(save_jpeg, restore):
    scan = save_jpeg()
    first = restore(scan, "jpeg")[0].read_bytes()
    assert restore(scan, "jpeg")[0].read_bytes() == first


def test_face_regions_turn_with_the_pixels(xmp_scan, restore, exiftool):
    scan = xmp_scan(
        "<mwg-rs:Regions rdf:parseType='Resource'><mwg-rs:AppliedToDimensions stDim:w='90' "
        "stDim:h='60' stDim:unit='pixel'/><mwg-rs:RegionList><rdf:Bag><rdf:li "
        "rdf:parseType='Resource'><mwg-rs:Area stArea:x='0.1' stArea:y='0.2' stArea:w='0.05' "
        "stArea:h='0.3' stArea:unit='normalized'/></rdf:li></rdf:Bag></mwg-rs:RegionList>"
        "</mwg-rs:Regions>",
        'xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/" '
        'xmlns:stDim="http://ns.adobe.com/xap/1.0/sType/Dimensions#" '
        'xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#"',
    )
    exiftool(scan, "-IFD0:Orientation#=6")
    path, (contract,) = restore(scan, "jpeg")
    text = collect(path.read_bytes()).xmp.decode()
    # Orientation 6 turns the picture clockwise: left becomes top, top becomes right.
    for name, value in {"x": "0.8", "y": "0.1", "w": "0.3", "h": "0.05"}.items():
        assert f'stArea:{name}="{value}"' in text or f"<stArea:{name}>{value}<" in text
    assert contract.changed["XMP-mwg-rs:Regions"] == "regions follow the pixels"


def test_an_orientation_that_turned_nothing_stays_in_xmp(save_jpeg, restore, exiftool, read_tags):
    scan = save_jpeg()
    exiftool(scan, "-IFD0:Orientation#=", "-XMP-tiff:Orientation#=6")
    path, (contract,) = restore(scan, "jpeg")
    assert read_tags(path)["XMP-tiff:Orientation"] == 6
    assert "XMP-tiff:Orientation" in contract.kept


def test_an_orientation_that_means_nothing_is_not_said_to_have_turned_pixels(
    save_jpeg, restore, exiftool
):
    scan = save_jpeg()
    exiftool(scan, "-IFD0:Orientation#=9")
    _, (contract,) = restore(scan, "jpeg")
    assert contract.changed["IFD0:Orientation"] == "the value it had means nothing"


def test_a_description_that_is_there_twice_stays_twice(tmp_path, restore):
    scan = tmp_path / "twice.tif"
    tifffile.imwrite(scan, np.zeros((9, 8), np.uint8), description="An old mill")
    path, (contract,) = restore(scan, "tiff")
    assert contract.lost == {}
    with tifffile.TiffFile(path) as opened:
        found = [t.value for t in opened.pages[0].tags if t.name == "ImageDescription"]
    assert found == ["An old mill", '{"shape": [9, 8]}']


def test_a_packet_longer_than_a_segment_is_split_and_joined_again(save_tiff, restore):
    scan = save_tiff()
    long = "<dc:description>" + "grain " * 20_000 + "</dc:description>"
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        f'xmlns:dc="http://purl.org/dc/elements/1.1/">{long}</rdf:Description></rdf:RDF>'
        "</x:xmpmeta>"
    ).encode()
    source = collect(scan.read_bytes())
    attach(
        scan,
        [
            source.ifd0.with_entry(
                replace(
                    source.ifd0.entries[0],
                    tag=700,
                    value=packet,
                    type=1,
                    count=len(packet),
                    home=None,
                )
            )
        ],
    )
    jpeg, (contract,) = restore(scan, "jpeg")
    written = collect(jpeg.read_bytes())
    assert written.xmp_extension is not None
    guid = hashlib.md5(written.xmp_extension, usedforsecurity=False).hexdigest().upper()
    assert guid.encode() in written.xmp
    assert compare(collect(scan.read_bytes()), written, contract) == []
    again, (second,) = restore(jpeg, "png")
    assert "XMP-dc:Description" in second.kept
    assert facts(collect(again.read_bytes()))["XMP-dc:Description"].count("grain") == 20_000


def test_a_packet_with_entities_is_not_expanded_but_kept(save_jpeg, restore):
    bomb = (
        b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/">&b;</x:xmpmeta>'
    )
    scan = with_segments(save_jpeg(), Segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + bomb))
    path, (contract,) = restore(scan, "jpeg")
    assert collect(path.read_bytes()).xmp == bomb
    assert "cannot be read" in contract.lost["XMP-xmpMM:History"]


# --- other parts ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("segment", "name"),
    [
        (Segment(0xEB, b"JP\0\1\0\0\0\1 jumb c2pa"), "APP11:JP"),
        (Segment(0xE2, b"MPF\0II*\0"), "APP2:MPF"),
        (Segment(0xE0, b"JFXX\0\x10thumbnail"), "APP0:JFXX"),
    ],
)
def test_what_would_be_false_is_left_out_and_listed(save_jpeg, restore, segment, name):
    path, (contract,) = restore(with_segments(save_jpeg(), segment), "jpeg")
    assert name in contract.lost
    assert segment not in list(segments(path.read_bytes()))


def test_unknown_segments_and_comments_stay(save_jpeg, restore):
    added = [Segment(0xEC, b"Ducky\0\1\2"), Segment(0xE5, b"RMETA\0x"), Segment(0xFE, b"Tuesday")]
    path, (contract,) = restore(with_segments(save_jpeg(), *added), "jpeg")
    found = list(segments(path.read_bytes()))
    assert all(segment in found for segment in added)
    assert not contract.lost


def test_what_follows_the_picture_is_listed_as_lost(save_jpeg, restore):
    scan = save_jpeg()
    scan.write_bytes(scan.read_bytes() + scan.read_bytes())
    _, (contract,) = restore(scan, "jpeg")
    assert "Trailer" in contract.lost


def test_a_comment_finds_its_place_in_tiff_and_png(save_jpeg, restore):
    scan = save_jpeg(comment=b"scanned on a Tuesday")
    tiff, _ = restore(scan, "tiff")
    with tifffile.TiffFile(tiff) as tif:
        assert tif.pages[0].description == "scanned on a Tuesday"
    png, _ = restore(scan, "png")
    assert Image.open(png).text["Comment"] == "scanned on a Tuesday"


def test_png_texts_and_chunks_stay_and_unsafe_ones_are_listed(save_png, restore):
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "An old bridge")
    info.add_itxt("Author", "Åke", zip=True)
    info.add(b"xpRv", b"safe to copy or not")
    scan = save_png(pnginfo=info)
    path, (contract,) = restore(scan, "png", depth=8)
    text = Image.open(path).text
    assert (text["Title"], text["Author"]) == ("An old bridge", "Åke")
    assert {"PNG:Title", "PNG:Author", "PNG:xpRv"} <= set(contract.kept)
    unsafe = PngImagePlugin.PngInfo()
    unsafe.add(b"xpRV", b"about these pixels")
    _, (contract,) = restore(save_png(pnginfo=unsafe), "png", depth=8)
    assert "not safe to copy" in contract.lost["PNG:xpRV"]


def test_imagemagicks_exif_in_a_text_becomes_a_real_block(save_png, restore, camera_block):
    block, maker = camera_block()
    digits = (b"Exif\0\0" + block).hex()
    info = PngImagePlugin.PngInfo()
    info.add_text("Raw profile type exif", f"\nexif\n{len(digits) // 2:8}\n{digits}\n", zip=True)
    path, _ = restore(save_png(pnginfo=info), "png")
    assert collect(path.read_bytes()).ifd0.child(34665).get(37500).value == maker
    assert b"eXIf" in path.read_bytes()


def test_layers_and_reduced_pages_of_a_tiff_are_listed_as_lost(save_tiff, restore):
    scan = save_tiff(tags=[(37724, 7, 8, b"8BIMlayr", False)])
    with tifffile.TiffWriter(scan, append=True) as writer:
        writer.write(np.zeros((16, 16, 3), np.uint8), subfiletype=1, metadata=None)
    path, (contract,) = restore(scan, "tiff")
    assert {"IFD0:ImageSourceData", "ReducedImages"} <= set(contract.lost)
    with tifffile.TiffFile(path) as tif:
        assert 37724 not in tif.pages[0].tags


def test_a_georeferenced_scan_keeps_its_place_when_enlarged(save_tiff, restore):
    tags = [(33550, 12, 3, (0.5, 0.25, 0.0), False), (33922, 12, 6, (2, 4, 0, 100, 200, 0), False)]
    path, _ = restore(save_tiff(tags=tags), "tiff", scale=2)
    with tifffile.TiffFile(path) as tif:
        assert tif.pages[0].tags[33550].value == (0.25, 0.125, 0.0)
        assert tif.pages[0].tags[33922].value == (4, 8, 0, 100, 200, 0)


def test_an_exif_too_long_for_a_jpeg_loses_its_longest_tag_and_says_so(save_tiff, restore):
    scan = save_tiff(tags=[(65201, 1, 70_000, bytes(70_000), False)])
    path, (contract,) = restore(scan, "jpeg")
    assert "longer than a JPEG's Exif segment" in contract.lost["IFD0:0xfeb1"]
    assert collect(path.read_bytes()).ifd0.get(65200) is not None


def test_the_subject_area_moves_with_the_pixels(save_jpeg, exiftool, restore):
    scan = save_jpeg()
    exiftool(scan, "-IFD0:Orientation#=6", "-SubjectArea=9 30 6 4")
    path, _ = restore(scan, "jpeg")
    entry = collect(path.read_bytes()).ifd0.child(34665).get(0x9214)
    order = collect(path.read_bytes()).order
    # Left of the lying picture is above in the upright one: (9, 30) of 90 x 60 -> (30, 9).
    assert struct.unpack(f"{order}4H", entry.value) == (30, 9, 4, 6)


def test_an_iptc_digest_stays_in_step_with_its_block(save_jpeg, exiftool, read_tags, restore):
    scan = save_jpeg()
    exiftool(scan, "-IPTC:By-line=Ann", "-Photoshop:IPTCDigest=new")
    path, _ = restore(scan, "jpeg")
    source, written = collect(scan.read_bytes()), collect(path.read_bytes())
    assert written.iptc == source.iptc
    digests = [item.data for item in written.resources if item.number == 1061]
    assert digests == [hashlib.md5(written.iptc, usedforsecurity=False).digest()]


# --- comparing ------------------------------------------------------------------------------


def test_a_loss_and_a_change_that_are_not_listed_are_named(camera_scan, save_jpeg):
    scan, _ = camera_scan()
    source = collect(scan.read_bytes())
    bare = collect(save_jpeg("bare.jpg").read_bytes())
    problems = compare(source, bare, MetadataContract())
    assert "IFD0:Make is missing, and no reason is given" in problems
    other = replace(source, comments=(b"new",))
    with_old = replace(source, comments=(b"old",))
    assert compare(with_old, other, MetadataContract()) == [
        "File:Comment has another value, and no reason is given"
    ]
    assert compare(with_old, other, MetadataContract(changed={"File:Comment": "x"})) == []
    assert compare(with_old, source, MetadataContract(lost={"File:Comment": "x"})) == []


# --- resolution of the header ---------------------------------------------------------------


@pytest.mark.parametrize("kind", ["jpeg", "png"])
def test_a_resolution_that_stands_in_the_header_alone_is_listed_when_it_grows(
    save_jpeg, restore, kind
):
    path, (contract,) = restore(save_jpeg(), kind, scale=4)

    with Image.open(path) as image:
        assert image.info["dpi"] == pytest.approx((1200, 1200), rel=1e-3)
    assert "300 x 300 -> 1200 x 1200 dpi" in contract.changed["Resolution"]


def test_a_resolution_that_stays_is_not_listed_as_changed(save_jpeg, restore):
    _, (contract,) = restore(save_jpeg(), "jpeg")

    assert "Resolution" not in contract.changed
