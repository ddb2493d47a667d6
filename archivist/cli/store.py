"""`archivist store`: check the kept artifacts, and remove what nothing points to."""

from __future__ import annotations

import click


@click.group()
def store() -> None:
    """Check the store; remove what nothing points to."""
