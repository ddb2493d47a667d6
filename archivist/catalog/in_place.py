"""Which publications lie in the output folder, as far as the catalog knows."""

from __future__ import annotations

from sqlalchemy import exists

from archivist.catalog import tables

_old, _new = tables.publication.c, tables.publication.alias("newer").c

OVERWRITTEN = exists().where(
    _new.collection_id == _old.collection_id, _new.path == _old.path, _new.id > _old.id
)
"""Condition of a row of ``publication``: another was published later at its path."""
OVERWRITTEN_BY_ITS_OWN = OVERWRITTEN.where(_new.digest == _old.digest)
"""The same by another result of its own scan."""
