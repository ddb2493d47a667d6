"""Reviews name the output files that were looked at, and params for another try.

Reviews that are there already name neither: an approval of then holds for the photograph.

Revision: 0005
Before: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from archivist.catalog import types

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("review", sa.Column("results", types.Digests(), nullable=True))
    op.add_column("review", sa.Column("redo", types.Json(), nullable=True))


def downgrade() -> None:
    op.drop_column("review", "redo")
    op.drop_column("review", "results")
