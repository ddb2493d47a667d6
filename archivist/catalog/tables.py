"""The tables of the catalog, on one page.

Facts (step, step_input, artifact, publication, event, review, replay, certification, fixity,
ledger, checkpoint) are only ever added; the heads (scan_file, refusal, asset, run, work_item,
run_counter, fixity_head, schema_meta) change. What repeats is kept once and named by number:
params, environment, plugin_version, weights, contract. Digests are 32 bytes. The numbers of steps
and assets are given out by the single writer, not by the database.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    UniqueConstraint,
    literal_column,
    text,
)

from archivist.catalog.types import (
    BigId,
    CleanText,
    DigestBytes,
    Digests,
    Flag,
    Instant,
    Json,
    NameText,
    Real,
)

SCHEMA = "0008"
"""The Alembic revision that these tables are at; a test compares it with the migrations."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

_ROWS: dict[str, Any] = {"sqlite_strict": True}
_PAIRS: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False}


def _id(name: str = "id") -> Column[int]:
    return Column(name, BigId, primary_key=True, autoincrement=True)


def _given_id() -> Column[int]:
    return Column("id", BigId, primary_key=True, autoincrement=False)


def _to(target: str, name: str, *, null: bool = False, key: bool = False) -> Column[int]:
    return Column(name, BigId, ForeignKey(target), nullable=null, primary_key=key)


def _text(name: str, **options: Any) -> Column[str]:
    return Column(name, CleanText, nullable=False, **options)


def _count(name: str, **options: Any) -> Column[int]:
    return Column(name, BigId, nullable=False, **options)


def _real(name: str) -> Column[float]:
    return Column(name, Real, nullable=False)


def _digest(name: str, *, null: bool = False, **options: Any) -> Column[str]:
    return Column(name, DigestBytes, nullable=null, **options)


schema_meta = Table(
    "schema_meta",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    _text("instance"),  # who this catalog is, whatever it is called
    _count("writer_epoch"),  # raised by each writer; a writer of an older epoch must stop
    Column("writer", Json),  # pid, host and time of the newest writer
    Column("journal", NameText),  # the folder of the journal; of SQLite, relative to its file
    Column("batch", BigId),  # the last batch of the journal that is in the catalog
    _digest("chain", null=True),  # of that batch
    CheckConstraint("id = 1", name="one_row"),
    **_ROWS,
)

collection = Table(
    "collection",
    metadata,
    _id(),
    Column("name", NameText, nullable=False, unique=True),
    **_ROWS,
)

# --- scan -----------------------------------------------------------------------------------

asset = Table(
    "asset",
    metadata,
    _given_id(),
    _digest("digest"),
    Column("page", Integer, nullable=False),
    Column("pages", Integer, nullable=False),
    _text("format"),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    _text("colour"),
    Column("depth", Integer, nullable=False),
    Column("alpha", Flag, nullable=False),
    Column("palette", Flag, nullable=False),
    Column("orientation", Integer, nullable=False),
    Column("dpi_x", Real),
    Column("dpi_y", Real),
    _digest("icc_digest", null=True),
    _text("layout"),
    Column("perceptual_hash", CleanText),
    Column("inventory_no", CleanText, index=True),
    Column("title", CleanText),
    Column("date", CleanText),
    Column("series", CleanText),
    Column("rights", CleanText),
    Column("object_id", CleanText),
    Column("facts", Json),  # the other columns of the manifest
    Column("exif", Json),
    UniqueConstraint("digest", "page"),
    **_ROWS,
)

scan_file = Table(
    "scan_file",
    metadata,
    _id(),
    _to("collection.id", "collection_id"),
    Column("path", NameText, nullable=False),
    _digest("digest", index=True),
    _count("size"),
    _count("mtime_ns"),
    _to("run.id", "first_run"),
    _to("run.id", "seen_run"),
    Column("present", Flag, nullable=False),
    UniqueConstraint("collection_id", "path"),
    **_ROWS,
)

refusal = Table(
    "refusal",
    metadata,
    _id(),
    _to("collection.id", "collection_id"),
    Column("path", NameText, nullable=False),
    _text("code"),
    _text("reason"),
    _text("status"),
    _count("size"),
    _count("mtime_ns"),
    _to("run.id", "seen_run"),
    Column("present", Flag, nullable=False),
    UniqueConstraint("collection_id", "path"),
    **_ROWS,
)

