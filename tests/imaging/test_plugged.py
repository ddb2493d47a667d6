"""Files of codec plugins: the header is asked first, and what comes back is what it promised."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from archivist.api import CodecMetadata, CodecSpec, Colour, Image, ImageHeader, SourceError
from archivist.api.errors import PublishError
from archivist.imaging.plugged import read_plugged, write_plugged

LIMIT = 100
WITHOUT = CodecSpec(
    id="toy", title="Toy pictures", suffixes=(".toy",), signature=b"TOY", read="toy_reader:read"
)
WITH = CodecSpec(
    id="toy",
    title="Toy pictures",
    suffixes=(".toy",),
    signature=b"TOY",
    read="toy_reader:read",
    probe="toy_reader:probe",
)


def image(width: int, height: int) -> Image:
    return Image(pixels=np.zeros((height, width, 1), np.float32), colour=Colour.GREY)


def header(width: int, height: int, **more: Any) -> ImageHeader:
    return ImageHeader(width=width, height=height, colour=more.pop("colour", Colour.GREY), **more)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[object, object], list[str]]:
    """Make a codec that answers so, or raises it; returns the names of what is called."""

    def install(probe: object, read: object) -> list[str]:
        calls: list[str] = []
        module = ModuleType("toy_reader")

        def answering(name: str, answer: object) -> Callable[..., object]:
            def function(*arguments: object) -> object:
                calls.append(name)
                if isinstance(answer, BaseException):
                    raise answer
                return answer

            return function

        module.probe = answering("probe", probe)  # type: ignore[attr-defined]
        module.read = answering("read", read)  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "toy_reader", module)
        return calls

    return install


def refusal(codec: CodecSpec) -> SourceError:
    with pytest.raises(SourceError) as caught:
        read_plugged(codec, b"TOY", max_pixels=LIMIT)
    return caught.value


def test_a_header_with_too_many_pixels_is_refused_before_anything_is_decoded(answers):
    calls = answers(header(101, 1), image(101, 1))
    assert refusal(WITH).code == "too-large"
    assert calls == ["probe"]


def test_without_a_probe_a_picture_with_too_many_pixels_is_refused_all_the_same(answers):
    answers(None, image(101, 1))
    assert refusal(WITHOUT).code == "too-large"


def test_a_header_within_the_limit_is_read(answers):
    calls = answers(header(10, 10), image(10, 10))
    assert read_plugged(WITH, b"TOY", max_pixels=LIMIT).width == 10
    assert calls == ["probe", "read"]


@pytest.mark.parametrize(
    ("declared", "shown"),
    [
        (header(9, 10), "its header says 9 x 10 grey of 8 bits, its pixels are 10 x 10 grey"),
        (header(10, 10, depth=16), "10 x 10 grey of 16 bits"),
        (header(10, 10, colour=Colour.RGB), "10 x 10 rgb of 8 bits"),
    ],
)
def test_pixels_that_are_not_what_the_header_says_are_refused(answers, declared, shown):
    answers(declared, image(10, 10))
    error = refusal(WITH)
    assert error.code == "codec-failed"
    assert shown in str(error)


@pytest.mark.parametrize("size", [(0, 5), (5, -1)])
def test_a_header_without_pixels_is_refused(answers, size):
    answers(header(*size), image(1, 1))
    assert refusal(WITH).code == "damaged"


def test_a_probe_that_returns_something_else_is_the_fault_of_its_authors(answers):
    answers((10, 10), image(10, 10))
    assert "returned no archivist.api.ImageHeader. Cure: report it" in str(refusal(WITH))


@pytest.mark.parametrize("place", ["probe", "read"])
def test_a_codec_says_itself_what_is_wrong_with_a_file(answers, place):
    said = SourceError("it is CMYK. Cure: convert it", code="unsupported-colour")
    answers(said if place == "probe" else header(10, 10), said)
    error = refusal(WITH)
    assert (str(error), error.code) == ("it is CMYK. Cure: convert it", "unsupported-colour")


def test_a_probe_that_crashes_is_told_with_the_codec(answers):
    answers(LookupError("no such box"), image(1, 1))
    error = refusal(WITH)
    assert error.code == "codec-failed"
    assert "the codec toy (Toy pictures) cannot read it: no such box" in str(error)


class ForeignError(Exception):
    """What a library of a codec may raise: of no kind that Python knows."""


@pytest.mark.parametrize("place", ["probe", "read"])
@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (ForeignError(), "cannot read it: ForeignError"),
        (SystemExit(3), "cannot read it: it tried to end the program (exit code 3)"),
    ],
)
def test_whatever_a_codec_raises_is_the_failure_of_one_file(answers, place, raised, said):
    answers(raised if place == "probe" else header(10, 10), raised)
    error = refusal(WITH)
    assert error.code == "codec-failed"
    assert said in str(error)


def test_whatever_a_codec_raises_while_writing_is_a_failure_with_a_cure(monkeypatch):
    module = ModuleType("toy_reader")

    def write(image: Image) -> bytes:
        raise ForeignError("out of ink")

    module.write = write  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "toy_reader", module)
    with pytest.raises(PublishError, match="out of ink"):
        write_plugged(replace(WITHOUT, write="toy_reader:write"), image(3, 3), CodecMetadata())


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (None, "returned no archivist.api.CodecMetadata"),
        (CodecMetadata(xmp="text"), "returned metadata that are no bytes"),
        (CodecMetadata(dpi=(0, 300)), "returned a resolution of (0, 300) dpi"),
        (CodecMetadata(bits=-1), "returned samples of -1 bits"),
        (LookupError("no such box"), "cannot read it: no such box"),
    ],
)
def test_metadata_that_make_no_sense_are_the_fault_of_the_codec(answers, held, said):
    answers(None, image(10, 10))
    sys.modules["toy_reader"].metadata = _answer(held)  # type: ignore[attr-defined]
    error = refusal(replace(WITHOUT, metadata="toy_reader:metadata"))
    assert error.code == "codec-failed"
    assert said in str(error)


def _answer(held: object) -> Callable[[bytes], object]:
    def metadata(data: bytes) -> object:
        if isinstance(held, Exception):
            raise held
        return held

    return metadata


def test_a_header_tells_how_the_samples_are_stored(answers):
    answers(None, image(10, 10))
    sys.modules["toy_reader"].metadata = _answer(  # type: ignore[attr-defined]
        CodecMetadata(bits=4, palette=True)
    )
    codec = replace(WITHOUT, metadata="toy_reader:metadata")
    picture = read_plugged(codec, b"TOY", max_pixels=LIMIT)
    assert (picture.header.depth, picture.header.palette) == (4, True)
    assert picture.depth == 8
