"""Plans with references keep what looks alike, and near duplicates are found from either side.

Revision: 0002
Before: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from archivist.catalog import types

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "plan_lookalikes",
        sa.Column("run_id", types.BigId, nullable=False),
        sa.Column("item", types.BigId, autoincrement=False, nullable=False),
        sa.Column("file", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("page", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("places", types.Json(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_plan_lookalikes_run_id")),
        sa.PrimaryKeyConstraint("run_id", "item", "file", "page", name=op.f("pk_plan_lookalikes")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("ix_duplicate_second_asset", "duplicate", ["second_asset"])


def downgrade() -> None:
    op.drop_index("ix_duplicate_second_asset", "duplicate")
    op.drop_table("plan_lookalikes")
