"""Results of other versions that were certified as equivalent to what a step would make now."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from archivist.api.steps import StepSpec
from archivist.hashing import key_of, work_digest
from archivist.model import Certified, KnownResult

Inputs = Sequence[tuple[str, str | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What one page asks: which result another version made of the same inputs and params."""

    asset: str
    params: Mapping[str, object]
    weights: Sequence[str]
    inputs: Inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Equivalent:
    """A stored result that stands for what a step would make now, under its own key."""

    certified: Certified
    result: KnownResult

    @property
    def reason(self) -> str:
        """Why the step does not run, for people."""
        return f"certified as equivalent: {self.certified.said}"


class Equivalents:
    """Looks for results that certified versions and weights made; ``seed`` is the recipe's."""

    def __init__(
        self, certified: Mapping[str, Sequence[Certified]], *, seed: int, device_family: str
    ) -> None:
        self._certified, self._seed, self._family = certified, seed, device_family
        self._work: dict[tuple[int, Certified], tuple[Mapping[str, object], str]] = {}

    def find(
        self,
        spec: StepSpec,
        questions: Sequence[Question],
        known: Callable[[Sequence[str]], Mapping[str, KnownResult]],
    ) -> dict[str, Equivalent]:
        """Return what stands for the results of assets, by their uids; one look-up for all.

        What was not kept stands for nothing: it would have to be made, and by the step of now.
        """
        if spec.id not in self._certified:
            return {}
        asked = [
            (one.asset, certified, key)
            for one in questions
            for certified, key in self._keys(spec, one)
        ]
        results = known([key for *_, key in asked])
        return {
            asset: Equivalent(certified=certified, result=results[key])
            for asset, certified, key in reversed(asked)
            if key in results and all(output.kept for output in results[key].outputs)
        }

    def _keys(self, spec: StepSpec, one: Question) -> Iterator[tuple[Certified, str]]:
        inputs = [(name, digest) for name, digest in one.inputs if digest is not None]
        if len(inputs) < len(one.inputs):
            return
        for certified in self._certified[spec.id]:
            if certified.stands_for(spec.version, one.weights):
                yield certified, key_of(self._work_of(spec, one.params, certified), inputs)

    def _work_of(self, spec: StepSpec, params: Mapping[str, object], certified: Certified) -> str:
        """Return a work digest, remembered by the identity of params, which most assets share."""
        found = self._work.get((id(params), certified))
        if found is None or found[0] is not params:
            digest = work_digest(
                replace(spec, version=certified.version),
                params,
                weights=certified.weights,
                seed=self._seed,
                device_family=self._family,
            )
            found = self._work[id(params), certified] = params, digest
        return found[1]
