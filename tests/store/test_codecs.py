"""Outputs that a codec plugin writes: metadata by the rules of all formats, and no silent loss."""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

import numpy as np
import pytest

from archivist.api import CodecMetadata, CodecSpec, Colour, Image
from archivist.api.errors import PublishError
from archivist.hashing import digest_bytes
from archivist.imaging.metadata import HistoryEvent, collect
from archivist.imaging.metadata.exif import exif_facts
from archivist.imaging.plugged import metadata_plugged, read_plugged
from archivist.imaging.raster import ArrayRaster
from archivist.model import MetadataContract, OutputProfile
from archivist.store.publish import PageResult, PublishJob, publish

MAX_PIXELS = 10**6
MOMENT = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
ALL = ("exif", "xmp", "iptc", "dpi")
CODEC = CodecSpec(
    id="toy",
    title="Toy pictures",
    suffixes=(".toy",),
    signature=b"TOY",
    read="toy_store:read",
    write="toy_store:write",
    metadata="toy_store:metadata",
    places=ALL,
)
HEIGHT, WIDTH = 20, 30
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    b'xmlns:dc="http://purl.org/dc/elements/1.1/" dc:source="box 7"/></rdf:RDF></x:xmpmeta>'
)
IPTC = b"\x1c\x02\x19\x00\x06bridge"


def exif(orientation: int) -> bytes:
    """Return a block that says 300 dpi, its maker, and how the picture is to be turned."""
    entries = [
        struct.pack("<HHI4s", 271, 2, 4, b"Ann\0"),
        struct.pack("<HHIHH", 274, 3, 1, orientation, 0),
        struct.pack("<HHII", 282, 5, 1, 80),
        struct.pack("<HHII", 283, 5, 1, 80),
    ]
    block = b"II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(entries) + bytes(4)
    return block.ljust(80, b"\0") + struct.pack("<II", 300, 1)


def toy(samples: np.ndarray, held: CodecMetadata, icc: bytes | None = None) -> bytes:
    """Return a file: a line of JSON, then the samples (height, width, 1 or 3) of 8 bits."""
    named = {"exif": held.exif, "xmp": held.xmp, "iptc": held.iptc, "icc": icc}
    head: dict[str, Any] = {name: block.hex() for name, block in named.items() if block}
    head |= {"shape": samples.shape, "dpi": held.dpi, "turned": held.turned, "lost": {**held.lost}}
    return b"TOY" + json.dumps(head).encode() + b"\n" + samples.tobytes()


def read(data: bytes, page: int) -> Image:
    head, _, rest = data[3:].partition(b"\n")
    found = json.loads(head)
    pixels = np.frombuffer(rest, np.uint8).reshape(found["shape"]).astype(np.float32)
    icc = bytes.fromhex(found["icc"]) if "icc" in found else None
    colour = Colour.GREY if pixels.shape[2] == 1 else Colour.RGB
    return Image(pixels=pixels / np.float32(255), colour=colour, icc=icc)


def metadata(data: bytes) -> CodecMetadata:
    found = json.loads(data[3:].partition(b"\n")[0])
    blocks = {name: bytes.fromhex(found[name]) for name in ALL[:3] if name in found}
    dpi = tuple(found["dpi"]) if found["dpi"] else None
    return CodecMetadata(**blocks, dpi=dpi, turned=found["turned"], lost=found["lost"])