duplicate = Table(  # near duplicates; exact ones are scan_file rows of one digest
    "duplicate",
    metadata,
    _to("asset.id", "first_asset", key=True),
    _to("asset.id", "second_asset", key=True),
    Column("distance", Integer, nullable=False),
    _to("run.id", "run_id"),
    Index("ix_duplicate_second_asset", "second_asset"),
    **_PAIRS,
)

# --- what repeats ---------------------------------------------------------------------------

params = Table(  # params of steps, and tilings: canonical JSON
    "params", metadata, _id(), _digest("digest", unique=True), Column("value", Json), **_ROWS
)

environment = Table(
    "environment", metadata, _id(), _digest("digest", unique=True), Column("value", Json), **_ROWS
)

plugin_version = Table(
    "plugin_version",
    metadata,
    _id(),
    _text("step"),
    Column("version", Integer, nullable=False),
    _text("title"),
    _text("distribution"),
    _text("distribution_version"),
    Column("conjectural", Flag, nullable=False),
    _text("determinism"),
    UniqueConstraint(
        "step",
        "version",
        "distribution",
        "distribution_version",
        "title",
        "conjectural",
        "determinism",
        name="uq_plugin_version",
    ),
    **_ROWS,
)

weights = Table(
    "weights",
    metadata,
    _id(),
    _digest("digest"),
    _text("name"),
    _text("licence"),
    _text("source"),
    UniqueConstraint("digest", "name", "licence", "source"),
    **_ROWS,
)

recipe = Table(  # each version of a recipe that was ever planned
    "recipe",
    metadata,
    _id(),
    _text("name"),
    _digest("digest", unique=True),
    Column("value", Json, nullable=False),
    **_ROWS,
)

contract = Table(  # what became of the metadata: scans of one scanner share few contracts
    "contract",
    metadata,
    _id(),
    _digest("digest", unique=True),
    Column("kept", Json, nullable=False),
    Column("changed", Json, nullable=False),
    Column("added", Json, nullable=False),
    Column("lost", Json, nullable=False),
    Column("lossy", Flag, nullable=False),
    **_ROWS,
)

blob = Table(
    "blob",
    metadata,
    _digest("digest", primary_key=True),
    _count("size"),
    _text("media_type"),
    Column("purged", Instant),  # the bytes were deleted then; the row stays as the tombstone
    **_PAIRS,
)

# --- run and plan ---------------------------------------------------------------------------

run = Table(
    "run",
    metadata,
    _id(),
    _text("uid", unique=True),
    _to("collection.id", "collection_id"),
    _text("command"),
    _to("recipe.id", "recipe_id", null=True),
    _text("operator"),
    Column("settings", Json, nullable=False),
    _text("state"),
    Column("started", Instant, nullable=False),
    Column("finished", Instant),
    _digest("plan_digest", null=True),
    Column("plan", Json),  # tasks counted by step, action and reason; totals of the estimate
    **_ROWS,
)

work_item = Table(
    "work_item",
    metadata,
    _to("run.id", "run_id", key=True),
    Column("ordinal", BigId, primary_key=True, autoincrement=False),
    Column("unit", NameText, nullable=False),
    Column("sequence", NameText),
    _real("estimated_seconds"),
    _real("ram_mib"),
    _real("vram_mib"),
    _text("state"),
    Column("attempts", Integer, nullable=False),
    Column("worker", CleanText),
    Column("started", Instant),
    Column("seconds", Real),
    Column("peak_mib", Real),
    Column("code", CleanText),
    Column("message", CleanText),
    UniqueConstraint("run_id", "unit"),
    **_PAIRS,
)

plan_page = Table(  # which assets a unit treats, in order; a file's paths stand with its first page
    "plan_page",
    metadata,
    _to("run.id", "run_id", key=True),
    Column("item", BigId, primary_key=True, autoincrement=False),
    Column("file", Integer, primary_key=True, autoincrement=False),
    Column("page", Integer, primary_key=True, autoincrement=False),
    _to("asset.id", "asset_id"),
    Column("paths", Json),
    Column("supplied", Json),  # values that a person made: port, path, digest
    **_PAIRS,
)

