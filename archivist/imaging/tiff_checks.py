"""What a TIFF page must be to be read: its colours, its samples, its strips or tiles."""

from __future__ import annotations

from math import ceil

from tifffile import TIFF, TiffPage

from archivist.imaging import refuse

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, MASK, YCBCR = 0, 1, 2, 3, 4, 6
_REFUSED_COLOURS = {5: "CMYK TIFF", 8: "Lab TIFF", 9: "Lab (ICC) TIFF", 10: "Lab (ITU) TIFF"}
_CAMERA_RAW = {32803, 34892}
UNCOMPRESSED, _OLD_JPEG, JPEG = 1, 6, 7
_RATIOS = {UNCOMPRESSED: 1, 5: 4096, 8: 1040, 32946: 1040, 32773: 64}
"""The most bytes that one compressed byte can stand for: a bound against lying headers."""
ASSOCIATED, UNASSOCIATED = 1, 2


def check_colour(page: TiffPage) -> None:
    """Refuse colour models and extra channels that are not carried through the steps."""
    photometric = int(page.photometric)
    if photometric in _REFUSED_COLOURS:
        raise refuse.colour(_REFUSED_COLOURS[photometric])
    if photometric in _CAMERA_RAW:
        raise refuse.colour("camera raw (sensor) data in TIFF")
    if photometric == YCBCR and page.compression != JPEG:
        raise refuse.colour("YCbCr TIFF without JPEG compression")
    if photometric not in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, YCBCR):
        raise refuse.colour(f"TIFF with photometric interpretation {photometric}")
    colours = 3 if photometric in (RGB, YCBCR) else 1
    extra = page.samplesperpixel - colours
    if extra < 0:
        raise refuse.damaged(f"the TIFF header declares {page.samplesperpixel} samples of RGB")
    if extra and tuple(page.extrasamples) not in ((ASSOCIATED,), (UNASSOCIATED,)):
        raise refuse.colour(f"TIFF with {extra} extra channel(s) (infrared, spot colour or masks)")
    if extra and (photometric == PALETTE or page.bitspersample not in (8, 16)):
        raise refuse.colour("palette or bilevel TIFF with alpha")


def check_samples(page: TiffPage) -> None:
    """Refuse number formats, depths and compressions that are not read."""
    bits = page.bitspersample
    if page.sampleformat != 1:
        names = {2: "signed integers", 3: "floating point", 4: "undefined samples"}
        raise refuse.depth(f"TIFF with {names.get(page.sampleformat, 'complex samples')}")
    one_sample = page.samplesperpixel == 1
    allowed = (1, 2, 4, 8, 16) if one_sample else (8, 16)
    if bits not in allowed or (page.photometric == PALETTE and bits == 16):
        raise refuse.depth(f"TIFF with {bits} bits per sample")
    if page.imagedepth > 1:
        raise refuse.layout("a volumetric TIFF", "save each slice as a page")
    known = page.compression == UNCOMPRESSED or page.compression in TIFF.DECOMPRESSORS
    if not known or page.compression == _OLD_JPEG:
        name = getattr(page.compression, "name", page.compression)
        raise refuse.layout(
            f"TIFF compression {name}", "save it with deflate compression or without any"
        )


def check_segments(page: TiffPage, size: int, max_pixels: int) -> None:
    """Refuse a page whose strips or tiles cannot all be in the file."""
    if page.is_tiled:
        if page.tilewidth * page.tilelength > max(max_pixels, 1 << 24):
            raise refuse.damaged(f"the TIFF tiles are {page.tilewidth} x {page.tilelength} pixels")
        across, down = ceil(page.imagewidth / page.tilewidth), page.tilelength
        row_bytes = across * _row_size(page, page.tilewidth)
        rows = ceil(page.imagelength / down) * down
    else:
        across, down = 1, page.rowsperstrip
        row_bytes, rows = _row_size(page, page.imagewidth), page.imagelength
    planes = page.samplesperpixel if page.planarconfig == 2 else 1
    expected = across * ceil(page.imagelength / down) * planes
    offsets, counts = page.dataoffsets, page.databytecounts
    if len(offsets) < expected or len(counts) < expected:
        raise refuse.truncated(f"the TIFF page lists {len(offsets)} of {expected} strips or tiles")
    ends = [at + count for at, count in zip(offsets, counts, strict=False)][:expected]
    if max(ends) > size or not all(counts[:expected]) or not all(offsets[:expected]):
        raise refuse.truncated("the TIFF file ends before its pixels do")
    ratio = _RATIOS.get(int(page.compression))
    if ratio and sum(counts[:expected]) * ratio < rows * row_bytes * planes:
        raise refuse.truncated("the TIFF file holds fewer bytes than its pixels need")


def _row_size(page: TiffPage, width: int) -> int:
    """Return the bytes of one uncompressed row of a strip or tile of this width."""
    samples = page.samplesperpixel if page.planarconfig == 1 else 1
    bits: int = width * samples * page.bitspersample
    return -(-bits // 8)
