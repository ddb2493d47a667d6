"""What a worker process keeps between work units: plugins, networks, environment."""

from __future__ import annotations

import os
import resource
import threading
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Container, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from archivist.api.steps import StepSpec
from archivist.hashing import digest_json, work_digest
from archivist.model import IdleWeight, WeightUse
from archivist.plugins import Plugins, find_weights, load_plugins, make_params, weight_digest
from archivist.step.environment import device, environment

T = TypeVar("T")

PEAK_SECONDS = 0.1
CACHED_OBJECTS = 8
"""Networks held at once; more than any shipped recipe uses, few enough to bound memory."""


class Session:
    """One per worker process and choice of plugins.

    ``threads`` takes the place of the number that this worker may use.
    """

    def __init__(self, plugins: Plugins, threads: int = 0) -> None:
        self.plugins = plugins
        self.device = device()
        # The scheduler divides the cores among the workers by this variable.
        own = int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)
        self.threads = threads or own
        # With other numbers of threads networks add in another order: the last bit may differ.
        self.environment: Mapping[str, object] = {**environment(), "threads": self.threads}
        self.environment_digest = digest_json(self.environment)
        self._peak, self._peak_read = 0.0, float("-inf")
        self.cancelled = threading.Event()
        self.held_weights: defaultdict[str, set[str]] = defaultdict(set)
        """By step: the weights that it opened outside ``cached``, and may hold on to."""
        self._objects: OrderedDict[str, Any] = OrderedDict()
        self._work: dict[str, tuple[Mapping[str, object], tuple[object, ...], str]] = {}

    def cached(self, key: str, make: Callable[[], T]) -> T:
        """Return the object of this key, making it once; the least recently used ones go."""
        if key not in self._objects:
            self._objects[key] = make()
            while len(self._objects) > CACHED_OBJECTS:
                self._objects.popitem(last=False)
        self._objects.move_to_end(key)
        found: T = self._objects[key]
        return found

    def work_digest(
        self,
        spec: StepSpec,
        params: Mapping[str, object],
        *,
        weights: Sequence[str],
        seed: int,
        device_family: str,
    ) -> str:
        """Return :func:`archivist.hashing.work_digest`, at once where a step goes on as before.

        The files of a batch share the object of their params, unless one has its own.
        """
        given = (weights, seed, device_family)
        known = self._work.get(spec.id)
        if known is None or known[0] is not params or known[1] != given:
            digest = work_digest(
                spec, params, weights=weights, seed=seed, device_family=device_family
            )
            known = self._work[spec.id] = (params, given, digest)
        return known[2]

    def peak_mib(self) -> float:
        """Return the largest memory this process ever held, read at most ten times a second.

        One reading takes 0.25 ms, more than all other accounting of a tiny image.
        """
        clock = time.monotonic()
        if clock - self._peak_read > PEAK_SECONDS:
            self._peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            self._peak_read = clock
        return self._peak

    def device_for(self, spec: StepSpec) -> str:
        """Return ``cpu`` or ``cuda`` for a step. A step that demands a GPU gets what there is."""
        return "cpu" if spec.cost.device == "cpu" else self.device


@lru_cache(maxsize=1)
def session(allow: tuple[str, ...], block: tuple[str, ...], threads: int = 0) -> Session:
    """Return this process's session for a choice of plugins and a number of threads.

    Only one is held: a network takes the number of threads for the process when it is loaded.
    """
    return Session(load_plugins(allow or None, block), threads)


def weight_uses(
    spec: StepSpec, params: Mapping[str, object], folders: tuple[Path, ...]
) -> tuple[WeightUse, ...]:
    """Return the weight files a step uses with these params, verified.

    Raises :class:`~archivist.api.errors.WeightsMissing` or ``WeightsCorrupt``.
    """
    if not spec.weights:
        return ()
    uses = []
    for weight in spec.required_weights(make_params(spec, params)):
        find_weights(weight, folders)
        uses.append(
            WeightUse(
                name=weight.name,
                digest=weight_digest(weight, folders) or "",
                licence=weight.licence,
                source=weight.source,
            )
        )
    return tuple(uses)


def told_apart(weights: Sequence[WeightUse], used: Container[str]) -> tuple[WeightUse, ...]:
    """Return the weights of a step, those that it did not use as idle ones."""
    return tuple(one if one.name in used else _idle(one) for one in weights)


def _idle(one: WeightUse) -> IdleWeight:
    return IdleWeight(name=one.name, digest=one.digest, licence=one.licence, source=one.source)
