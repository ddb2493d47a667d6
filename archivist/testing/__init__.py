"""The kit for authors of plugins: run a step, and prove that it keeps its promises.

::

    from archivist.testing import assert_step_conforms, run_step

    def test_my_step_keeps_its_promises():
        assert_step_conforms(MY_STEP)

:func:`assert_codec_conforms` does the same for a codec.
The pytest fixture ``tiny_archive`` comes with it. Importing this package loads neither numpy nor
pytest, because pytest imports it in every project of everybody who has archivist installed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archivist.testing.codec_conformance import assert_codec_conforms, check_codec
    from archivist.testing.conformance import Promise, assert_step_conforms, check_step
    from archivist.testing.context import FakeContext
    from archivist.testing.running import run_step
    from archivist.testing.samples import (
        make_archive,
        sample_image,
        sample_inputs,
        sample_references,
    )

_HOMES = {
    "FakeContext": "context",
    "Promise": "conformance",
    "assert_codec_conforms": "codec_conformance",
    "assert_step_conforms": "conformance",
    "check_codec": "codec_conformance",
    "check_step": "conformance",
    "make_archive": "samples",
    "run_step": "running",
    "sample_image": "samples",
    "sample_inputs": "samples",
    "sample_references": "samples",
}

__all__ = [
    "FakeContext",
    "Promise",
    "assert_codec_conforms",
    "assert_step_conforms",
    "check_codec",
    "check_step",
    "make_archive",
    "run_step",
    "sample_image",
    "sample_inputs",
    "sample_references",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
