"""What this plugin offers; imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable

from archivist.api import CodecSpec, hookimpl

FILE = b"\0\0\0\x0cjP  \r\n\x87\n"
"""The first box of a JP2 or JPX file (ISO/IEC 15444-1, I.5.1)."""
CODESTREAM = b"\xff\x4f\xff\x51"
"""The first markers of a codestream, SOC and SIZ (A.2)."""

CODECS = (
    CodecSpec(
        id="jp2",
        title="JPEG 2000",
        suffixes=(".jp2", ".jpx", ".jpf", ".jph"),
        signature=FILE,
        read="archivist_jpeg2000.read:read",
        write="archivist_jpeg2000.write:write_file",
        probe="archivist_jpeg2000.read:probe",
        media_type="image/jp2",
        metadata="archivist_jpeg2000.metadata:metadata",
        places=("exif", "xmp", "iptc", "dpi"),
    ),
    CodecSpec(
        id="j2k",
        title="JPEG 2000 codestream",
        suffixes=(".j2k", ".j2c", ".jpc", ".jhc"),
        signature=CODESTREAM,
        read="archivist_jpeg2000.read:read",
        write="archivist_jpeg2000.write:write_codestream",
        probe="archivist_jpeg2000.read:probe",
        media_type="image/j2c",
        metadata="archivist_jpeg2000.metadata:metadata",
    ),
)


@hookimpl
def archivist_codecs() -> Iterable[CodecSpec]:
    """Offer boxed files and raw codestreams, which begin differently."""
    return CODECS
