"""The steps ``references.choose`` and ``exemplars.choose``: of what looks alike, what may lend.

The rules that need no pixels were applied when the plan searched the index; here the pictures are
compared by their local features (:mod:`archivist.references.geometry`), and looked at for colour.
"""

from __future__ import annotations

from collections.abc import Mapping

from archivist.api.context import StepContext
from archivist.api.steps import Verdict
from archivist.api.values import Image, References, Value
from archivist.lending import EXEMPLARS, Lends
from archivist.references.exemplars import choose_exemplars
from archivist.references.plugin import ChooseParams, ExemplarParams
from archivist.references.rules import Kin
from archivist.references.select import choose
from archivist.references.tint import tint_of
from archivist.step.comparing import Candidates, Looker, rules_of

CLEARLY = 1.5
"""How much more a picture must spread its colours to need none than an exemplar, to lend them: what
lies between, the step that colours judges."""
DESCRIBED = 64
"""Pictures whose features are remembered for exemplars: few of an archive are in colour."""


def run(
    inputs: Mapping[str, Value], params: ChooseParams, ctx: StepContext
) -> Mapping[str, Value] | Verdict:
    """Return the chosen ``references``, or a verdict with the reason when none fits.

    A lookalike that cannot be read is refused like one that shows something else.
    """
    image, found = inputs["image"], inputs["lookalikes"]
    assert isinstance(image, Image)
    assert isinstance(found, References)
    among = Candidates(image, found, ctx.cached("looker", Looker), ctx)
    selection = choose(
        among.query,
        among.facts,
        among.sightings,
        among.compare,
        rules_of(params, Lends.TEXTURE),
        kin=Kin(),
        rank=among.rank,
    )
    return _named("references", among.outcome(selection))


def run_exemplars(
    inputs: Mapping[str, Value], params: ExemplarParams, ctx: StepContext
) -> Mapping[str, Value] | Verdict:
    """Return the chosen ``exemplars``, or a verdict with the reason when none fits.

    A photograph in colour needs none.
    """
    image, found = inputs["image"], inputs["colour_lookalikes"]
    assert isinstance(image, Image)
    assert isinstance(found, References)
    own = tint_of(image.pixels)
    if own.spread >= CLEARLY * params.min_spread:
        reason = f"the photograph is in colour itself (spread {own.spread:.1f}): it needs none"
        return Verdict(needed=False, reason=reason, scores={"colour_spread": own.spread})
    among = Candidates(image, found, ctx.cached("looker", lambda: Looker(DESCRIBED)), ctx)
    selection = choose_exemplars(
        among.query,
        among.facts,
        among.sightings,
        among.compare,
        among.tint,
        rules_of(params, Lends.COLOUR),
        kin=Kin(),
        rank=among.rank,
    )
    return _named(EXEMPLARS, among.outcome(selection))


def _named(port: str, outcome: References | Verdict) -> Mapping[str, Value] | Verdict:
    return outcome if isinstance(outcome, Verdict) else {port: outcome}
