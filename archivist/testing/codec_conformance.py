"""The promises of a codec, each tried on samples, each answered with one readable line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from archivist.api.extensions import CodecSpec
from archivist.plugins import codec_problems, load_plugins, resolve
from archivist.testing import codec_behaviour as behaviour
from archivist.testing.codec_behaviour import Check
from archivist.testing.codec_case import FINE, CodecCase, Found, Unexamined
from archivist.testing.codec_samples import codec_images
from archivist.testing.conformance import Promise
from archivist.testing.description import slow_import
from archivist.testing.guards import own_folder, own_randomness


def assert_codec_conforms(
    spec: CodecSpec,
    *,
    files: Mapping[str, bytes] | None = None,
    module: str | None = None,
) -> None:
    """Raise AssertionError with one line for each promise that the codec does not keep.

    The arguments are those of :func:`check_codec`. A promise that cannot be examined here (no file
    of a format that is only read) counts as not kept.
    """
    __tracebackhide__ = True
    promises = check_codec(spec, files=files, module=module)
    lines = [str(promise) for promise in promises if not promise.kept]
    if lines:
        raise AssertionError("\n".join([f"codec {spec.id!r} does not conform:", *lines]))


def check_codec(
    spec: CodecSpec,
    *,
    files: Mapping[str, bytes] | None = None,
    module: str | None = None,
) -> tuple[Promise, ...]:
    """Try all promises of a codec on samples and return what was found, in order.

    ``files`` are sound files of the format, by name; a codec that only reads needs at least one.
    ``module`` is the module of the plugin (default: that of the installed plugin that offers it).
    """
    problems = codec_problems(spec)
    title = "The description is complete"
    if problems:
        return (Promise(title, False, "; ".join(problems)),)
    case = CodecCase(spec=spec, files=files or {}, module=module)
    with own_randomness(0), own_folder():
        found = [_try(case, name, check) for name, check in _checks(spec)]
    return (Promise(title, True), *found)


def _checks(spec: CodecSpec) -> Iterator[tuple[str, Check]]:
    yield "Every dotted string names code that can be imported", _code
    yield "The plugin module loads within 50 ms, without numpy", _light
    if spec.write is not None:
        yield "It writes files that begin with its signature", behaviour.writes_something
        for name, image in codec_images():
            yield f"It gives back {name}, or refuses it", behaviour.round_trip(image)
        for name, held in behaviour.metadata_variants(tuple(spec.places)):
            yield f"It gives back {name}", behaviour.keeps(held)
        yield "The same image gives the same bytes", behaviour.same_bytes
    yield "It reads each sample, the same each time", behaviour.reads_samples
    if spec.probe is not None:
        yield "The probe says what `read` returns", behaviour.probe
    yield "It leaves its inputs unchanged", behaviour.inputs_unchanged
    yield "It uses no file, no network, no other program", behaviour.isolation
    yield "A file that ends early is refused, never read in part", behaviour.cut_files
    yield "A file with foreign parts is refused or read, never a crash", behaviour.overwritten_files
    yield (
        f"A megapixel is read within {behaviour.SECONDS:g} s and {behaviour.MIB:g} MiB",
        behaviour.effort,
    )


def _code(case: CodecCase) -> Found:
    """Demand that every dotted string of the description names a function."""
    for text in (case.spec.read, case.spec.write, case.spec.probe, case.spec.metadata):
        if text is not None and not callable(resolve(text)):
            return Found(f"{text} is not a function")
    return FINE


def _light(case: CodecCase) -> Found:
    """Demand that the plugin module loads fast and pulls in no heavy library."""
    module = case.module
    if module is None:
        owner = load_plugins().extension_owners.get(("codecs", case.spec.id))
        module = owner.module if owner is not None else ""
    if not module:
        raise Unexamined("no installed plugin offers it: give module=")
    return Found(slow_import(module) or "")


def _try(case: CodecCase, title: str, check: Check) -> Promise:
    try:
        found = check(case)
    except Unexamined as error:
        return Promise(title, None, str(error))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - as for steps: its fault is the answer
        return Promise(title, False, f"{type(error).__name__}: {error}")
    return Promise(title, not found.problem, found.problem or found.note)
