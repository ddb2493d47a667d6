"""Promises that are seen without running the step.

Each check returns what is wrong, in words, or None.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

from archivist.plugins import find_weights, make_params, plain_params, resolve
from archivist.testing.case import Case

LOAD_SECONDS = 0.05
"""The CPU time that importing a plugin module may take, beyond ``archivist.api``."""
HEAVY = ("numpy", "PIL", "cv2", "torch", "scipy", "sqlalchemy")
"""Libraries that must not be loaded only to list a step."""

_PROBE = """
import importlib, json, sys, time
import archivist.api
start = time.process_time()
module = importlib.import_module(sys.argv[1])
for hook in ("steps", "codecs", "checks", "exporters"):
    list(getattr(module, "archivist_" + hook, tuple)() or ())
seconds = time.process_time() - start
print(json.dumps([seconds, [name for name in sys.argv[2:] if name in sys.modules]]))
"""


def code(case: Case) -> str | None:
    """Demand that every dotted string of the description names a function."""
    spec = case.spec
    texts = [spec.run, spec.applies, spec.estimate, spec.self_test]
    texts += [weight.importer for weight in spec.weights]
    for text in texts:
        if text is not None and not callable(resolve(text)):
            return f"{text} is not a function"
    return None


def light(case: Case) -> str | None:
    """Demand that the plugin module loads fast and pulls in no heavy library."""
    module = case.module or case.spec.params.__module__
    if module.startswith("archivist.api"):
        module = case.spec.run.partition(":")[0]
    if module == "__main__":
        return "the step is declared in __main__; give module="
    return slow_import(module)


def slow_import(module: str) -> str | None:
    """Say why a plugin module is too slow or too heavy to be loaded only to list what it offers."""
    # The best of three in CPU time: the first may have to compile, and machines are busy.
    results = [_load(module) for _ in range(3)]
    seconds, heavy = min(seconds for seconds, _ in results), results[0][1]
    if heavy:
        return f"importing {module} loads {', '.join(heavy)}; import it inside run"
    if seconds > LOAD_SECONDS:
        return f"importing {module} takes {seconds * 1000:.0f} ms"
    return None


def round_trip(case: Case) -> str | None:
    """Demand that the params are the same after JSON."""
    params = case.made_params()
    again = make_params(case.spec, json.loads(json.dumps(plain_params(params))))
    return None if again == params else f"{params} became {again}"


def weights(case: Case) -> str | None:
    """Demand that the weights that the params ask for are there and verified."""
    for weight in case.spec.required_weights(case.made_params()):
        find_weights(weight, case.context().places)
    return None


def _load(module: str) -> tuple[float, list[str]]:
    path = os.pathsep.join(entry for entry in sys.path if entry)
    done = subprocess.run(
        [sys.executable, "-c", _PROBE, module, *HEAVY],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:]
        raise RuntimeError(f"importing {module} alone fails: {''.join(last)}")
    seconds, heavy = json.loads(done.stdout.splitlines()[-1])
    return float(seconds), list(heavy)
