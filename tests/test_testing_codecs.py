"""The kit for authors of codecs: every promise that is broken on purpose is found and named."""

from __future__ import annotations

import importlib
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from archivist.api import CodecSpec
from archivist.plugins import resolve
from archivist.testing import Promise, assert_codec_conforms, check_codec, sample_image

PLUGIN = """
from archivist.api import CodecSpec
{extra}

CODEC = CodecSpec(id="toy", title="Toy pictures", suffixes=(".toy",), signature=b"TOY1",
                  read="{name}_code:read", {fields})

def archivist_codecs():
    return [CODEC]
"""
CODE = """
import json, random, struct
import numpy as np
from archivist.api import CodecMetadata, Colour, Image, ImageHeader, SourceError

BLOCKS = ("exif", "xmp", "iptc")


def refuse(what):
    return SourceError(what + ". Cure: bring the file back from a backup", code="damaged")


def parse(data):
    try:
        size = int.from_bytes(data[4:8], "big")
        head = json.loads(data[8 : 8 + size])
        shape, depth = tuple(head["shape"]), head["depth"]
        blocks = {{name: bytes.fromhex(text) for name, text in head["blocks"].items()}}
        dpi = tuple(head["dpi"]) if head["dpi"] else None
        wanted = int(np.prod(shape)) * depth // 8
        fine = len(shape) == 3 and min(shape) > 0 and shape[2] in (1, 3) and depth in (8, 16)
        fine = fine and (dpi is None or len(dpi) == 2 and min(dpi) > 0)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise refuse("its header cannot be read") from error
    if not fine or not set(blocks) <= {{*BLOCKS, "icc"}}:
        raise refuse("its header makes no sense")
    return shape, depth, blocks, dpi, data[8 + size :], wanted


def read(data, page):
    shape, depth, blocks, _, rest, wanted = parse(data)
    {reading}
    if len(rest) != wanted:
        raise refuse("it has another length than it says")
    return image_of(shape, depth, blocks, rest)


def image_of(shape, depth, blocks, rest):
    samples = np.frombuffer(rest, ">u2" if depth == 16 else "u1").reshape(shape)
    pixels = samples.astype(np.float32) / np.float32((1 << depth) - 1)
    colour = Colour.GREY if shape[2] == 1 else Colour.RGB
    return Image(pixels=pixels, colour=colour, depth=depth, icc=blocks.get("icc"))


def probe(data):
    shape, depth, *_ = parse(data)
    return ImageHeader(width=shape[{across}], height=shape[0], depth=depth,
                       colour=Colour.GREY if shape[2] == 1 else Colour.RGB)


def metadata(data):
    _, _, blocks, dpi, *_ = parse(data)
    return CodecMetadata(**{{name: blocks.get(name) for name in BLOCKS}}, dpi=dpi)


def write(image, held=CodecMetadata()):
    dpi = held.dpi
    blocks = {{name: getattr(held, name) for name in BLOCKS}} | {{"icc": image.icc}}
    pixels, start = image.pixels, b"TOY1"
    {writing}
    samples = np.rint(pixels * ((1 << image.depth) - 1)).astype(
        ">u2" if image.depth == 16 else "u1"
    )
    head = json.dumps({{
        "shape": samples.shape, "depth": image.depth, "dpi": dpi,
        "blocks": {{name: block.hex() for name, block in blocks.items() if block}},
    }}).encode()
    return start + struct.pack(">I", len(head)) + head + samples.tobytes()
"""
WRITES = 'write="{name}_code:write",'
WHOLE = (
    'write="{name}_code:write", probe="{name}_code:probe", metadata="{name}_code:metadata",'
    'places=("exif", "xmp", "iptc", "dpi"),'
)
FINE = "pass"