def write(image: Image, held: CodecMetadata) -> bytes:
    return toy(np.rint(image.pixels * 255).astype(np.uint8), held, image.icc)


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Offer the codec under the name that its description says."""
    made = ModuleType("toy_store")
    vars(made).update(read=read, write=write, metadata=metadata)
    monkeypatch.setitem(sys.modules, "toy_store", made)
    return made


Run = Callable[..., tuple[bytes, MetadataContract]]


@pytest.fixture
def restored(module: ModuleType, scans: Path, tmp_path: Path) -> Run:
    """Publish a scan whose pixels a step inverted and enlarged; return content and contract."""

    def run(
        held: CodecMetadata,
        *,
        codec: CodecSpec = CODEC,
        kind: str = "same",
        scale: int = 1,
        profile: bytes | None = None,
        change: Mapping[str, Any] = MappingProxyType({}),
    ) -> tuple[bytes, MetadataContract]:
        channels = 1 if "colour" in change else 3
        samples = np.arange(HEIGHT * WIDTH * channels).reshape(HEIGHT, WIDTH, channels) % 251
        data = toy(samples.astype(np.uint8), held, profile)
        scan = scans / "a.toy"
        scan.write_bytes(data)
        picture = read_plugged(codec, data, max_pixels=MAX_PIXELS)
        pixels = 255 - picture.pixels.repeat(scale, axis=0).repeat(scale, axis=1)
        if channels == 1:
            pixels = pixels.repeat(3, axis=2)
        page = PageResult(
            header=picture.header,
            colour=picture.colour,
            icc=picture.icc,
            raster=ArrayRaster(pixels),
            changed=True,
            events=(HistoryEvent(action="edited", agent="archivist", when=MOMENT),),
        )
        job = PublishJob(
            out=tmp_path / "out",
            scan=scan,
            digest=hashlib.sha256(data).hexdigest(),
            paths=(scan.name,),
            pages=(replace(page, **change),),
            profiles=(OutputProfile(name="restored", format=kind),),
            software="archivist 0.1",
            when=MOMENT,
            max_pixels=MAX_PIXELS,
            codecs={codec.id: codec},
        )
        (done,) = publish(job)
        return (tmp_path / "out" / done.path).read_bytes(), done.contract

    return run


def test_blocks_are_changed_by_the_rules_of_all_formats(restored: Run) -> None:
    held = CodecMetadata(exif=exif(6), xmp=XMP, iptc=IPTC, dpi=(300, 200))
    data, contract = restored(held, scale=2)
    made = metadata_plugged(CODEC, data)
    facts = exif_facts(made.exif or b"")
    assert facts["Image Make"] == "Ann"
    assert facts["Image XResolution"] == "600"
    assert facts["Image Software"] == "archivist 0.1"
    assert made.dpi == (400, 600)
    assert made.iptc == IPTC
    assert b"box 7" in (made.xmp or b"")
    assert b"algorithmicallyEnhanced" in (made.xmp or b"")
    assert {"IFD0:Make", "XMP-dc:Source", "IPTC:2:025"} <= set(contract.kept)
    assert {"IFD0:Orientation", "IFD0:XResolution"} <= contract.changed.keys()
    assert {"XMP-xmpMM:History", "IFD0:Software"} <= contract.added.keys()
    assert contract.lost == {}


@pytest.mark.parametrize(("turned", "size"), [(False, (20, 30)), (True, (30, 20))])
def test_a_picture_is_turned_once_by_whoever_knows(
    restored: Run, turned: bool, size: tuple[int, int]
) -> None:
    data, _ = restored(CodecMetadata(exif=exif(6), turned=turned))
    picture = read_plugged(CODEC, data, max_pixels=MAX_PIXELS)
    assert (picture.width, picture.height) == size
    assert exif_facts(metadata_plugged(CODEC, data).exif or b"")["Image Orientation"] == (
        "Horizontal (normal)"
    )


@pytest.mark.parametrize("kind", ["jpeg", "png", "tiff"])
def test_blocks_of_a_codec_go_into_our_own_formats(restored: Run, kind: str) -> None:
    lost = {"Toy:Note": "nobody reads it"}
    held = CodecMetadata(exif=exif(6), xmp=XMP, iptc=IPTC, lost=lost)
    data, contract = restored(held, kind=kind)
    made = collect(data)
    assert made.ifd0 is not None
    assert made.ifd0.get(271) is not None
    assert made.iptc == IPTC
    assert b"box 7" in (made.xmp or b"")
    assert contract.lost == lost


@pytest.mark.parametrize(
    ("missing", "lost"),
    [
        ("exif", {"IFD0:Make", "IFD0:Orientation", "IFD0:XResolution", "IFD0:YResolution"}),
        ("xmp", {"XMP-dc:Source", "XMP-xmpMM:History"}),
        ("iptc", {"IPTC:2:025"}),
    ],
)
def test_what_the_format_has_no_place_for_is_listed_and_not_called_added(
    restored: Run, missing: str, lost: set[str]
) -> None:
    codec = replace(CODEC, places=tuple(place for place in ALL if place != missing))
    data, contract = restored(CodecMetadata(exif=exif(1), xmp=XMP, iptc=IPTC), codec=codec)
    assert getattr(metadata_plugged(codec, data), missing) is None
    assert contract.lost.keys() == lost
    assert all("the format toy has no place for" in reason for reason in contract.lost.values())
    written = {*contract.added, *contract.changed, *contract.kept}
    group = {"exif": "IFD0", "xmp": "XMP", "iptc": "IPTC"}[missing]
    assert not [name for name in written if name.startswith(group)]


def test_a_resolution_without_a_place_is_listed_unless_exif_says_it(restored: Run) -> None:
    codec = replace(CODEC, places=("exif", "xmp"))
    _, contract = restored(CodecMetadata(dpi=(300, 300)), codec=codec)
    assert "Resolution" in contract.lost
    _, contract = restored(CodecMetadata(dpi=(300, 300), exif=exif(1)), codec=codec)
    assert "Resolution" not in contract.lost


@pytest.mark.parametrize(
    ("forgotten", "code", "said"),
    [
        ("exif", "metadata-lost", "IFD0:Make is missing"),
        ("xmp", "metadata-lost", "XMP-dc:Source is missing"),
        ("iptc", "metadata-lost", "IPTC:2:025 is missing"),
        ("dpi", "check", "its resolution is None"),
    ],
)
def test_a_codec_that_writes_less_than_it_was_given_publishes_nothing(
    restored: Run, module: ModuleType, tmp_path: Path, forgotten: str, code: str, said: str
) -> None:
    vars(module)["write"] = lambda image, held: write(image, replace(held, **{forgotten: None}))
    given = CodecMetadata(exif=exif(1), xmp=XMP, iptc=IPTC, dpi=(300, 300))
    if forgotten == "dpi":
        given = replace(given, exif=None)
    with pytest.raises(PublishError) as caught:
        restored(given)
    assert caught.value.code == code
    assert said in str(caught.value)
    assert "codec" in str(caught.value)
    assert not any(path.is_file() for path in (tmp_path / "out").rglob("*"))


def test_a_codec_that_drops_what_was_added_publishes_nothing(
    restored: Run, module: ModuleType
) -> None:
    vars(module)["write"] = lambda image, held: write(image, replace(held, xmp=None))
    with pytest.raises(PublishError, match="XMP-Iptc4xmpExt:DigitalSourceType is missing"):
        restored(CodecMetadata())


@pytest.mark.parametrize(("now", "part"), [(b"colour", "changed"), (None, "lost")])
def test_the_profile_of_a_grey_scan_that_was_coloured_is_listed(
    restored: Run, now: bytes | None, part: str
) -> None:
    change = {"colour": Colour.RGB, "icc": now}
    data, contract = restored(CodecMetadata(), profile=b"grey", change=change)
    assert read(data, 0).icc == now
    assert "ICC_Profile" in getattr(contract, part)
    assert "Channels" in contract.changed


def test_the_profile_is_called_kept(restored: Run) -> None:
    data, contract = restored(CodecMetadata(), profile=b"any profile")
    assert read(data, 0).icc == b"any profile"
    header = read_plugged(CODEC, data, max_pixels=MAX_PIXELS).header
    assert header.icc_digest == digest_bytes(b"any profile")
    assert "ICC_Profile" in contract.kept
