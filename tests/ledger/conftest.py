from __future__ import annotations

from datetime import UTC, datetime

import pytest

from archivist.ledger.checkpoint import Checkpoint


@pytest.fixture
def head() -> Checkpoint:
    """Give an unsigned checkpoint."""
    return Checkpoint(
        origin="archivist/6f1c",
        size=1234,
        root="ab" * 32,
        at=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
        run="019b",
    )
