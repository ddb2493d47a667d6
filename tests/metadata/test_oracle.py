"""What exiftool reads before and after: what it misses is exactly what the contract lists."""

import pytest

from archivist.imaging.metadata import collect, compare

CODING = {
    # How samples are stored, and where in the file: the new file's own.
    *("ImageWidth", "ImageHeight", "BitsPerSample", "SamplesPerPixel", "Compression"),
    *("PhotometricInterpretation", "PlanarConfiguration", "RowsPerStrip", "StripOffsets"),
    *("StripByteCounts", "ThumbnailOffset", "BitDepth", "ColorType", "Filter", "Interlace"),
    *("Predictor", "TileWidth", "TileLength", "TileOffsets", "TileByteCounts", "ProfileName"),
}
FORMATS = ("jpeg", "png", "tiff")


def lost_and_changed(before, after):
    names = {name.split(":")[-1]: value for name, value in after.items()}
    lost, changed = set(), set()
    for name, value in before.items():
        short = name.split(":")[-1]
        if short in CODING or name.startswith("PNG-pHYs"):
            continue
        if name not in after and names.get(short) != value:
            lost.add(name)
        elif name in after and after[name] != value:
            changed.add(name)
    return lost, changed


def listed(names):
    """Names of a contract in exiftool's spelling."""
    spelled = {
        "XMP-xmpMM:DerivedFrom": "XMP-xmpMM:DerivedFromDocumentID",
        "IFD1:JPEGInterchangeFormatLength": "IFD1:ThumbnailLength",
    }
    return {spelled.get(name, name) for name in names}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("source", ["jpeg", "tiff"])
def test_nothing_is_lost_in_the_same_format_at_any_orientation(
    source, orientation, save_jpeg, save_tiff, exiftool, read_tags, camera_tags, restore
):
    scan = save_jpeg() if source == "jpeg" else save_tiff()
    turned = (f"-IFD0:Orientation#={orientation}", f"-XMP-tiff:Orientation#={orientation}")
    exiftool(scan, *camera_tags, *turned)
    path, (contract,) = restore(scan, source)
    after = read_tags(path)
    lost, changed = lost_and_changed(read_tags(scan), after)
    assert lost == set() == set(contract.lost)
    assert changed <= listed(contract.changed)
    assert after["IFD0:Orientation"] == after["XMP-tiff:Orientation"] == 1
    assert compare(collect(scan.read_bytes()), collect(path.read_bytes()), contract) == []


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("source", FORMATS)
def test_every_way_between_formats_keeps_all_tags_or_lists_them(
    source, kind, save_jpeg, save_png, save_tiff, exiftool, read_tags, camera_tags, restore
):
    scan = {"jpeg": save_jpeg, "png": save_png, "tiff": save_tiff}[source]()
    exiftool(scan, *camera_tags)
    path, (contract,) = restore(scan, kind)
    lost, changed = lost_and_changed(read_tags(scan), read_tags(path))
    moved = [name for name, reason in contract.changed.items() if reason.startswith("moved to")]
    assert lost <= listed(contract.lost) | set(moved)
    assert changed <= listed(contract.changed)


@pytest.mark.parametrize("kind", FORMATS)
def test_dates_rights_creator_and_place_are_never_touched(
    kind, save_jpeg, exiftool, read_tags, camera_tags, restore
):
    scan = save_jpeg()
    exiftool(scan, *camera_tags)
    path, _ = restore(scan, kind, scale=2)
    before, after = read_tags(scan), read_tags(path)
    for name in (
        "ExifIFD:DateTimeOriginal",
        "ExifIFD:CreateDate",
        "IFD0:Artist",
        "IFD0:Copyright",
        "GPS:GPSLatitude",
        "XMP-dc:Creator",
        "XMP-dc:Rights",
        "XMP-xmp:CreateDate",
        "IPTC:By-line",
        "IPTC:Keywords",
    ):
        assert after[name] == before[name]


@pytest.mark.parametrize("kind", FORMATS)
def test_an_enlarged_picture_says_its_new_size_and_keeps_its_physical_one(
    kind, save_jpeg, exiftool, read_tags, camera_tags, restore
):
    scan = save_jpeg()
    exiftool(scan, *camera_tags, "-IFD0:XResolution=300", "-IFD0:YResolution=300")
    path, _ = restore(scan, kind, scale=2)
    after = read_tags(path)
    assert (after["ExifIFD:ExifImageWidth"], after["ExifIFD:ExifImageHeight"]) == (180, 120)
    assert (after["IFD0:XResolution"], after["IFD0:YResolution"]) == (600, 600)


def test_the_new_file_is_valid(save_jpeg, exiftool, read_tags, camera_tags, restore):
    scan = save_jpeg()
    exiftool(scan, *camera_tags)
    path, _ = restore(scan, "jpeg")
    assert not [name for name in read_tags(path) if name.endswith((":Warning", ":Error"))]


def test_two_pages_of_16_bits_keep_their_own_tags(
    save_tiff, exiftool, read_tags, camera_tags, restore
):
    scan = save_tiff(pages=2, byteorder=">")
    exiftool(scan, *camera_tags)
    path, contracts = restore(scan, "tiff")
    before, after = read_tags(scan), read_tags(path)
    lost, changed = lost_and_changed(before, after)
    assert lost == set()
    assert changed <= set().union(*(listed(contract.changed) for contract in contracts)) | {
        "IFD1:Software"
    }
    private = [name for name in before if name.endswith("0xfeb0")]
    assert len(private) == 2
    assert [after[name] for name in private] == [before[name] for name in private]
    assert after["IFD1:ImageDescription"] == "sheet 1"


@pytest.mark.parametrize("source", ["jpeg", "png"])
def test_a_tiff_says_the_resolution_of_the_files_header_not_a_default_of_exif(
    source, save_jpeg, save_png, exiftool, read_tags, restore
):
    scan = (save_jpeg if source == "jpeg" else save_png)()
    exiftool(scan, "-IFD0:XResolution=72", "-IFD0:YResolution=72", "-IFD0:ResolutionUnit=inches")
    path, (contract,) = restore(scan, "tiff")
    assert round(read_tags(path)["IFD0:XResolution"]) == 300
    assert "header" in contract.changed["IFD0:XResolution"]