plan_candidates = Table(  # of pages whose recipe chooses among the archive; most similar first
    "plan_candidates",
    metadata,
    _to("run.id", "run_id", key=True),
    Column("item", BigId, primary_key=True, autoincrement=False),
    Column("file", Integer, primary_key=True, autoincrement=False),
    Column("page", Integer, primary_key=True, autoincrement=False),
    Column("port", CleanText, primary_key=True),  # the input that takes them: lookalikes
    Column("places", Json, nullable=False),  # [[asset.id, region, near, cosine]]
    **_PAIRS,
)

plan_task = Table(
    "plan_task",
    metadata,
    _to("run.id", "run_id", key=True),
    Column("item", BigId, primary_key=True, autoincrement=False),
    _to("asset.id", "asset_id", key=True),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    _text("step"),
    Column("version", Integer, nullable=False),
    _to("params.id", "params_id"),
    _text("action"),
    _text("reason"),
    _digest("key", null=True),
    **_PAIRS,
)

run_counter = Table(  # kept while recording: counting a run of 500,000 steps takes 0.15 s
    "run_counter",
    metadata,
    _to("run.id", "run_id", key=True),
    _text("scope", primary_key=True),  # a step id, or empty for assets
    _text("status", primary_key=True),
    _count("count"),
    _real("seconds"),
    **_PAIRS,
)

# --- what was done --------------------------------------------------------------------------

step = Table(
    "step",
    metadata,
    _given_id(),
    _to("run.id", "run_id"),
    _to("asset.id", "asset_id"),
    Column("ordinal", Integer, nullable=False),
    _to("plugin_version.id", "plugin_version_id"),
    _digest("key"),
    _text("status"),
    _text("reason"),
    _text("code"),
    _to("params.id", "params_id"),
    _to("params.id", "tiling_id"),
    _count("seed"),
    _text("device"),
    Column("scores", Json),
    _to("environment.id", "environment_id"),
    Column("started", Instant, nullable=False),
    _real("seconds"),
    _real("peak_mib"),
    Column("log", Json),
    _text("operator"),
    Column("parents", Digests),
    _digest("digest"),
    **_ROWS,
)
_FINISHED = text("status IN ('done', 'skipped')")
Index(
    "uq_step_key",  # two pages that look alike share a key, each has its record
    step.c.key,
    step.c.asset_id,
    unique=True,
    sqlite_where=_FINISHED,
    postgresql_where=_FINISHED,
)
Index("ix_step_asset", step.c.asset_id, step.c.id)
Index(  # SQLite's has the id anyway
    "ix_step_run", step.c.run_id, step.c.ordinal, step.c.asset_id, postgresql_include=["id"]
)
IS_FINISHED = step.c.status.in_([literal_column("'done'"), literal_column("'skipped'")])
"""Condition of look-ups by key: only in literals does SQLite see that the index above fits."""
_FAILED = text("status = 'failed'")
Index("ix_step_failed", step.c.run_id, sqlite_where=_FAILED, postgresql_where=_FAILED)

step_input = Table(
    "step_input",
    metadata,
    _to("step.id", "step_id", key=True),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    _text("port"),
    _text("role"),
    _digest("digest"),
    Column("score", Real),
    _text("note"),
    Index("ix_step_input_digest", "digest", "role"),
    **_PAIRS,
)

step_weights = Table(
    "step_weights",
    metadata,
    _to("step.id", "step_id", key=True),
    # 0, 1, 2: used; -1, -2, -3: the same places, declared by the step and not opened
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    _to("weights.id", "weights_id"),
    Index("ix_step_weights_weights", "weights_id"),
    **_PAIRS,
)

artifact = Table(
    "artifact",
    metadata,
    _to("step.id", "step_id", key=True),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    _text("port"),
    _text("kind"),
    _digest("digest", index=True),
    Column("blob", DigestBytes, ForeignKey("blob.digest")),
    Column("kept", Flag, nullable=False),
    _count("size"),
    _text("media_type"),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    **_PAIRS,
)

asset_outcome = Table(
    "asset_outcome",
    metadata,
    _to("asset.id", "asset_id", key=True),
    _to("run.id", "run_id", key=True),
    _text("status"),
    _text("code"),
    _text("message"),
    _real("seconds"),
    Index("ix_asset_outcome_run", "run_id", "status", "asset_id"),
    **_PAIRS,
)

