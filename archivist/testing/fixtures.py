"""The pytest plugin: fixtures for plugin authors. Found by pytest through its entry points."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def tiny_archive(tmp_path: Path) -> Path:
    """Return a folder with a few small scans in nested folders: JPEG, PNG, TIFF; 8 and 16 bit."""
    # Imported here, because pytest loads this module in every project, and numpy takes 100 ms.
    from archivist.testing.samples import make_archive

    return make_archive(tmp_path / "archive")
