"""A scan that an older version of its codec read is read again by a newer one, and only then."""

from __future__ import annotations

import sys

import pytest

from archivist.catalog import queries
from archivist.catalog.session import open_catalog
from archivist.pipeline import scan
from archivist.scan.identify import identify

CODEC = '''
"""A codec for tests: a digit that turns the picture, and a grey picture of 3 x 2 pixels."""
import struct

import numpy as np

from archivist.api import *

READS_EXIF = False


@hookimpl
def archivist_codecs():
    return [CodecSpec(id="toy", title="Toy", suffixes=(".toy",), signature=b"TOY",
                      read="toy_codec:read", metadata="toy_codec:metadata")]


def read(data, page=0):
    LOG.append(data)
    pixels = np.linspace(0, 1, 6, dtype=np.float32).reshape(2, 3, 1)
    return Image(pixels=pixels, colour=Colour.GREY)


def metadata(data):
    if not READS_EXIF:
        return CodecMetadata()
    entry = struct.pack("<HHII", 0x112, 3, 1, int(data[3:4]))
    return CodecMetadata(exif=b"II*\\0" + struct.pack("<IH", 8, 1) + entry + bytes(4))


LOG = []
'''


@pytest.fixture
def codec(sample_plugin):
    """Return a function that installs a version of the codec; the later one reads Exif."""
    info = sample_plugin / "toy_codec-0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text("[archivist]\ntoy = toy_codec\n")

    def install(version: int) -> None:
        metadata = f"Metadata-Version: 2.1\nName: toy-codec\nVersion: {version}.0\n"
        (info / "METADATA").write_text(metadata)
        text = CODEC if version == 1 else CODEC.replace("READS_EXIF = False", "READS_EXIF = True")
        (sample_plugin / "toy_codec.py").write_text(text)
        sys.modules.pop("toy_codec", None)

    yield install
    sys.modules.pop("toy_codec", None)


@pytest.fixture
def archive(bench, codec):
    """A bench over a scan of the toy format and others, read by the first version."""
    codec(1)
    (bench.scans / "a.toy").write_bytes(b"TOY6")
    (bench.scans / "b.toy").write_bytes(b"TOY8")
    scan(bench.job())
    assert orientations(bench) == [1, 1]
    return bench


def orientations(bench) -> list[int]:
    with open_catalog(bench.job().url, write=False) as catalog:
        stats = queries.file_stats(catalog)
        digests = [stats[name].digest for name in ("a.toy", "b.toy")]
        assets = queries.assets_of(catalog, digests)
        return [assets[digest][0].header.orientation for digest in digests]


def read_by_the_codec() -> int:
    return len(sys.modules["toy_codec"].LOG)


def test_a_newer_codec_reads_what_the_older_one_read_before(archive, codec):
    codec(2)

    scan(archive.job())

    assert orientations(archive) == [6, 8]
    sys.modules["toy_codec"].LOG.clear()
    scan(archive.job())
    assert read_by_the_codec() == 0


def test_the_same_version_reads_nothing_again(archive):
    sys.modules["toy_codec"].LOG.clear()

    scan(archive.job())

    assert read_by_the_codec() == 0


def test_a_sample_leaves_the_rest_to_the_next_whole_scan(archive, codec):
    codec(2)
    scan(archive.job(sample=1))

    scan(archive.job())

    assert orientations(archive) == [6, 8]


def test_scans_in_our_own_formats_are_not_read_again(archive, codec, monkeypatch):
    codec(2)
    looked = []
    monkeypatch.setattr(
        "archivist.scan.scanner.identify",
        lambda root, item, *more: looked.append(item.path) or identify(root, item, *more),
    )

    scan(archive.job())

    assert sorted(looked) == ["a.toy", "b.toy"]