publication = Table(  # the newest row of (collection, source, profile) is the one that lies there
    "publication",
    metadata,
    _given_id(),
    _to("run.id", "run_id"),
    _to("collection.id", "collection_id"),
    Column("source", NameText, nullable=False),
    _digest("digest", index=True),
    _text("profile"),
    Column("path", NameText, nullable=False),
    _digest("output_digest"),
    _digest("key", null=True),  # of what was to be written: equal keys, equal file
    _count("size"),
    _text("media_type"),
    Column("untouched", Flag, nullable=False),
    _to("contract.id", "contract_id"),
    Column("at", Instant, nullable=False),
    Index("ix_publication_path", "collection_id", "path"),
    Index("ix_publication_source", "collection_id", "source"),
    **_ROWS,
)

# --- people and history ---------------------------------------------------------------------

review = Table(
    "review",
    metadata,
    _id(),
    _to("asset.id", "asset_id"),
    _text("decision"),
    _text("reviewer"),
    _text("reason"),
    Column("at", Instant, nullable=False),
    Column("records", Digests),  # the step records that were looked at
    Column("results", Digests),  # the output files that were looked at
    Column("redo", Json),  # params with which it is to be made again: {step: {param: value}}
    Index("ix_review_asset", "asset_id", "id"),
    **_ROWS,
)

event = Table(
    "event",
    metadata,
    _id(),
    _text("type"),
    Column("at", Instant, nullable=False),
    _to("run.id", "run_id", null=True),
    _to("asset.id", "asset_id", null=True),
    Column("detail", Json),
    _text("actor"),
    Index("ix_event_asset", "asset_id", "id"),
    Index("ix_event_type", "type", "at"),
    **_ROWS,
)

# --- checks ---------------------------------------------------------------------------------

replay = Table(  # that the recorded steps were done again, and how the output compared
    "replay",
    metadata,
    _id(),
    _to("run.id", "run_id"),  # of the command that did it
    _to("publication.id", "publication_id"),
    _text("verdict"),
    Column("detail", Json),  # measures, what is missing, the step where it went another way
    _to("environment.id", "environment_id", null=True),
    Column("at", Instant, nullable=False),
    Index("ix_replay_publication", "publication_id", "id"),
    **_ROWS,
)

certification = Table(  # that other versions or weights of steps were tried on recorded results
    "certification",
    metadata,
    _id(),
    _to("run.id", "run_id"),
    _text("name"),  # the step or the distribution that was asked for
    Column("changes", Json, nullable=False),  # step, version and weights before and after
    Column("results", Json, nullable=False),  # counts by verdict, measures, the sample
    _text("decision"),  # accepted, rejected, or empty for a trial
    _text("decided_by"),
    _text("reason"),
    Column("at", Instant, nullable=False),
    **_ROWS,
)

fixity = Table(  # each time that a file was read and compared with its digest
    "fixity",
    metadata,
    _id(),
    _to("run.id", "run_id"),
    _text("subject"),
    Column("name", NameText, nullable=False),
    _digest("digest", null=True),  # expected
    _text("outcome"),
    _text("detail"),
    Column("at", Instant, nullable=False),
    _real("seconds"),
    Index("ix_fixity_name", "subject", "name", "id"),
    **_ROWS,
)

fixity_head = Table(  # the newest check of each file: the oldest of these is looked at next
    "fixity_head",
    metadata,
    _to("collection.id", "collection_id", key=True),
    _text("subject", primary_key=True),
    Column("name", NameText, primary_key=True),
    _digest("digest", null=True),
    _text("outcome"),
    Column("at", Instant, nullable=False),
    Index("ix_fixity_head_digest", "digest"),
    **_PAIRS,
)

# --- evidence -------------------------------------------------------------------------------

ledger = Table(  # the leaves of the Merkle tree, in order: digests of records of all kinds
    "ledger",
    metadata,
    Column("position", BigId, primary_key=True, autoincrement=False),
    _text("kind"),  # step, publication, review, replay, certification, event (decisions only)
    _count("row_id"),  # of the table that is named like the kind
    _digest("digest"),
    UniqueConstraint("kind", "row_id"),
    **_PAIRS,
)

checkpoint = Table(  # what the tree was when a run ended
    "checkpoint",
    metadata,
    _id(),
    _to("run.id", "run_id", null=True),
    _text("origin"),
    _count("size"),
    _digest("root"),
    Column("at", Instant, nullable=False),
    _text("key_name"),  # empty, like the signature, where nobody signed
    _text("key_id"),
    _text("signature"),
    Column("frontier", Digests),  # the roots of the perfect subtrees: enough to go on from
    **_ROWS,
)