Make = Callable[..., tuple[CodecSpec, str]]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Return a function that writes a plugin and returns the codec that it declares, and where."""
    monkeypatch.syspath_prepend(str(tmp_path))
    names: list[str] = []

    def made(
        reading: str = FINE,
        writing: str = FINE,
        *,
        fields: str = WHOLE,
        across: int = 1,
        extra: str = "",
    ) -> tuple[CodecSpec, str]:
        name = f"toy_plugin_{random.getrandbits(48):x}"
        names.extend((name, f"{name}_code"))
        code = CODE.format(reading=reading, writing=writing, across=across)
        plugin = PLUGIN.format(name=name, fields=fields.format(name=name), extra=extra)
        (tmp_path / f"{name}_code.py").write_text(code)
        (tmp_path / f"{name}.py").write_text(plugin)
        importlib.invalidate_caches()
        spec: CodecSpec = importlib.import_module(name).CODEC
        return spec, name

    yield made
    for name in names:
        sys.modules.pop(name, None)


def broken(promises: tuple[Promise, ...]) -> dict[str, str]:
    return {promise.title: promise.detail for promise in promises if promise.kept is False}


@pytest.mark.parametrize("fields", [WHOLE, WRITES], ids=["whole", "writes"])
def test_a_codec_that_keeps_its_promises_conforms(make: Make, fields: str) -> None:
    spec, module = make(fields=fields)
    assert_codec_conforms(spec, module=module)


BACK = "It gives back an RGB image of 8 bits, or refuses it"
CUT = "A file that ends early is refused, never read in part"


@pytest.mark.parametrize(
    ("reading", "title", "said"),
    [
        ("rest = rest.ljust(wanted, bytes(1))[:wanted]", CUT, "it gives another picture"),
        ("return image_of(shape, depth, blocks, rest[:wanted])", CUT, "not SourceError"),
        (
            "if len(rest) < wanted: raise SourceError('too short', code='truncated')",
            CUT,
            "names no cure",
        ),
        (
            "if len(rest) < wanted: raise SourceError('too short. Cure: scan it again')",
            CUT,
            "no code of its own",
        ),
        (
            "rest = np.random.bytes(wanted)",
            "It reads each sample, the same each time",
            "gives two pictures",
        ),
        (
            "open('/etc/hosts').close()",
            "It uses no file, no network, no other program",
            "read /etc/hosts",
        ),
        (
            "kept = [bytearray(1000) for _ in range(300_000 if shape[0] == 1000 else 0)]",
            "A megapixel is read within 20 s and 192 MiB",
            " MiB",
        ),
    ],
)
def test_a_promise_that_reading_breaks_is_found(
    make: Make, reading: str, title: str, said: str
) -> None:
    spec, module = make(reading)
    assert said in broken(check_codec(spec, module=module))[title]


@pytest.mark.parametrize(
    ("writing", "title", "said"),
    [
        ("pixels = pixels[:-1]", BACK, "its size is (128, 95), not (128, 96)"),
        ("pixels = 1 - pixels", BACK, "its pixels differ by"),
        ("image = Image(pixels=pixels, colour=image.colour)", BACK.replace("8", "16"), "depth"),
        ("blocks['icc'] = None", "It gives back a profile for RGB, or refuses it", "profile"),
        ("blocks['exif'] = None", "It gives back exif", "IFD0:Make is missing"),
        ("blocks['iptc'] = None", "It gives back exif, xmp, iptc, dpi together", "IPTC:2:025"),
        ("blocks['xmp'] = (blocks['xmp'] or b'')[:65000]", "It gives back xmp of 100 kB",
         "XMP-dc:Source is missing"),
        ("dpi = dpi and dpi[::-1]", "It gives back dpi", "its resolution is (300.0, 400.0) dpi"),
        ("raise TypeError('only bytes')", BACK, "only bytes"),
        ("start = b'TOYS'", "It writes files that begin with its signature", "it begins with"),
        ("blocks['icc'] = b'%d' % random.getrandbits(40)", "The same image gives the same bytes",
         "differ"),
        ("pixels.setflags(write=True); pixels *= 1 / 2; pixels[0, 0] = 1",
         "It leaves its inputs unchanged", "the image was changed in place"),
    ],
)  # fmt: skip
def test_a_promise_that_writing_breaks_is_found(
    make: Make, writing: str, title: str, said: str
) -> None:
    spec, module = make(writing=writing)
    assert said in broken(check_codec(spec, module=module))[title]


def test_a_probe_that_says_something_else_is_found(make: Make) -> None:
    spec, module = make(across=0)
    found = broken(check_codec(spec, module=module))
    assert "its header says" in found["It reads each sample, the same each time"]
    assert "read returns" in found["The probe says what `read` returns"]


def test_a_plugin_that_loads_heavy_libraries_is_found(make: Make) -> None:
    spec, module = make(extra="import numpy")
    found = broken(check_codec(spec, module=module))
    assert "loads numpy" in found["The plugin module loads within 50 ms, without numpy"]


def test_an_image_that_a_format_cannot_hold_is_refused_with_the_reason(make: Make) -> None:
    spec, module = make(writing="if image.depth == 16: raise ValueError('no 16 bits in it')")
    promises = check_codec(spec, module=module)
    assert broken(promises) == {}
    details = {promise.title: promise.detail for promise in promises}
    assert details["It gives back an RGB image of 16 bits, or refuses it"] == (
        "refused: no 16 bits in it"
    )


def test_a_lossy_codec_conforms_and_tells_how_near_it_is(make: Make) -> None:
    spec, module = make(writing="pixels = pixels * 0.99")
    promises = check_codec(spec, module=module)
    assert broken(promises) == {}
    assert "dB from what was meant" in {one.title: one.detail for one in promises}[BACK]


def test_a_codec_that_only_reads_needs_a_file(make: Make) -> None:
    written, _ = make()
    file = resolve(str(written.write))(sample_image())
    spec, module = make(fields="")
    with pytest.raises(AssertionError, match="it writes no files: give some of its format"):
        assert_codec_conforms(spec, module=module)
    assert_codec_conforms(spec, module=module, files={"a scan": file})


def test_a_sample_that_cannot_be_read_is_named(make: Make) -> None:
    spec, module = make()
    found = broken(check_codec(spec, module=module, files={"a scan": b"TOY1 nothing"}))
    assert "its header cannot be read" in found["It reads each sample, the same each time"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ('media_type="jpeg 2000"', "media_type 'jpeg 2000' is not of the form"),
        ('places=("exif",)', "without both write and metadata"),
        ('probe="nowhere"', "is not of the form 'package.module:function'"),
    ],
)
def test_a_description_that_makes_no_sense_is_told_alone(
    make: Make, fields: str, said: str
) -> None:
    spec, module = make(fields=fields)
    (promise,) = check_codec(spec, module=module)
    assert said in promise.detail


def test_a_codec_of_no_installed_plugin_is_asked_for_its_module(make: Make) -> None:
    spec, _ = make()
    with pytest.raises(AssertionError, match="give module="):
        assert_codec_conforms(spec)
