"""The one place where the code of a plugin is called, and what its failures mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archivist.api.errors import OutOfMemory, StepError
from archivist.api.steps import StepSpec, Verdict
from archivist.api.values import Value
from archivist.plugins import resolve
from archivist.step.checks import check_verdict
from archivist.step.context import WorkerContext


def call(
    spec: StepSpec, values: Mapping[str, Value], params: Any, ctx: WorkerContext
) -> Mapping[str, Value] | Verdict:
    """Call a step's ``run``; out of memory and writes into inputs become errors with a cure.

    A verdict instead of outputs says that there was nothing to do after all.
    """
    try:
        outputs: Mapping[str, Value] | Verdict = resolve(spec.run)(values, params, ctx)
    except MemoryError as error:
        raise _too_large(spec) from error
    except SystemExit as error:
        # Not an Exception: it would end the run, and say nothing.
        message = f"{spec.id} tried to end the program (exit code {error.code})"
        raise StepError(f"{message}; a step raises StepError instead") from error
    except RuntimeError as error:
        if "out of memory" in str(error).lower():
            raise _too_large(spec) from error
        raise
    except ValueError as error:
        if "read-only" in str(error):
            message = f"{spec.id} writes into its input; a step makes new arrays ({error})"
            raise StepError(message, code="input-written") from error
        raise
    if isinstance(outputs, Verdict):
        check_verdict(spec, outputs)
    return outputs


def _too_large(spec: StepSpec) -> OutOfMemory:
    return OutOfMemory(
        f"{spec.id} does not fit into memory. Cure: fewer workers (--workers 1), a machine with "
        "more memory, or a smaller scan"
    )
