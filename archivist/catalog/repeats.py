"""What repeats in the records is stored once: get its number, adding it when it is new.

Also the numbers of assets, steps and publications, which the single writer gives out itself, so
that rows and the rows that hang on them go to the database in a few bulk inserts.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, Table, func, select

from archivist.api.errors import CatalogError
from archivist.catalog import tables
from archivist.catalog.bulk import insert_one, select_in
from archivist.catalog.types import from_json, to_json
from archivist.hashing import digest_json
from archivist.model import MetadataContract, Recipe, StepRecord, WeightUse

_CACHE_LIMIT = 100_000  # entries; about 30 MB of params at worst


def split_uid(uid: str) -> tuple[str, int]:
    """Return digest and page of an asset's uid. Raises ValueError for anything else."""
    digest, _, page = uid.partition("#")
    return digest, int(page or 0)


class Repeats:
    """Numbers of rows, remembered from one transaction to the next.

    Call :meth:`forget` after a transaction failed: numbers given in it name no rows.
    """

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}
        self._ids: dict[str, Iterator[int]] = {}

    def forget(self) -> None:
        """Start afresh."""
        self._numbers.clear()
        self._ids.clear()

    def ids(self, connection: Connection, table: Table) -> Iterator[int]:
        """Return an endless iterator of numbers that no row of the table has."""
        if table.name not in self._ids:
            newest = connection.execute(select(func.max(table.c.id))).scalar()
            self._ids[table.name] = itertools.count((newest or 0) + 1)
        return self._ids[table.name]

    def params(self, connection: Connection, value: Mapping[str, object]) -> int:
        """Return the number of params (or a tiling)."""
        text = repr(value)  # tells 1, 1.0 and True apart, and costs a fifth of the canonical form
        number = self._numbers.get(("params", text))
        if number is None:
            cleaned = from_json(to_json(value))
            identity = {"digest": digest_json(cleaned)}
            number = _find_or_add(connection, tables.params, identity, {"value": cleaned})
            self._remember(("params", text), number)
        return number

    def environment(self, connection: Connection, digest: str, value: Mapping[str, object]) -> int:
        """Return the number of an environment; ``value`` is stored when the digest is its own."""
        number = self._numbers.get(("environment", digest))
        if number is None:
            own = value if digest_json(value) == digest else None
            identity = {"digest": digest}
            number = _find_or_add(connection, tables.environment, identity, {"value": own})
            self._remember(("environment", digest), number)
        return number

    def plugin_version(self, connection: Connection, record: StepRecord) -> int:
        """Return the number of the step's behaviour: step, version and distribution."""
        identity = (
            record.step,
            record.version,
            record.title,
            record.distribution,
            record.distribution_version,
            record.conjectural,
            record.determinism,
        )
        return self._cached(
            connection,
            tables.plugin_version,
            identity,
            (
                "step",
                "version",
                "title",
                "distribution",
                "distribution_version",
                "conjectural",
                "determinism",
            ),
        )

    def weights(self, connection: Connection, use: WeightUse) -> int:
        """Return the number of a weight file as it was declared when used."""
        identity = (use.digest, use.name, use.licence, use.source)
        return self._cached(
            connection, tables.weights, identity, ("digest", "name", "licence", "source")
        )

    def contract(self, connection: Connection, value: MetadataContract) -> int:
        """Return the number of a metadata contract."""
        known_as = ("contract", value.kept, repr((value.changed, value.added, value.lost)))
        number = self._numbers.get(known_as)
        if number is None:
            content = {
                "kept": value.kept,
                "changed": dict(value.changed),
                "added": dict(value.added),
                "lost": dict(value.lost),
            }
            rest = {**content, "lossy": bool(value.lost)}
            identity = {"digest": digest_json(from_json(to_json(content)))}
            number = _find_or_add(connection, tables.contract, identity, rest)
            self._remember(known_as, number)
        return number

    def recipe(self, connection: Connection, value: Recipe) -> int:
        """Return the number of this version of a recipe."""
        content = recipe_to_json(value)
        rest = {"name": value.name, "value": content}
        return _find_or_add(connection, tables.recipe, {"digest": digest_json(content)}, rest)

    def _cached(
        self,
        connection: Connection,
        table: Table,
        identity: tuple[Any, ...],
        names: tuple[str, ...],
    ) -> int:
        number = self._numbers.get((table.name, identity))
        if number is None:
            named = dict(zip(names, identity, strict=True))
            number = _find_or_add(connection, table, named, {})
            self._remember((table.name, identity), number)
        return number

    def _remember(self, key: Hashable, number: int) -> None:
        if len(self._numbers) >= _CACHE_LIMIT:
            self._numbers.clear()
        self._numbers[key] = number


def recipe_to_json(value: Recipe) -> dict[str, Any]:
    """Return a recipe as plain JSON."""
    return {
        "name": value.name,
        "title": value.title,
        "seed": value.seed,
        "inputs": dict(value.inputs),
        "steps": [{"step": step.step, "params": dict(step.params)} for step in value.steps],
        "overrides": [
            {"where": item.where, "step": item.step, "params": dict(item.params)}
            for item in value.overrides
        ],
    }


_IDS = select(tables.asset.c.digest, tables.asset.c.page, tables.asset.c.id)


def asset_ids(connection: Connection, uids: Iterable[str]) -> dict[str, int]:
    """Return the numbers of assets. Raises CatalogError for one that was never scanned."""
    wanted = {split_uid(uid): uid for uid in uids}
    rows = select_in(connection, _IDS, tables.asset.c.digest, {digest for digest, _ in wanted})
    found = {wanted[row[:2]]: row[2] for row in rows if row[:2] in wanted}
    if len(found) < len(wanted):
        missing = next(uid for uid in wanted.values() if uid not in found)
        raise CatalogError(
            f"the asset {missing} is not in the catalog. Cure: archivist scan SCANS finds it again"
        )
    return found


def _find_or_add(
    connection: Connection, table: Table, identity: Mapping[str, Any], rest: Mapping[str, Any]
) -> int:
    matching = [table.c[name] == value for name, value in identity.items()]
    number = connection.execute(select(table.c.id).where(*matching)).scalar()
    if number is None:
        number = insert_one(connection, table, {**identity, **rest})
    return int(number)
