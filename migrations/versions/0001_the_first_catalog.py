"""The first catalog.

Revision: 0001
Before:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from archivist.catalog import types

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:  # noqa: PLR0915 (a list of tables)
    op.create_table(
        "asset",
        sa.Column("id", types.BigId, autoincrement=False, nullable=False),
        sa.Column("digest", types.DigestBytes(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("format", types.CleanText(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("colour", types.CleanText(), nullable=False),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("alpha", types.Flag(), nullable=False),
        sa.Column("palette", types.Flag(), nullable=False),
        sa.Column("orientation", sa.Integer(), nullable=False),
        sa.Column("dpi_x", types.Real, nullable=True),
        sa.Column("dpi_y", types.Real, nullable=True),
        sa.Column("icc_digest", types.DigestBytes(), nullable=True),
        sa.Column("layout", types.CleanText(), nullable=False),
        sa.Column("perceptual_hash", types.CleanText(), nullable=True),
        sa.Column("inventory_no", types.CleanText(), nullable=True),
        sa.Column("title", types.CleanText(), nullable=True),
        sa.Column("date", types.CleanText(), nullable=True),
        sa.Column("series", types.CleanText(), nullable=True),
        sa.Column("rights", types.CleanText(), nullable=True),
        sa.Column("object_id", types.CleanText(), nullable=True),
        sa.Column("facts", types.Json(), nullable=True),
        sa.Column("exif", types.Json(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asset")),
        sa.UniqueConstraint("digest", "page", name=op.f("uq_asset_digest_page")),
        sqlite_strict=True,
    )
    with op.batch_alter_table("asset", schema=None) as batch_op:
        batch_op.create_index(op.f("ix_asset_inventory_no"), ["inventory_no"], unique=False)

    op.create_table(
        "blob",
        sa.Column("digest", types.DigestBytes(), nullable=False),
        sa.Column("size", types.BigId, nullable=False),
        sa.Column("media_type", types.CleanText(), nullable=False),
        sa.Column("purged", types.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_blob")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "collection",
        sa.Column("id", types.BigId, autoincrement=True, nullable=False),
        sa.Column("name", types.NameText(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collection")),
        sa.UniqueConstraint("name", name=op.f("uq_collection_name")),
        sqlite_strict=True,
    )
    op.create_table(
        "contract",
        sa.Column("id", types.BigId, autoincrement=True, nullable=False),
        sa.Column("digest", types.DigestBytes(), nullable=False),
        sa.Column("kept", types.Json(), nullable=False),
        sa.Column("changed", types.Json(), nullable=False),
        sa.Column("added", types.Json(), nullable=False),
        sa.Column("lost", types.Json(), nullable=False),
        sa.Column("lossy", types.Flag(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contract")),
        sa.UniqueConstraint("digest", name=op.f("uq_contract_digest")),
        sqlite_strict=True,
    )
    op.create_table(
        "environment",
        sa.Column("id", types.BigId, autoincrement=True, nullable=False),
        sa.Column("digest", types.DigestBytes(), nullable=False),
        sa.Column("value", types.Json(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_environment")),
        sa.UniqueConstraint("digest", name=op.f("uq_environment_digest")),
        sqlite_strict=True,
    )
    op.create_table(
        "params",
        sa.Column("id", types.BigId, autoincrement=True, nullable=False),
        sa.Column("digest", types.DigestBytes(), nullable=False),
        sa.Column("value", types.Json(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_params")),
        sa.UniqueConstraint("digest", name=op.f("uq_params_digest")),
        sqlite_strict=True,
    )
    op.create_table(
        "plugin_version",
        sa.Column("id", types.BigId, autoincrement=True, nullable=False),
        sa.Column("step", types.CleanText(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("title", types.CleanText(), nullable=False),
        sa.Column("distribution", types.CleanText(), nullable=False),
        sa.Column("distribution_version", types.CleanText(), nullable=False),
        sa.Column("conjectural", types.Flag(), nullable=False),
        sa.Column("determinism", types.CleanText(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plugin_version")),
        sa.UniqueConstraint(
            "step",
            "version",
            "distribution",
            "distribution_version",
            "title",
            "conjectural",
            "determinism",
            name="uq_plugin_version",
        ),
        sqlite_strict=True,
    )
    op.create_table(
        "recipe",
        sa.Column("id", types.BigId, autoincrement=True, nullable=False),
        sa.Column("name", types.CleanText(), nullable=False),
        sa.Column("digest", types.DigestBytes(), nullable=False),
        sa.Column("value", types.Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recipe")),
        sa.UniqueConstraint("digest", name=op.f("uq_recipe_digest")),
        sqlite_strict=True,
    )
    op.create_table(
        "schema_meta",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("instance", types.CleanText(), nullable=False),
        sa.Column("writer_epoch", types.BigId, nullable=False),
        sa.Column("writer", types.Json(), nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_schema_meta_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schema_meta")),
        sqlite_strict=True,
    )
    op.create_table(
        "weights",
        sa.Column("id", types.BigId, autoincrement=True, nullable=False),
        sa.Column("digest", types.DigestBytes(), nullable=False),
        sa.Column("name", types.CleanText(), nullable=False),
        sa.Column("licence", types.CleanText(), nullable=False),
        sa.Column("source", types.CleanText(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_weights")),
        sa.UniqueConstraint(
            "digest",
            "name",
            "licence",
            "source",
            name=op.f("uq_weights_digest_name_licence_source"),
        ),
        sqlite_strict=True,
    )
    op.create_table(
        "review",
        sa.Column("id", types.BigId, autoincrement=True, nullable=False),
        sa.Column("asset_id", types.BigId, nullable=False),
        sa.Column("decision", types.CleanText(), nullable=False),
        sa.Column("reviewer", types.CleanText(), nullable=False),
        sa.Column("reason", types.CleanText(), nullable=False),
        sa.Column("at", types.Instant(), nullable=False),
        sa.Column("records", types.Digests(), nullable=True),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f("fk_review_asset_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review")),
        sqlite_strict=True,
    )
    with op.batch_alter_table("review", schema=None) as batch_op:
        batch_op.create_index("ix_review_asset", ["asset_id", "id"], unique=False)

    op.create_table(
        "run",
        sa.Column("id", types.BigId, autoincrement=True, nullable=False),
        sa.Column("uid", types.CleanText(), nullable=False),
        sa.Column("collection_id", types.BigId, nullable=False),
        sa.Column("command", types.CleanText(), nullable=False),
        sa.Column("recipe_id", types.BigId, nullable=True),
        sa.Column("operator", types.CleanText(), nullable=False),
        sa.Column("settings", types.Json(), nullable=False),
        sa.Column("state", types.CleanText(), nullable=False),
        sa.Column("started", types.Instant(), nullable=False),
        sa.Column("finished", types.Instant(), nullable=True),
        sa.Column("plan_digest", types.DigestBytes(), nullable=True),
        sa.Column("plan", types.Json(), nullable=True),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collection.id"], name=op.f("fk_run_collection_id")
        ),
        sa.ForeignKeyConstraint(["recipe_id"], ["recipe.id"], name=op.f("fk_run_recipe_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
        sa.UniqueConstraint("uid", name=op.f("uq_run_uid")),
        sqlite_strict=True,
    )
    op.create_table(
        "asset_outcome",
        sa.Column("asset_id", types.BigId, nullable=False),
        sa.Column("run_id", types.BigId, nullable=False),
        sa.Column("status", types.CleanText(), nullable=False),
        sa.Column("code", types.CleanText(), nullable=False),
        sa.Column("message", types.CleanText(), nullable=False),
        sa.Column("seconds", types.Real, nullable=False),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f("fk_asset_outcome_asset_id")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_asset_outcome_run_id")),
        sa.PrimaryKeyConstraint("asset_id", "run_id", name=op.f("pk_asset_outcome")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("asset_outcome", schema=None) as batch_op:
        batch_op.create_index(
            "ix_asset_outcome_run", ["run_id", "status", "asset_id"], unique=False
        )

    op.create_table(
        "duplicate",
        sa.Column("first_asset", types.BigId, nullable=False),
        sa.Column("second_asset", types.BigId, nullable=False),
        sa.Column("distance", sa.Integer(), nullable=False),
        sa.Column("run_id", types.BigId, nullable=False),
        sa.ForeignKeyConstraint(
            ["first_asset"], ["asset.id"], name=op.f("fk_duplicate_first_asset")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_duplicate_run_id")),
        sa.ForeignKeyConstraint(
            ["second_asset"], ["asset.id"], name=op.f("fk_duplicate_second_asset")
        ),
        sa.PrimaryKeyConstraint("first_asset", "second_asset", name=op.f("pk_duplicate")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "event",
        sa.Column("id", types.BigId, autoincrement=True, nullable=False),
        sa.Column("type", types.CleanText(), nullable=False),
        sa.Column("at", types.Instant(), nullable=False),
        sa.Column("run_id", types.BigId, nullable=True),
        sa.Column("asset_id", types.BigId, nullable=True),
        sa.Column("detail", types.Json(), nullable=True),
        sa.Column("actor", types.CleanText(), nullable=False),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f("fk_event_asset_id")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_event_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
        sqlite_strict=True,
    )
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.create_index("ix_event_asset", ["asset_id", "id"], unique=False)
        batch_op.create_index("ix_event_type", ["type", "at"], unique=False)

    op.create_table(
        "plan_page",
        sa.Column("run_id", types.BigId, nullable=False),
        sa.Column("item", types.BigId, autoincrement=False, nullable=False),
        sa.Column("file", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("page", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("asset_id", types.BigId, nullable=False),
        sa.Column("paths", types.Json(), nullable=True),
        sa.Column("supplied", types.Json(), nullable=True),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f("fk_plan_page_asset_id")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_plan_page_run_id")),
        sa.PrimaryKeyConstraint("run_id", "item", "file", "page", name=op.f("pk_plan_page")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "plan_task",
        sa.Column("run_id", types.BigId, nullable=False),
        sa.Column("item", types.BigId, autoincrement=False, nullable=False),
        sa.Column("asset_id", types.BigId, nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("step", types.CleanText(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("params_id", types.BigId, nullable=False),
        sa.Column("action", types.CleanText(), nullable=False),
        sa.Column("reason", types.CleanText(), nullable=False),
        sa.Column("key", types.DigestBytes(), nullable=True),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f("fk_plan_task_asset_id")),
        sa.ForeignKeyConstraint(["params_id"], ["params.id"], name=op.f("fk_plan_task_params_id")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_plan_task_run_id")),
        sa.PrimaryKeyConstraint("run_id", "item", "asset_id", "ordinal", name=op.f("pk_plan_task")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "publication",
        sa.Column("id", types.BigId, autoincrement=False, nullable=False),
        sa.Column("run_id", types.BigId, nullable=False),
        sa.Column("collection_id", types.BigId, nullable=False),
        sa.Column("source", types.NameText(), nullable=False),
        sa.Column("digest", types.DigestBytes(), nullable=False),
        sa.Column("profile", types.CleanText(), nullable=False),
        sa.Column("path", types.NameText(), nullable=False),
        sa.Column("output_digest", types.DigestBytes(), nullable=False),
        sa.Column("key", types.DigestBytes(), nullable=True),
        sa.Column("size", types.BigId, nullable=False),
        sa.Column("media_type", types.CleanText(), nullable=False),
        sa.Column("untouched", types.Flag(), nullable=False),
        sa.Column("contract_id", types.BigId, nullable=False),
        sa.Column("at", types.Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collection.id"], name=op.f("fk_publication_collection_id")
        ),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["contract.id"], name=op.f("fk_publication_contract_id")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_publication_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_publication")),
        sqlite_strict=True,
    )
    with op.batch_alter_table("publication", schema=None) as batch_op:
        batch_op.create_index(op.f("ix_publication_digest"), ["digest"], unique=False)
        batch_op.create_index("ix_publication_path", ["collection_id", "path"], unique=False)
        batch_op.create_index("ix_publication_source", ["collection_id", "source"], unique=False)

    op.create_table(
        "refusal",
        sa.Column("id", types.BigId, autoincrement=True, nullable=False),
        sa.Column("collection_id", types.BigId, nullable=False),
        sa.Column("path", types.NameText(), nullable=False),
        sa.Column("code", types.CleanText(), nullable=False),
        sa.Column("reason", types.CleanText(), nullable=False),
        sa.Column("status", types.CleanText(), nullable=False),
        sa.Column("size", types.BigId, nullable=False),
        sa.Column("mtime_ns", types.BigId, nullable=False),
        sa.Column("seen_run", types.BigId, nullable=False),
        sa.Column("present", types.Flag(), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collection.id"], name=op.f("fk_refusal_collection_id")
        ),
        sa.ForeignKeyConstraint(["seen_run"], ["run.id"], name=op.f("fk_refusal_seen_run")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refusal")),
        sa.UniqueConstraint("collection_id", "path", name=op.f("uq_refusal_collection_id_path")),
        sqlite_strict=True,
    )
    op.create_table(
        "run_counter",
        sa.Column("run_id", types.BigId, nullable=False),
        sa.Column("scope", types.CleanText(), nullable=False),
        sa.Column("status", types.CleanText(), nullable=False),
        sa.Column("count", types.BigId, nullable=False),
        sa.Column("seconds", types.Real, nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_run_counter_run_id")),
        sa.PrimaryKeyConstraint("run_id", "scope", "status", name=op.f("pk_run_counter")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "scan_file",
        sa.Column("id", types.BigId, autoincrement=True, nullable=False),
        sa.Column("collection_id", types.BigId, nullable=False),
        sa.Column("path", types.NameText(), nullable=False),
        sa.Column("digest", types.DigestBytes(), nullable=False),
        sa.Column("size", types.BigId, nullable=False),
        sa.Column("mtime_ns", types.BigId, nullable=False),
        sa.Column("first_run", types.BigId, nullable=False),
        sa.Column("seen_run", types.BigId, nullable=False),
        sa.Column("present", types.Flag(), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collection.id"], name=op.f("fk_scan_file_collection_id")
        ),
        sa.ForeignKeyConstraint(["first_run"], ["run.id"], name=op.f("fk_scan_file_first_run")),
        sa.ForeignKeyConstraint(["seen_run"], ["run.id"], name=op.f("fk_scan_file_seen_run")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scan_file")),
        sa.UniqueConstraint("collection_id", "path", name=op.f("uq_scan_file_collection_id_path")),
        sqlite_strict=True,
    )
    with op.batch_alter_table("scan_file", schema=None) as batch_op:
        batch_op.create_index(op.f("ix_scan_file_digest"), ["digest"], unique=False)

    op.create_table(
        "step",
        sa.Column("id", types.BigId, autoincrement=False, nullable=False),
        sa.Column("run_id", types.BigId, nullable=False),
        sa.Column("asset_id", types.BigId, nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("plugin_version_id", types.BigId, nullable=False),
        sa.Column("key", types.DigestBytes(), nullable=False),
        sa.Column("status", types.CleanText(), nullable=False),
        sa.Column("reason", types.CleanText(), nullable=False),
        sa.Column("code", types.CleanText(), nullable=False),
        sa.Column("params_id", types.BigId, nullable=False),
        sa.Column("tiling_id", types.BigId, nullable=False),
        sa.Column("seed", types.BigId, nullable=False),
        sa.Column("device", types.CleanText(), nullable=False),
        sa.Column("scores", types.Json(), nullable=True),
        sa.Column("environment_id", types.BigId, nullable=False),
        sa.Column("started", types.Instant(), nullable=False),
        sa.Column("seconds", types.Real, nullable=False),
        sa.Column("peak_mib", types.Real, nullable=False),
        sa.Column("log", types.Json(), nullable=True),
        sa.Column("operator", types.CleanText(), nullable=False),
        sa.Column("parents", types.Digests(), nullable=True),
        sa.Column("digest", types.DigestBytes(), nullable=False),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f("fk_step_asset_id")),
        sa.ForeignKeyConstraint(
            ["environment_id"], ["environment.id"], name=op.f("fk_step_environment_id")
        ),
        sa.ForeignKeyConstraint(["params_id"], ["params.id"], name=op.f("fk_step_params_id")),
        sa.ForeignKeyConstraint(
            ["plugin_version_id"], ["plugin_version.id"], name=op.f("fk_step_plugin_version_id")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_step_run_id")),
        sa.ForeignKeyConstraint(["tiling_id"], ["params.id"], name=op.f("fk_step_tiling_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_step")),
        sqlite_strict=True,
    )
    with op.batch_alter_table("step", schema=None) as batch_op:
        batch_op.create_index("ix_step_asset", ["asset_id", "id"], unique=False)
        batch_op.create_index(
            "ix_step_failed",
            ["run_id"],
            unique=False,
            sqlite_where=sa.text("status = 'failed'"),
            postgresql_where=sa.text("status = 'failed'"),
        )
        batch_op.create_index(
            "uq_step_key",
            ["key", "asset_id"],
            unique=True,
            sqlite_where=sa.text("status IN ('done', 'skipped')"),
            postgresql_where=sa.text("status IN ('done', 'skipped')"),
        )

    op.create_table(
        "work_item",
        sa.Column("run_id", types.BigId, nullable=False),
        sa.Column("ordinal", types.BigId, autoincrement=False, nullable=False),
        sa.Column("unit", types.NameText(), nullable=False),
        sa.Column("sequence", types.NameText(), nullable=True),
        sa.Column("estimated_seconds", types.Real, nullable=False),
        sa.Column("ram_mib", types.Real, nullable=False),
        sa.Column("vram_mib", types.Real, nullable=False),
        sa.Column("state", types.CleanText(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("worker", types.CleanText(), nullable=True),
        sa.Column("started", types.Instant(), nullable=True),
        sa.Column("seconds", types.Real, nullable=True),
        sa.Column("peak_mib", types.Real, nullable=True),
        sa.Column("code", types.CleanText(), nullable=True),
        sa.Column("message", types.CleanText(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_work_item_run_id")),
        sa.PrimaryKeyConstraint("run_id", "ordinal", name=op.f("pk_work_item")),
        sa.UniqueConstraint("run_id", "unit", name=op.f("uq_work_item_run_id_unit")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "artifact",
        sa.Column("step_id", types.BigId, nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("port", types.CleanText(), nullable=False),
        sa.Column("kind", types.CleanText(), nullable=False),
        sa.Column("digest", types.DigestBytes(), nullable=False),
        sa.Column("blob", types.DigestBytes(), nullable=True),
        sa.Column("kept", types.Flag(), nullable=False),
        sa.Column("size", types.BigId, nullable=False),
        sa.Column("media_type", types.CleanText(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["blob"], ["blob.digest"], name=op.f("fk_artifact_blob")),
        sa.ForeignKeyConstraint(["step_id"], ["step.id"], name=op.f("fk_artifact_step_id")),
        sa.PrimaryKeyConstraint("step_id", "ordinal", name=op.f("pk_artifact")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("artifact", schema=None) as batch_op:
        batch_op.create_index(op.f("ix_artifact_digest"), ["digest"], unique=False)

    op.create_table(
        "step_input",
        sa.Column("step_id", types.BigId, nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("port", types.CleanText(), nullable=False),
        sa.Column("role", types.CleanText(), nullable=False),
        sa.Column("digest", types.DigestBytes(), nullable=False),
        sa.Column("score", types.Real, nullable=True),
        sa.Column("note", types.CleanText(), nullable=False),
        sa.ForeignKeyConstraint(["step_id"], ["step.id"], name=op.f("fk_step_input_step_id")),
        sa.PrimaryKeyConstraint("step_id", "ordinal", name=op.f("pk_step_input")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("step_input", schema=None) as batch_op:
        batch_op.create_index("ix_step_input_digest", ["digest", "role"], unique=False)

    op.create_table(
        "step_weights",
        sa.Column("step_id", types.BigId, nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("weights_id", types.BigId, nullable=False),
        sa.ForeignKeyConstraint(["step_id"], ["step.id"], name=op.f("fk_step_weights_step_id")),
        sa.ForeignKeyConstraint(
            ["weights_id"], ["weights.id"], name=op.f("fk_step_weights_weights_id")
        ),
        sa.PrimaryKeyConstraint("step_id", "ordinal", name=op.f("pk_step_weights")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("step_weights", schema=None) as batch_op:
        batch_op.create_index("ix_step_weights_weights", ["weights_id"], unique=False)


def downgrade() -> None:  # noqa: PLR0915 (a list of tables)
    with op.batch_alter_table("step_weights", schema=None) as batch_op:
        batch_op.drop_index("ix_step_weights_weights")

    op.drop_table("step_weights")
    with op.batch_alter_table("step_input", schema=None) as batch_op:
        batch_op.drop_index("ix_step_input_digest")

    op.drop_table("step_input")
    with op.batch_alter_table("artifact", schema=None) as batch_op:
        batch_op.drop_index(op.f("ix_artifact_digest"))

    op.drop_table("artifact")
    op.drop_table("work_item")
    with op.batch_alter_table("step", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_step_key",
            sqlite_where=sa.text("status IN ('done', 'skipped')"),
            postgresql_where=sa.text("status IN ('done', 'skipped')"),
        )
        batch_op.drop_index(
            "ix_step_failed",
            sqlite_where=sa.text("status = 'failed'"),
            postgresql_where=sa.text("status = 'failed'"),
        )
        batch_op.drop_index("ix_step_asset")

    op.drop_table("step")
    with op.batch_alter_table("scan_file", schema=None) as batch_op:
        batch_op.drop_index(op.f("ix_scan_file_digest"))

    op.drop_table("scan_file")
    op.drop_table("run_counter")
    op.drop_table("refusal")
    with op.batch_alter_table("publication", schema=None) as batch_op:
        batch_op.drop_index("ix_publication_source")
        batch_op.drop_index("ix_publication_path")
        batch_op.drop_index(op.f("ix_publication_digest"))

    op.drop_table("publication")
    op.drop_table("plan_task")
    op.drop_table("plan_page")
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.drop_index("ix_event_type")
        batch_op.drop_index("ix_event_asset")

    op.drop_table("event")
    op.drop_table("duplicate")
    with op.batch_alter_table("asset_outcome", schema=None) as batch_op:
        batch_op.drop_index("ix_asset_outcome_run")

    op.drop_table("asset_outcome")
    op.drop_table("run")
    with op.batch_alter_table("review", schema=None) as batch_op:
        batch_op.drop_index("ix_review_asset")

    op.drop_table("review")
    op.drop_table("weights")
    op.drop_table("schema_meta")
    op.drop_table("recipe")
    op.drop_table("plugin_version")
    op.drop_table("params")
    op.drop_table("environment")
    op.drop_table("contract")
    op.drop_table("collection")
    op.drop_table("blob")
    with op.batch_alter_table("asset", schema=None) as batch_op:
        batch_op.drop_index(op.f("ix_asset_inventory_no"))

    op.drop_table("asset")
