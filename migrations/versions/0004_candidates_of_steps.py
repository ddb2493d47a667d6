"""Plans keep what looks alike for each step that chooses: for texture, and for colour.

Revision: 0004
Before: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from archivist.catalog import types

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _make("plan_candidates", sa.Column("port", types.CleanText(), nullable=False))
    op.execute(
        "INSERT INTO plan_candidates (run_id, item, file, page, port, places) "
        "SELECT run_id, item, file, page, 'lookalikes', places FROM plan_lookalikes"
    )
    op.drop_table("plan_lookalikes")


def downgrade() -> None:
    _make("plan_lookalikes")
    op.execute(
        "INSERT INTO plan_lookalikes (run_id, item, file, page, places) "
        "SELECT run_id, item, file, page, places FROM plan_candidates WHERE port = 'lookalikes'"
    )
    op.drop_table("plan_candidates")


def _make(name: str, *more: sa.Column) -> None:
    key = ("run_id", "item", "file", "page", *(column.name for column in more))
    op.create_table(
        name,
        sa.Column("run_id", types.BigId, nullable=False),
        sa.Column("item", types.BigId, autoincrement=False, nullable=False),
        sa.Column("file", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("page", sa.Integer(), autoincrement=False, nullable=False),
        *more,
        sa.Column("places", types.Json(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f(f"fk_{name}_run_id")),
        sa.PrimaryKeyConstraint(*key, name=op.f(f"pk_{name}")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
