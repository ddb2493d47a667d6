"""Answer what the planner asks about the past, from the catalog and the output folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from archivist.catalog import queries
from archivist.catalog.found import replaced_paths
from archivist.catalog.rows import Decision, Published
from archivist.catalog.session import Catalog
from archivist.config import ReviewSettings
from archivist.model import InputUse, KnownResult, Role, text_to_path
from archivist.plan import Previous, Redo


@dataclass(frozen=True, slots=True)
class CatalogLookup:
    """Answers the planner from the catalog; implements :class:`archivist.plan.Lookup`.

    ``policy`` says when a result is approved; ``barred`` are photographs that may lend nothing, by
    uid, with the reason. ``note`` is told of outputs that somebody changed.
    """

    catalog: Catalog
    out: Path
    steps: Sequence[str]
    policy: ReviewSettings = field(default_factory=ReviewSettings)
    barred: Mapping[str, str] = field(default_factory=dict)
    note: Callable[[str], None] = lambda _: None

    def known(self, keys: Sequence[str]) -> Mapping[str, KnownResult]:
        """Return the stored results of these step keys."""
        return queries.known(self.catalog, keys) if keys else {}

    def previous(self, assets: Sequence[str]) -> Mapping[tuple[str, str], Previous]:
        """Return the newest finished record for each (asset, step id)."""
        found = queries.previous(self.catalog, assets, self.steps)
        return {
            place: Previous(
                version=row.version,
                params=row.params,
                # Photographs are recorded one by one too; what a step read is their digest.
                inputs={u.port: u.digest for u in row.inputs if u.role not in Role.PHOTOGRAPHS},
                weights=[use.digest for use in row.weights],
                result=row.result,
                gone=self._gone(row.inputs),
            )
            for place, row in found.items()
        }

    def _gone(self, inputs: Sequence[InputUse]) -> tuple[str, ...]:
        """Return why what was chosen may lend nothing any more."""
        chosen = [use.asset for use in inputs if use.role == Role.CHOSEN] if self.barred else []
        lost = [uid for uid in chosen if uid in self.barred]
        paths = queries.paths_of(self.catalog, {uid.partition("#")[0] for uid in lost})
        return tuple(
            f"reference {next(iter(paths.get(uid.partition('#')[0], ())), uid[:12])}: "
            f"{self.barred[uid]}"
            for uid in lost
        )

    def failures(self, assets: Sequence[str]) -> Mapping[str, str]:
        """Return asset -> code for those that failed when they were last treated."""
        found = queries.last_failures(self.catalog, assets)
        return {asset: outcome.code for asset, outcome in found.items()}

    def pinned(self, assets: Sequence[str]) -> frozenset[str]:
        """Return the assets whose approved result must stay."""
        return frozenset(queries.pinned(self.catalog, assets, self.policy))

    def redo(self, assets: Sequence[str]) -> Mapping[str, Redo]:
        """Return what the newest rejection of each asset wants to be done otherwise."""
        found: dict[str, Redo] = {}
        for uid, reviews in queries.all_reviews(self.catalog, assets).items():
            rejections = [one for one in reviews if one.decision is Decision.REJECT]
            if rejections and rejections[-1].redo:
                found[uid] = Redo(params=rejections[-1].redo, by=rejections[-1].reviewer)
        return found

    def replaced(self, paths: Mapping[str, str]) -> frozenset[str]:
        """Return which paths had another content when last published."""
        return replaced_paths(self.catalog, paths)

    def published(self, digests: Sequence[str]) -> frozenset[tuple[str, str, str]]:
        """Return (publication key, profile, source path) of outputs that are still in place."""
        found = queries.publications_of(self.catalog, digests)
        return frozenset(
            (files[-1].key, files[-1].profile, files[-1].source)
            for files in found.values()
            if all(self._is_in_place(file) for file in files)
        )

    def _is_in_place(self, file: Published) -> bool:
        try:
            size = (self.out / text_to_path(file.path)).stat().st_size
        except OSError:
            return False
        if size != file.size:
            self.note(
                f"{file.path} was changed since it was published ({size} bytes, then {file.size}) "
                "and counts as missing. To keep what was changed, move it out of the output folder"
            )
        return size == file.size
