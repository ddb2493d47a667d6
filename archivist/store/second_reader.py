"""A second opinion on metadata: what exiftool reads in a scan must be in its output, or be listed.

Our own comparison reads with our own reader, which would be blind to its own mistakes.
"""

from __future__ import annotations

from archivist.store.exiftool import Tags  # noqa: F401


def check_again(program, scan, output, contract):
    pass
