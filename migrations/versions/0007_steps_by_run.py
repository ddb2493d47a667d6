"""Steps are found by run and stage, so that two runs of a large archive are compared at once.

Revision: 0007
Before: 0006
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    columns = ["run_id", "ordinal", "asset_id"]
    op.create_index("ix_step_run", "step", columns, postgresql_include=["id"])


def downgrade() -> None:
    op.drop_index("ix_step_run", "step")
