"""Replays, certifications of upgrades, and fixity checks.

Revision: 0006
Before: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from archivist.catalog import types

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "replay",
        sa.Column("id", types.BigId, autoincrement=True, nullable=False),
        sa.Column("run_id", types.BigId, nullable=False),
        sa.Column("publication_id", types.BigId, nullable=False),
        sa.Column("verdict", types.CleanText(), nullable=False),
        sa.Column("detail", types.Json(), nullable=True),
        sa.Column("environment_id", types.BigId, nullable=True),
        sa.Column("at", types.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_replay_run_id")),
        sa.ForeignKeyConstraint(
            ["publication_id"], ["publication.id"], name=op.f("fk_replay_publication_id")
        ),
        sa.ForeignKeyConstraint(
            ["environment_id"], ["environment.id"], name=op.f("fk_replay_environment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replay")),
        sqlite_strict=True,
    )
    op.create_index("ix_replay_publication", "replay", ["publication_id", "id"])
    op.create_table(
        "certification",
        sa.Column("id", types.BigId, autoincrement=True, nullable=False),
        sa.Column("run_id", types.BigId, nullable=False),
        sa.Column("name", types.CleanText(), nullable=False),
        sa.Column("changes", types.Json(), nullable=False),
        sa.Column("results", types.Json(), nullable=False),
        sa.Column("decision", types.CleanText(), nullable=False),
        sa.Column("decided_by", types.CleanText(), nullable=False),
        sa.Column("reason", types.CleanText(), nullable=False),
        sa.Column("at", types.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_certification_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certification")),
        sqlite_strict=True,
    )
    _fixity()


def _fixity() -> None:
    op.create_table(
        "fixity",
        sa.Column("id", types.BigId, autoincrement=True, nullable=False),
        sa.Column("run_id", types.BigId, nullable=False),
        sa.Column("subject", types.CleanText(), nullable=False),
        sa.Column("name", types.NameText(), nullable=False),
        sa.Column("digest", types.DigestBytes(), nullable=True),
        sa.Column("outcome", types.CleanText(), nullable=False),
        sa.Column("detail", types.CleanText(), nullable=False),
        sa.Column("at", types.Instant(), nullable=False),
        sa.Column("seconds", types.Real, nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_fixity_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fixity")),
        sqlite_strict=True,
    )
    op.create_index("ix_fixity_name", "fixity", ["subject", "name", "id"])
    op.create_table(
        "fixity_head",
        sa.Column("collection_id", types.BigId, nullable=False),
        sa.Column("subject", types.CleanText(), nullable=False),
        sa.Column("name", types.NameText(), nullable=False),
        sa.Column("digest", types.DigestBytes(), nullable=True),
        sa.Column("outcome", types.CleanText(), nullable=False),
        sa.Column("at", types.Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collection.id"], name=op.f("fk_fixity_head_collection_id")
        ),
        sa.PrimaryKeyConstraint("collection_id", "subject", "name", name=op.f("pk_fixity_head")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("ix_fixity_head_digest", "fixity_head", ["digest"])


def downgrade() -> None:
    for name in ("fixity_head", "fixity", "certification", "replay"):
        op.drop_table(name)
