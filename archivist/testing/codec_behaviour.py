"""Promises of a codec that are seen by reading and writing samples."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from archivist.api.errors import PublishError, SourceError
from archivist.api.extensions import CodecMetadata, ImageHeader
from archivist.api.values import Image
from archivist.imaging.picture import Picture
from archivist.plugins import resolve
from archivist.store.plugged import reread
from archivist.testing.codec_case import FINE, MOST, CodecCase, Found
from archivist.testing.codec_samples import LONG, cut, overwritten, packet, sample_metadata
from archivist.testing.guards import own_randomness, watched
from archivist.testing.values import fingerprint

SIDE = 1000
"""Height and width of the file on which time and memory are measured: one megapixel."""
SECONDS = 20.0
"""CPU time that one megapixel may take to be read."""
MIB = 192.0
"""Memory that one megapixel may take to be read: 16 times its pixels as floats."""

_EFFORT = """
import json, sys, time
from pathlib import Path
from archivist.plugins import resolve
from archivist.testing.measure import growth
read, files = resolve(sys.argv[1]), [Path(name).read_bytes() for name in sys.argv[2:]]
for data in files[:-1]:
    read(data, 0)
start = time.process_time()
with growth() as peak:
    image = read(files[-1], 0)
print(json.dumps([time.process_time() - start, peak[0], image.width * image.height]))
"""

Check = Callable[[CodecCase], Found]


def round_trip(image: Image) -> Check:
    """Return a check that an image comes back as it was, or is refused with a ValueError."""

    def check(case: CodecCase) -> Found:
        try:
            return _back(case, image, CodecMetadata())
        except PublishError as error:
            if isinstance(error.__cause__, ValueError) and str(error.__cause__):
                return Found(note=f"refused: {error.__cause__}")
            raise

    return check


def metadata_variants(places: tuple[str, ...]) -> Iterator[tuple[str, CodecMetadata]]:
    """Yield metadata for the places of a format, each alone and all together, with names."""
    whole = sample_metadata()
    alone = {place: replace(CodecMetadata(), **{place: getattr(whole, place)}) for place in places}
    yield from alone.items()
    if "xmp" in places:
        yield f"xmp of {LONG // 1000} kB", CodecMetadata(xmp=packet("a" * LONG))
    if len(places) > 1:
        held = {place: getattr(whole, place) for place in places}
        yield f"{', '.join(places)} together", CodecMetadata(**held)


def keeps(held: CodecMetadata) -> Check:
    """Return a check that metadata are found again in a file that was written with them."""

    def check(case: CodecCase) -> Found:
        return _back(case, case.ordinary(), held)

    return check


def _back(case: CodecCase, image: Image, held: CodecMetadata) -> Found:
    found = reread(case.spec, image, held, case.write(image, held), max_pixels=MOST)
    problems = [*found.problems, *found.lost]
    if problems:
        return Found("; ".join(problems[:5]))
    lossy = found.nearness != math.inf
    return Found(note=f"lossy: {found.nearness:.1f} dB from what was meant" if lossy else "")


def writes_something(case: CodecCase) -> Found:
    """Demand that the ordinary sample can be written, and begins with the signature."""
    data = case.write(case.ordinary())
    if data.startswith(case.spec.signature):
        return FINE
    return Found(f"it begins with {data[:8]!r}, the signature is {case.spec.signature!r}")


def same_bytes(case: CodecCase) -> Found:
    """Demand that the same image and metadata give the same bytes, which replay compares."""
    places = {place: getattr(sample_metadata(), place) for place in case.spec.places}
    image, results = case.ordinary(), []
    for seed in (1, 2):
        with own_randomness(seed):
            results.append(case.write(image, CodecMetadata(**places)))
    return FINE if results[0] == results[1] else Found("two files of one image differ")


def inputs_unchanged(case: CodecCase) -> Found:
    """Demand that image and bytes hold the same numbers after the calls."""
    for name, data in case.samples().items():
        before = fingerprint({"data": data})
        case.read(data)
        if fingerprint({"data": data}) != before:
            return Found(f"the bytes of {name} were changed in place")
    if case.spec.write is None:
        return FINE
    image = case.ordinary()
    before = fingerprint({"image": image})
    case.write(image)
    same = fingerprint({"image": image}) == before
    return FINE if same else Found("the image was changed in place")


def reads_samples(case: CodecCase) -> Found:
    """Demand that each sample is read, the same each time, with the metadata that are there."""
    for name, data in case.samples().items():
        if not _same(case.read(data), case.read(data)):
            return Found(f"{name}, read twice, gives two pictures")
    return FINE


def probe(case: CodecCase) -> Found:
    """Demand that the probe says of each sample what ``read`` returns."""
    assert case.spec.probe is not None
    for name, data in case.samples().items():
        said = resolve(case.spec.probe)(data)
        image = resolve(case.spec.read)(data, 0)
        seen = ImageHeader(
            width=image.width, height=image.height, colour=image.colour, depth=image.depth
        )
        if said != seen:
            return Found(f"of {name} it says {said}, read returns {seen}")
    return FINE


def isolation(case: CodecCase) -> Found:
    """Demand that no file is opened, nothing connected or started."""
    samples = case.samples()
    for data in samples.values():
        case.read(data)  # libraries are loaded by now, and read their own files
    with watched() as seen:
        for data in samples.values():
            case.read(data)
        if case.spec.write is not None:
            case.write(case.ordinary())
    return Found("; ".join(dict.fromkeys(seen)))


def cut_files(case: CodecCase) -> Found:
    """Demand that files that end early are refused, or give the whole picture all the same."""
    return _damaged(case, cut, whole=True)


def overwritten_files(case: CodecCase) -> Found:
    """Demand that files with foreign parts are refused, or give a picture, and never a crash."""
    return _damaged(case, overwritten, whole=False)


Damage = Callable[[bytes, bytes], Iterator[tuple[str, bytes]]]


def _damaged(case: CodecCase, damage: Damage, *, whole: bool) -> Found:
    taken, tried = 0, 0
    for name, data in case.samples().items():
        sound = case.read(data)
        for words, damaged in damage(data, case.spec.signature):
            tried += 1
            try:
                picture = case.read(damaged)
            except SourceError as error:
                problem = _bad_refusal(error)
            else:
                equal = _same(sound, picture)
                taken += not equal
                problem = "it gives another picture" if whole and not equal else ""
            if problem:
                return Found(f"{name}, {words}: {problem}")
    return Found(note=f"{taken} of {tried} were read as another picture" if taken else "")


def _bad_refusal(error: SourceError) -> str:
    """Return what is wrong with the refusal of a damaged file, empty when it is in order."""
    cause = error.__cause__
    if error.code == "codec-failed" and cause is not None:
        return f"it raises {type(cause).__name__} ({cause}), not SourceError"
    if error.code in ("codec-failed", SourceError.code):
        return f"the refusal has no code of its own: {error}"
    return "" if ". Cure: " in str(error) else f"the refusal names no cure: {error}"


def _same(first: Picture, second: Picture) -> bool:
    return first.header == second.header and np.array_equal(first.pixels, second.pixels)


def effort(case: CodecCase) -> Found:
    """Measure what one megapixel takes to be read; of a codec that only reads, its largest sample.

    In a process of its own, which has no memory left over, and its libraries loaded beforehand.
    """
    data = dict(case.samples())
    if case.spec.write is not None:
        data["a megapixel"] = case.write(case.large(SIDE))
    ordered = sorted(data.values(), key=len)
    files = ordered[-1:] if len(ordered[0]) * 4 > len(ordered[-1]) else [ordered[0], ordered[-1]]
    for number, content in enumerate(files):
        Path(f"{number}.sample").write_bytes(content)
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            _EFFORT,
            case.spec.read,
            *(f"{n}.sample" for n in range(len(files))),
        ],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:]
        return Found(f"in a process of its own it fails: {''.join(last)}")
    seconds, mib, area = json.loads(done.stdout.splitlines()[-1])
    share = max(1.0, area / SIDE**2)
    shown = f"{seconds / share:.2f} s, {mib / share:.0f} MiB"
    slow = seconds > SECONDS * share or mib > MIB * share
    return Found(shown) if slow else Found(note=shown)
