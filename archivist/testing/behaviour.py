"""Promises that are seen by running the step on samples.

Each check returns what is wrong, in words, or None.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from archivist.api.errors import BadOutput, Unsupported
from archivist.api.steps import Cost, Determinism, Verdict
from archivist.api.values import Colour, Image
from archivist.plugins import find_weights, resolve
from archivist.step.checks import accept_verdict
from archivist.testing.case import Case
from archivist.testing.guards import own_randomness, watched
from archivist.testing.measure import growth
from archivist.testing.samples import sample_image, sample_inputs
from archivist.testing.values import fingerprint, largest_difference

MEMORY_FACTOR = 1.5
MEMORY_SIDE = 1000
"""Height and width of the sample on which memory is measured: one megapixel."""


def unusual_images() -> Iterator[tuple[str, Image]]:
    """Yield images that archives hold and that steps tend to forget, each with its name."""
    yield "an image of 1 x 1 pixel", sample_image(1, 1)
    yield "an image of odd sides", sample_image(37, 53)
    yield "a grey image", sample_image(colour=Colour.GREY)
    yield "a 16-bit image", sample_image(depth=16)
    yield "an image with a colour profile", replace(sample_image(), icc=_profile())
    yield "a very wide image", sample_image(8, 3000)
    yield "a very tall image", sample_image(3000, 8)


def outputs(case: Case) -> str | None:
    """Demand that the ordinary sample is taken, and that what comes out fits the ports."""
    try:
        image = case.ordinary()
    except Unsupported as error:
        return f"it refuses colour and grey samples alike: {error}"
    case.run(image)
    return None


def inputs_unchanged(case: Case) -> str | None:
    """Demand that the inputs hold the same numbers after the call."""
    image = case.ordinary()
    inputs = case.make_inputs(image)
    before = fingerprint(inputs)
    case.run(image, inputs=inputs)
    return None if fingerprint(inputs) == before else "an input was changed in place"


def repeatable(case: Case) -> str | None:
    """Demand that two calls agree as far as the declared determinism says."""
    if case.spec.determinism == Determinism.NONE:
        return None
    image = case.ordinary()
    results = []
    for seed in (1, 2):
        with own_randomness(seed):
            results.append(case.run(image))
    gap = largest_difference(*results)
    if gap <= case.spec.tolerance:
        return None
    return f"two runs differ by {gap:.3g}, allowed is {case.spec.tolerance:.3g}; use ctx.seed"


def randomness(case: Case) -> str | None:
    """Demand that no global generator is drawn from or seeded."""
    image = case.ordinary()
    with own_randomness(3) as changed:
        case.run(image)
    if not changed:
        return None
    return f"the state of {', '.join(changed)} was changed; make a generator from ctx.seed"


def isolation(case: Case) -> str | None:
    """Demand that nothing but weights is opened, and nothing connected or started."""
    image = case.ordinary()
    declared = case.spec.required_weights(case.made_params())
    paths = [find_weights(weight, case.context().places) for weight in declared]
    with watched(paths) as seen:
        case.run(image)
    return "; ".join(dict.fromkeys(seen)) or None


def takes(image: Image) -> Callable[[Case], str | None]:
    """Return a check that this image is taken, or refused with Unsupported."""

    def check(case: Case) -> str | None:
        try:
            case.run(image)
        except Unsupported as error:
            return None if str(error).strip() else "Unsupported was raised without a reason"
        return None

    return check


def with_optional(case: Case) -> str | None:
    """Demand that the step takes its optional inputs and leaves them unchanged."""
    image = case.ordinary()
    inputs = {**sample_inputs(case.spec, image), **case.make_inputs(image)}
    before = fingerprint(inputs)
    case.run(image, inputs=inputs)
    return None if fingerprint(inputs) == before else "an optional input was changed in place"


def memory(case: Case) -> str | None:
    """Demand that the process grows by at most 1.5 times what is declared for a megapixel."""
    case.ordinary()
    image = sample_image(MEMORY_SIDE, MEMORY_SIDE, colour=case.ordinary().colour)
    cost = _declared_cost(case, image)
    allowed = MEMORY_FACTOR * (cost.ram_mib + cost.ram_mib_per_mp * MEMORY_SIDE**2 / 1e6)
    with growth() as peak:
        case.run(image)
    if peak[0] <= allowed:
        return None
    return f"{peak[0]:.0f} MiB for one megapixel, the declared cost allows {allowed:.0f} MiB"


def probe(case: Case) -> str | None:
    """Demand a Verdict with a reason from ``applies``, on all samples that it takes."""
    assert case.spec.applies is not None
    applies = resolve(case.spec.applies)
    for name, image in (("the ordinary sample", case.ordinary()), *unusual_images()):
        try:
            verdict = applies(case.make_inputs(image), case.made_params(), case.context())
        except Unsupported:
            continue
        if not isinstance(verdict, Verdict):
            return f"on {name} it returned {type(verdict).__name__}"
        try:
            accept_verdict(case.spec, verdict)
        except BadOutput as error:
            return f"on {name}: {error}"
        if not verdict.reason.strip():
            return f"on {name} it gave no reason"
    return None


def estimate(case: Case) -> str | None:
    """Demand from ``estimate`` a Cost that does not shrink as the image grows."""
    small, large = (_declared_cost(case, sample_image(side, side)) for side in (64, 256))
    shrinks = large.seconds + large.seconds_per_mp < small.seconds + small.seconds_per_mp
    return "a larger image costs less" if shrinks else None


def self_test(case: Case) -> str | None:
    """Demand that the step's own test passes."""
    assert case.spec.self_test is not None
    resolve(case.spec.self_test)(case.context())
    return None


def _profile() -> bytes:
    """Return a colour profile as scanners embed them."""
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _declared_cost(case: Case, image: Image) -> Cost:
    if case.spec.estimate is None:
        return case.spec.cost
    cost = resolve(case.spec.estimate)(image.width, image.height, case.made_params())
    if not isinstance(cost, Cost):
        raise TypeError(f"estimate returned {type(cost).__name__}, expected Cost")
    return cost
