"""The ledger: records of all kinds in one order, and checkpoints over it.

Records that are there already enter it: steps first, then publications, then reviews.

Revision: 0003
Before: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from archivist.catalog import types
from archivist.hashing import digest_json

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ledger",
        sa.Column("position", types.BigId, autoincrement=False, nullable=False),
        sa.Column("kind", types.CleanText(), nullable=False),
        sa.Column("row_id", types.BigId, nullable=False),
        sa.Column("digest", types.DigestBytes(), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_ledger")),
        sa.UniqueConstraint("kind", "row_id", name=op.f("uq_ledger_kind_row_id")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "checkpoint",
        sa.Column("id", types.BigId, autoincrement=True, nullable=False),
        sa.Column("run_id", types.BigId, nullable=True),
        sa.Column("origin", types.CleanText(), nullable=False),
        sa.Column("size", types.BigId, nullable=False),
        sa.Column("root", types.DigestBytes(), nullable=False),
        sa.Column("at", types.Instant(), nullable=False),
        sa.Column("key_name", types.CleanText(), nullable=False),
        sa.Column("key_id", types.CleanText(), nullable=False),
        sa.Column("signature", types.CleanText(), nullable=False),
        sa.Column("frontier", types.Digests(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_checkpoint_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checkpoint")),
        sqlite_strict=True,
    )
    _enter_what_is_there()


def downgrade() -> None:
    op.drop_table("checkpoint")
    op.drop_table("ledger")


def _enter_what_is_there() -> None:
    connection = op.get_bind()
    connection.execute(
        sa.text(
            "INSERT INTO ledger (position, kind, row_id, digest) "
            "SELECT row_number() OVER (ORDER BY id) - 1, 'step', id, digest FROM step"
        )
    )
    _enter(connection, "publication", _PUBLICATIONS, _publication)
    _enter(connection, "review", _REVIEWS, _review)


def _enter(connection, kind, query, facts_of) -> None:
    position = connection.execute(sa.select(sa.func.count()).select_from(_LEDGER)).scalar_one()
    rows = connection.execute(query).mappings().all()
    for start in range(0, len(rows), 500):
        page = [
            {
                "position": position + number,
                "kind": kind,
                "row_id": row["id"],
                "digest": digest_json(facts_of(row)),
            }
            for number, row in enumerate(rows[start : start + 500], start)
        ]
        connection.execute(sa.insert(_LEDGER), page)


def _publication(row):
    return {"record": "publication"} | {name: row[name] for name in row if name != "id"}


def _review(row):
    page = f"#{row['page']}" if row["pages"] > 1 else ""
    return {
        "record": "review",
        "asset": row["asset"] + page,
        "decision": row["decision"],
        "reviewer": row["reviewer"],
        "reason": row["reason"],
        "at": row["at"],
        "records": row["records"],
    }


_LEDGER = sa.table(
    "ledger",
    sa.column("position", types.BigId),
    sa.column("kind", types.CleanText()),
    sa.column("row_id", types.BigId),
    sa.column("digest", types.DigestBytes()),
)
_PUBLICATIONS = sa.text(
    "SELECT p.id, c.name AS collection, r.uid AS run, p.source, p.digest, p.profile, p.path, "
    "p.output_digest, p.key, p.size, p.media_type, p.untouched, m.digest AS contract, p.at "
    "FROM publication p JOIN run r ON r.id = p.run_id JOIN collection c ON c.id = p.collection_id "
    "JOIN contract m ON m.id = p.contract_id ORDER BY p.id"
).columns(
    digest=types.DigestBytes(),
    output_digest=types.DigestBytes(),
    key=types.DigestBytes(),
    untouched=types.Flag(),
    contract=types.DigestBytes(),
    at=types.Instant(),
)
_REVIEWS = sa.text(
    "SELECT v.id, a.digest AS asset, a.page, a.pages, v.decision, v.reviewer, v.reason, v.at, "
    "v.records FROM review v JOIN asset a ON a.id = v.asset_id ORDER BY v.id"
).columns(asset=types.DigestBytes(), at=types.Instant(), records=types.Digests())
