"""The journal: where it lies, and how far the catalog has come in it.

A catalog that is there already gets its journal when it is next opened for writing.

Revision: 0008
Before: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from archivist.catalog import types

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_COLUMNS = ("journal", "batch", "chain")


def upgrade() -> None:
    op.add_column("schema_meta", sa.Column("journal", types.NameText(), nullable=True))
    op.add_column("schema_meta", sa.Column("batch", types.BigId, nullable=True))
    op.add_column("schema_meta", sa.Column("chain", types.DigestBytes(), nullable=True))


def downgrade() -> None:
    for name in reversed(_COLUMNS):
        op.drop_column("schema_meta", name)
