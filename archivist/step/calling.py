"""The one place where the code of a plugin is called, and what its failures mean."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from archivist.api.errors import OutOfMemory, StepError
from archivist.api.steps import StepSpec, Verdict
from archivist.api.values import Value
from archivist.plugins import resolve
from archivist.step.checks import accept_refusal, accept_verdict
from archivist.step.context import WorkerContext


def call(
    spec: StepSpec, values: Mapping[str, Value], params: Any, ctx: WorkerContext
) -> Mapping[str, Value] | Verdict:
    """Call a step's ``run``; its failures become errors that say the cure.

    A verdict instead of outputs says that there was nothing to do after all.
    """
    with failures(spec):
        outputs: Mapping[str, Value] | Verdict = resolve(spec.run)(values, params, ctx)
    return accept_refusal(spec, outputs) if isinstance(outputs, Verdict) else outputs


def ask(spec: StepSpec, values: Mapping[str, Value], params: Any, ctx: WorkerContext) -> Verdict:
    """Call a step's probe ``applies``; its failures become errors as those of ``run``."""
    with failures(spec):
        verdict = resolve(str(spec.applies))(values, params, ctx)
    return accept_verdict(spec, verdict)


@contextmanager
def failures(spec: StepSpec) -> Iterator[None]:
    """Turn out of memory, writes into inputs and attempts to end the program into errors."""
    try:
        yield
    except MemoryError as error:
        raise _too_large(spec) from error
    except RuntimeError as error:
        if "out of memory" in str(error).lower():
            raise _too_large(spec) from error
        raise
    except ValueError as error:
        if "read-only" in str(error):
            message = f"{spec.id} writes into its input; a step makes new arrays ({error})"
            raise StepError(message, code="input-written") from error
        raise
    except Exception:
        raise
    except SystemExit as error:
        message = f"{spec.id} tried to end the program (exit code {error.code})"
        raise StepError(f"{message}; a step raises StepError instead") from error
    except BaseException as error:
        # Border of step execution: what is no Exception would end the run, and say nothing.
        if _from_keyboard(error):
            raise
        message = f"{spec.id} raised {type(error).__name__}, which ends programs"
        raise StepError(f"{message}; a step raises StepError instead") from error


def _from_keyboard(error: BaseException) -> bool:
    """Tell whether a person may have raised it: Ctrl-C reaches the main thread alone.

    Where a run listens for it, a subclass of KeyboardInterrupt breaks off the work; elsewhere
    Python itself raises KeyboardInterrupt.
    """
    if threading.current_thread() is not threading.main_thread():
        return False
    if type(error) is KeyboardInterrupt:
        return signal.getsignal(signal.SIGINT) is signal.default_int_handler
    return isinstance(error, KeyboardInterrupt)


def _too_large(spec: StepSpec) -> OutOfMemory:
    return OutOfMemory(
        f"{spec.id} does not fit into memory. Cure: fewer workers (--workers 1), a machine with "
        "more memory, or a smaller scan"
    )
