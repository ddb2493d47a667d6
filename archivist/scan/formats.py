"""What a file is, from its name and its first bytes, before any of it is decoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from archivist.api.extensions import CodecSpec
from archivist.scan.refusals import Code

HEAD = 64
"""Bytes that :func:`classify` looks at."""

READABLE = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".tif", ".tiff", ".btf", ".tf8"})
"""Suffixes of the formats that archivist reads itself."""

_SIGNATURES = (
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"II*\x00",
    b"MM\x00*",
    b"II+\x00",
    b"MM\x00+",
)
# Raw files of cameras begin like a TIFF, and their first page is a small preview: read as a TIFF
# they would be "restored" as a thumbnail. Only the suffix tells.
_RAW_NAMES = (
    ".3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .fff "
    ".iiq .kdc .mef .mos .mrw .nef .nrw .orf .pef "
    ".raf .raw .rw2 .rwl .sr2 .srf .srw .x3f"
)
_RAW = frozenset(_RAW_NAMES.split())
_JPEG_2000 = "a JPEG 2000 picture, which the plugin archivist-jpeg2000 reads"
_JPEG_2000_NAMES = ".jp2 .j2k .jpf .jpx .jpm .j2c .jpc .jph .jhc"
_OTHER_SUFFIXES = {
    **dict.fromkeys(_RAW, "a camera raw file"),
    **dict.fromkeys(_JPEG_2000_NAMES.split(), _JPEG_2000),
    **dict.fromkeys((".heic", ".heif", ".hif"), "an HEIF picture"),
    **dict.fromkeys((".tga", ".icb", ".vda"), "a Targa picture"),
    **dict.fromkeys((".pbm", ".pgm", ".ppm", ".pnm"), "a Netpbm picture"),
    ".avif": "an AVIF picture",
    ".jxl": "a JPEG XL picture",
    ".jxr": "a JPEG XR picture",
    ".webp": "a WebP picture",
    ".gif": "a GIF picture",
    ".bmp": "a BMP picture",
    ".psd": "a Photoshop document",
    ".psb": "a large Photoshop document",
    ".exr": "an OpenEXR picture",
    ".pcd": "a Photo CD picture",
    ".pcx": "a PCX picture",
    ".xcf": "a GIMP document",
    ".fpx": "a FlashPix picture",
}
_OTHER_HEADS = (
    (0, b"\x00\x00\x00\x0cjP  \r\n\x87\n", _JPEG_2000),
    (0, b"\xff\x4f\xff\x51", _JPEG_2000),
    (0, b"\x00\x00\x00\x0cJXL \r\n\x87\n", "a JPEG XL picture"),
    (0, b"\xff\x0a", "a JPEG XL picture"),
    (0, b"GIF8", "a GIF picture"),
    (0, b"8BPS", "a Photoshop document"),
    (0, b"\x76\x2f\x31\x01", "an OpenEXR picture"),
    (8, b"WEBP", "a WebP picture"),
    (4, b"ftypavi", "an AVIF picture"),
    (4, b"ftyphei", "an HEIF picture"),
    (4, b"ftypmif1", "an HEIF picture"),
)


@dataclass(frozen=True, slots=True)
class Classified:
    """A picture to be read (``refusal`` None), by a plugin's ``codec`` or by archivist itself."""

    codec: CodecSpec | None = None
    refusal: Code | None = None
    detail: str = ""


def suffix_of(path: str) -> str:
    """Return the suffix of a path in lower case, with its dot."""
    return PurePosixPath(path).suffix.lower()


def claims_to_be_picture(path: str, codecs: Sequence[CodecSpec] = ()) -> bool:
    """Whether the name of a file says that it is a picture, readable or not."""
    suffix = suffix_of(path)
    own = suffix in READABLE or suffix in _OTHER_SUFFIXES
    return own or any(suffix in codec.suffixes for codec in codecs)


def classify(path: str, head: bytes, size: int, codecs: Sequence[CodecSpec] = ()) -> Classified:
    """Say what a file is. ``head`` is its first :data:`HEAD` bytes, ``size`` its length.

    A codec plugin is asked first: by its signature, or, when it has none, by its suffixes. Content
    decides, not the name: a PNG that is named ``.jpg`` is a PNG.
    """
    claims = claims_to_be_picture(path, codecs)
    if size == 0:
        return Classified(refusal=Code.EMPTY if claims else Code.NO_PICTURE)
    suffix = suffix_of(path)
    for codec in codecs:
        if _is_of(codec, suffix, head):
            return Classified(codec=codec)
    known = _OTHER_SUFFIXES.get(suffix) if suffix in _RAW else None
    if known is None and head.startswith(_SIGNATURES):
        return Classified()
    known = known or _named_by_head(head) or _OTHER_SUFFIXES.get(suffix)
    if known:
        return Classified(refusal=Code.FORMAT, detail=known)
    if claims:
        return Classified(refusal=Code.DISGUISED, detail=f"its content begins with {head[:8]!r}")
    return Classified(refusal=Code.NO_PICTURE)


def _is_of(codec: CodecSpec, suffix: str, head: bytes) -> bool:
    """Whether a codec takes a file; a signature shared with TIFF needs the suffix as well."""
    if not codec.signature:
        return suffix in codec.suffixes
    if not head.startswith(codec.signature):
        return False
    return suffix in codec.suffixes or not head.startswith(_SIGNATURES)


def _named_by_head(head: bytes) -> str | None:
    for start, signature, name in _OTHER_HEADS:
        if head[start : start + len(signature)] == signature:
            return name
    return None
